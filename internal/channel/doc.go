// Package channel says what a channel is: one account of a profile on one
// platform, and the little that publishing must know to use it safely.
//
// A channel goes through three verbs. Prepare uploads what is needed: invisible
// to citizens and safe to repeat. Finalize is the irreversible call: it is made
// only after the ledger says "attempting", and never repeated blindly. Find
// reads the channel back by the delivery's own key, so that an unknown outcome
// becomes a known one. What a platform can do, and how long a text may be, is
// data with a source and a date (Capabilities), never a constant in the logic.
//
// Each platform lives in a directory of its own and passes channeltest.
package channel
