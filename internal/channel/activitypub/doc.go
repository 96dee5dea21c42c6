// Package activitypub makes each profile an actor of the Fediverse on the
// institution's own domain: @biblioteca@comune.example.it, with no platform in
// between.
//
// Whoever follows the profile from Mastodon, Mobilizon or any other server gets
// what it publishes; what they answer, like, boost, edit or take back comes to the
// inbox of this server and from there to the desk (Options.Hear). Nothing is
// believed that is not signed by the actor who is said to act, and nobody speaks
// for another server.
//
// To publish is to store the object, the activity and one row for each inbox it
// must reach, in one transaction; workers then carry it there, one server at a
// time, in order, with growing waits. A server that is slow or dead keeps only its
// own deliveries waiting.
//
// Sources: W3C ActivityPub (2018), ActivityStreams 2.0, RFC 7033 (WebFinger),
// NodeInfo 2.1, and what Mastodon, Mobilizon and GoToSocial document of their own.
package activitypub
