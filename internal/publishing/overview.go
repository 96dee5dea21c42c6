package publishing

import (
	"context"
	"errors"
	"io"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

// ByID returns a message. Fault: NotFound.
func ByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Message, error) {
	return find(ctx, tx, institutionID, id)
}

// Files returns the uploaded files that attachments name, by identifier. One
// that does not exist is missing from the map.
func Files(ctx context.Context, tx *db.Tx, institutionID string, as []Attachment) (map[string]Media, error) {
	return mediaOf(ctx, tx, institutionID, as)
}

// Ready says what is missing before the message can be submitted: an Invalid
// fault with its fields, or nil.
func (d *Desk) Ready(ctx context.Context, tx *db.Tx, m Message) error {
	_, err := d.ready(ctx, tx, m)
	return err
}

// SentBackTo lists the drafts that an approver returned to a person, newest first.
func SentBackTo(ctx context.Context, tx *db.Tx, institutionID, personID string) ([]Message, error) {
	return db.All(ctx, tx, scanMessage, `
		SELECT `+messageColumns+` FROM message
		WHERE institution_id = $1 AND state = 'draft' AND sent_back <> '' AND $2 IN (author_id, submitted_by, edited_by)
		ORDER BY updated_at DESC LIMIT 20`, institutionID, personID)
}

// Unplanned lists approved messages without a moment, newest first: they wait for
// somebody to choose one. Approved corrections are among them.
func Unplanned(ctx context.Context, tx *db.Tx, institutionID string) ([]Message, error) {
	return db.All(ctx, tx, scanMessage, `
		SELECT `+messageColumns+` FROM message
		WHERE institution_id = $1 AND state = 'approved' ORDER BY updated_at DESC LIMIT 20`, institutionID)
}

// Trouble is a delivery that did not go as it should, with the names of what it
// concerns.
type Trouble struct {
	Delivery
	Title    string // of the message
	Channel  string // as the officer calls it
	Platform channel.Platform
}

// wider reads a few columns more than a scan function knows.
type wider struct {
	db.Scanner
	more []any
}

// Scan reads the known columns and the others behind them.
func (w wider) Scan(dest ...any) error { return w.Scanner.Scan(append(dest, w.more...)...) }

// Troubles lists the deliveries that are late, refused or unconfirmed, or were given
// up because their time was past, the last changed first, at most limit.
func Troubles(ctx context.Context, tx *db.Tx, institutionID string, now time.Time, limit int) ([]Trouble, error) {
	return db.All(ctx, tx, scanTrouble, `
		SELECT `+troubleColumns+` FROM delivery
		WHERE institution_id = $1
			AND state IN ('refused', 'unconfirmed', 'given_up', 'waiting', 'attempting') AND (state IN ('refused', 'unconfirmed') OR `+lateSince("$2")+`)
		ORDER BY updated_at DESC LIMIT $3`, institutionID, db.At(now.Add(-LateAfter)), limit)
}

// CountLate counts the deliveries of all institutions that should long have been
// out, those among them whose time is past included.
func CountLate(ctx context.Context, tx *db.Tx, now time.Time) (n int, err error) {
	err = tx.QueryRow(ctx, `SELECT count(*) FROM delivery WHERE `+lateSince("$1"), db.At(now.Add(-LateAfter))).Scan(&n)
	return n, err
}

// FreeSlot returns the next free moment of a profile's weekly slots. ok is false
// when the profile has no slot, or none is free within a year.
func FreeSlot(ctx context.Context, tx *db.Tx, institutionID, profileID string, loc *time.Location, now time.Time) (w Wall, ok bool, err error) {
	slots, err := db.All(ctx, tx, scanSlot, `
		SELECT id, profile_id, weekday, minute FROM slot WHERE institution_id = $1 AND profile_id = $2`, institutionID, profileID)
	if err != nil || len(slots) == 0 {
		return w, false, err
	}
	taken, err := db.All(ctx, tx, db.Col[int64], `
		SELECT due_at FROM message
		WHERE institution_id = $1 AND profile_id = $2 AND state IN ('draft', 'submitted', 'approved', 'scheduled') AND due_at > $3`,
		institutionID, profileID, db.At(now))
	if err != nil {
		return w, false, err
	}
	times := make([]time.Time, len(taken))
	for i, at := range taken {
		times[i] = db.When(at)
	}
	w, ok = NextSlot(slots, times, loc, now)
	return w, ok, nil
}

// PublicPath is the path of a message's page on the site, "" while it never was
// out. A withdrawn message keeps its page, which says so.
func PublicPath(ctx context.Context, tx *db.Tx, institutionID, id string) (string, error) {
	var slug string
	err := tx.QueryRow(ctx, `SELECT slug FROM publication WHERE institution_id = $1 AND message_id = $2`, institutionID, id).Scan(&slug)
	if errors.Is(err, db.ErrNone) {
		return "", nil
	}
	return "/m/" + slug, err
}

// GoesTo reports whether a message is, or will be, on a platform.
func GoesTo(ctx context.Context, tx *db.Tx, institutionID, messageID string, p channel.Platform) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `
		SELECT count(*) FROM delivery d JOIN channel c ON c.institution_id = d.institution_id AND c.id = d.channel_id
		WHERE d.institution_id = $1 AND d.message_id = $2 AND c.platform = $3 AND d.state NOT IN ('refused', 'given_up', 'withdrawn')`,
		institutionID, messageID, p).Scan(&n)
	return n > 0, err
}

// File is an opened file: the original, or a smaller copy of a picture.
type File struct {
	io.ReadSeekCloser
	Media
	ServedHash, ServedType string // of what is read, which may be a rendition
}

// OpenFile opens an uploaded file for those who may see the desk. kind is
// "thumb" or "large" for a smaller copy of a picture, "" for the original; a
// file without that copy gives the original. Faults: NotFound, Forbidden.
func (d *Desk) OpenFile(ctx context.Context, institutionID, id, kind string) (f File, err error) {
	if _, err := people.Can(ctx, people.See, institutionID); err != nil {
		return f, err
	}
	err = d.db.Read(ctx, func(tx *db.Tx) error {
		if f.Media, err = MediaByID(ctx, tx, institutionID, id); err != nil {
			return err
		}
		f.ServedHash, f.ServedType = f.Hash, f.ContentType
		if kind == "" || !f.IsImage() {
			return nil
		}
		copies, err := renditions(ctx, tx, institutionID, f.Hash)
		for _, r := range copies {
			if r.Kind == kind {
				f.ServedHash, f.ServedType = r.Hash, r.ContentType
			}
		}
		return err
	})
	if err != nil {
		return f, err
	}
	f.ReadSeekCloser, _, err = d.blobs.Open(ctx, f.ServedHash)
	return f, err
}

// Editable reports whether a revision may still be saved.
func (m Message) Editable() bool { return m.canEdit() == nil }

// ApprovableBy reports whether a person may approve the message as it is, on a
// profile with or without four eyes. The role is asked elsewhere.
func (m Message) ApprovableBy(personID string, fourEyes bool) (ok bool, why error) {
	err := m.canApprove(personID, m.Hash, fourEyes)
	return err == nil, err
}

// ApprovedAsIs reports whether the content as it is now was approved.
func (m Message) ApprovedAsIs() bool { return m.approvedNow() }

// ErrEdited reports whether an error says that somebody else saved in between.
func ErrEdited(err error) bool {
	return err != nil && fault.Of(err).Text.Key == "message.edited"
}
