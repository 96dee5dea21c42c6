// Package newsletter brings messages to those who asked for them by e-mail: at
// once, once a day or once a week, by profile and topic.
//
// Nothing is kept about somebody who has not confirmed: the confirmation link
// carries all that was typed, sealed, for 48 hours, and works once. Whoever
// unsubscribes is forgotten at that moment; a number stays.
//
// A letter is never sent twice. Each has a row (recipient) that says "attempting",
// committed, before the mail server is told anything; a process that dies then
// leaves at most one letter of which nobody knows whether it arrived. It becomes
// "unconfirmed", is shown to the officers, and only a person may send it again.
//
// One worker at a time sends an issue, by a lease. An address that does not exist
// stops after one refusal (5.1.x); one that fails for other reasons is paused
// after five failures; when the mail server begins to defer most letters, the
// issue pauses and waits for a person.
package newsletter
