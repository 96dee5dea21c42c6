// Package comments lets citizens speak under a message on the site, without an
// account, and shows there what we answer.
//
// Who writes proves to be somebody: by a link in a letter, or by signing in on
// the Fediverse or with the identity provider. Until then what was typed is
// sealed with a key that only the link holds, and is erased after two days; after
// that it is told to the inbox like anything heard in any square (channel.Said),
// waits there for approval, and is shown here once approved. The site is a square
// like the others: its adapter (Square) takes our answers from the ledger, shows
// each once, and writes once to the commenter.
//
// The link serves on: with it an author changes a comment within a quarter of an
// hour, and deletes it at any time.
package comments
