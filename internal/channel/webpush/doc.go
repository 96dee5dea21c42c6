// Package webpush tells browsers that asked for it: the Web Push protocol (RFC
// 8030), encrypted for the browser (RFC 8291) and signed by the institution (VAPID,
// RFC 8292). No platform stands in between but the push service that the browser's
// maker runs, which cannot read what passes.
//
// To publish is to hand a message over, in one transaction, as for the newsletter:
// a row for each browser that wants it (push_recipient) says "attempting",
// committed, before the push service is told anything. 404 and 410 end the
// subscription; 429 and 5xx are tried again, as long as the message is news. What
// may have arrived is never repeated by itself.
//
// Two things keep a notice single even where a request was sent twice: the Topic
// header, a hash of the delivery's key, by which the service replaces what it has
// not handed over yet; and the notification's tag, by which the browser replaces
// the one it shows. A person who has dismissed it would still see it again: hence
// "unconfirmed", and no repetition.
//
// A notice is a title, a few words and a link: what has been shown cannot be taken
// back or corrected, and the page behind the link always says what holds now.
// There is one key pair for each institution, not for each channel: a browser knows
// a single key for a site. A subscription may be narrowed to profiles and topics.
package webpush
