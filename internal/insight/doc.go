// Package insight makes figures of what people say. So far: consent and dissent about
// a message, as a small live picture for the desk.
//
// Each person counts once, by the last opinion they gave: with a reaction (a like, a
// thumb down) or with words, which plain rules read (Judge) and an officer may
// correct. Whoever gave none counts as asking or as neutral. A reply to somebody
// else's comment is about that comment and does not count; private messages never
// do. Words that were hidden for breaking the policy do: dissent is not tidied away.
//
// It is no survey: those who speak chose to. The interval (Wilson, 95 %) says only how
// much a share of so few can mean, and the page says so, and how it was computed.
//
// Nobody is singled out. Below five people there is no picture, and no cell of it,
// nor any difference of its cells, is of one to four people: such cells are merged.
package insight
