// Package site is what citizens see: the public pages of an institution, its
// feeds, its search, what other sites may embed, and the files that messages
// show.
//
// It reads what publishing wrote into publication and never writes. A page is
// rendered once for each version of the institution, language and address, and
// kept compressed; the version is read from the database at each request, so
// that every node shows a correction at once and no page outlives its message.
//
// Addresses are for ever: /m/SLUG is a message, also after it was withdrawn,
// when the page says so (410) and shows nothing else.
package site
