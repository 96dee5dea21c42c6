package app

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// settings finds what is set and has no effect.
func (x *doctor) settings() {
	c := x.c
	for _, lost := range []struct {
		name string
		is   bool
		why  string
	}{
		{"smtp.user", c.SMTP.User != "" && c.SMTP.Host == "", "smtp.host"},
		{"smtp.password", c.SMTP.Password != "" && c.SMTP.User == "", "smtp.user"},
		{"s3.prefix", c.S3.Prefix != "" && c.S3.Bucket == "", "s3.bucket"},
		{"s3.region", c.S3.Region != "" && c.S3.Bucket == "", "s3.bucket"},
		{"oidc.name", c.OIDC.Name != "" && c.OIDC.Issuer == "", "oidc.issuer"},
	} {
		if lost.is {
			x.bad("settings", lost.name, "alone", lost.why)
		}
	}
	if c.Database != "" && there(filepath.Join(c.Data, "arengo.db")) {
		x.note("settings", "database", "other_database", filepath.Join(c.Data, "arengo.db"))
	}
	if c.S3.Bucket != "" && there(filepath.Join(c.Data, "media")) {
		x.note("settings", "s3.bucket", "other_media", filepath.Join(c.Data, "media"))
	}
}

func there(path string) bool { _, err := os.Stat(path); return err == nil }

// work looks at what runs in the background, and at what could not be done.
func (x *doctor) work(ctx context.Context) {
	at, err := jobs.Ticked(ctx, x.d)
	switch {
	case err != nil:
		x.failed("scheduler", "", err)
	case at.IsZero():
		x.bad("scheduler", "", "never")
	case x.Now.Sub(at) > 4*jobs.TickEvery:
		x.bad("scheduler", "", "silent", at)
	default:
		x.well("scheduler", "")
	}
	x.givenUp(ctx)
	x.heads(ctx)
	x.media(ctx)
	x.backups(ctx)
}

// givenUp tells of work that was given up in the last week.
func (x *doctor) givenUp(ctx context.Context) {
	var lost []jobs.GivenUp
	err := x.d.Read(ctx, func(tx *db.Tx) (err error) {
		lost, err = jobs.Lost(ctx, tx, x.Now.AddDate(0, 0, -7))
		return err
	})
	if err != nil {
		x.failed("given_up", "", err)
	}
	for _, g := range lost {
		x.bad("given_up", g.Kind, "lost", g.Times, g.Last, g.Reason)
	}
}

// backups tells how old the last backup is that this program made.
func (x *doctor) backups(ctx context.Context) {
	var at int64
	err := x.d.Read(ctx, func(tx *db.Tx) error { return heartbeat(ctx, tx, backedUp, &at) })
	switch {
	case err != nil:
		x.failed("backup", "", err)
	case at == 0:
		x.note("backup", "", "never")
	case x.Now.Sub(db.When(at)) > 8*24*time.Hour:
		x.bad("backup", "", "old", db.When(at))
	default:
		x.well("backup", "")
	}
}

// heartbeat reads when something last happened; 0: never.
func heartbeat(ctx context.Context, tx *db.Tx, name string, at *int64) error {
	err := tx.QueryRow(ctx, `SELECT at FROM heartbeat WHERE name = $1`, name).Scan(at)
	if errors.Is(err, db.ErrNone) {
		return nil
	}
	return err
}

// heads looks at whether the audit log's heads leave the house, as was chosen.
func (x *doctor) heads(ctx context.Context) {
	if c := x.c.Audit; c.Letter == "" && c.File == "" && !c.Log {
		x.note("audit_head", "", "none")
		return
	}
	var at int64
	err := x.d.Read(ctx, func(tx *db.Tx) error { return heartbeat(ctx, tx, headLeft, &at) })
	switch {
	case err != nil:
		x.failed("audit_head", "", err)
	case at == 0:
		x.bad("audit_head", "", "never")
	case x.Now.Sub(db.When(at)) > 2*headEvery:
		x.bad("audit_head", "", "silent", db.When(at))
	default:
		x.well("audit_head", "")
	}
}

// media looks for files that the database names and the store does not have.
func (x *doctor) media(ctx context.Context) {
	store, err := OpenBlobs(x.c)
	if err != nil {
		x.failed("media", "", err)
		return
	}
	var names []string
	tables, err := db.Tables()
	if err != nil {
		x.failed("media", "", err)
		return
	}
	if err := x.d.Read(ctx, func(tx *db.Tx) (err error) { names, err = namedMedia(ctx, tx, tables); return err }); err != nil {
		x.failed("media", "", err)
		return
	}
	missing := 0
	for _, h := range names {
		switch err := has(ctx, store, h); {
		case fault.Is(err, fault.NotFound):
			missing++
		case err != nil:
			x.failed("media", "", err)
			return
		}
	}
	if missing > 0 {
		x.bad("media", "", "missing", missing, len(names))
		return
	}
	x.well("media", "")
}

func has(ctx context.Context, store blob.Store, hash string) error {
	f, _, err := store.Open(ctx, hash)
	if err != nil {
		return err
	}
	return f.Close()
}

// institutions looks at each institution.
func (x *doctor) institutions(ctx context.Context) {
	var all []institution.Institution
	if err := x.d.Read(ctx, func(tx *db.Tx) (err error) { all, err = institution.All(ctx, tx); return err }); err != nil {
		x.failed("institutions", "", err)
		return
	}
	if len(all) == 0 {
		x.bad("institutions", "", "none")
		return
	}
	x.well("institutions", "")
	for _, i := range all {
		for _, empty := range []struct{ field, value string }{
			{"privacy_url", i.PrivacyURL}, {"accessibility_url", i.AccessibilityURL}, {"legal_url", i.LegalURL}, {"email", i.Email},
		} {
			if empty.value == "" {
				x.note("legal", i.Slug, empty.field)
			}
		}
		if err := x.d.Read(ctx, func(tx *db.Tx) error { return x.institution(ctx, tx, i) }); err != nil {
			x.failed("institutions", i.Slug, err)
		}
	}
}

func (x *doctor) institution(ctx context.Context, tx *db.Tx, i institution.Institution) error {
	r, err := audit.Verify(ctx, tx, i.ID)
	switch {
	case err != nil:
		return err
	case r.Broken > 0:
		x.bad("audit", i.Slug, string(r.Why), r.Broken)
	case r.Entries > 0 && r.Sealed == 0:
		x.bad("audit", i.Slug, "unsealed")
	default:
		x.well("audit", i.Slug)
	}
	var administrators int
	if err := tx.QueryRow(ctx, `
		SELECT count(*) FROM membership m JOIN person p ON p.id = m.person_id WHERE m.institution_id = $1 AND m.role = 'administrator' AND p.disabled_at = 0`, i.ID).Scan(&administrators); err != nil {
		return err
	}
	if administrators == 0 {
		x.bad("people", i.Slug, "no_administrator")
	} else {
		x.well("people", i.Slug)
	}
	channels, err := channel.List(ctx, tx, i.ID)
	if err != nil {
		return err
	}
	for _, c := range channels {
		if about := i.Slug + ": " + c.Name; c.State != channel.Connected {
			x.bad("channel", about, "down", string(c.State), c.Code, orNow(c.FailingSince, x.Now))
		} else {
			x.well("channel", about)
		}
	}
	troubles, err := publishing.Troubles(ctx, tx, i.ID, x.Now, 1000)
	if err != nil {
		return err
	}
	if len(troubles) > 0 {
		x.bad("deliveries", i.Slug, "troubled", len(troubles))
	} else {
		x.well("deliveries", i.Slug)
	}
	return nil
}

func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}
