package app

import (
	"context"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// seals are the places where something is sealed: the column that keeps it, the
// work that carries it, or why the rotation may let it go.
var seals = map[string]string{
	"auth/totp.go":                    "totp.seed",
	"auth/citizen.go":                 "passing: in an address, for minutes",
	"auth/passkey.go":                 "passing: in a page, for minutes",
	"auth/oidc.go":                    "passing: a cookie of a sign-in, for minutes",
	"channel/channel.go":              "channel.secret",
	"channel/connect.go":              "channel_pending.pending",
	"channel/activitypub/actor.go":    "ap_actor.secret",
	"channel/webpush/notices.go":      "push_key.sealed",
	"channel/webpush/subscription.go": "push_subscription.sealed",
	"webhook/hook.go":                 "webhook.secret",
	"site/websub/hub.go":              "work websub.verify, then websub_subscription.secret",
	"site/comments/draft.go":          "comment_pending.sealed",
	"site/comments/confirm.go":        "site_comment.contact",
	"site/comments/letter.go":         "work comments.confirm",
	"site/comments/server.go":         "comment_server.sealed",
	"site/comments/signin.go":         "passing: a cookie of a sign-in, for minutes",
	"newsletter/link.go":              "work newsletter.confirm; in a letter, for days: whoever has not confirmed asks again",
	"app/letters.go":                  "work app.letter",
}

// A part that begins to seal fails this test until it says where, and the rotation
// knows the column or the work.
func TestEverySealIsKnownToRotation(t *testing.T) {
	known := map[string]bool{}
	for _, c := range sealedColumns() {
		known[c.Table+"."+c.Column] = true
	}
	for _, c := range carriedTexts() {
		known["work "+c.Kind] = true
	}
	found := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "../secret/") {
			return err
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok {
				if s, ok := call.Fun.(*ast.SelectorExpr); ok && s.Sel.Name == "Seal" {
					found[strings.TrimPrefix(path, "../")] = true
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for path := range found {
		if seals[path] == "" {
			t.Errorf("%s seals something: say here where it is kept, and add it to its part's Sealed or Carried", path)
		}
	}
	for path, where := range seals {
		if !found[path] {
			t.Errorf("%s seals nothing any more", path)
		}
		where, _, _ = strings.Cut(where, ";")
		for _, one := range strings.Split(where, ", then ") {
			if !strings.HasPrefix(one, "passing: ") && !known[one] {
				t.Errorf("%s: the rotation does not know %s", path, one)
			}
		}
	}
}

// sealedTown is an installation with one sealed text in every place that keeps one.
type sealedTown struct {
	c       config.Config
	box     *secret.Box
	columns map[string]string // column → purpose of its row
	town    institution.Institution
}

func newSealedTown(t *testing.T, engine db.Engine) sealedTown {
	t.Helper()
	dir := t.TempDir()
	args := []string{"--data", dir, "--base-url", "http://comune.example"}
	if engine == db.Postgres {
		args = append(args, "--database", testkit.Address(t, db.Postgres))
	}
	c, err := config.Load(args, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	s := sealedTown{c: c, box: a.Box, columns: map[string]string{}}
	err = a.DB.InTx(t.Context(), func(tx *db.Tx) (err error) {
		if s.town, err = institution.Create(t.Context(), tx, institution.Institution{Name: "Comune"}, time.Now()); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), `INSERT INTO person (id, email, name, created_at) VALUES ('k', 'k@comune.example', 'K', 1)`); err != nil {
			return err
		}
		p, err := institution.SaveProfile(t.Context(), tx, institution.Profile{InstitutionID: s.town.ID, Name: "Comune"}, time.Now())
		if err != nil {
			return err
		}
		for _, col := range sealedColumns() {
			if err := s.fill(t.Context(), tx, a.Box, col, p.ID); err != nil {
				return fmt.Errorf("%s.%s: %w", col.Table, col.Column, err)
			}
		}
		for _, c := range carriedTexts() {
			of := func(string) string { return s.town.ID }
			if c.Kind == (letter{}).Kind() {
				if err := a.Jobs.Enqueue(t.Context(), tx, letter{s.town.ID, a.Box.Seal(c.Purpose(of), "testo")}, jobs.When{At: time.Now().Add(time.Hour)}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// fill writes a row with a sealed text; what else the table wants gets a value that
// its kind of column takes.
func (s sealedTown) fill(ctx context.Context, tx *db.Tx, box *secret.Box, col secret.Column, profile string) error {
	key := make([]string, len(col.Keys))
	for n, k := range col.Keys {
		switch k {
		case "institution_id":
			key[n] = s.town.ID
		default:
			key[n] = "k"
		}
	}
	purpose := col.Purpose(key)
	s.columns[col.Table+"."+col.Column] = purpose
	values := map[string]any{col.Column: box.Seal(purpose, "testo di "+col.Table)}
	for n, k := range col.Keys {
		values[k] = key[n]
	}
	q := `SELECT name, type FROM pragma_table_info('` + col.Table + `') WHERE "notnull" = 1 AND dflt_value IS NULL`
	if tx.Engine() == db.Postgres {
		q = `SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = '` + col.Table + `' AND is_nullable = 'NO' AND column_default IS NULL`
	}
	rows, err := tx.Query(ctx, q)
	if err != nil {
		return err
	}
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			return err
		}
		switch {
		case values[name] != nil:
		case name == "profile_id":
			values[name] = profile
		case strings.Contains(strings.ToUpper(kind), "INT"):
			values[name] = 1
		case strings.HasPrefix(strings.ToUpper(kind), "BOOL"):
			values[name] = false
		case name == "platform":
			values[name] = "mastodon"
		case name == "state":
			values[name] = "k"
			if s, ok := map[string]string{"channel": "connected", "webhook": "active"}[col.Table]; ok {
				values[name] = s
			}
		default:
			values[name] = "k"
		}
	}
	rows.Close()
	var names, marks []string
	var args []any
	for name, v := range values {
		names, args = append(names, name), append(args, v)
		marks = append(marks, fmt.Sprintf("$%d", len(args)))
	}
	_, err = tx.Exec(ctx, `INSERT INTO `+col.Table+` (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(marks, ", ")+`)`, args...)
	return err
}

// check opens every text with a box; want says whether it must open.
func (s sealedTown) check(t *testing.T, box *secret.Box, want bool) {
	t.Helper()
	d, err := UpToDateDB(t.Context(), s.c)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = d.Read(t.Context(), func(tx *db.Tx) error {
		for column, purpose := range s.columns {
			table, name, _ := strings.Cut(column, ".")
			var sealed string
			if err := tx.QueryRow(t.Context(), `SELECT `+name+` FROM `+table+` WHERE `+name+` <> ''`).Scan(&sealed); err != nil {
				return fmt.Errorf("%s: %w", column, err)
			}
			if got, err := box.Open(purpose, sealed); (err == nil && got == "testo di "+table) != want {
				t.Errorf("%s opens as %q, %v; want it to open: %v", column, got, err, want)
			}
		}
		read := `json(args)`
		if tx.Engine() == db.Postgres {
			read = `args::text`
		}
		var args string
		if err := tx.QueryRow(t.Context(), `SELECT `+read+` FROM river_job WHERE kind = 'app.letter'`).Scan(&args); err != nil {
			return err
		}
		var j letter
		if err := json.Unmarshal([]byte(args), &j); err != nil {
			return err
		}
		if _, err := box.Open(letterPurpose(j.ID), j.Sealed); (err == nil) != want {
			t.Errorf("the letter in the queue: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// quietTown makes the rotation believe that the last node stopped long ago.
func later() time.Time { return time.Now().Add(time.Hour) }

func TestOldKeyOpensNothingAfterRotation(t *testing.T) {
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		t.Run(string(engine), func(t *testing.T) {
			s := newSealedTown(t, engine)
			s.check(t, s.box, true)
			link := s.box.MAC("newsletter.manage/x", "anna")
			r, err := RotateKey(t.Context(), s.c, later())
			if err != nil {
				t.Fatal(err)
			}
			if r.Resumed || r.Lost != 0 || r.Sealed != len(s.columns)+1 {
				t.Errorf("rotated %+v, want %d texts", r, len(s.columns)+1)
			}
			fresh, err := secret.Read(s.c.MasterKey)
			if err != nil {
				t.Fatal(err)
			}
			s.check(t, fresh, true)
			s.check(t, s.box, false)
			if !fresh.Same("newsletter.manage/x", "anna", link) {
				t.Error("a link in a letter that was sent does not unsubscribe any more")
			}
			// A node with the old file does not start; the one with the new file does.
			old := s.c
			old.MasterKey = r.Kept
			if a, err := Open(t.Context(), old, slog.New(slog.DiscardHandler)); !fault.Is(err, fault.Unavailable) {
				t.Errorf("a node with the old key: %v", err)
				if a != nil {
					a.Close(t.Context())
				}
			}
			a, err := Open(t.Context(), s.c, slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			a.Close(t.Context())
		})
	}
}

// Killed after each step, the rotation goes on with the key it had made, and ends.
func TestRotationGoesOnWhereItWasKilled(t *testing.T) {
	steps := []func(t *testing.T, s sealedTown){
		func(t *testing.T, s sealedTown) { // the new key is in the file, nothing more
			ring, err := secret.OpenRing(s.c.MasterKey)
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := ring.Begin(); err != nil {
				t.Fatal(err)
			}
		},
		func(t *testing.T, s sealedTown) { // some columns are sealed anew
			ring, err := secret.OpenRing(s.c.MasterKey)
			if err != nil {
				t.Fatal(err)
			}
			box, err := ring.Box()
			if err != nil {
				t.Fatal(err)
			}
			d, err := UpToDateDB(t.Context(), s.c)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			for _, col := range sealedColumns()[:3] {
				err := d.InTx(t.Context(), func(tx *db.Tx) error {
					_, _, err := resealSome(t.Context(), tx, box, col, make([]any, len(col.Keys)), &Rotated{})
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
			}
		},
		func(t *testing.T, s sealedTown) { // the database says that the new key counts, the old one is still in the file
			box, err := secret.Read(s.c.MasterKey)
			if err != nil {
				t.Fatal(err)
			}
			d, err := UpToDateDB(t.Context(), s.c)
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if err := d.InTx(t.Context(), func(tx *db.Tx) error { return registerKey(t.Context(), tx, box.Current(), time.Now()) }); err != nil {
				t.Fatal(err)
			}
		},
	}
	for n := range steps {
		s := newSealedTown(t, db.SQLite)
		for _, step := range steps[:n+1] {
			step(t, s)
		}
		// In between everything opens, and a server can start.
		between, err := secret.Read(s.c.MasterKey)
		if err != nil {
			t.Fatal(err)
		}
		s.check(t, between, true)
		r, err := RotateKey(t.Context(), s.c, later())
		if err != nil || !r.Resumed {
			t.Fatalf("killed after step %d: %+v, %v", n+1, r, err)
		}
		end, err := secret.Read(s.c.MasterKey)
		if err != nil || end.Rotating() || end.Current() != between.Current() {
			t.Fatalf("killed after step %d, the file is not as it should be: %v", n+1, err)
		}
		s.check(t, end, true)
		s.check(t, s.box, false)
	}
}

func TestNoRotationWhileAServerRuns(t *testing.T) {
	s := newSealedTown(t, db.SQLite)
	a, err := Open(t.Context(), s.c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	before, err := os.ReadFile(s.c.MasterKey)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := RotateKey(t.Context(), s.c, later()); !fault.Is(err, fault.Conflict) {
		t.Errorf("beside a server on SQLite: %v", err)
	}
	// A node elsewhere, on PostgreSQL, shows by its tick.
	if err := beat(t.Context(), a.DB, "tick", time.Now()); err != nil {
		t.Fatal(err)
	}
	if err := quiet(t.Context(), a.DB, time.Now()); !fault.Is(err, fault.Conflict) {
		t.Errorf("beside a node that ticks: %v", err)
	}
	if after, err := os.ReadFile(s.c.MasterKey); err != nil || !slices.Equal(before, after) {
		t.Errorf("the key file changed: %v", err)
	}
}

func TestMissingKeyIsNotReplacedByANewOne(t *testing.T) {
	s := newSealedTown(t, db.SQLite)
	if err := os.Remove(s.c.MasterKey); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), s.c, slog.New(slog.DiscardHandler)); !fault.Is(err, fault.Unavailable) || !strings.Contains(err.Error(), "secret.missing") {
		t.Errorf("without its key: %v", err)
	}
	if _, err := os.Stat(s.c.MasterKey); err == nil {
		t.Error("a new key was made, with which nothing opens")
	}
}
