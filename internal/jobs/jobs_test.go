package jobs_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/testkit"
)

type greet struct{ Name string }

func (greet) Kind() string { return "test.greet" }

func TestJobExistsOnlyIfItsTransactionCommits(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		r := jobs.NewRegistry(d)
		done := make(chan string, 10)
		failed := false
		jobs.Handle(r, func(_ context.Context, g greet) error {
			if g.Name == "later" && !failed {
				failed = true
				return jobs.Later(10 * time.Millisecond)
			}
			done <- g.Name
			return nil
		})
		p, err := jobs.New(ctx, d, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		back := errors.New("back")
		if err := d.InTx(ctx, func(tx *db.Tx) error {
			if err := p.Enqueue(ctx, tx, greet{"nobody"}, jobs.When{}); err != nil {
				return err
			}
			return back
		}); !errors.Is(err, back) {
			t.Fatal(err)
		}
		if err := d.InTx(ctx, func(tx *db.Tx) error {
			return p.EnqueueAll(ctx, tx, []jobs.Args{greet{"Ada"}, greet{"later"}}, jobs.When{Queue: jobs.Delivery})
		}); err != nil {
			t.Fatal(err)
		}
		if err := p.Start(context.WithoutCancel(ctx)); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		for range 2 {
			select {
			case name := <-done:
				got[name]++
			case <-time.After(20 * time.Second):
				t.Fatalf("only %v done", got)
			}
		}
		if got["Ada"] != 1 || got["later"] != 1 {
			t.Fatalf("got %v", got)
		}
		for at, deadline := (time.Time{}), time.Now().Add(20*time.Second); at.IsZero(); <-time.After(50 * time.Millisecond) {
			if at, err = jobs.Ticked(ctx, d); err != nil || time.Now().After(deadline) {
				t.Fatalf("the scheduler never ticked: %v", err)
			}
		}
		stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := p.Stop(stop); err != nil {
			t.Fatal(err)
		}
	})
}
