// Package auth proves who somebody is: password with a one-time code, passkey,
// an identity provider (OpenID Connect), a one-time link, or an API token. What
// that person may do is decided elsewhere, by package people.
//
// # Guessing, and locking others out
//
// Failed attempts are counted in the database, so that every node agrees, in
// buckets that refill (see package limit). An attempt from a browser that is not known
// counts against its network, against the account from that network, and against
// the account from anywhere; a success gives the attempt back. A town hall behind
// one address therefore works, and so does a slow guesser from one place: a few
// tries, then one a minute.
//
// Whoever can spend a bucket can close it for others. That is why a browser that
// once signed in as a person carries a device cookie: its attempts count in a
// bucket of its own and in no other. Strangers can spend the account's bucket,
// and then only strangers are locked out; the owner signs in from the usual
// browser, or from any other with a link by e-mail, which makes it a known one.
// The cookie proves nothing by itself: without the password it is of no use, and
// its own bucket bounds the guesses of whoever stole it.
//
// # What is stored
//
// Passwords as Argon2id, seeds of one-time codes sealed with the master key
// (package secret), recovery codes as keyed hashes, and session tokens, links,
// device cookies and API tokens as hashes of random text: a leaked backup opens
// nothing. Of a session: person, browser family, network prefix, first and last
// use. Addresses are kept nowhere: the buckets' names are keyed hashes.
package auth
