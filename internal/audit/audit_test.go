package audit_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
)

var now = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

func record(t *testing.T, d *db.DB, institution string, n int) {
	t.Helper()
	ctx := people.With(t.Context(), people.Actor{PersonID: "anna"})
	for i := range n {
		err := d.InTx(ctx, func(tx *db.Tx) error {
			return audit.Record(ctx, tx, institution, "message.approve", fmt.Sprint("m", i), map[string]any{"rev": i}, now.Add(time.Duration(i)*time.Second))
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

func verify(t *testing.T, d *db.DB, institution string) (entries, broken int64) {
	t.Helper()
	r := report(t, d, institution)
	return r.Entries, r.Broken
}

func report(t *testing.T, d *db.DB, institution string) (r audit.Report) {
	t.Helper()
	err := d.Read(t.Context(), func(tx *db.Tx) (err error) {
		r, err = audit.Verify(t.Context(), tx, institution)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestEntriesSayWhoDidWhat(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		record(t, d, "cesate", 3)
		record(t, d, "solaro", 1)
		err := d.Read(t.Context(), func(tx *db.Tx) error {
			all, err := audit.Latest(t.Context(), tx, "cesate", 0, 2)
			if len(all) != 2 || all[0].Seq != 3 || all[0].PersonID != "anna" || all[0].Subject != "m2" || all[0].Detail != `{"rev":2}` || !all[0].At.Equal(now.Add(2*time.Second)) {
				t.Errorf("latest %+v", all)
			}
			older, err2 := audit.Latest(t.Context(), tx, "cesate", all[1].Seq, 2)
			if len(older) != 1 || older[0].Seq != 1 {
				t.Errorf("older %+v", older)
			}
			return errors.Join(err, err2)
		})
		if err != nil {
			t.Fatal(err)
		}
		if n, broken := verify(t, d, "cesate"); n != 3 || broken != 0 {
			t.Errorf("verify: %d hold, broken at %d", n, broken)
		}
	})
}

func TestTamperingShows(t *testing.T) {
	for name, c := range map[string]struct {
		change string
		broken int64
	}{
		"another person": {`UPDATE audit SET person_id = 'bruno' WHERE seq = 3`, 3},
		"another detail": {`UPDATE audit SET detail = '{}' WHERE seq = 1`, 1},
		"another time":   {`UPDATE audit SET at = at + 1 WHERE seq = 5`, 5},
		"a removed row":  {`DELETE FROM audit WHERE seq = 2`, 2},
		"moved text":     {`UPDATE audit SET action = 'message', subject = '.approve' || subject WHERE seq = 4`, 4},
	} {
		t.Run(name, func(t *testing.T) {
			testkit.Databases(t, func(t *testing.T, d *db.DB) {
				record(t, d, "cesate", 5)
				err := d.InTx(t.Context(), func(tx *db.Tx) error {
					n, err := tx.Change(t.Context(), c.change)
					if n != 1 {
						t.Errorf("%d rows changed", n)
					}
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if n, broken := verify(t, d, "cesate"); broken != c.broken || n != c.broken-1 {
					t.Errorf("%d hold, broken at %d; want broken at %d", n, broken, c.broken)
				}
			})
		})
	}
}

func TestSimultaneousActsMakeOneChain(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		var wg sync.WaitGroup
		for range 6 {
			wg.Go(func() { record(t, d, "cesate", 5) })
		}
		wg.Wait()
		if n, broken := verify(t, d, "cesate"); n != 30 || broken != 0 {
			t.Errorf("%d hold, broken at %d; want 30 and none", n, broken)
		}
	})
}

func TestActThatFailsLeavesNoRecord(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		record(t, d, "cesate", 1)
		failed := errors.New("the act failed")
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			return errors.Join(audit.Record(context.Background(), tx, "cesate", "x", "y", nil, now), failed)
		})
		if !errors.Is(err, failed) {
			t.Fatal(err)
		}
		if n, broken := verify(t, d, "cesate"); n != 1 || broken != 0 {
			t.Errorf("%d hold, broken at %d", n, broken)
		}
	})
}

// keyed gives a database a key, as the program does.
func keyed(d *db.DB, box *secret.Box) { d.Marker = marker{box} }

type marker struct{ *secret.Box }

func (m marker) Mark(purpose, data string) (string, error) { return m.MAC(purpose, data), nil }
func (m marker) Marked(purpose, data, mark string) (bool, error) {
	return m.SameNow(purpose, data, mark), nil
}

// Whoever holds the database, and not the key, can compute every hash anew. The
// seals show it, from the first entry that was touched on.
func TestChainRewrittenWithoutTheKeyShows(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		box := secret.Fresh()
		keyed(d, box)
		record(t, d, "cesate", 5)
		if r := report(t, d, "cesate"); r.Entries != 5 || r.Broken != 0 || r.Sealed != 1 {
			t.Fatalf("sealed from the first on: %+v", r)
		}
		change := func(q string, args ...any) {
			t.Helper()
			if err := d.InTx(t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(t.Context(), q, args...); return err }); err != nil {
				t.Fatal(err)
			}
		}
		// The whole chain made anew with another key, as with the database alone.
		change(`DELETE FROM audit WHERE seq > 2`)
		keyed(d, secret.Fresh())
		record(t, d, "cesate", 3)
		keyed(d, box)
		if r := report(t, d, "cesate"); r.Entries != 2 || r.Broken != 3 || r.Why != audit.Seal {
			t.Errorf("a chain continued with another key: %+v", r)
		}
		// Or without seals at all.
		change(`UPDATE audit SET mac = '' WHERE seq > 1`)
		if r := report(t, d, "cesate"); r.Broken != 2 || r.Why != audit.Seal {
			t.Errorf("seals taken away: %+v", r)
		}
		// One institution's seals are of no use in another's log.
		change(`DELETE FROM audit WHERE seq > 1`)
		change(`UPDATE audit SET institution_id = 'solaro'`)
		if r := report(t, d, "solaro"); r.Broken != 1 {
			t.Errorf("an entry of another institution: %+v", r)
		}
	})
}

