package jobs_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/testkit"
)

type appointment struct{ At int64 }

func (appointment) Kind() string { return "test.appointment" }

// What is planned for the next moments and what was planned long before begin
// within a second. A busy machine may be late by itself, so the best of some
// rounds counts: by chance alone none would be good.
func TestPlannedWorkBeginsWithinASecond(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		r := jobs.NewRegistry(d)
		late := make(chan time.Duration, 10)
		jobs.Handle(r, func(_ context.Context, a appointment) error {
			late <- time.Since(db.When(a.At))
			return nil
		})
		p := start(t, d, r)
		worst := time.Hour
		for range 3 {
			now := time.Now()
			plans := []time.Duration{200 * time.Millisecond, 1100 * time.Millisecond, 2300 * time.Millisecond, 13 * time.Second}
			for _, in := range plans {
				at := now.Add(in)
				enqueue(t, d, p, appointment{db.At(at)}, jobs.When{At: at, Queue: jobs.Delivery})
			}
			round := time.Duration(0)
			for range plans {
				select {
				case l := <-late:
					if l < -time.Millisecond {
						t.Fatalf("%s too early", -l)
					}
					round = max(round, l)
				case <-time.After(40 * time.Second):
					t.Fatal("it never began")
				}
			}
			if worst = min(worst, round); worst < time.Second {
				break
			}
		}
		t.Logf("late by at most %s", worst)
		if worst >= time.Second {
			t.Fatalf("late by %s", worst)
		}
	})
}

func start(t *testing.T, d *db.DB, r *jobs.Registry) *jobs.Pool {
	t.Helper()
	p, err := jobs.New(t.Context(), d, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return p
}

func enqueue(t *testing.T, d *db.DB, p *jobs.Pool, a jobs.Args, w jobs.When) {
	t.Helper()
	if err := d.InTx(t.Context(), func(tx *db.Tx) error { return p.Enqueue(t.Context(), tx, a, w) }); err != nil {
		t.Fatal(err)
	}
}

// The clock was set back by an hour: what was done in that hour is no reason to
// wait for it to come again.
func TestPeriodicWorkGoesOnAfterTheClockWasSetBack(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		if err := d.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO heartbeat (name, at) VALUES ('tick', $1), ('every:jobs.tick', $1)`, db.At(time.Now().Add(time.Hour)))
			return err
		}); err != nil {
			t.Fatal(err)
		}
		start(t, d, jobs.NewRegistry(d))
		for deadline := time.Now().Add(20 * time.Second); ; <-time.After(20 * time.Millisecond) {
			at, err := jobs.Ticked(t.Context(), d)
			if err != nil {
				t.Fatal(err)
			}
			if !at.After(time.Now()) {
				return
			}
			if time.Now().After(deadline) {
				t.Fatal("nothing is done until the hour has passed again")
			}
		}
	})
}

type sit struct{ N int }

func (sit) Kind() string { return "test.sit" }

// A lane whose workers all hang keeps no other lane from working, and is told.
func TestLanesDoNotWaitForEachOther(t *testing.T) {
	d := testkit.SQLite(t)
	r := jobs.NewRegistry(d)
	free := make(chan struct{})
	var sitting sync.WaitGroup
	done := make(chan struct{}, 1)
	jobs.Handle(r, func(ctx context.Context, s sit) error {
		if s.N < 0 {
			done <- struct{}{}
			return nil
		}
		sitting.Done()
		select {
		case <-free:
		case <-ctx.Done():
		}
		return nil
	})
	p := start(t, d, r)
	lanes := []string{jobs.Default, jobs.Delivery, jobs.Listen, jobs.Errand, jobs.Spread, jobs.Letters, jobs.Bulk}
	workers := 0
	for _, l := range p.Lanes() {
		for n := range l.Workers {
			if l.Name != jobs.Urgent {
				workers++
				sitting.Add(1)
				enqueue(t, d, p, sit{n}, jobs.When{Queue: l.Name})
			}
		}
	}
	sitting.Wait()
	enqueue(t, d, p, sit{-1}, jobs.When{Queue: jobs.Urgent})
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Fatal("an emergency waits for the others")
	}
	busy := map[string]string{}
	for _, l := range p.Lanes() {
		busy[l.Name] = fmt.Sprintf("%d/%d", l.Busy, l.Workers)
	}
	for _, name := range lanes {
		if busy[name] != fmt.Sprintf("%[1]d/%[1]d", workersOf(p, name)) {
			t.Errorf("%s: %s busy", name, busy[name])
		}
	}
	close(free)
}

func workersOf(p *jobs.Pool, name string) int {
	for _, l := range p.Lanes() {
		if l.Name == name {
			return l.Workers
		}
	}
	return 0
}
