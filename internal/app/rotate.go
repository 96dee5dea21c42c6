package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/channel/webpush"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/newsletter"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/site/comments"
	"codeberg.org/arengo/arengo/internal/site/websub"
	"codeberg.org/arengo/arengo/internal/webhook"
)

// sealedColumns are all columns with sealed texts. TestEverySealIsKnownToRotation
// finds a part that seals and is missing here.
func sealedColumns() (all []secret.Column) {
	for _, part := range [][]secret.Column{
		auth.Sealed(), channel.Sealed(), activitypub.Sealed(), webpush.Sealed(), webhook.Sealed(), websub.Sealed(), comments.Sealed(),
	} {
		all = append(all, part...)
	}
	return all
}

// carriedTexts are the sealed texts in work that waits.
func carriedTexts() []secret.Carried {
	all := []secret.Carried{{Kind: letter{}.Kind(), Field: "sealed", Purpose: func(of func(string) string) string { return letterPurpose(of("id")) }}}
	for _, part := range [][]secret.Carried{newsletter.Carried(), comments.Carried(), websub.Carried()} {
		all = append(all, part...)
	}
	return all
}

// Rotated says what a rotation did.
type Rotated struct {
	Resumed bool   // an earlier one had been interrupted
	Sealed  int    // texts that were sealed anew
	Audit   int64  // records of the audit log whose seal was renewed
	Lost    int    // texts that no key of the file opens: left as they are
	Kept    string // the key file as it was
}

// batch is how many rows are sealed anew in one transaction.
const batch = 500

// RotateKey puts a new master key in the place of the old one: what was sealed is
// sealed anew, then the old key is taken out of the file, and opens nothing of
// this database any more. What it can still do is verify links that are in
// citizens' letters. No server may run. Killed at any step it is complete, or goes
// on where it was when it is called again. Fault: Conflict while a server runs.
func RotateKey(ctx context.Context, c config.Config, now time.Time) (r Rotated, err error) {
	d, err := UpToDateDB(ctx, c)
	if err != nil {
		return r, err
	}
	defer d.Close()
	release, err := hold(c)
	if err != nil {
		return r, err
	}
	defer release()
	if err := quiet(ctx, d, now); err != nil {
		return r, err
	}
	ring, err := secret.OpenRing(c.MasterKey)
	if err != nil {
		return r, err
	}
	if r.Resumed, r.Kept, err = ring.Begin(); err != nil {
		return r, err
	}
	box, err := ring.Box()
	if err != nil {
		return r, err
	}
	if err := resealColumns(ctx, d, box, &r); err != nil {
		return r, err
	}
	if err := resealJobs(ctx, d, box, &r); err != nil {
		return r, err
	}
	if r.Audit, err = resealAudit(ctx, d, box); err != nil {
		return r, err
	}
	// From here on a node with the old file alone does not start.
	if err := d.InTx(ctx, func(tx *db.Tx) error { return registerKey(ctx, tx, box.Current(), now) }); err != nil {
		return r, err
	}
	return r, ring.Retire()
}

// quiet refuses while a node works: it would seal with the key that goes.
func quiet(ctx context.Context, d *db.DB, now time.Time) error {
	at, err := jobs.Ticked(ctx, d)
	if err != nil || now.Sub(at) > 4*jobs.TickEvery {
		return err
	}
	return fault.Clash("secret.server_runs", at)
}

func resealColumns(ctx context.Context, d *db.DB, box *secret.Box, r *Rotated) error {
	for _, col := range sealedColumns() {
		after := make([]any, len(col.Keys))
		for more := true; more; {
			err := d.InTx(ctx, func(tx *db.Tx) (err error) {
				after, more, err = resealSome(ctx, tx, box, col, after, r)
				return err
			})
			if err != nil {
				return fmt.Errorf("seal %s.%s anew: %w", col.Table, col.Column, err)
			}
		}
	}
	return nil
}

