// Package sig proves who sent an HTTP request on the Fediverse.
//
// Two schemes are in use and both are signed and verified here:
// draft-cavage-http-signatures-12, which nearly every server speaks, and RFC 9421
// HTTP Message Signatures, its successor. A signature says that the owner of a key
// sent just this method, to just this address, with just this body, now. Who owns
// the key is not decided here: the caller finds the key by its id, and must check
// that the key belongs to the actor who is said to act.
//
// The package knows net/http and nothing of Arengo.
package sig
