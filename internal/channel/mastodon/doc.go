// Package mastodon speaks the Mastodon API, to Mastodon itself and to the many
// servers that offer the same calls (docs.joinmastodon.org/methods).
//
// Prepare notes the newest status of the account, then uploads each file and
// waits until the server has processed it. Finalize is POST /api/v1/statuses
// with the delivery's key as Idempotency-Key, which the server remembers for
// about an hour. Find does not depend on that hour: it reads every status since
// the one that Prepare noted, and so proves presence as well as absence without
// trusting anybody's clock.
//
// Limits are the instance's own (GET /api/v2/instance): an instance may allow
// 500 characters or 50,000, 4 pictures or 16.
package mastodon
