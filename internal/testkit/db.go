package testkit

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"codeberg.org/arengo/arengo/internal/db"
)

// Strict reports whether a missing browser, database or peer is a failure
// rather than a reason to skip with a message: so it is in continuous integration.
func Strict() bool { return os.Getenv("ARENGO_TEST_STRICT") == "1" || os.Getenv("CI") == "true" }

// Missing ends a test that lacks something of the machine: a failure when
// Strict, else a skip that says how to get it.
func Missing(t testing.TB, what, how string) {
	t.Helper()
	if Strict() {
		t.Fatalf("%s is missing: %s", what, how)
	}
	t.Skipf("%s is missing: %s", what, how)
}

// Databases runs a test on a fresh migrated SQLite file and on a fresh
// PostgreSQL schema, in parallel.
func Databases(t *testing.T, test func(t *testing.T, d *db.DB)) {
	t.Helper()
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			test(t, Open(t, Address(t, e)))
		})
	}
}

// SQLite returns a fresh migrated SQLite database.
func SQLite(t testing.TB) *db.DB { t.Helper(); return Open(t, Address(t, db.SQLite)) }

// Address returns the address of a fresh, empty database of an engine, removed
// when the test ends.
func Address(t testing.TB, e db.Engine) string {
	t.Helper()
	if e == db.SQLite {
		return filepath.Join(t.TempDir(), "arengo.db")
	}
	base := os.Getenv("ARENGO_TEST_POSTGRES")
	if base == "" {
		Missing(t, "PostgreSQL", "run make test, or set ARENGO_TEST_POSTGRES=postgres://…")
	}
	schema := "t" + strings.ReplaceAll(db.NewID(), "-", "")
	admin := func(q string) {
		ctx := context.Background()
		c, err := pgx.Connect(ctx, base)
		if err != nil {
			t.Fatalf("connect to PostgreSQL: %v", err)
		}
		defer c.Close(ctx)
		if _, err := c.Exec(ctx, q); err != nil {
			t.Fatal(err)
		}
	}
	admin("CREATE SCHEMA " + schema)
	t.Cleanup(func() { admin("DROP SCHEMA " + schema + " CASCADE") })
	sep := "?"
	if strings.Contains(base, "?") {
		sep = "&"
	}
	return fmt.Sprintf("%s%ssearch_path=%s&pool_max_conns=6", base, sep, schema)
}

// Open opens and migrates a database, and closes it when the test ends.
func Open(t testing.TB, address string) *db.DB {
	t.Helper()
	ctx := context.Background()
	d, err := db.Open(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	if _, err := d.Migrate(ctx); err != nil {
		t.Fatal(err)
	}
	return d
}

// Size is how many bytes a database's rows and indexes take; what was freed and can
// be used again is not counted.
func Size(t testing.TB, d *db.DB) (bytes int64) {
	t.Helper()
	q := `SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, pragma_page_size`
	if d.Engine == db.Postgres {
		q = `SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'`
	}
	if err := d.Read(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(t.Context(), q).Scan(&bytes) }); err != nil {
		t.Fatal(err)
	}
	return bytes
}
