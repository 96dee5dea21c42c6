// Package office brings what citizens ask to the office that knows, and holds the
// office to a time.
//
// A new conversation is tried against the institution's rules, in order: the first
// that fits gives it to an office, with a deadline reckoned in the hours in which
// that office works (package hours). The office gets a letter with a link that opens
// just that conversation, without an account; what it writes there is kept as its
// information, for the officer to turn into an answer. An officer may ask any office
// a question in the same way, and may ask for a text by a day: its answer becomes
// the draft of a message.
//
// Before the deadline the office is reminded, after it the head of an office that
// has said nothing is told, each once. How long each office took is counted in
// working time and shown.
package office
