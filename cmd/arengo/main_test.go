package main

import (
	"bytes"
	"path/filepath"
	"strings"
	"testing"
)

// cli runs the command line on one data folder.
type cli struct {
	t    *testing.T
	data string
}

func (c cli) run(stdin string, args ...string) (code int, out, errs string) {
	c.t.Helper()
	if c.data != "" {
		c.t.Setenv("ARENGO_DATA", c.data)
	}
	var o, e bytes.Buffer
	code = run(c.t.Context(), args, strings.NewReader(stdin), &o, &e)
	return code, o.String(), e.String()
}

func (c cli) ok(stdin string, args ...string) string {
	c.t.Helper()
	code, out, errs := c.run(stdin, args...)
	if code != 0 {
		c.t.Fatalf("arengo %v: %d\n%s", args, code, errs)
	}
	return out
}

func TestAdministratorSetsUpATownFromTheCommandLine(t *testing.T) {
	c := cli{t, filepath.Join(t.TempDir(), "data")}
	if out := c.ok("", "migrate"); !strings.Contains(out, "up to date") {
		t.Fatal(out)
	}
	if out := c.ok("", "institution", "create", "--name", "Comune di Cesate", "--host", "arengo.comune.example.it", "--profile", "Comune", "--profile", "Biblioteca"); !strings.Contains(out, "profile biblioteca") {
		t.Fatal(out)
	}
	out := c.ok("una frase lunga e mia\n", "user", "create", "--email", "anna@comune.example.it", "--name", "Anna Riva", "--role", "writer", "--role", "administrator")
	if !strings.Contains(out, "anna@comune.example.it") || strings.Contains(out, "frase") {
		t.Fatal(out)
	}
	if out := c.ok("", "user", "create", "--email", "bruno@comune.example.it", "--name", "Bruno Sala", "--role", "approver", "--link"); !strings.Contains(out, "/accesso/collegamento/") {
		t.Fatalf("no set-up link: %s", out)
	}
	if out := c.ok("", "token", "create", "--name", "sito", "--role", "reader"); len(strings.TrimSpace(out)) < 20 || strings.Count(out, "\n") != 1 {
		t.Fatalf("a token alone on its line, got %q", out)
	}
	file := filepath.Join(t.TempDir(), "copia.zip")
	c.ok("", "backup", file)
	other := cli{t, filepath.Join(t.TempDir(), "altra")}
	if out := other.ok("", "restore", file); !strings.Contains(out, "frozen") {
		t.Fatal(out)
	}
	if code, out, _ := other.run("", "doctor"); code != 1 || !strings.Contains(out, "BAD   scheduler") || !strings.Contains(out, "ok    database") {
		t.Fatalf("doctor: %d\n%s", code, out)
	}
}

func TestWrongCommandLineSaysWhatToDoAndChangesNothing(t *testing.T) {
	c := cli{t, filepath.Join(t.TempDir(), "data")}
	for _, k := range []struct {
		args []string
		code int
		want string
	}{
		{nil, 2, ""},
		{[]string{"publish"}, 2, `no command "publish"`},
		{[]string{"serve", "--lisen", "x"}, 2, "lisen"},
		{[]string{"serve", "extra"}, 2, `"extra"`},
		{[]string{"institution", "create"}, 1, ""},
		{[]string{"user", "create", "--email", "a@b.it", "--name", "A", "--role", "king"}, 2, "king"},
		{[]string{"user", "create", "--email", "a@b.it", "--name", "A", "--role", "writer"}, 1, "institution create"},
		{[]string{"backup"}, 2, "FILE"},
		{[]string{"restore", filepath.Join(t.TempDir(), "none.zip")}, 1, "none.zip"},
	} {
		code, _, errs := c.run("", k.args...)
		if code != k.code || !strings.Contains(errs, k.want) {
			t.Errorf("arengo %v: %d %q, want %d %q", k.args, code, errs, k.code, k.want)
		}
	}
	t.Setenv("ARENGO_LISEN", "x")
	if code, _, errs := c.run("", "migrate"); code != 2 || !strings.Contains(errs, "ARENGO_LISEN") {
		t.Errorf("an unknown environment variable: %d %q", code, errs)
	}
}

func TestWeakPasswordIsRefused(t *testing.T) {
	c := cli{t, filepath.Join(t.TempDir(), "data")}
	c.ok("", "institution", "create", "--name", "Comune di Cesate")
	for _, bad := range []string{"corta\n", "password1234\n", "anna@comune.example.it\n"} {
		if code, _, _ := c.run(bad, "user", "create", "--email", "anna@comune.example.it", "--name", "Anna", "--role", "writer"); code != 1 {
			t.Errorf("%q was taken", bad)
		}
	}
}
