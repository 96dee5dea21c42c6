// Package fetch is the only way out: every request that Arengo sends to
// another machine passes through here.
//
// An address typed by a person or sent by a stranger (a feed, an actor, a link
// card, a webhook) must not become a way into the town's own network, so every
// connection is judged by the address it really goes to, after the name was
// resolved, at each redirect again. One peer that is slow, endless or hostile
// costs only itself: answers are limited in size and in time, and each host has
// its own pace and its own few places.
//
// After a failure the question that decides whether a citizen reads a message
// twice is: may the peer have received the request? [Sent] answers it. "No" is
// certain and allows another attempt; "yes" means only that nobody knows.
//
// The pace kept here is politeness of one process, not truth: the limits a
// platform counts per account are kept by whoever plans the work.
package fetch
