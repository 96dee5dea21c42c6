// Package webhook tells the institution's own programs when something happens: a new
// conversation, a deadline that passed, an answer that went out.
//
// What happens is written down in the transaction in which it happened, and posted
// from there by jobs, with growing waits, until the program says 2xx or days have
// passed. A program may be told twice: the header X-Arengo-Delivery names what is
// told, the same at each attempt. It knows that we speak by X-Arengo-Signature, the
// HMAC-SHA-256 of the time in X-Arengo-Timestamp, a full stop and the body, with the
// secret that was shown when the webhook was made:
//
//	X-Arengo-Signature: sha256=HEX(HMAC(secret, timestamp + "." + body))
//
// A body names things by identifier and says nothing of a citizen: neither the words
// nor the author. Whoever needs them reads them through the API, with a token.
package webhook
