// Package mailbox reads the letters that citizens write to a profile's address
// (IMAP4rev1, RFC 3501) and sends the answers.
//
// # Reading
//
// A folder is read by the numbers that its letters have there (UID), from the last
// one heard on; when the server numbers anew (UIDVALIDITY) it begins again, and
// what is told twice is known by its Message-ID. Letters are left as they are: not
// moved, not marked as read. A letter is fetched whole, up to 25 MB; of a longer
// one, or one that takes too long, the beginning. One whose structure or character
// set is broken is kept as far as it can be read (package loose), with a note, and
// never stops the box.
//
// Nothing is dropped unseen. Letters that surely no person wrote are marked as
// such, the doubtful too (channel.Doubt): the inbox puts them aside, where they can
// be looked at. What an answer quotes is left out of its text and kept beside it
// (Said.Whole); a letter that is passed on is never cut. Files come as they are.
//
// Italian certified mail (PEC) is taken out of its envelope, that of an anomaly too,
// which the text then says. Receipts, and what other mail servers report, are told
// as reports about the letters that they name.
//
// # Answering, once
//
// An answer is sent by the installation's own mail sender, from the box's address,
// with a Message-ID made from the delivery's key. SMTP cannot be asked afterwards
// whether a letter left, so the box's Sent folder keeps the books: before the letter
// goes, a copy is put there with the flag \Draft; after the server has taken the
// letter the flag is removed. Find reads them: no copy proves that nothing was sent,
// a copy without the flag that it was, and a copy with the flag leaves it to a
// person. Where the box has no such folder only a person can say.
package mailbox
