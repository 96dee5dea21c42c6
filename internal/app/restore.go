package app

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/channel/webmention"
	"codeberg.org/arengo/arengo/internal/channel/webpush"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	"codeberg.org/arengo/arengo/internal/newsletter"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/site/comments"
	"codeberg.org/arengo/arengo/internal/webhook"
)

// Restore fills the configured installation, which must be empty, from a backup,
// brings it up to date, and freezes every institution: what the backup saw as
// waiting may have gone out since, and only a person knows. No server may use its
// folder meanwhile. Killed at any moment it leaves either no institution at all,
// and can be repeated, or everything, frozen: the rows, what they must be told and
// the freeze are one transaction, which begins when the media are in their place.
func Restore(ctx context.Context, c config.Config, file string, now time.Time) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("restore: %w", err)
		}
	}()
	a, err := openArchive(file)
	if err != nil {
		return err
	}
	defer a.zip.Close()
	if err := damaged(file, a.check(ctx)); err != nil {
		return err
	}
	release, err := hold(c)
	if err != nil {
		return err
	}
	defer release()
	d, err := db.Open(ctx, address(c))
	if err != nil {
		return err
	}
	defer d.Close()
	d.Marker = lazily(c, "")
	store, err := OpenBlobs(c)
	if err != nil {
		return err
	}
	return a.fill(ctx, d, store, now)
}

func (a *archive) fill(ctx context.Context, d *db.DB, store blob.Store, now time.Time) error {
	if err := a.prepare(ctx, d); err != nil {
		return err
	}
	for hash := range a.media {
		if err := a.unpack(ctx, store, hash); err != nil {
			return fmt.Errorf("media %s: %w", hash, err)
		}
	}
	err := d.InTx(ctx, func(tx *db.Tx) error {
		if err := empty(ctx, tx); err != nil {
			return err
		}
		for _, t := range a.manifest.Tables {
			if err := a.load(ctx, tx, t); err != nil {
				return fmt.Errorf("table %s: %w", t.Name, err)
			}
		}
		if _, err := tx.Migrate(ctx, ""); err != nil {
			return err
		}
		return restored(ctx, tx, now)
	})
	if err != nil {
		return err
	}
	_ = d.Optimize(ctx) // all is restored; the start does what is left of this
	return nil
}

// prepare gives an empty database the schema of the backup.
func (a *archive) prepare(ctx context.Context, d *db.DB) error {
	want := a.manifest.Migrations
	if have, err := d.Applied(ctx); err != nil {
		return err
	} else if len(have) > 0 {
		if err := d.Read(ctx, func(tx *db.Tx) error { return empty(ctx, tx) }); err != nil {
			return err
		}
	}
	if _, err := d.MigrateTo(ctx, want[len(want)-1]); err != nil {
		return err
	}
	have, err := d.Applied(ctx)
	if err == nil && !slices.Equal(have, want) {
		err = fault.New(fault.Unavailable, "backup.other_version", a.manifest.Version)
	}
	return err
}

// empty refuses a database with an institution in it.
func empty(ctx context.Context, tx *db.Tx) error {
	var n int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM institution`).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return fault.Clash("backup.not_empty")
	}
	return nil
}

// restored tells every part that its rows are of a backup: what waits to leave the
// house may have left since. TestNothingLeavesARestoredTown finds a part that is
// missing here.
func restored(ctx context.Context, tx *db.Tx, now time.Time) error {
	for _, tell := range []func(context.Context, *db.Tx, time.Time) error{
		newsletter.Restored, webpush.Restored, comments.Restored, activitypub.Restored, webhook.Restored, webmention.Restored, office.Restored,
	} {
		if err := tell(ctx, tx, now); err != nil {
			return err
		}
	}
	return publishing.FreezeRestored(ctx, tx, "Copia di sicurezza ripristinata / Restored from a backup", now)
}

func (a *archive) unpack(ctx context.Context, store blob.Store, hash string) error {
	r, err := a.media[hash].Open()
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := store.Put(ctx, r)
	if err == nil && b.Hash != hash {
		err = errOtherContent
	}
	return err
}

// load fills a table.
func (a *archive) load(ctx context.Context, tx *db.Tx, t dumped) error {
	marks := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		if strings.ContainsFunc(c, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
			return fmt.Errorf("column %q", c)
		}
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	insert := fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s)`, t.Name, strings.Join(t.Columns, ", "), strings.Join(marks, ", "))
	return a.rows(ctx, t, func(row []any) (err error) {
		for i, v := range row {
			if row[i], err = native(v); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, insert, row...)
		return err
	})
}

// native is a portable value as a driver takes it.
func native(v any) (any, error) {
	switch x := v.(type) {
	case json.Number:
		if i, err := x.Int64(); err == nil {
			return i, nil
		}
		return x.Float64()
	case map[string]any:
		text, ok := x["base64"].(string)
		if !ok {
			return nil, errors.New("unknown kind of value")
		}
		return base64.StdEncoding.DecodeString(text)
	}
	return v, nil
}
