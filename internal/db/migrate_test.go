package db_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// sample is testdata/rows/NNNN_name.sql: at least a row for each table that the
// migration of this name makes, written for its schema. Lines before the rows say
// what the migration does to rows that are there:
//
//	-- changes: TABLE.COLUMN …   which values it changes or takes away; TABLE, if it goes
//	-- holds: SELECT …           what is true of them afterwards
type sample struct {
	rows, changes, holds []string
}

func sampleOf(t *testing.T, migration string) (s sample) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata", "rows", migration))
	if err != nil {
		t.Fatalf("migration %s has no sample of rows: write testdata/rows/%[1]s, with a row for each table that it makes (%v)", migration, err)
	}
	var rows strings.Builder
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "-- changes: "); ok {
			s.changes = append(s.changes, strings.Fields(rest)...)
		} else if rest, ok := strings.CutPrefix(line, "-- holds: "); ok {
			s.holds = append(s.holds, strings.TrimSpace(rest))
		} else if !strings.HasPrefix(line, "--") {
			rows.WriteString(line)
		}
	}
	for stmt := range strings.SplitSeq(rows.String(), ";\n") {
		if stmt = strings.TrimSpace(stmt); stmt != "" {
			s.rows = append(s.rows, stmt)
		}
	}
	return s
}

// TestEarlierSchemaKeepsItsRows takes a database with rows in every table from each
// schema that there was to the newest.
func TestEarlierSchemaKeepsItsRows(t *testing.T) {
	all, err := testkit.SQLite(t).Applied(t.Context())
	if err != nil || len(all) < 20 {
		t.Fatal(all, err)
	}
	for n := range all {
		for _, e := range []db.Engine{db.SQLite, db.Postgres} {
			t.Run(fmt.Sprintf("%s/%s", strings.TrimSuffix(all[n], ".sql"), e), func(t *testing.T) {
				t.Parallel()
				upgradeFrom(t, e, all, n)
			})
		}
	}
}

func upgradeFrom(t *testing.T, e db.Engine, all []string, n int) {
	address := testkit.Address(t, e)
	open := func() *db.DB {
		d, err := db.Open(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		return d
	}
	d := open()
	for _, name := range all[:n+1] {
		if _, err := d.MigrateTo(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		must(t, d, func(tx *db.Tx) error {
			for _, stmt := range sampleOf(t, name).rows {
				if _, err := tx.Exec(t.Context(), stmt); err != nil {
					return fmt.Errorf("sample %s: %w in %.60s", name, err, stmt)
				}
			}
			return nil
		})
	}
	before := contents(t, d, all[:n+1])
	tables, err := db.TablesOf(all[:n+1])
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if len(before[table]) == 0 {
			t.Fatalf("no sample has a row for table %s", table)
		}
	}
	d.Close()
	d = open() // as the upgraded program, without plans of the former tables
	if ran, err := d.Migrate(t.Context()); err != nil || ran != len(all)-n-1 {
		t.Fatalf("%d migrations, %v", ran, err)
	}
	d.Close()
	d = open()
	after := contents(t, d, all)
	var changed []string
	for _, name := range all[n+1:] {
		s := sampleOf(t, name)
		changed = append(changed, s.changes...)
		for _, q := range s.holds {
			must(t, d, func(tx *db.Tx) error {
				var holds bool
				err := tx.QueryRow(t.Context(), q).Scan(&holds)
				if err == nil && !holds {
					t.Errorf("after %s it does not hold: %s", name, q)
				}
				return err
			})
		}
	}
	maps.DeleteFunc(before, func(table string, _ []map[string]string) bool { return slices.Contains(changed, table) })
	for table, rows := range before {
		same(t, table, rows, after[table], changed)
	}
	constrained(t, d, e, before)
}

// contents are the rows of each table, as text by column.
func contents(t *testing.T, d *db.DB, migrations []string) map[string][]map[string]string {
	t.Helper()
	names, err := db.TablesOf(migrations)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]map[string]string{}
	must(t, d, func(tx *db.Tx) error {
		for _, name := range names {
			rows, err := tx.Query(t.Context(), `SELECT * FROM `+name)
			if err != nil {
				return err
			}
			columns, err := rows.Columns()
			if err != nil {
				return err
			}
			for rows.Next() {
				values, into, row := make([]any, len(columns)), make([]any, len(columns)), map[string]string{}
				for i := range values {
					into[i] = &values[i]
				}
				if err := rows.Scan(into...); err != nil {
					return err
				}
				for i, c := range columns {
					row[c] = fmt.Sprint(values[i])
				}
				found[name] = append(found[name], row)
			}
			if err := errors.Join(rows.Err(), rows.Close()); err != nil {
				return err
			}
		}
		return nil
	})
	return found
}

// same holds the rows of a table to what they were, but for what a migration says
// that it changes.
func same(t *testing.T, table string, before, after []map[string]string, changed []string) {
	t.Helper()
	columns := slices.DeleteFunc(slices.Sorted(maps.Keys(before[0])), func(c string) bool { return slices.Contains(changed, table+"."+c) })
	told := func(rows []map[string]string) (all []string) {
		for _, r := range rows {
			var line []string
			for _, c := range columns {
				v, there := r[c]
				line = append(line, fmt.Sprintf("%s=%q %v", c, v, there))
			}
			all = append(all, strings.Join(line, " "))
		}
		slices.Sort(all)
		return all
	}
	if was, is := told(before), told(after); !slices.Equal(was, is) {
		t.Errorf("table %s was\n%s\nand is\n%s", table, strings.Join(was, "\n"), strings.Join(is, "\n"))
	}
}

// constrained proves that the tables still refuse what they refused: a row twice,
// and on SQLite a row that refers to none.
func constrained(t *testing.T, d *db.DB, e db.Engine, tables map[string][]map[string]string) {
	t.Helper()
	for table := range tables {
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO `+table+` SELECT * FROM `+table)
			return err
		})
		if !errors.Is(err, db.ErrExists) {
			t.Errorf("table %s takes its rows a second time: %v", table, err)
		}
	}
	if e != db.SQLite {
		return
	}
	must(t, d, func(tx *db.Tx) error {
		for _, q := range []string{`SELECT count(*) FROM pragma_foreign_key_check`, `SELECT count(*) FROM pragma_integrity_check WHERE integrity_check <> 'ok'`} {
			var n int
			if err := tx.QueryRow(t.Context(), q).Scan(&n); err != nil || n > 0 {
				return fmt.Errorf("%s: %d, %w", q, n, err)
			}
		}
		return nil
	})
}

func must(t *testing.T, d *db.DB, do func(*db.Tx) error) {
	t.Helper()
	if err := d.InTx(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}
