package db_test

import (
	"fmt"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// plan is how the engine would run a query, asked by a reader.
func plan(t *testing.T, d *db.DB, q string, args ...any) string {
	t.Helper()
	explain, scan := `EXPLAIN QUERY PLAN `, func(s db.Scanner) (line string, err error) {
		var a, b, c int
		err = s.Scan(&a, &b, &c, &line)
		return line, err
	}
	if d.Engine == db.Postgres {
		explain, scan = `EXPLAIN `, db.Col[string]
	}
	var lines []string
	if err := d.Read(t.Context(), func(tx *db.Tx) (err error) {
		lines, err = db.All(t.Context(), tx, scan, explain+q, args...)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

// A value that nearly all rows share must not be looked up by its index once the
// planner could know that the other condition leaves one row.
func TestReadersPlanWithTheStatisticsOfTheLastOptimize(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		fill := func(from, to int) {
			t.Helper()
			if err := d.InTx(t.Context(), func(tx *db.Tx) error {
				if from == 0 {
					if _, err := tx.Exec(t.Context(), `INSERT INTO institution (id, slug, name, created_at) VALUES ('i', 'i', 'I', 1)`); err != nil {
						return err
					}
				}
				_, err := tx.Exec(t.Context(), fmt.Sprintf(`
					INSERT INTO message (institution_id, id, profile_id, author_id, state, title, category, content, rev, hash, text_hash, edited_by, created_at, updated_at)
					WITH RECURSIVE n (k) AS (SELECT %d UNION ALL SELECT k + 1 FROM n WHERE k < %d)
					SELECT 'i', CAST(k AS TEXT), 'p', 'a', 'out', '', '', '{}', 1, '', 'text ' || CAST(k AS TEXT), 'a', k, k FROM n`, from+1, to))
				return err
			}); err != nil {
				t.Fatal(err)
			}
		}
		fill(0, 100)
		const q = `SELECT id FROM message WHERE institution_id = $1 AND state = 'out' AND due_at = 0 AND text_hash = $2`
		_ = plan(t, d, q, "i", "text 50") // a reader that knows no statistics is open
		fill(100, 20_000)
		if err := d.Optimize(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := plan(t, d, q, "i", "text 50"); !strings.Contains(got, "message_same") {
			t.Errorf("all messages of the institution are read:\n%s", got)
		}
		if err := d.Optimize(t.Context()); err != nil { // nothing changed: nothing to do
			t.Fatal(err)
		}
	})
}
