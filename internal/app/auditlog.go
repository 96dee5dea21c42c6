package app

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/mail"
)

// Verified is what reading an institution's audit log showed.
type Verified struct {
	Slug string
	audit.Report
	Heads int    // heads kept elsewhere that the log confirms
	Head  string // the first kept head that it contradicts: number and hash
}

// VerifyAudit reads every audit log, and compares it with heads that were kept
// elsewhere; heads may be nil.
func VerifyAudit(ctx context.Context, d *db.DB, heads []byte) (all []Verified, err error) {
	kept := map[string]map[int64]string{}
	for _, h := range audit.ReadHeads(string(heads)) {
		if kept[h.InstitutionID] == nil {
			kept[h.InstitutionID] = map[int64]string{}
		}
		// Two heads of one number can only agree; the first is as good as any.
		if have, twice := kept[h.InstitutionID][h.Seq]; !twice || have == h.Hash {
			kept[h.InstitutionID][h.Seq] = h.Hash
		} else {
			kept[h.InstitutionID][h.Seq] = "two"
		}
	}
	err = d.Read(ctx, func(tx *db.Tx) error {
		institutions, err := institution.All(ctx, tx)
		if err != nil {
			return err
		}
		for _, i := range institutions {
			v, mine := Verified{Slug: i.Slug}, kept[i.ID]
			v.Report, err = audit.VerifyEach(ctx, tx, i.ID, func(e audit.Entry) {
				hash, ok := mine[e.Seq]
				if !ok {
					return
				}
				delete(mine, e.Seq)
				if v.Heads++; hash != e.Hash && v.Head == "" {
					v.Head = fmt.Sprintf("%d %s", e.Seq, hash)
				}
			})
			if err != nil {
				return err
			}
			for seq, hash := range mine { // beyond the end: what stood there is gone
				if v.Head == "" {
					v.Head = fmt.Sprintf("%d %s", seq, hash)
				}
			}
			all = append(all, v)
		}
		return nil
	})
	return all, err
}

// AuditHeads are the heads of all logs, a line each.
func AuditHeads(ctx context.Context, d *db.DB, now time.Time) (lines []string, err error) {
	err = d.Read(ctx, func(tx *db.Tx) error {
		all, err := institution.All(ctx, tx)
		if err != nil {
			return err
		}
		for _, i := range all {
			h, ok, err := audit.HeadOf(ctx, tx, i.ID)
			if err != nil {
				return err
			}
			if ok {
				lines = append(lines, h.Line(i.Slug, now))
			}
		}
		return nil
	})
	return lines, err
}

// sealAudit begins to seal the logs that were begun without seals.
func (a *App) sealAudit(ctx context.Context) error {
	return a.DB.InTx(ctx, func(tx *db.Tx) error {
		all, err := institution.All(ctx, tx)
		if err != nil {
			return err
		}
		for _, i := range all {
			if err := audit.Begin(ctx, tx, i.ID, a.Clock()); err != nil {
				return err
			}
		}
		return nil
	})
}

// auditHead is the daily work that lets the heads of the logs leave the house, by
// the ways that the configuration chose.
type auditHead struct{}

func (auditHead) Kind() string { return "app.audit_head" }

// headEvery is how often a head leaves.
const headEvery = 24 * time.Hour

// headLeft is the heartbeat of a head that left by all chosen ways.
const headLeft = "audit.head"

// leaveHead sends the heads. A node that dies here sends them again: twice the same
// head does no harm.
func (a *App) leaveHead(ctx context.Context, _ auditHead) error {
	c := a.Config.Audit
	if c.Letter == "" && c.File == "" && !c.Log {
		return nil
	}
	now := a.Clock()
	lines, err := AuditHeads(ctx, a.DB, now)
	if err != nil || len(lines) == 0 {
		return err
	}
	if c.Log {
		for _, l := range lines {
			a.Log.Info("audit head", "head", l)
		}
	}
	if c.File != "" {
		if err := appendLines(c.File, lines); err != nil {
			return fmt.Errorf("audit head: %w", err)
		}
	}
	if c.Letter != "" {
		p := a.bundle.For(a.Config.Locale, time.UTC)
		r := a.Mail.Send(ctx, mail.Letter{
			From: a.from(), To: mail.Address{Addr: c.Letter}, Subject: p.T("audit.head.subject", a.base.Hostname()),
			Text: p.T("audit.head.text") + "\n\n" + strings.Join(lines, "\n") + "\n", Language: p.Lang(),
			MessageID: "audit." + db.NewID() + "@" + a.base.Hostname(), Date: now,
		})
		if r.Outcome != mail.Sent && r.Outcome != mail.Unknown {
			return fmt.Errorf("audit head: the letter did not leave: %s", r.Outcome)
		}
	}
	return beat(ctx, a.DB, headLeft, now)
}

// backedUp is the heartbeat of a backup that was written.
const backedUp = "backup"

// BackedUp notes that a backup was written, for doctor.
func BackedUp(ctx context.Context, d *db.DB, now time.Time) error { return beat(ctx, d, backedUp, now) }

func beat(ctx context.Context, d *db.DB, name string, now time.Time) error {
	return d.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO heartbeat (name, at) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET at = excluded.at`, name, db.At(now))
		return err
	})
}

// appendLines adds lines to a file that only grows, safe on the disk.
func appendLines(path string, lines []string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o640)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}
