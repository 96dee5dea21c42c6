// Package websub tells those who follow a feed the moment it changes (W3C WebSub,
// Recommendation of 23 January 2018), so that readers need not ask every few minutes.
//
// The institution is its own hub: a subscriber asks at /websub, must prove that it
// asked (verification of intent), and then receives the whole feed each time it
// changes, signed with its own secret (X-Hub-Signature, HMAC-SHA-256), until its
// lease ends. Hubs run by others can be told too, if the institution lists them; none
// is by default.
//
// Every delivery is a job that may run twice. What was delivered last is known by its
// digest, so that a repetition finds nothing to do. A callback is a stranger's
// address: package fetch refuses private ones, a network and a host have limits, and
// nothing is stored before the callback has confirmed.
package websub
