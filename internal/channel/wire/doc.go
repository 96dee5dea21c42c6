// Package wire is what channel adapters share when they speak HTTP: how an
// answer, or its absence, becomes a channel.Error, how long a platform asks to
// wait, and how files are uploaded without being held in memory.
//
// One question decides the class of every failure: may the post have become
// visible? Only a request that is irreversible can leave that open, and only
// when it may have reached the platform without a clear answer.
package wire
