// Package listen asks the squares what people say to us.
//
// Some platforms tell by themselves (the Fediverse, a form on the site); the others
// must be asked: their adapters are channel.Listeners. Each connected channel of
// such a platform is a source. Every few seconds the sources whose turn has come
// are read, by one node each, and what they tell goes to the inbox in the same
// transaction that moves the source's cursor on: nothing is lost, and what is told
// twice is known. A source that fails is asked less and less often, up to half an
// hour, and says on its page why.
//
// Where a platform tells of no edits and deletions, the comments of the last seven
// days are looked at again, a slice at a time.
package listen
