// Package webmention tells pages elsewhere that a message links to them, and
// hears of pages elsewhere that link to a message (Webmention, W3C Recommendation
// of 12 January 2017).
//
// Whoever says that a page links to ours is not believed: the page is read,
// within limits, by a job, and must hold the link. What it says of itself in
// microformats2 (h-entry) tells a reply from a like; its words are handed to the
// inbox, held until somebody approves them. Being told again means to look again:
// an edited page is followed, and one that is gone (410) or no longer links is
// taken back.
//
// On the way out each link of a message is told once for each revision of it, also
// when a correction took the link away.
package webmention
