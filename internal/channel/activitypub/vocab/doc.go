// Package vocab is the language of the Fediverse: ActivityStreams 2.0 with the
// extensions that servers use in fact.
//
// What we say is made of Go structs that encode to the same bytes each time
// (Actor, Post, Action, Collection; see Encode). What others say is read by Parse,
// ParseActor and ParseObject, which take every shape that servers send (one value
// or a list, an id or the object itself, a text or a map of languages) and refuse
// or cut what is larger than Limits. Nothing that is read here is proven: who sent
// it is for package sig, and whether the sender may say it for the caller.
package vocab
