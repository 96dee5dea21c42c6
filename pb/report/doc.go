// Package report writes the result of a participatory budget as one HTML page
// that a citizen can read: what was decided and how, why each project that was
// not funded was not, what a majority rule would have done, what each person
// gets, which guarantees hold, and how to count again.
//
// The page stands alone: no script, no image, no font from elsewhere, plots as
// SVG with a table beneath, Italian or English, readable by a screen reader, on
// a phone and on paper.
package report