// resealSome seals the next rows after a key anew, and returns the last of them.
func resealSome(ctx context.Context, tx *db.Tx, box *secret.Box, col secret.Column, after []any, r *Rotated) (last []any, more bool, err error) {
	keys := strings.Join(col.Keys, ", ")
	q := fmt.Sprintf(`SELECT %s, %s FROM %s WHERE %s <> ''`, keys, col.Column, col.Table, col.Column)
	var args []any
	if after[0] != nil {
		marks := make([]string, len(after))
		for i := range after {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
		q += fmt.Sprintf(` AND (%s) > (%s)`, keys, strings.Join(marks, ", "))
		args = after
	}
	rows, err := db.All(ctx, tx, func(s db.Scanner) ([]string, error) {
		row := make([]string, len(col.Keys)+1)
		to := make([]any, len(row))
		for i := range row {
			to[i] = &row[i]
		}
		return row, s.Scan(to...)
	}, q+fmt.Sprintf(` ORDER BY %s LIMIT %d`, keys, batch), args...)
	if err != nil {
		return nil, false, err
	}
	where := make([]string, len(col.Keys))
	for i, k := range col.Keys {
		where[i] = fmt.Sprintf("%s = $%d", k, i+2)
	}
	update := fmt.Sprintf(`UPDATE %s SET %s = $1 WHERE %s`, col.Table, col.Column, strings.Join(where, " AND "))
	for _, row := range rows {
		key, sealed := row[:len(col.Keys)], row[len(col.Keys)]
		if !box.Stale(sealed) {
			continue
		}
		fresh, err := box.Reseal(col.Purpose(key), sealed)
		if errors.Is(err, secret.ErrUnknownKey) || errors.Is(err, secret.ErrForged) {
			r.Lost++
			continue
		}
		if err != nil {
			return nil, false, err
		}
		args := []any{fresh}
		for _, k := range key {
			args = append(args, k)
		}
		if _, err := tx.Exec(ctx, update, args...); err != nil {
			return nil, false, err
		}
		r.Sealed++
	}
	if len(rows) > 0 {
		last = make([]any, len(col.Keys))
		for i, k := range rows[len(rows)-1][:len(col.Keys)] {
			last[i] = k
		}
	}
	return last, len(rows) == batch, nil
}

func resealJobs(ctx context.Context, d *db.DB, box *secret.Box, r *Rotated) error {
	for _, c := range carriedTexts() {
		n, err := jobs.Rewrite(ctx, d, c.Kind, func(args json.RawMessage) (json.RawMessage, error) {
			fresh, err := resealArgs(box, c, args)
			if errors.Is(err, secret.ErrUnknownKey) || errors.Is(err, secret.ErrForged) {
				r.Lost++
				return args, nil
			}
			return fresh, err
		})
		r.Sealed += n
		if err != nil {
			return fmt.Errorf("seal work %s anew: %w", c.Kind, err)
		}
	}
	return nil
}

// resealArgs seals the text in arguments anew; the others stay as they are.
func resealArgs(box *secret.Box, c secret.Carried, args json.RawMessage) (json.RawMessage, error) {
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(args, &fields); err != nil {
		return nil, err
	}
	of := func(name string) (text string) {
		if json.Unmarshal(fields[name], &text) != nil {
			return ""
		}
		return text
	}
	sealed := of(c.Field)
	if sealed == "" || !box.Stale(sealed) {
		return args, nil
	}
	fresh, err := box.Reseal(c.Purpose(of), sealed)
	if err != nil {
		return nil, err
	}
	if fields[c.Field], err = json.Marshal(fresh); err != nil {
		return nil, err
	}
	return json.Marshal(fields)
}

func resealAudit(ctx context.Context, d *db.DB, box *secret.Box) (n int64, err error) {
	var all []institution.Institution
	if err := d.Read(ctx, func(tx *db.Tx) (err error) { all, err = institution.All(ctx, tx); return err }); err != nil {
		return 0, err
	}
	for _, i := range all {
		for after, more := int64(0), true; more; {
			err := d.InTx(ctx, func(tx *db.Tx) (err error) {
				var done int64
				after, done, more, err = audit.Reseal(ctx, tx, i.ID, box, after, batch)
				n += done
				return err
			})
			if err != nil {
				return n, fmt.Errorf("seal the audit log anew: %w", err)
			}
		}
	}
	return n, nil
}