// A log that was begun without seals is taken as it is, says from where on it is
// sealed, and nothing before or after can be changed from then on.
func TestOldLogIsSealedFromHereOn(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		record(t, d, "cesate", 3)
		keyed(d, secret.Fresh())
		for range 2 { // a second start changes nothing
			if err := d.InTx(t.Context(), func(tx *db.Tx) error { return audit.Begin(t.Context(), tx, "cesate", now) }); err != nil {
				t.Fatal(err)
			}
		}
		record(t, d, "cesate", 1)
		if r := report(t, d, "cesate"); r.Entries != 5 || r.Sealed != 4 || r.Broken != 0 {
			t.Fatalf("%+v", r)
		}
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE audit SET person_id = 'bruno' WHERE seq = 2`)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if r := report(t, d, "cesate"); r.Broken != 2 || r.Why != audit.Content {
			t.Errorf("an old entry changed: %+v", r)
		}
	})
}

func TestHeadIsFoundInAnyText(t *testing.T) {
	h := audit.Head{InstitutionID: "i1", Seq: 7, Hash: "abc"}
	text := "Dec 01 arengo[1]: level=INFO msg=\"audit head\" head=\"" + h.Line("cesate", now) + "\"\nother\n" + h.Line("cesate", now) + "\r\narengo-audit broken\n"
	if got := audit.ReadHeads(text); len(got) != 2 || got[0] != h || got[1] != h {
		t.Errorf("read %+v", got)
	}
}

func TestDetailThatIsNoJSONIsRefused(t *testing.T) {
	d := testkit.SQLite(t)
	err := d.InTx(t.Context(), func(tx *db.Tx) error {
		return audit.Record(t.Context(), tx, "cesate", "x", "y", func() {}, now)
	})
	if err == nil {
		t.Error("accepted")
	}
}
