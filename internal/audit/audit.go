// Package audit keeps an append-only record of what was done, by whom.
//
// Each row holds the SHA-256 of its content and of the row before it, so that a
// row changed or removed later breaks the chain (Verify). Rows are written in
// the transaction of the act itself: no act without its record, nor the reverse.
// The detail names things by identifier; it holds no text of citizens.
package audit

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
)

// Entry is one recorded act.
type Entry struct {
	InstitutionID string
	Seq           int64 // 1, 2, 3 … within the institution, without a gap
	At            time.Time
	PersonID      string // empty when the server acted by itself
	Action        string // "message.approve"
	Subject       string // identifier of what it was done to
	Detail        string // JSON
	Prev, Hash    string // hexadecimal
}

// hash is over the fields in order, separated by a byte no field can hold.
func (e Entry) hash() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{e.Prev, e.InstitutionID, fmt.Sprint(e.Seq), fmt.Sprint(db.At(e.At)),
		e.PersonID, e.Action, e.Subject, e.Detail}, "\x1f")))
	return hex.EncodeToString(sum[:])
}

// Record adds an entry about subject, done by the context's actor.
func Record(ctx context.Context, tx *db.Tx, institutionID, action, subject string, detail any, now time.Time) error {
	d, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("audit %s: %w", action, err)
	}
	if detail == nil {
		d = []byte("{}")
	}
	a, _ := people.From(ctx)
	e := Entry{InstitutionID: institutionID, At: now, PersonID: a.PersonID, Action: action, Subject: subject, Detail: string(d)}
	if tx.Engine() == db.Postgres {
		// Two transactions must not both extend the same last row.
		if _, err := tx.Exec(ctx, `SELECT pg_advisory_xact_lock(hashtext('audit ' || $1))`, institutionID); err != nil {
			return err
		}
	}
	err = tx.QueryRow(ctx, `SELECT seq, hash FROM audit WHERE institution_id = $1 ORDER BY seq DESC LIMIT 1`, institutionID).Scan(&e.Seq, &e.Prev)
	if err != nil && !errors.Is(err, db.ErrNone) {
		return err
	}
	e.Seq++
	e.Hash = e.hash()
	_, err = tx.Exec(ctx, `
		INSERT INTO audit (institution_id, seq, at, person_id, action, subject, detail, prev, hash)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		e.InstitutionID, e.Seq, db.At(e.At), e.PersonID, e.Action, e.Subject, e.Detail, e.Prev, e.Hash)
	return err
}

func scan(s db.Scanner) (e Entry, err error) {
	var at int64
	err = s.Scan(&e.InstitutionID, &e.Seq, &at, &e.PersonID, &e.Action, &e.Subject, &e.Detail, &e.Prev, &e.Hash)
	e.At = db.When(at)
	return e, err
}

const columns = `institution_id, seq, at, person_id, action, subject, detail, prev, hash`

// Latest lists the entries before seq, newest first; seq 0 starts at the newest.
func Latest(ctx context.Context, tx *db.Tx, institutionID string, before int64, limit int) ([]Entry, error) {
	return db.All(ctx, tx, scan, `
		SELECT `+columns+` FROM audit
		WHERE institution_id = $1 AND ($2 = 0 OR seq < $2) ORDER BY seq DESC LIMIT $3`, institutionID, before, limit)
}

// Verify reads the whole chain and returns how many entries hold; broken is the
// first that does not, or 0.
func Verify(ctx context.Context, tx *db.Tx, institutionID string) (entries, broken int64, err error) {
	rows, err := tx.Query(ctx, `SELECT `+columns+` FROM audit WHERE institution_id = $1 ORDER BY seq`, institutionID)
	if err != nil {
		return 0, 0, err
	}
	defer rows.Close()
	var prev string
	for rows.Next() {
		e, err := scan(rows)
		if err != nil {
			return entries, 0, err
		}
		if e.Seq != entries+1 || e.Prev != prev || e.Hash != e.hash() {
			return entries, entries + 1, nil
		}
		entries, prev = e.Seq, e.Hash
	}
	return entries, 0, rows.Err()
}
