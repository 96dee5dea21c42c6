package db_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestFourNodesMigrateOnce(t *testing.T) {
	for _, e := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(e), func(t *testing.T) {
			t.Parallel()
			address := testkit.Address(t, e)
			var wg sync.WaitGroup
			ran := make(chan int, 4)
			for range 4 {
				wg.Go(func() {
					d, err := db.Open(context.Background(), address)
					if err != nil {
						t.Error(err)
						return
					}
					defer d.Close()
					n, err := d.Migrate(t.Context())
					if err != nil {
						t.Error(err)
					}
					ran <- n
				})
			}
			wg.Wait()
			close(ran)
			working := 0
			for n := range ran {
				if n > 0 {
					working++
				}
			}
			if working != 1 {
				t.Fatalf("%d nodes migrated, want 1", working)
			}
		})
	}
}

// exceptions are the tables whose rows belong to no institution, with the reason.
var exceptions = map[string]string{
	"institution": "its id is the institution's",
	"person":      "may serve several institutions",
	"heartbeat":   "of the scheduler",
	"master_key":  "of the installation",
	"given_up":    "of the installation's work",

	"publication_word":  "its numbers are made of the institution's",
	"conversation_word": "its numbers are made of the institution's",

	"session":       "a browser's; its person may serve several institutions",
	"totp":          "a person's",
	"recovery_code": "a person's",
	"passkey":       "a person's",
	"oidc_identity": "a person's",
	"one_time_link": "a person's; it may lead to one institution",
	"known_device":  "a person's",
	"rate_limit":    "of addresses and accounts, before it is known whose they are",
}

func TestEveryRowBelongsToAnInstitution(t *testing.T) {
	d := testkit.SQLite(t)
	tables, err := db.Tables()
	if err != nil || len(tables) < 10 {
		t.Fatal(tables, err)
	}
	for _, table := range tables {
		var first string
		err := d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT name FROM pragma_table_info('`+table+`') WHERE cid = 0`).Scan(&first)
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, excepted := exceptions[table]; excepted != (first != "institution_id") {
			t.Errorf("table %s: first column %q; excepted: %v", table, first, excepted)
		}
	}
	for name := range exceptions {
		if !slices.Contains(tables, name) {
			t.Errorf("exception %s has lost its table", name)
		}
	}
}

func TestOneSQLServesBothEngines(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		insert := func(tx *db.Tx) error {
			// $2 before $1, and $1 twice: arguments must not swap.
			_, err := tx.Exec(ctx, `INSERT INTO person (email, id, name, created_at) VALUES ($2, $1, 'P ' || $1, $3)`, "p1", "a@example.org", int64(7))
			return err
		}
		if err := d.InTx(ctx, insert); err != nil {
			t.Fatal(err)
		}
		if err := d.InTx(ctx, insert); !errors.Is(err, db.ErrExists) {
			t.Fatalf("second insert: %v, want ErrExists", err)
		}
		back := errors.New("back")
		if err := d.InTx(ctx, func(tx *db.Tx) error {
			if _, err := tx.Exec(ctx, `DELETE FROM person`); err != nil {
				return err
			}
			return back
		}); !errors.Is(err, back) {
			t.Fatal(err)
		}
		err := d.Read(ctx, func(tx *db.Tx) error {
			names, err := db.All(ctx, tx, db.Col[string], `SELECT name FROM person`)
			if err != nil || len(names) != 1 || names[0] != "P p1" {
				return fmt.Errorf("got %v, %v", names, err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Read(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, `DELETE FROM person`); return err }); err == nil {
			t.Fatal("a reading transaction wrote")
		}
	})
}

func TestWritersQueueInsteadOfFailing(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		var wg sync.WaitGroup
		for range 40 {
			wg.Go(func() {
				err := d.InTx(t.Context(), func(tx *db.Tx) error {
					_, err := tx.Exec(t.Context(), `INSERT INTO heartbeat (name, at) VALUES ('n', $1) ON CONFLICT (name) DO UPDATE SET at = heartbeat.at + 1`, int64(1))
					return err
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		var at int64
		if err := d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT at FROM heartbeat`).Scan(&at)
		}); err != nil || at != 40 {
			t.Fatal(at, err)
		}
	})
}

