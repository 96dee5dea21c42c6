package db

import (
	"context"
	"fmt"
	"time"
)

const (
	// analysed is how many rows of an index are looked at for its statistics. With few,
	// such as the 400 that SQLite proposes, a value cannot seem to have more rows than
	// half of them: that an institution has 80,000 deliveries looks like 200, and to read
	// them all looks cheap. A town of 20,000 messages takes half a second, once.
	analysed = 100_000
	// optimiseFor bounds the whole of it.
	optimiseFor = 20 * time.Second
	// readers is how many connections read SQLite at once.
	readers = 8
	// readerLife is how long a connection that reads SQLite may use the statistics that
	// it found when it was opened.
	readerLife = time.Hour
)

// Optimize lets the planner know how many rows the tables have and how they differ:
// without, SQLite takes any index for as good as another, and a page of a large town
// may read all of it. Run it at the start, every hour, and after many rows came at
// once. Tables that have not changed much cost nothing.
//
// PostgreSQL does it by itself; Optimize only helps it when it has not come to it yet.
func (db *DB) Optimize(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, optimiseFor)
	defer cancel()
	if db.Engine == Postgres {
		return db.analyseNew(ctx)
	}
	// 0x10000: look at all tables, not only at those this connection has asked;
	// 0x00002: and analyse those that need it.
	for _, q := range []string{fmt.Sprintf(`PRAGMA analysis_limit = %d`, analysed), `PRAGMA optimize(0x10002)`} {
		if _, err := db.write.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("statistics: %w", classify(err))
		}
	}
	// A connection reads the statistics when it is opened.
	db.read.SetMaxIdleConns(0)
	db.read.SetMaxIdleConns(readers)
	return nil
}

// analyseNew analyses the tables of our schema that have rows and no statistics.
func (db *DB) analyseNew(ctx context.Context) error {
	var tables []string
	err := db.Read(ctx, func(tx *Tx) (err error) {
		tables, err = All(ctx, tx, Col[string], `
			SELECT quote_ident(relname) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'
				AND reltuples < 0 AND pg_relation_size(oid) > 0 ORDER BY pg_relation_size(oid) DESC`)
		return err
	})
	if err != nil {
		return fmt.Errorf("statistics: %w", err)
	}
	for _, t := range tables {
		if _, err := db.write.ExecContext(ctx, `ANALYZE `+t); err != nil {
			return fmt.Errorf("statistics of %s: %w", t, classify(err))
		}
	}
	return nil
}
