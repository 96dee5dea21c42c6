// Package newsletter brings messages to those who asked for them by e-mail: at
// once, once a day or once a week, by profile and topic.
//
// Nothing is kept about somebody who has not confirmed: the confirmation link
// carries all that was typed, sealed, for 48 hours, and works once. Whoever
// unsubscribes is forgotten at that moment; a number stays.
//
// A letter is never sent twice. Each has a row (recipient) that says "attempting",
// committed, before the mail server is told anything. Letters go in small batches
// over a few connections; what became of them is recorded with the next batch, and
// every quarter of a second. A process that dies leaves the letters that it had in
// hand, of which nobody knows whether they arrived: at most a batch for each
// connection, and about a quarter of a second of work. They become "unconfirmed",
// are shown to the officers, and only a person may send them again. A process that
// stops finishes the letter in hand of each connection and gives back the rest.
//
// One worker at a time sends an issue, by a lease. An address that does not exist
// stops after one refusal (5.1.x); one that fails for other reasons is paused
// after five failures. A letter refused for what it says is nobody's failure. When
// the mail server begins to defer or refuse most letters, the issue pauses and waits
// for a person; when it asks to slow down, the issue goes on more slowly.
package newsletter
