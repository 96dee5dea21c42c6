// Package mailbox reads the letters that citizens write to a profile's address
// (IMAP4rev1, RFC 3501) and sends the answers.
//
// # Reading
//
// A folder is read by the numbers that its letters have there (UID), from the last
// one heard on; when the server numbers anew (UIDVALIDITY) it begins again, and
// what is told twice is known by its Message-ID. Letters are left as they are: not
// moved, not marked as read. Of a letter the first megabyte is fetched; a letter
// whose structure or character set is broken is kept as far as it can be read, with
// a note, and never stops the box. Attachments are named, not opened. Letters that
// no person wrote (newsletters, holiday notices, delivery reports) are passed over.
// The text of an Italian certified letter (PEC) is taken out of its envelope.
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
