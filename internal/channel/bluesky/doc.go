// Package bluesky publishes on Bluesky, that is, writes posts into an account's
// repository on its Personal Data Server (PDS), wherever that is.
//
// # Once
//
// The key of a post's record is chosen by us: a TID made from the delivery's key
// ([recordKey]), the same at each try. Finalize calls putRecord with swapRecord
// null, "only if there is none": a repetition with the same content changes
// nothing, one with another content is refused by the server, and a request that
// a network delivers late can never undo a correction made meanwhile. createRecord
// would do for the first two, but answers a repetition with 500, which says
// nothing. Find reads the record by its key from the PDS, which is the truth:
// RecordNotFound is a proof of absence. Each record carries a mark of its
// delivery, so that a record of somebody else is never taken for ours.
//
// # Corrections
//
// Bluesky's own reader keeps showing the first content of a record that was
// changed in place (github.com/snarfed/bridgy-fed/issues/947), so a correction by
// putRecord would be true on the PDS and false for citizens. Edit therefore removes
// the record and creates it again under the same key: the address stays, and with
// it the answers, which point to the address; hearts and reposts are lost, because
// they are given to a content. Between the two steps the new content lies in the
// same repository as a record of type org.codeberg.arengo.correction, written in
// the same commit that removes the post: a crash leaves either the old post, or
// the correction that the next try completes, and a post that a person removed is
// told from one that a crash removed.
//
// # Sessions
//
// An account keeps its app password beside the two tokens of its session:
// createSession is limited to 30 in 5 minutes and 300 a day for an account, so it is called when
// connecting and only when refreshSession is refused.
package bluesky
