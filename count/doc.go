// Package count tells how long a text is for each social platform, finds the
// links, mentions and hashtags in it, and shortens it without breaking any of
// them.
//
// "280 characters" means something different everywhere, and a tool that counts
// in its own way has posts refused, or cuts a link in half. Every platform has
// a [Rule]:
//
//   - [Mastodon]: what a reader sees as one character (a grapheme cluster, so 👨‍👩‍👧
//     is 1); a link is 23 however long; @user@server counts as @user; the content
//     warning is counted with the text, see [LengthWithWarning].
//   - [Bluesky]: two limits at once, 300 graphemes and 3000 UTF-8 bytes, see
//     [BlueskyLimits].
//   - [Telegram]: UTF-16 code units of the text as it is shown, after the markup was
//     taken out: è is 1, 🎉 is 2. 4096 for a text, 1024 for a caption.
//   - [X]: a weight for each character after composition (NFC): Latin, Greek,
//     Cyrillic, Arabic… and common punctuation 1, all others 2, any emoji sequence 2,
//     any link 23, even one written without https://.
//   - [Threads]: UTF-8 bytes: è is 2, 🎉 is 4.
//   - [Graphemes]: what a reader sees as one character, for everything else.
//
// The numbers themselves (500, 300, 4096…) belong to the platform or even to one
// server and change: read them there, and use this package for the way of counting.
//
// Offsets are always bytes of the UTF-8 text, half open, which is also what the
// facets of Bluesky want. Text that is not valid UTF-8 is never refused: each wrong
// byte counts as one replacement character.
//
// Where the rules come from: for Mastodon, its status length validator; for Bluesky,
// the lexicon app.bsky.feed.post; for Telegram, the Bot API (offsets and lengths are
// UTF-16 code units; where its server counts code points instead, this count is the
// same or higher, never lower); for X, the published configuration version 3 of
// twitter-text; for Threads, its API reference. One difference is known: X counts as one
// only the emoji sequences that Unicode recommends, this package every sequence that
// is shaped like one.
package count
