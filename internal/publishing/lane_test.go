package publishing

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// hanging is what is inside a platform that says nothing until it is freed.
type hanging struct {
	mu     sync.Mutex
	inside map[string]int // by key
	now    int
	most   int
	came   chan string
	free   chan struct{}
}

// hang makes a platform say nothing in one of its calls.
func hang(p *platform, at string) *hanging {
	h := &hanging{inside: map[string]int{}, came: make(chan string, 10000), free: make(chan struct{})}
	p.hang = func(ctx context.Context, call, key string) {
		if call != at {
			return
		}
		h.mu.Lock()
		h.inside[key]++
		h.now++
		h.most = max(h.most, h.now)
		h.mu.Unlock()
		h.came <- key
		select {
		case <-h.free:
		case <-ctx.Done():
		}
		h.mu.Lock()
		h.now--
		h.mu.Unlock()
	}
	return h
}

// many publishes messages of a category; their deliveries wait.
func (w *town) many(n int, c Category) (all []Message) {
	for i := range n {
		content := w.content()
		content.Title, content.Category = fmt.Sprintf("%s %d", c, i), c
		all = append(all, must[Message](w.t)(w.desk.PublishNow(w.writer, w.inst.ID, w.approved(content).ID, "")))
	}
	return all
}

// until waits for a number of deliveries of a platform in a state.
func (w *town) until(p *platform, state DeliveryState, n int, within time.Duration) {
	w.t.Helper()
	got := 0
	for deadline := time.Now().Add(within); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		if got = w.count(`channel_id = $2 AND state = $3`, w.channels[p.name].ID, state); got >= n {
			return
		}
	}
	w.t.Fatalf("%d of %d are %s on %s after %s", got, n, state, p.name, within)
}

func (w *town) count(where string, args ...any) (n int) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(w.t.Context(), `SELECT count(*) FROM delivery WHERE institution_id = $1 AND `+where, append([]any{w.inst.ID}, args...)...).Scan(&n)
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func (w *town) start() {
	w.t.Helper()
	if err := w.pool.Start(context.WithoutCancel(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
}

// stop stops the pool and returns how long that took.
func (w *town) stop() time.Duration {
	w.t.Helper()
	began := time.Now()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	if err := w.pool.Stop(ctx); err != nil {
		w.t.Fatal(err)
	}
	return time.Since(began)
}

// The square that hangs has few workers, the others have theirs, an emergency goes
// out everywhere it can, and what was put aside comes back by itself at once, never
// having cost an attempt.
func TestHangingSquareSlowsOnlyItself(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		const waiting = 60
		w := newTown(t, d)
		h := hang(w.open, "prepare")
		w.many(waiting, News)
		w.start()
		w.until(w.closed, Delivered, waiting, 30*time.Second)
		alarm := w.many(1, Emergency)[0]
		w.until(w.closed, Delivered, waiting+1, 5*time.Second)
		for key, there := w.on(alarm, w.open).ID, false; !there; {
			select {
			case came := <-h.came:
				there = came == key
			case <-time.After(5 * time.Second):
				t.Fatal("the emergency did not even try the square that is full")
			}
		}
		if h.most > 16/2 {
			t.Errorf("%d of 16 workers were inside the square that hangs", h.most)
		}
		if n := w.count(`attempts > 0 AND state = 'waiting'`); n != 0 {
			t.Errorf("%d deliveries that never were there count an attempt", n)
		}
		close(h.free)
		w.until(w.open, Delivered, waiting+1, 15*time.Second)
		if n := w.count(`attempts > 1`); n != 0 {
			t.Errorf("%d needed more than one attempt", n)
		}
		w.stop()
	})
}

// Stopping waits for nobody who says nothing, and the ledger stays true.
func TestStopCutsWhatHangs(t *testing.T) {
	for call, left := range map[string]DeliveryState{"prepare": Waiting, "finalize": Attempting} {
		t.Run(call, func(t *testing.T) {
			testkit.Databases(t, func(t *testing.T, d *db.DB) {
				w := newTown(t, d)
				h := hang(w.open, call)
				m := w.many(1, News)[0]
				w.start()
				<-h.came
				if took := w.stop(); took > jobs.Grace+2*time.Second {
					t.Errorf("stopping took %s", took)
				}
				if del := w.on(m, w.open); del.State != left || call == "prepare" && del.Attempts != 0 {
					t.Errorf("the ledger says %s after %d attempts", del.State, del.Attempts)
				}
				if n := w.count(`lease_until > 0`); n != 0 {
					t.Errorf("%d deliveries are still taken", n)
				}
				if c := w.channels[w.open.name]; w.count(`channel_id IN (SELECT id FROM channel WHERE id = $2 AND state <> 'connected')`, c.ID) != 0 {
					t.Error("our own stop counts as the channel's failure")
				}
			})
		})
	}
}

func TestChannelWhoseCallsTimeOutIsNotCalledConnected(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		state := func() (s channel.State) {
			if err := d.Read(t.Context(), func(tx *db.Tx) error {
				c, err := channel.ByID(t.Context(), tx, w.inst.ID, w.channels[w.open.name].ID)
				s = c.State
				return err
			}); err != nil {
				t.Fatal(err)
			}
			return s
		}
		w.open.next = script(map[string][]outcome{"finalize": {fails(channel.Unknown, channel.CodeTimeout)}})
		m := w.out()
		if err := w.desk.workDeliver(t.Context(), deliver{w.inst.ID, w.on(m, w.open).ID}); err != nil {
			t.Fatal(err)
		}
		if s := state(); s != channel.Failing {
			t.Errorf("it says nothing, and is %s", s)
		}
		w.work(m)
		if s := state(); s != channel.Connected {
			t.Errorf("it answered, and is %s", s)
		}
	})
}
