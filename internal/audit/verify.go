package audit

import (
	"context"
	"fmt"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/secret"
)

// Report is what reading a log from end to end showed.
type Report struct {
	Entries int64 // how many hold, from the first on
	Sealed  int64 // from which on they are sealed; 0: none is
	Broken  int64 // the first that does not hold, or 0
	Why     Why
}

// Why an entry does not hold.
type Why string

// The reasons.
const (
	Order   Why = "order"   // one is missing, or stands elsewhere
	Content Why = "content" // it was changed after it was written
	Seal    Why = "seal"    // whoever wrote it did not have the master key
)

// sealAction is the act of sealing a log that was begun without seals: what stands
// before it is as it was then.
const sealAction = "audit.seal"

// Verify reads a whole log, entry by entry, and stops at the first that does not
// hold.
func Verify(ctx context.Context, tx *db.Tx, institutionID string) (Report, error) {
	return VerifyEach(ctx, tx, institutionID, func(Entry) {})
}

// VerifyEach is Verify, and shows each entry that holds.
func VerifyEach(ctx context.Context, tx *db.Tx, institutionID string, show func(Entry)) (r Report, err error) {
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM audit WHERE institution_id = $1 ORDER BY seq`, institutionID)
	if err != nil {
		return r, err
	}
	defer rows.Close()
	var prev string
	for rows.Next() {
		e, err := scan(rows)
		if err != nil {
			return r, err
		}
		if r.Why, err = r.judge(tx, e, prev); err != nil {
			return r, err
		}
		if r.Why != "" {
			r.Broken = r.Entries + 1
			return r, nil
		}
		if r.Sealed == 0 && e.MAC != "" {
			r.Sealed = e.Seq
		}
		r.Entries, prev = e.Seq, e.Hash
		show(e)
	}
	return r, rows.Err()
}

// judge says why an entry does not follow the one before it; "" when it does. Once
// a log is sealed every entry is; one that was not begun sealed says when it was.
func (r Report) judge(tx *db.Tx, e Entry, prev string) (Why, error) {
	switch {
	case e.Seq != r.Entries+1 || e.Prev != prev:
		return Order, nil
	case e.Hash != e.hash():
		return Content, nil
	case e.MAC == "" && r.Sealed == 0:
		return "", nil
	case e.MAC != "" && r.Sealed == 0 && e.Seq > 1 && e.Action != sealAction:
		return Seal, nil
	}
	ok, err := tx.Marked(purpose(e.InstitutionID), e.Hash, e.MAC)
	if err == nil && !ok {
		return Seal, nil
	}
	return "", err
}

// Begin seals a log that was written before there were seals: from here on whoever
// does not hold the master key can no longer write in it unnoticed. What it held
// until now is taken as it is, and the entry says so.
func Begin(ctx context.Context, tx *db.Tx, institutionID string, now time.Time) error {
	var entries, sealed int64
	err := tx.QueryRow(ctx, `SELECT count(*), COALESCE(SUM(CASE WHEN mac <> '' THEN 1 ELSE 0 END), 0) FROM audit WHERE institution_id = $1`, institutionID).Scan(&entries, &sealed)
	if err != nil || entries == 0 || sealed > 0 {
		return err
	}
	return Record(ctx, tx, institutionID, sealAction, institutionID, map[string]any{"entries": entries}, now)
}

// Reseal gives the next entries after seq a seal of the current key, when the
// seal they have is right. One that is not stays as it is, and goes on to show.
func Reseal(ctx context.Context, tx *db.Tx, institutionID string, box *secret.Box, after int64, limit int) (last, done int64, more bool, err error) {
	all, err := db.All(ctx, tx, scan, `SELECT `+columns+` FROM audit WHERE institution_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, institutionID, after, limit)
	if err != nil {
		return after, 0, false, err
	}
	for _, e := range all {
		last = e.Seq
		if e.MAC == "" || !box.OldMAC(e.MAC) || !box.SameNow(purpose(institutionID), e.Hash, e.MAC) {
			continue
		}
		if _, err := tx.Exec(ctx, `UPDATE audit SET mac = $3 WHERE institution_id = $1 AND seq = $2`, institutionID, e.Seq, box.MAC(purpose(institutionID), e.Hash)); err != nil {
			return after, done, false, err
		}
		done++
	}
	return last, done, len(all) == limit, nil
}

// Head is where a log stands: kept elsewhere, it shows that nothing before it was
// rewritten since, even by somebody who holds the database and the master key.
type Head struct {
	InstitutionID string
	Seq           int64
	Hash          string
}

// headMark begins a line with a head, so that it is found in a log or a letter.
const headMark = "arengo-audit"

// Line is a head as it leaves the house.
func (h Head) Line(slug string, now time.Time) string {
	return fmt.Sprintf("%s %s %s %s %d %s", headMark, now.UTC().Format(time.RFC3339), slug, h.InstitutionID, h.Seq, h.Hash)
}

// HeadOf is the head of a log; ok is false for an empty one.
func HeadOf(ctx context.Context, tx *db.Tx, institutionID string) (h Head, ok bool, err error) {
	all, err := Latest(ctx, tx, institutionID, 0, 1)
	if err != nil || len(all) == 0 {
		return h, false, err
	}
	return Head{institutionID, all[0].Seq, all[0].Hash}, true, nil
}

// ReadHeads finds the heads in a text: a file that was appended to, a letter, the
// lines of a journal.
func ReadHeads(text string) (all []Head) {
	for line := range strings.Lines(text) {
		_, rest, ok := strings.Cut(line, headMark+" ")
		if !ok {
			continue
		}
		var h Head
		var at, slug string
		if _, err := fmt.Sscan(rest, &at, &slug, &h.InstitutionID, &h.Seq, &h.Hash); err == nil {
			h.Hash = strings.Trim(h.Hash, `"`)
			all = append(all, h)
		}
	}
	return all
}
