package db_test

import (
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestLimitAllowsABurstAndThenOneEverySoOften(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		l := db.Limit{Every: time.Minute, Burst: 3}
		now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
		try := func(bucket string, at time.Time) (ok bool) {
			t.Helper()
			if err := d.InTx(t.Context(), func(tx *db.Tx) error {
				wait, err := l.Take(t.Context(), tx, bucket, at)
				ok = wait == 0
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return ok
		}
		for n, want := range []bool{true, true, true, false, false} {
			if try("a", now) != want {
				t.Errorf("attempt %d: want %v", n+1, want)
			}
		}
		if !try("b", now) {
			t.Error("another bucket is counted with the first")
		}
		if try("a", now.Add(59*time.Second)) || !try("a", now.Add(time.Minute)) || try("a", now.Add(time.Minute)) {
			t.Error("after a minute one attempt, and only one, is allowed")
		}
	})
}

// Whoever used up nothing is not refused because the clock was an hour ahead when
// he did.
func TestLimitForgetsWhatAnotherClockCounted(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		l := db.Limit{Every: time.Second, Burst: 3}
		now := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
		try := func(at time.Time) (ok bool) {
			t.Helper()
			if err := d.InTx(t.Context(), func(tx *db.Tx) error {
				wait, err := l.Take(t.Context(), tx, "token", at)
				ok = wait == 0
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return ok
		}
		for _, at := range []time.Time{now.Add(time.Hour), now, now, now} {
			if !try(at) {
				t.Errorf("refused at %s", at)
			}
		}
		if try(now) {
			t.Error("the limit is gone")
		}
	})
}

// Attempts at the same moment are counted in any order; one whose time is a little
// earlier than the last does not make the bucket begin anew.
func TestLimitHoldsForAttemptsThatOvertakeEachOther(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		l := db.Limit{Every: time.Hour, Burst: 6}
		now, passed := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC), 0
		for n := range 100 {
			// Every second one began before the one that is counted already.
			at := now.Add(time.Duration(n) * time.Millisecond)
			if n%2 == 1 {
				at = at.Add(-5 * time.Second)
			}
			if err := d.InTx(t.Context(), func(tx *db.Tx) error {
				wait, err := l.Take(t.Context(), tx, "a", at)
				if wait == 0 {
					passed++
				}
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		if passed != 6 {
			t.Errorf("%d attempts pass, want 6", passed)
		}
	})
}
