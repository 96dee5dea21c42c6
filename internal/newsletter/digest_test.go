package newsletter

import (
	"context"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestDigestHourIsLocalOverBothChangesOfTheClock(t *testing.T) {
	morning := Setting{Hour: 7, Weekday: time.Friday}
	night := Setting{Hour: 2, Weekday: time.Sunday}
	for _, c := range []struct {
		kind      IssueKind
		s         Setting
		now, want string // now and want are UTC
	}{
		{OfDay, morning, "2026-05-04T05:00", "2026-05-04T05:00"},
		{OfDay, morning, "2026-05-04T04:59", "2026-05-03T05:00"},
		{OfDay, morning, "2026-03-29T05:00", "2026-03-29T05:00"}, // summer time began that night
		{OfDay, morning, "2026-03-28T06:00", "2026-03-28T06:00"},
		{OfDay, morning, "2026-10-25T06:00", "2026-10-25T06:00"}, // and ended that night
		{OfDay, morning, "2026-10-25T05:30", "2026-10-24T05:00"},
		{OfWeek, morning, "2026-05-04T12:00", "2026-05-01T05:00"},
		{OfWeek, morning, "2026-05-08T05:00", "2026-05-08T05:00"},
		{OfDay, night, "2026-03-29T01:30", "2026-03-29T01:00"}, // 2:00 is skipped: 3:00 instead
		{OfDay, night, "2026-10-25T01:30", "2026-10-25T01:00"}, // 2:00 is twice: the second
	} {
		now, err := time.Parse("2006-01-02T15:04", c.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := lastCut(c.kind, c.s, rome(), now).UTC().Format("2006-01-02T15:04"); got != c.want {
			t.Errorf("%s at %d, seen at %s: %s, want %s", c.kind, c.s.Hour, c.now, got, c.want)
		}
	}
}

func TestDigestTellsEachMessageOnceAndOnlyToWhoAskedForIt(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.subscriber("day@example.org", Daily)
		w.subscriber("library@example.org", Daily, Scope{"profile", w.profiles["biblioteca"].ID})
		w.subscriber("sport@example.org", Daily, Scope{"tag", "sport"})
		w.subscriber("week@example.org", Weekly)
		w.subscriber("now@example.org", Immediate)
		w.clock.move(at("2026-05-05T06:59"))
		w.work() // the digests of the days before: nothing was said
		w.publish("comune", "Il mercato torna in piazza", at("2026-05-04T09:00"), "commercio")
		w.publish("biblioteca", "Storie sotto il glicine", at("2026-05-04T20:00"), "letture")
		gone := w.publish("comune", "Un errore", at("2026-05-04T21:00"), "sport")
		w.clock.move(at("2026-05-05T07:00"))
		w.must(w.list.workTick(context.Background(), tick{}))
		w.must(d.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE publication SET withdrawn_at = 1 WHERE message_id = $1`, gone)
			return err
		}))
		w.work()
		w.work()
		day := w.post.to("day@example.org")
		if len(day) != 1 || !strings.Contains(day[0].Text, "Il mercato torna") || !strings.Contains(day[0].Text, "glicine") || strings.Contains(day[0].Text, "Un errore") {
			t.Fatalf("the daily digest: %d letters %+v", len(day), day)
		}
		if day[0].Subject != "2 notizie da Comune di Cesate" {
			t.Error(day[0].Subject)
		}
		if l := w.post.to("library@example.org"); len(l) != 1 || strings.Contains(l[0].Text, "mercato") || l[0].Subject != "Una notizia da Comune di Cesate" {
			t.Errorf("the library's reader: %+v", l)
		}
		for _, nobody := range []string{"sport@example.org", "week@example.org", "now@example.org"} {
			if l := w.post.to(nobody); len(l) != 0 {
				t.Errorf("%s received %d letters", nobody, len(l))
			}
		}
		w.clock.move(at("2026-05-06T07:01"))
		w.work() // nothing new: no letter
		w.publish("comune", "Una novità", at("2026-05-06T12:00"))
		w.clock.move(at("2026-05-08T07:00")) // down for a day: the next digest tells all
		w.work()
		day = w.post.to("day@example.org")
		if len(day) != 2 || !strings.Contains(day[1].Text, "Una novità") || strings.Contains(day[1].Text, "mercato") {
			t.Errorf("the second digest: %+v", day)
		}
		if week := w.post.to("week@example.org"); len(week) != 1 || !strings.Contains(week[0].Text, "Una novità") || !strings.Contains(week[0].Text, "mercato") {
			t.Errorf("the weekly digest: %+v", week)
		}
	})
}
