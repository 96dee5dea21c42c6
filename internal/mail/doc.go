// Package mail builds letters, sends each to one person and tells what became of
// it; and reads the letters that come back.
//
// A newsletter is one letter for each subscriber, because each carries its own link
// to unsubscribe, and because each has its own [Outcome]: sent, refused, deferred or
// unknown. The last is the honest one: the connection broke after the letter had
// been handed over and before the server said so. Sending it again might make it
// arrive twice; whoever keeps the ledger decides.
//
// The Message-ID is given by the caller, and the same letter always gives the same
// bytes, so that a person who does receive it twice may see one, and a test all.
package mail
