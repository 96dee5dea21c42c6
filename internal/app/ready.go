package app

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// probe is the last look at whether this node can work. Anybody may ask, so the
// looking, which writes, is done at most once in a while.
type probe struct {
	mu    sync.Mutex
	at    time.Duration // on the clock that never jumps; 0 before the first
	says  string
	fresh time.Duration // how long an answer serves; 0: probeEvery
}

const probeEvery = 2 * time.Second

// notReady says why this node cannot do its work; empty when it can.
func (a *App) notReady(ctx context.Context) string {
	p := &a.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	fresh := p.fresh
	if fresh == 0 {
		fresh = probeEvery
	}
	now := time.Since(a.began)
	if p.at > 0 && now-p.at < fresh {
		return p.says
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
	defer cancel()
	p.says, p.at = a.look(ctx), time.Since(a.began)
	return p.says
}

// look tries what the work needs: to read, to write, room on the disk, a clock that
// can be trusted, workers that are not all stuck, and that work is really done.
func (a *App) look(ctx context.Context) string {
	if err := a.DB.Ping(ctx); err != nil {
		return "the database does not answer"
	}
	if err := a.writes(ctx); err != nil {
		a.Log.Warn("not ready: the database takes no writes", "error", err)
		return "the database takes no writes"
	}
	if err := roomIn(a.Config.Data); err != nil {
		a.Log.Warn("not ready: the data folder takes no files", "error", err)
		return "the data folder takes no files: it is full, or read-only"
	}
	if by := a.clock.lately(time.Since(a.began)); by != 0 {
		return fmt.Sprintf("the clock of this machine jumped by %s", by.Round(time.Second))
	}
	at, err := jobs.Ticked(ctx, a.DB)
	switch {
	case err != nil:
		return "the database does not answer"
	case time.Since(at).Abs() > 4*jobs.TickEvery: // in the future: before the clock was set back
		return "the scheduler has not ticked for a minute"
	}
	for _, l := range a.Jobs.Lanes() {
		if l.Blocked {
			return fmt.Sprintf("all %d workers of the lane %q are stuck", l.Workers, l.Name)
		}
	}
	return ""
}

// writes proves that the database takes a write and keeps it.
func (a *App) writes(ctx context.Context) error {
	return a.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO heartbeat (name, at) VALUES ('probe', $1) ON CONFLICT (name) DO UPDATE SET at = excluded.at`, db.At(time.Now()))
		return err
	})
}

// roomIn proves that a folder takes a small file.
func roomIn(dir string) error {
	f, err := os.CreateTemp(dir, ".probe-")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	defer f.Close()
	_, err = f.Write(make([]byte, 64<<10))
	return err
}
