// Package audit keeps an append-only record of what was done, by whom.
//
// Each row holds the SHA-256 of its content and of the row before it, so that a
// row changed or removed later breaks the chain, and a keyed hash of that, so that
// whoever holds the database without the master key cannot make another chain
// (Verify). Who holds both can, from the last head on that left the house (Head). Rows are written in
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
	MAC           string // of Hash, by the master key; empty in entries from before there were seals
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
	if e.MAC, err = tx.Mark(purpose(institutionID), e.Hash); err != nil {
		return fmt.Errorf("seal audit entry: %w", err)
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO audit (`+columns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
		e.InstitutionID, e.Seq, db.At(e.At), e.PersonID, e.Action, e.Subject, e.Detail, e.Prev, e.Hash, e.MAC)
	return err
}

// purpose keeps the seals of one institution's log out of another's.
func purpose(institutionID string) string { return "audit/" + institutionID }

func scan(s db.Scanner) (e Entry, err error) {
	var at int64
	err = s.Scan(&e.InstitutionID, &e.Seq, &at, &e.PersonID, &e.Action, &e.Subject, &e.Detail, &e.Prev, &e.Hash, &e.MAC)
	e.At = db.When(at)
	return e, err
}

const columns = `institution_id, seq, at, person_id, action, subject, detail, prev, hash, mac`

// Latest lists the entries before seq, newest first; seq 0 starts at the newest.
func Latest(ctx context.Context, tx *db.Tx, institutionID string, before int64, limit int) ([]Entry, error) {
	return db.All(ctx, tx, scan, `
		SELECT `+columns+` FROM audit
		WHERE institution_id = $1 AND ($2 = 0 OR seq < $2) ORDER BY seq DESC LIMIT $3`, institutionID, before, limit)
}
