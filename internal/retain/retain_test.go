package retain_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/retain"
	"codeberg.org/arengo/arengo/internal/testkit"
)

var now = time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)

// fill writes n buckets, of which each third is past its time.
func fill(t *testing.T, d *db.DB, n int) {
	t.Helper()
	if err := d.InTx(t.Context(), func(tx *db.Tx) error {
		for i := range n {
			at := now.Add(time.Hour)
			if i%3 == 0 {
				at = now.Add(-time.Hour)
			}
			if _, err := tx.Exec(t.Context(), `INSERT INTO rate_limit (bucket, full_at) VALUES ($1, $2)`, db.NewID(), db.At(at)); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
}

func count(t *testing.T, d *db.DB) (n int) {
	t.Helper()
	if err := d.Read(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(t.Context(), `SELECT count(*) FROM rate_limit`).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

func buckets(step retain.Step) []retain.Rule { return []retain.Rule{{Table: "rate_limit", Step: step}} }

func TestRowsGoInBatchesUntilNoneIsLeftOnAllNodesAtOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		fill(t, d, 2400)
		rows, most := retain.Rows("rate_limit", `full_at < $1`, "bucket"), 0
		var mu sync.Mutex
		rules := buckets(func(ctx context.Context, tx *db.Tx, before time.Time, n int) (int, error) {
			gone, err := rows(ctx, tx, before, n)
			mu.Lock()
			defer mu.Unlock()
			most = max(most, gone)
			return gone, err
		})
		var nodes sync.WaitGroup
		for range 3 {
			nodes.Go(func() {
				if err := retain.Work(t.Context(), d, rules, now, nil); err != nil {
					t.Error(err)
				}
			})
		}
		nodes.Wait()
		if n := count(t, d); n != 1600 {
			t.Errorf("%d rows are left", n)
		}
		if most == 0 || most > 500 {
			t.Errorf("%d rows went in one transaction", most)
		}
	})
}

func TestRuleThatFailsLeavesTheOthersTheirWork(t *testing.T) {
	d := testkit.SQLite(t)
	fill(t, d, 30)
	broken := retain.Rule{Table: "nowhere", Step: func(context.Context, *db.Tx, time.Time, int) (int, error) { return 0, errors.New("broken") }}
	err := retain.Work(t.Context(), d, append([]retain.Rule{broken}, buckets(retain.Rows("rate_limit", `full_at < $1`, "bucket"))...), now, nil)
	if err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("the error is %v", err)
	}
	if n := count(t, d); n != 20 {
		t.Errorf("%d rows are left", n)
	}
}

// Killed between any two batches, what went is counted once and what did not, later.
func TestCountsHoldWhenTheProcessEndsBetweenBatches(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if err := d.InTx(ctx, func(tx *db.Tx) error {
			for _, q := range []string{
				`INSERT INTO institution (id, slug, name, created_at) VALUES ('i', 'i', 'I', 1)`,
				`INSERT INTO webhook_delivery (institution_id, id, webhook_id, event, body, state, next_at, created_at, changed_at)
					WITH RECURSIVE n (k) AS (SELECT 1 UNION ALL SELECT k + 1 FROM n WHERE k < 1200)
					SELECT 'i', CAST(k AS TEXT), 'h', '', '', CASE WHEN k % 3 = 0 THEN 'failed' ELSE 'delivered' END, 0, 1, 1 FROM n`,
			} {
				if _, err := tx.Exec(ctx, q); err != nil {
					return err
				}
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		step := retain.Counted(retain.Letter, "webhook_delivery", "webhook_id", `created_at < $1`, "institution_id", "id")
		killed, batches := errors.New("killed"), 0
		rules := []retain.Rule{{Table: "webhook_delivery", Step: func(ctx context.Context, tx *db.Tx, before time.Time, n int) (int, error) {
			gone, err := step(ctx, tx, before, n)
			if batches++; batches%2 == 0 && err == nil && gone > 0 {
				err = killed
			}
			return gone, err
		}}}
		for end := false; !end; {
			err := retain.Work(ctx, d, rules, now, nil)
			if end = err == nil; err != nil && !errors.Is(err, killed) {
				t.Fatal(err)
			}
		}
		if err := d.Read(ctx, func(tx *db.Tx) error {
			left, err := retain.Remaining(ctx, tx, "i", retain.Letter, []string{"h", "none"})
			if len(left) != 1 || left["h"]["failed"] != 400 || left["h"]["delivered"] != 800 {
				t.Errorf("%v", left)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if batches < 4 {
			t.Errorf("only %d batches: nothing was killed", batches)
		}
	})
}
