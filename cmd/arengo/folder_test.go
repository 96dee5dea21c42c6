package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
)

// beginners are the commands that may begin an installation where there is none;
// serve and demo are among them, and run for ever.
var beginners = []string{"serve", "demo", "migrate", "institution create", "restore"}

// noDatabase are the commands that open none.
var noDatabase = []string{"tally", "verify", "version", "licences"}

// arguments make each of the other commands get as far as the database.
var arguments = map[string][]string{
	"doctor":       {},
	"backup":       {"FILE"},
	"user create":  {"--email", "a@b.it", "--name", "A", "--role", "writer", "--link"},
	"token create": {"--name", "sito", "--role", "reader"},
	"audit verify": {},
	"audit head":   {},
	"key rotate":   {"--without-backup"},
	"bounce":       {},
}

// others runs visit for each command that works on an installation which is there.
func others(t *testing.T, visit func(name string, args []string)) {
	t.Helper()
	n := 0
	for _, c := range commands() {
		if slices.Contains(beginners, c.name) || slices.Contains(noDatabase, c.name) {
			continue
		}
		args, known := arguments[c.name]
		if !known {
			t.Errorf("arengo %s: say in this test how it is called, or that it may begin an installation", c.name)
			continue
		}
		args = append(strings.Fields(c.name), args...)
		for i, a := range args {
			if a == "FILE" {
				args[i] = filepath.Join(t.TempDir(), "copy.zip")
			}
		}
		visit(c.name, args)
		n++
	}
	if n < 4 {
		t.Fatalf("%d commands: the test has lost its subject", n)
	}
}

func TestMistypedFolderIsNotANewInstallation(t *testing.T) {
	for _, exists := range []bool{false, true} {
		others(t, func(name string, args []string) {
			dir := filepath.Join(t.TempDir(), "dta")
			if exists {
				if err := os.Mkdir(dir, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			code, out, errs := cli{t, dir}.run("From: MAILER-DAEMON@a.it\n\n", args...)
			if code == 0 || !strings.Contains(out+errs, dir) {
				t.Errorf("arengo %s in a folder without Arengo: %d\n%s%s", name, code, out, errs)
			}
			left, err := os.ReadDir(dir)
			if exists != (err == nil) || len(left) > 0 {
				t.Errorf("arengo %s left %v in a folder that is none of ours (%v)", name, left, err)
			}
		})
	}
}

// older makes an installation of the first version, as an upgraded program finds it.
func older(t *testing.T) (dir string) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "data")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	d, err := db.Open(t.Context(), filepath.Join(dir, "arengo.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if _, err := d.MigrateTo(t.Context(), "0003_auth.sql"); err != nil {
		t.Fatal(err)
	}
	return dir
}

func schema(t *testing.T, dir string) int {
	t.Helper()
	d, err := db.Open(t.Context(), filepath.Join(dir, "arengo.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	names, err := d.Applied(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return len(names)
}

func TestNoCommandMigratesBehindAServersBack(t *testing.T) {
	others(t, func(name string, args []string) {
		dir := older(t)
		before := schema(t, dir)
		code, out, errs := cli{t, dir}.run("From: MAILER-DAEMON@a.it\n\n", args...)
		if n := schema(t, dir); n != before {
			t.Errorf("arengo %s migrated from %d to %d", name, before, n)
		}
		switch {
		case name == "backup" && code != 0:
			t.Errorf("no backup can be made before an upgrade: %s", errs)
		case name != "backup" && (code == 0 || !strings.Contains(out+errs, "arengo migrate")):
			t.Errorf("arengo %s on an older database: %d\n%s%s", name, code, out, errs)
		}
	})
	// What may migrate does not while a server has the folder.
	dir := older(t)
	lock, err := os.OpenFile(filepath.Join(dir, "arengo.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	before := schema(t, dir)
	for _, args := range [][]string{{"migrate"}, {"institution", "create", "--name", "Comune di Cesate"}} {
		if code, _, errs := (cli{t, dir}).run("", args...); code != 1 || !strings.Contains(errs, "Another Arengo") {
			t.Errorf("arengo %s beside a server: %d %s", args[0], code, errs)
		}
	}
	if n := schema(t, dir); n != before {
		t.Errorf("migrated from %d to %d beside a server", before, n)
	}
}

// A folder that was made with useradd --create-home may be read by everybody.
func TestNobodyElseReadsWhatIsInTheFolder(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0))
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	// An installation of before this rule.
	for _, name := range []string{"arengo.db", "arengo.db-wal"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	c := cli{t, dir}
	c.ok("", "institution", "create", "--name", "Comune di Cesate")
	copies := filepath.Join(t.TempDir(), "copies")
	if err := os.Mkdir(copies, 0o755); err != nil {
		t.Fatal(err)
	}
	c.ok("", "backup", filepath.Join(copies, "copy.zip"))
	private(t, dir)
	private(t, copies)
	other := cli{t, t.TempDir()}
	other.ok("", "restore", filepath.Join(copies, "copy.zip"))
	private(t, other.data)
	upgraded := cli{t, older(t)} // keeps a copy of the database
	upgraded.ok("", "migrate")
	private(t, upgraded.data)
}

// private fails for each file under dir, and each folder beside it, that others
// may read.
func private(t *testing.T, dir string) {
	t.Helper()
	files := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := e.Info()
		if err != nil {
			return err
		}
		files++
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: mode %o", path, info.Mode().Perm())
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Fatalf("%d files, %v", files, err)
	}
}
