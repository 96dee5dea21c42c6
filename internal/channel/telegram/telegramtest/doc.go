// Package telegramtest is a fake server of Telegram's Bot API, for tests:
// Telegram's own cannot be run. It answers the calls that the adapter makes as
// core.telegram.org/bots/api documents them, keeps every message, and refuses
// what the real one refuses with its status codes and descriptions: a wrong
// token, a chat it is not in, a text or caption beyond the limit by its own
// count of UTF-16 units, an album of eleven, a photo with impossible sides, an
// upload of more than 50 MB, a deletion after 48 hours.
//
// It makes a second message when a request comes twice, for the real one does.
// It knows no parse mode and refuses one, so that nobody relies on it.
package telegramtest
