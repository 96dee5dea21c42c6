package app

import (
	"slices"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestClockThatJumpsIsNoticedEitherWay(t *testing.T) {
	start := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		wall, mono, want time.Duration
	}{
		{time.Second, time.Second, 0},
		{30 * time.Second, 29 * time.Second, 0}, // corrected a little
		{2 * time.Minute, 2 * time.Minute, 0},   // a busy machine looks late
		{time.Hour + time.Second, time.Second, time.Hour},
		{-time.Hour + time.Second, time.Second, -time.Hour},
	} {
		var w clockWatch
		w.see(start, time.Minute)
		if got := w.see(start.Add(c.wall), time.Minute+c.mono); got != c.want {
			t.Errorf("%s on the wall in %s: noticed %s, want %s", c.wall, c.mono, got, c.want)
		}
		if got := w.lately(time.Minute + c.mono + 10*time.Second); got != c.want {
			t.Errorf("ten seconds later it says %s, want %s", got, c.want)
		}
		if got := w.lately(time.Minute + c.mono + 2*jumpSays); got != 0 {
			t.Errorf("long after it still says %s", got)
		}
	}
}

// Each column that by its name holds a moment set ahead is brought back, or has a
// reason not to be.
func TestEveryMomentSetAheadIsBroughtBack(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		theirs := []string{"websub_subscription.lease_until"} // what was agreed with a subscriber
		all := moments(time.Minute)
		now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			i, err := institution.Create(t.Context(), tx, institution.Institution{Name: "Comune di Cesate"}, now)
			if err != nil {
				return err
			}
			if _, err := tx.Exec(t.Context(), `INSERT INTO pace (institution_id, channel_id, what, tat) VALUES ($1, 'c', 'post', $2)`, i.ID, db.At(now.Add(time.Hour))); err != nil {
				return err
			}
			n, err := db.Rewind(t.Context(), tx, all, now)
			if n != 1 {
				t.Errorf("%d moments brought back, want 1", n)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if d.Engine != db.SQLite {
			return
		}
		var columns []string
		if err := d.Read(t.Context(), func(tx *db.Tx) (err error) {
			columns, err = db.All(t.Context(), tx, db.Col[string], `
				SELECT m.name || '.' || p.name FROM sqlite_master m JOIN pragma_table_info(m.name) p
				WHERE m.type = 'table' AND p.name IN ('lease_until', 'next_at', 'slot_at', 'tat')`)
			return err
		}); err != nil || len(columns) == 0 {
			t.Fatal(err, columns)
		}
		for _, c := range columns {
			listed := slices.ContainsFunc(all, func(m db.Moment) bool { return m.Table+"."+m.Column == c })
			if !listed && !slices.Contains(theirs, c) {
				t.Errorf("%s would keep waiting after the clock was set back", c)
			}
		}
	})
}