func TestNoticeArrivesOnlyAfterCommit(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		heard := d.Listen(ctx)
		go d.RelayNotices(ctx)
		deadline := time.After(10 * time.Second)
		for {
			_ = d.InTx(ctx, func(tx *db.Tx) error { _ = tx.Notify(ctx, "test", "rolled-back"); return errors.New("no") })
			if err := d.InTx(ctx, func(tx *db.Tx) error { return tx.Notify(ctx, "test", "kept") }); err != nil {
				t.Fatal(err)
			}
			select {
			case n := <-heard:
				if n.Topic != "test" {
					continue // of another test: all share one server
				}
				if n != (db.Notice{Topic: "test", About: "kept"}) {
					t.Fatalf("got %v", n)
				}
				return
			case <-time.After(50 * time.Millisecond): // the relay may not listen yet
			case <-deadline:
				t.Fatal("no notice")
			}
		}
	})
}

func TestNewerDatabaseIsRefusedUnchanged(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		if err := d.InTx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO migration (name, sum, ran_at) VALUES ('9999_future.sql', 'x', 0)`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := d.Migrate(ctx); err == nil || !strings.Contains(err.Error(), "database_newer") {
			t.Fatalf("got %v", err)
		}
	})
}

func TestFullDiskIsSaidAndWhatWasStoredStays(t *testing.T) {
	d := testkit.SQLite(t)
	ctx := t.Context()
	add := func(id string, size int) error {
		return d.InTx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO person (id, email, name, created_at) VALUES ($1, $1, $2, 1)`, id, strings.Repeat("x", size))
			return err
		})
	}
	if err := add("before", 10); err != nil {
		t.Fatal(err)
	}
	// A file that may not grow refuses like a disk that is full.
	if err := d.InTx(ctx, func(tx *db.Tx) error {
		var pages int
		if err := tx.QueryRow(ctx, `PRAGMA page_count`).Scan(&pages); err != nil {
			return err
		}
		return tx.QueryRow(ctx, fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+2)).Scan(&pages)
	}); err != nil {
		t.Fatal(err)
	}
	if e := fault.Of(add("large", 1<<20)); e.Kind != fault.Unavailable || e.Text.Key != "fault.disk_full" {
		t.Fatalf("got %v", e)
	}
	var names int
	if err := d.Read(ctx, func(tx *db.Tx) error { return tx.QueryRow(ctx, `SELECT count(*) FROM person`).Scan(&names) }); err != nil || names != 1 {
		t.Fatalf("%d people, %v", names, err)
	}
	if err := add("small", 10); err != nil {
		t.Fatalf("a small row still fits: %v", err)
	}
}

func TestLookupSeesEachCommitAtOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		ctx := t.Context()
		age := d.Lookup(`SELECT created_at FROM person WHERE id = $1`)
		var at int64
		if err := age.Scan(ctx, "p1", &at); !errors.Is(err, db.ErrNone) {
			t.Fatalf("nobody is there, and the lookup says %v", err)
		}
		for n := range int64(20) {
			if err := d.InTx(ctx, func(tx *db.Tx) error {
				_, err := tx.Exec(ctx, `INSERT INTO person (email, id, name, created_at) VALUES ('a@example.org', 'p1', 'P', $1)
					ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at`, n)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			if err := age.Scan(ctx, "p1", &at); err != nil || at != n {
				t.Fatalf("after commit %d the lookup says %d, %v", n, at, err)
			}
		}
	})
}

// SQLite answers so when the kernel has put the file system to reading only, as it
// does after an error of the disk.
func TestReadOnlyDiskIsSaidAndReadingGoesOn(t *testing.T) {
	d := testkit.SQLite(t)
	ctx := t.Context()
	write := func() error {
		return d.InTx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `INSERT INTO heartbeat (name, at) VALUES ('x', 1)`)
			return err
		})
	}
	if err := d.InTx(ctx, func(tx *db.Tx) error { _, err := tx.Exec(ctx, `PRAGMA query_only = true`); return err }); err != nil {
		t.Fatal(err)
	}
	if e := fault.Of(write()); e.Kind != fault.Unavailable || e.Text.Key != "fault.disk_failing" {
		t.Fatalf("got %v", e)
	}
	if err := d.Ping(ctx); err != nil {
		t.Fatal(err)
	}
}

// What is in databases was made with these numbers.
func TestNumberStaysWhatItIs(t *testing.T) {
	for _, c := range []struct {
		parts []string
		want  int64
	}{{[]string{"i1", "stem-1"}, 3806770722458312634}, {[]string{"i1", "message_id-1"}, 8138693876142628359}, {[]string{"i1", "conversation_id-1"}, 117834071592823115}} {
		if n := db.Number(c.parts...); n != c.want {
			t.Errorf("%v: %d, want %d", c.parts, n, c.want)
		}
	}
}
