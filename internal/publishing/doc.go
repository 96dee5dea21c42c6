// Package publishing is the main job: a message is written once, approved by a
// second person, and goes out to the site and to every channel of its profile,
// once.
//
// A message (Message) has a content that grows by revisions (rev). An approval
// is bound to the hash of the content, so that any edit asks again. When its
// moment comes, the approved revision becomes the publication that the site
// shows, and one delivery for each channel is entered in the ledger. A delivery
// says what should be out (rev, or nothing when withdrawn) and what is; a worker
// that holds its lease brings the two together. The irreversible call is made
// only when the ledger says "attempting"; after a crash in that state the
// channel is read first, and where it cannot be read, a person decides.
package publishing
