// Package prose knows how text is read: what a reader of a page sees, as plain
// text; where a line and a sentence end; what of a text nobody can see. Whoever
// types, hears, shortens or sends words uses it, so that a reader of a copy reads
// what a reader of the site does.
package prose
