package newsletter

import (
	"context"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/retain"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestWhoGotWhichLetterIsForgottenAndTheCountsStay(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		for _, a := range []string{"a@example.org", "b@example.org", "c@example.org"} {
			w.subscriber(a, Immediate)
		}
		w.post.answer = func(l mail.Letter) (mail.Result, bool) {
			return mail.Result{Outcome: mail.Refused, Code: 554, Enhanced: "5.7.1"}, l.To.Addr == "b@example.org"
		}
		w.hand("comune", "k1", "Avviso")
		w.work()
		tidy := func() { w.must(retain.Work(t.Context(), d, Retention(retain.Days(30)), w.clock.now(), nil)) }
		shown := func() (i Issue) {
			w.must(d.Read(t.Context(), func(tx *db.Tx) error {
				all, err := issues(t.Context(), tx, w.i.ID, 5)
				i = all[0]
				return err
			}))
			return i
		}
		w.clock.advance(retain.Days(29))
		tidy()
		if got := w.outcomes(); got != "refused 1, sent 2" {
			t.Fatalf("before their time: %s", got)
		}
		w.hand("comune", "k2", "Nuovo avviso") // and this one is new
		w.work()
		w.clock.advance(2 * 24 * time.Hour)
		for range 2 { // a second time counts nothing twice
			tidy()
		}
		if got := w.outcomes(); got != "refused 1, sent 2" {
			t.Errorf("of the new issue there is left: %s", got)
		}
		w.must(d.Read(t.Context(), func(tx *db.Tx) error {
			counts, err := retain.Remaining(t.Context(), tx, w.i.ID, retain.Letter, []string{w.firstIssue()})
			if c := counts[w.firstIssue()]; len(counts) != 1 || c["sent"] != 2 || c["refused"] != 1 {
				t.Errorf("counts %v", counts)
			}
			return err
		}))
		w.must(d.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `DELETE FROM issue WHERE id <> $1`, w.firstIssue())
			return err
		}))
		if i := shown(); i.Counts[Sent] != 2 || i.Counts[Refused] != 1 || i.Count("refused") != 0 {
			t.Errorf("the desk shows %v and would send %d again", i.Counts, i.Count("refused"))
		}
	})
}

// firstIssue is the oldest issue.
func (w *town) firstIssue() (id string) {
	w.Helper()
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) error {
		return tx.QueryRow(context.Background(), `SELECT id FROM issue ORDER BY created_at, id LIMIT 1`).Scan(&id)
	}))
	return id
}
