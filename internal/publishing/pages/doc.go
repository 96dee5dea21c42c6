// Package pages is the desk as an officer sees it: what goes out today and what
// waits, the list of messages, the page on which a message is written beside its
// variants, and the page on which it is approved, scheduled, corrected or taken
// back. Every page works without JavaScript; scripts only spare a round trip.
//
// Rules are asked of package publishing, which checks permissions again: a page
// only leaves out what would be refused.
package pages
