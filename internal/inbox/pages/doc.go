// Package pages is the inbox as an officer sees it: the list of conversations with
// its filters and saved views, the page of one conversation on which it is
// answered, assigned and moderated, and the canned answers. Every page works
// without JavaScript; scripts only spare a round trip, bring shortcuts from the
// keyboard and show what arrives meanwhile.
//
// Rules are asked of package inbox, which checks permissions again: a page only
// leaves out what would be refused.
package pages
