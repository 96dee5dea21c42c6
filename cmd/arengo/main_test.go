package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/config"
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
	if os.Getenv("ARENGO_LOCALE") == "" {
		c.t.Setenv("ARENGO_LOCALE", "en") // the messages below are those
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
	c.ok("", "backup", file, "--log-level", "warn") // flags may stand after the words
	other := cli{t, filepath.Join(t.TempDir(), "altra")}
	if out := other.ok("", "restore", file); !strings.Contains(out, "frozen") || !strings.Contains(out, filepath.Join(other.data, "secret.key")) {
		t.Fatalf("nobody is told that the key is missing: %s", out)
	}
	keyed := cli{t, t.TempDir()}
	key, err := os.ReadFile(filepath.Join(c.data, "secret.key"))
	if err == nil {
		err = os.WriteFile(filepath.Join(keyed.data, "secret.key"), key, 0o600)
	}
	if out := keyed.ok("", "restore", file); err != nil || strings.Contains(out, "secret.key") {
		t.Fatalf("with the key in its place: %v %s", err, out)
	}
	if code, out, _ := other.run("", "doctor"); code != 1 || !strings.Contains(out, "BAD     Scheduled work") || !strings.Contains(out, "OK      Database") {
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
		{[]string{"bakup"}, 2, "perhaps “backup”"},
		{[]string{"user", "crate"}, 2, "perhaps “user create”"},
		{[]string{"audit"}, 2, "perhaps “audit"},
		{[]string{"serve", "--lisen", "x"}, 2, "perhaps --listen"},
		{[]string{"serve", "--data"}, 2, "--data needs a value"},
		{[]string{"token", "create", "--days", "many"}, 2, `The value "many" does not fit --days`},
		{[]string{"serve", "extra"}, 2, "“extra”"},
		{[]string{"serve", "--listen", "8080"}, 2, "An address with a port"},
		{[]string{"institution", "create"}, 2, "--name"},
		{[]string{"user", "create", "--email", "a@b.it", "--name", "A"}, 2, "--role"},
		{[]string{"key", "rotate"}, 2, "--backup FILE"},
		{[]string{"user", "create", "--email", "a@b.it", "--name", "A", "--role", "king"}, 2, "king"},
		{[]string{"user", "create", "--email", "a@b.it", "--name", "A", "--role", "writer"}, 1, "institution create"},
		{[]string{"backup"}, 2, "FILE"},
		{[]string{"backup", ""}, 2, "FILE"},
		{[]string{"restore", ""}, 2, "FILE"},
		{[]string{"institution", "create", "--name", "🏛"}, 1, "--slug"},
		{[]string{"restore", filepath.Join(t.TempDir(), "none.zip")}, 1, "none.zip"},
		{[]string{"migrate", "--config", "/nowhere.toml"}, 2, "the file or folder is not there"},
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

// Help is what was asked for: on standard output, with exit 0, in the reader's
// language; and it names each of the command's own flags.
func TestHelpIsAnAnswer(t *testing.T) {
	for _, lang := range []string{"it", "en"} {
		t.Setenv("ARENGO_LOCALE", lang)
		for _, c := range commands() {
			for _, args := range [][]string{append(strings.Fields(c.name), "--help"), append(strings.Fields(c.name), "-h"), append([]string{"help"}, strings.Fields(c.name)...)} {
				code, out, errs := cli{t, ""}.run("", args...)
				if code != 0 || errs != "" || len(out) < 30 || strings.Contains(out, "cli.") || strings.Contains(out, "config.setting") {
					t.Errorf("arengo %v (%s): %d\n%s\n%s", args, lang, code, out, errs)
				}
			}
		}
		for _, args := range [][]string{{"help"}, {"--help"}, {"-h"}, {"help", "settings"}, {"audit", "--help"}, {"help", "key"}} {
			if code, out, errs := (cli{t, ""}).run("", args...); code != 0 || errs != "" || out == "" || strings.Contains(out, "cli.") {
				t.Errorf("arengo %v (%s): %d\n%s\n%s", args, lang, code, out, errs)
			}
		}
		want := map[string]string{"it": "copia di tutto", "en": "copy of everything"}[lang]
		if _, out, _ := (cli{t, ""}).run("", "backup", "--help"); !strings.Contains(out, want) || !strings.Contains(out, "--check") || !strings.Contains(out, "--data") {
			t.Errorf("help in %s:\n%s", lang, out)
		}
	}
	t.Setenv("ARENGO_LOCALE", "")
	os.Unsetenv("ARENGO_LOCALE")
	t.Setenv("LC_ALL", "")
	t.Setenv("LC_MESSAGES", "")
	t.Setenv("LANG", "it_IT.UTF-8")
	var out, errs bytes.Buffer
	if code := run(t.Context(), []string{"bakup"}, strings.NewReader(""), &out, &errs); code != 2 || !strings.Contains(errs.String(), "non esiste") {
		t.Errorf("with LANG alone: %d %s", code, errs.String())
	}
	errs.Reset()
	if code := run(t.Context(), []string{"serve", "--locale", "en", "x"}, strings.NewReader(""), &out, &errs); code != 2 || !strings.Contains(errs.String(), "one too many") {
		t.Errorf("with --locale: %d %s", code, errs.String())
	}
}

// Every setting with a wrong value, through the command line: said in words, in
// both languages, with exit 2.
func TestWrongSettingIsSaidInWords(t *testing.T) {
	for _, lang := range []string{"it", "en"} {
		t.Setenv("ARENGO_LOCALE", lang)
		wrong := 0
		for _, s := range config.Describe() {
			if s.Flag == "" || s.Name == "locale" {
				continue
			}
			code, out, errs := cli{t, t.TempDir()}.run("", "audit", "head", "--"+s.Flag+"=:: ù")
			if code == 1 {
				continue // any text will do, and there is no Arengo in the folder
			}
			wrong++
			for _, bad := range []string{"config.", "fault.", "invalid:", "%!", "{0}", "<nil>"} {
				if strings.Contains(errs, bad) {
					t.Errorf("--%s (%s): %q in %s", s.Flag, lang, bad, errs)
				}
			}
			if out != "" || !strings.HasPrefix(errs, "arengo: ") {
				t.Errorf("--%s (%s): %d %q %q", s.Flag, lang, code, out, errs)
			}
		}
		if wrong < 12 {
			t.Errorf("only %d settings refuse nonsense", wrong)
		}
	}
}

// The mail server gives a letter back for good when its command fails in any way but
// one (sysexits.h): whatever is wrong may be mended, and then the letter counts.
func TestBounceFailsOnlyForNow(t *testing.T) {
	c := cli{t, filepath.Join(t.TempDir(), "dati")}
	config := filepath.Join(t.TempDir(), "arengo.toml")
	if err := os.WriteFile(config, []byte("nosuch = 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const letter = "From: a@b.it\n\nno report\n"
	for name, args := range map[string][]string{
		"no installation":      {"bounce"},
		"nobody at the socket": {"bounce", "--socket", filepath.Join(t.TempDir(), "s")},
		"a wrong flag":         {"bounce", "--nosuch"},
		"a word too many":      {"bounce", "letter"},
		"a wrong setting":      {"bounce", "--config", config},
		"no such file":         {"bounce", "--config", config + "x"},
	} {
		if code, _, errs := c.run(letter, args...); code != exitLater || errs == "" {
			t.Errorf("%s: ends with %d, %q", name, code, errs)
		}
	}
	c.ok("", "institution", "create", "--name", "Comune di Cesate")
	for name, text := range map[string]string{"no report": letter, "nothing": "", "no letter": "\x00\xff", "a report of nothing of ours": "From: MAILER-DAEMON@b.it\nX-Failed-Recipients: a@b.it\nSubject: Undelivered\n\n<x@y.it>\n"} {
		if code, _, errs := c.run(text, "bounce"); code != exitDone {
			t.Errorf("%s: ends with %d, %q", name, code, errs)
		}
	}
	if code, out, _ := c.run("", "bounce", "--help"); code != exitDone || !strings.Contains(out, "--socket") {
		t.Errorf("help: %d, %q", code, out)
	}
}

// What the machine says is said in words too, with the thing it is about.
func TestMachinesAnswersAreSaidInWords(t *testing.T) {
	if os.Getuid() == 0 {
		t.Log("root may write everywhere: the case without rights needs another user, and runs where there is one")
	}
	t.Setenv("ARENGO_LOCALE", "it")
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	junk, folder := t.TempDir(), t.TempDir()
	err = errors.Join(os.WriteFile(filepath.Join(junk, "arengo.db"), bytes.Repeat([]byte("no database "), 400), 0o600),
		os.MkdirAll(filepath.Join(folder, "arengo.db"), 0o700))
	if err != nil {
		t.Fatal(err)
	}
	c := cli{t, filepath.Join(t.TempDir(), "dati")}
	c.ok("", "institution", "create", "--name", "Comune di Cantù", "--host", "cantù.example")
	for _, k := range []struct {
		args []string
		want []string
	}{
		{[]string{"serve", "--listen", taken.Addr().String()}, []string{taken.Addr().String(), "un altro programma usa già quella porta"}},
		{[]string{"migrate", "--data", filepath.Join(file, "x")}, []string{file, "non è una cartella"}},
		{[]string{"serve", "--listen", "127.0.0.1:0", "--data", junk}, []string{filepath.Join(junk, "arengo.db"), "è danneggiato"}},
		{[]string{"serve", "--listen", "127.0.0.1:0", "--data", folder}, []string{filepath.Join(folder, "arengo.db"), "non si può scrivere"}},
		{[]string{"backup", "/nowhere/copia.zip"}, []string{"/nowhere", "non c'è"}},
		{[]string{"backup", file}, []string{file}},
		{[]string{"migrate", "--database", "postgres://a@127.0.0.1:1/x"}, []string{"nessuno risponde"}},
		{[]string{"institution", "create", "--name", "Comune di Cantù"}, []string{"comune-di-cantu"}},
		{[]string{"institution", "create", "--name", "X", "--host", "https://x.example/"}, []string{"non è un nome"}},
		{[]string{"user", "create", "--email", "ànna@b.it", "--name", "A", "--role", "writer", "--link"}, []string{"email"}},
		{[]string{"user", "create", "--institution", "altro", "--email", "a@b.it", "--name", "A", "--role", "writer", "--link"}, []string{"comune-di-cantu"}},
		{[]string{"bounce", "--data", filepath.Join(t.TempDir(), "no")}, []string{"non c'è nessun Arengo"}},
		{[]string{"restore", file}, []string{"Arengo"}},
	} {
		code, out, errs := c.run("From: a@b.it\n\n", k.args...)
		if code == 0 || out != "" {
			t.Errorf("arengo %v: %d %q", k.args, code, out)
		}
		for _, w := range k.want {
			if !strings.Contains(errs, w) {
				t.Errorf("arengo %v: want %q in %s", k.args, w, errs)
			}
		}
		if strings.Contains(errs, "imprevisto") {
			t.Errorf("arengo %v: a Go error chain alone: %s", k.args, errs)
		}
	}
}
