// Package telegram speaks the Bot API (core.telegram.org/bots/api), to
// Telegram's own server or to one that the institution runs.
//
// Texts are sent as they are, without a parse mode: nothing that a person types
// can be mistaken for markup, and Telegram finds links, hashtags and mentions by
// itself. A text alone may have 4096 characters, beside files 1024, counted in
// UTF-16 units.
//
// Telegram has no alternative texts. The descriptions of the pictures follow the
// text, each after the sign 🖼, when all of them fit; otherwise the text stays as
// it was written, for the link in it leads to the page that has them.
//
// A bot cannot read what it wrote: there is no call for it. Uploads are part of
// the message, so Prepare has nothing to do, and Find always answers
// CodeCannotRead: after a lost answer a person looks and says what happened.
//
// The Bot API answers 400 to most of what it refuses, and only the description,
// in fixed English words, tells the cases apart. They are listed in one place,
// refusals, with what they mean; an unknown one is a plain refusal.
package telegram
