package db

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Notice tells every node that something changed: a topic such as "delivery",
// and what, such as the institution's identifier. It carries no content.
type Notice struct{ Topic, About string }

// Notify sends a notice to every node's listeners when the transaction commits.
func (t *Tx) Notify(ctx context.Context, topic, about string) error {
	if t.db.Engine == Postgres {
		_, err := t.Exec(ctx, `SELECT pg_notify('arengo', $1)`, topic+" "+about)
		return err
	}
	t.notices = append(t.notices, Notice{topic, about})
	return nil
}

// bus hands notices to the listeners of this process.
type bus struct {
	mu   sync.Mutex
	subs map[chan Notice]struct{}
}

// publish never blocks: a listener that is behind misses notices of a kind it
// has pending anyway, and reads the database when it wakes.
func (b *bus) publish(ns []Notice) {
	if len(ns) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.subs {
		for _, n := range ns {
			select {
			case c <- n:
			default:
			}
		}
	}
}

// Listen returns the notices of all nodes until ctx ends. A slow listener loses
// notices, never blocks a writer: on waking, read the database.
func (db *DB) Listen(ctx context.Context) <-chan Notice {
	c := make(chan Notice, 64)
	db.bus.mu.Lock()
	if db.bus.subs == nil {
		db.bus.subs = map[chan Notice]struct{}{}
	}
	db.bus.subs[c] = struct{}{}
	db.bus.mu.Unlock()
	context.AfterFunc(ctx, func() {
		db.bus.mu.Lock()
		delete(db.bus.subs, c)
		db.bus.mu.Unlock()
	})
	return c
}

// RelayNotices passes PostgreSQL's notifications on to this process's listeners
// until ctx ends, reconnecting when the server goes away. On SQLite there is
// one process, and nothing to relay.
func (db *DB) RelayNotices(ctx context.Context) {
	for db.Engine == Postgres && ctx.Err() == nil {
		if err := db.relay(ctx); err != nil && ctx.Err() == nil {
			select {
			case <-time.After(time.Second):
			case <-ctx.Done():
			}
		}
	}
}

func (db *DB) relay(ctx context.Context) error {
	conn, err := db.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	// The connection listens from now on: it must not go back to the pool.
	pg := conn.Hijack()
	defer pg.Close(context.WithoutCancel(ctx))
	if _, err := pg.Exec(ctx, `LISTEN arengo`); err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	for {
		n, err := pg.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		topic, about, _ := strings.Cut(n.Payload, " ")
		db.bus.publish([]Notice{{topic, about}})
	}
}
