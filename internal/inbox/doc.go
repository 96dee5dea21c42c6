// Package inbox is what people say to the institution, and how it answers.
//
// Whatever arrives, from any square, is told in one form (channel.Said) and
// handed to Hear, in the transaction of whoever received it. Hear keeps each thing
// once, drops the echoes of what we said ourselves, follows edits and deletions by
// the author, and gathers what belongs together in a conversation: one citizen's
// question or remark with all that followed. Likes, boosts and emoji are counted
// and never fill the list.
//
// A conversation is answered where it began. An answer goes out through the same
// ledger as every message (package publishing), hence exactly once. What others
// said is kept only as long as the institution says, then reduced to counts.
package inbox
