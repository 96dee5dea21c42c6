package office_test

import (
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/office"
)

// looks does the work of the watch, as often as asked, as several nodes do.
func (w *town) looks(times int) {
	w.t.Helper()
	for range times {
		w.must(w.offices.Watch(w.t.Context()))
	}
}

// lampAsked is a lamp asked about on Monday 4 at 10, due on Wednesday 6 at 10; the
// office was told.
func (w *town) lampAsked() inbox.Conversation {
	w.t.Helper()
	w.lamps()
	c := w.says("Il lampione è spento")
	w.letter("lavori@cesate.example.it")
	return c
}

func TestOfficeIsRemindedOnceBeforeTheDeadline(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		c := w.lampAsked()
		// Four working hours before Wednesday at 10: Tuesday at 15.
		w.clock.wall("2026-05-05T14:58")
		if w.looks(1); len(w.letters()) != 0 {
			t.Fatal("reminded too early")
		}
		w.clock.wall("2026-05-05T15:00")
		w.looks(3)
		m := w.letter("lavori@cesate.example.it")
		if !strings.Contains(m.subject, "scadenza si avvicina") || strings.Contains(m.text, "lampione") {
			t.Errorf("letter %q\n%s", m.subject, m.text)
		}
		shows(t, w.do("nobody", "GET", m.link(t), nil), 200, "Il lampione è spento")
		if got := w.find(c.ID); !got.RemindedAt.Equal(w.clock.now()) {
			t.Errorf("reminded at %s", got.RemindedAt)
		}
		// A new deadline is reminded of anew.
		w.must(w.inbox.Assign(w.as("writer"), w.inst.ID, []string{c.ID}, inbox.To{OfficeID: w.works.ID, DueAt: wall("2026-05-08T10:00")}))
		if w.looks(1); len(w.letters()) != 0 {
			t.Fatal("reminded of a deadline three days away")
		}
		w.clock.wall("2026-05-07T17:00")
		w.looks(2)
		w.letter("lavori@cesate.example.it")
	})
}

func TestHeadOfASilentOfficeIsToldOnceAfterTheDeadline(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		c := w.lampAsked()
		// The server was off while the reminder was due: only the alarm is left.
		w.clock.wall("2026-05-06T10:01")
		w.looks(3)
		m := w.letter("bruno@cesate.example.it")
		if !strings.Contains(m.subject, "Lavori pubblici non ha risposto") {
			t.Errorf("letter %q", m.subject)
		}
		shows(t, w.do("nobody", "GET", m.link(t), nil), 200, "Il lampione è spento", "In ritardo")
		if got := w.find(c.ID); !got.AlarmedAt.Equal(w.clock.now()) {
			t.Errorf("alarmed at %s", got.AlarmedAt)
		}
	})
}

func TestNobodyIsWarnedOfWhatIsDone(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		c := w.lampAsked()
		for _, x := range []struct {
			name   string
			change func()
		}{
			{"closed", func() { w.must(w.inbox.Close(w.as("writer"), w.inst.ID, []string{c.ID})) }},
			{"answered", func() {
				w.write(`UPDATE conversation SET state = 'open', waiting = FALSE, answered_at = 1 WHERE id = $1`, c.ID)
			}},
			{"informed", func() {
				w.write(`UPDATE conversation SET state = 'open', waiting = TRUE, answered_at = 0 WHERE id = $1`, c.ID)
				w.tx(func(tx *db.Tx) error {
					_, err := w.inbox.NoteTx(t.Context(), tx, w.inst.ID, inbox.Note{ConversationID: c.ID, OfficeID: w.works.ID, Text: "Giovedì."}, w.clock.now())
					return err
				})
			}},
		} {
			x.change()
			w.clock.wall("2026-05-06T10:30")
			w.looks(1)
			if all := w.letters(); len(all) != 0 {
				t.Errorf("%s: %+v", x.name, all)
			}
		}
		// The proof that something would have been sent.
		w.write(`DELETE FROM note WHERE conversation_id = $1`, c.ID)
		w.write(`DELETE FROM office_alarm WHERE subject_id = $1`, c.ID)
		w.looks(1)
		w.letter("bruno@cesate.example.it")
	})
}

// The registry has no head: what is late shows at the desk, and nothing else happens.
func TestOfficeWithoutAHeadIsNotReported(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.rule(office.Rule{OfficeID: w.registry.ID})
		c := w.says("Quando apre l'anagrafe?")
		w.letter("anagrafe@cesate.example.it")
		w.clock.wall("2026-05-11T10:00")
		w.looks(2)
		if all := w.letters(); len(all) != 0 {
			t.Errorf("letters %+v", all)
		}
		if got := w.find(c.ID); got.AlarmedAt.IsZero() || !got.Overdue(w.clock.now()) {
			t.Errorf("alarmed at %s", got.AlarmedAt)
		}
	})
}

func TestFiguresCountWorkingTime(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		// Answered after 1, 2, 3, 4 and 20 working hours; the last too late.
		for n, answered := range []string{"2026-05-04T11:00", "2026-05-04T12:00", "2026-05-04T14:00", "2026-05-04T15:00", "2026-05-06T15:00"} {
			c := w.says("Un lampione spento", other(string(rune('a'+n))))
			w.write(`UPDATE conversation SET answered_at = $2, closed_at = $2, state = 'closed', waiting = FALSE WHERE id = $1`, c.ID, db.At(wall(answered)))
		}
		w.says("Un lampione che nessuno guarda", other("zeno"))
		w.clock.wall("2026-05-08T10:00")
		w.says("Un lampione appena spento", other("yuri"))
		var all []office.Figure
		w.tx(func(tx *db.Tx) (err error) {
			all, _, err = office.Figures(t.Context(), tx, w.inst.ID, wall("2026-05-01T00:00"), wall("2026-06-01T00:00"), w.clock.now())
			return err
		})
		if len(all) != 2 || all[0].Name != "Anagrafe" || all[0].Got != 0 {
			t.Fatalf("figures %+v", all)
		}
		got := all[1]
		want := office.Figure{OfficeID: w.works.ID, Name: "Lavori pubblici", Got: 7, Answered: 5, Closed: 5, Waiting: 2, Late: 1, WithDeadline: 6, InTime: 4,
			First: office.Times{N: 5, Median: 3 * time.Hour, Most: 20 * time.Hour}, Resolved: office.Times{N: 5, Median: 3 * time.Hour, Most: 20 * time.Hour}}
		if got != want {
			t.Errorf("got  %+v\nwant %+v", got, want)
		}
		shows(t, w.do("reader", "GET", "/redazione/uffici/tempi?dal=2026-05-01&al=2026-05-31", nil), 200, "Lavori pubblici", "3 h", "20 h", "66,7% (4 su 6)", "1 in ritardo")
		shows(t, w.do("reader", "GET", "/redazione/uffici/tempi?dal=2026-05-31&al=2026-05-01", nil), 422, "Il periodo finisce prima di cominciare")
		shows(t, w.do("reader", "GET", "/redazione/uffici/tempi?dal=2025-05-01&al=2025-05-31", nil), 200, "Ancora nessun tempo da mostrare")
	})
}
