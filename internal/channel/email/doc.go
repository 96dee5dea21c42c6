// Package email is the channel to a profile's subscribers. Its platform is our own
// newsletter: to publish is to hand a message over to it, in one transaction, and
// from then on the newsletter's ledger knows what became of each letter.
package email
