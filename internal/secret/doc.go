// Package secret keeps what a leaked database must not give away.
//
// A master key lives in a file outside the database and outside its backups. From
// it come a key that seals (AES-256-GCM) tokens of channels and seeds of one-time
// codes, and a key that makes look-up values (HMAC-SHA-256). A sealed text is
// bound to its purpose, which names the row it belongs to: copied to another row
// it does not open.
//
// The file holds one key on each line, the current one first. Older ones are there
// only while the key is being replaced (Ring): what they sealed is sealed anew, then
// they are retired, and of them stays what makes look-up values: links in letters
// that were sent must go on to work, and nothing is sealed by them.
package secret
