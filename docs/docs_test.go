// Package docs_test holds the documents to the program: the table of settings
// is what the program knows, an example is what the program sends, a way through
// the menu can be gone, and no link is dead.
package docs_test

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/BurntSushi/toml"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/webhook"
)

// tables are the tables of a document that the program knows, by their name.
func tables() map[string]func(lang string, p *i18n.Printer) string {
	return map[string]func(string, *i18n.Printer) string{"settings": settings, "limits": limits, "bounds": bounds, "retention": retention}
}

// settings is the table of settings.
func settings(lang string, p *i18n.Printer) string {
	head := map[string]string{"it": "| Nel file | Nell'ambiente | Se manca | |\n", "en": "| In the file | In the environment | Default | |\n"}
	var b strings.Builder
	b.WriteString(head[lang] + "|---|---|---|---|\n")
	for _, s := range config.Describe() {
		def := ""
		if s.Default != "" {
			def = "`" + s.Default + "`"
		}
		fmt.Fprintf(&b, "| `%s` | `%s` | %s | %s |\n", s.Name, s.Env, def, strings.ReplaceAll(p.T(s.Meaning), "|", "\\|"))
	}
	return b.String()
}

// limits is the table of what strangers may do, and how often.
func limits(lang string, p *i18n.Printer) string {
	head := map[string]string{"it": "| Limite | Che cosa | Contato per | Di seguito | Poi uno ogni |\n", "en": "| Limit | What | Counted by | At once | Then one every |\n"}
	var b strings.Builder
	b.WriteString(head[lang] + "|---|---|---|---|---|\n")
	for _, l := range limit.Rules() {
		fmt.Fprintf(&b, "| `%s` | %s | %s | %d | %s |\n", l.Name, p.T(l.Text()), p.T(l.By.Text()), l.Burst, brief(l.Every))
	}
	return b.String()
}

// retention is the table of what is let go of.
func retention(lang string, p *i18n.Printer) string {
	head := map[string]string{"it": "| Che cosa se ne va | Dopo | Si cambia con | Che cosa resta |\n", "en": "| What goes | After | Changed by | What remains |\n"}
	var b strings.Builder
	b.WriteString(head[lang] + "|---|---|---|---|\n")
	usual, err := config.Load(nil, func(string) string { return "" })
	if err != nil {
		panic(err) // nothing is set: cannot happen
	}
	for _, r := range app.Retention(usual.Keep) {
		key, days := r.After()
		by := "`" + r.Setting + "`"
		if fixed := r.By(); fixed != "" {
			by = p.T(fixed)
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", p.T(r.Text()), p.T(key, days), by, p.T(r.Rest()))
	}
	return b.String()
}

// bounds is the table of how much there may be of something.
func bounds(lang string, p *i18n.Printer) string {
	head := map[string]string{"it": "| Tetto | Di che cosa | Al massimo |\n", "en": "| Cap | Of what | At most |\n"}
	var b strings.Builder
	b.WriteString(head[lang] + "|---|---|---|\n")
	for _, m := range limit.Bounds() {
		fmt.Fprintf(&b, "| `%s` | %s | %s %s |\n", m.Name, p.T(m.Text()), p.Number(m.N), p.T(m.Unit.Text()))
	}
	return b.String()
}

// brief writes a time without the units that are zero: "10 s", "20 min", "8 h".
func brief(d time.Duration) string {
	for _, u := range []struct {
		of   time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "min"}, {time.Second, "s"}} {
		if d%u.of == 0 {
			return fmt.Sprintf("%d %s", d/u.of, u.name)
		}
	}
	return fmt.Sprintf("%d ms", d.Milliseconds())
}

// With ARENGO_TEST_UPDATE set the tables are written anew.
func TestTablesAreThoseOfTheProgram(t *testing.T) {
	bundle, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for file, lang := range map[string]string{"it/amministratore.md": "it", "en/administrator.md": "en"} {
		for name, table := range tables() {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			begin, end := "<!-- "+name+" -->\n", "<!-- /"+name+" -->"
			before, rest, ok := strings.Cut(string(text), begin)
			now, after, ok2 := strings.Cut(rest, end)
			if !ok || !ok2 {
				t.Fatalf("%s has no table of %s", file, name)
			}
			want := table(lang, bundle.For(lang, time.UTC))
			if now == want {
				continue
			}
			if os.Getenv("ARENGO_TEST_UPDATE") == "" {
				t.Errorf("%s: the table of %s is old; run ARENGO_TEST_UPDATE=1 go test ./docs", file, name)
				continue
			}
			if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
}

var hook = regexp.MustCompile("(?s)With the secret `([^`]+)`.*?X-Arengo-Timestamp: ([0-9]+)\nX-Arengo-Signature: (sha256=[0-9a-f]+)\n\n([^\n]+)\n```")

func TestExampleOfAWebhookIsSigned(t *testing.T) {
	text, err := os.ReadFile("en/developer.md")
	if err != nil {
		t.Fatal(err)
	}
	m := hook.FindStringSubmatch(string(text))
	if m == nil {
		t.Fatal("en/developer.md has no example of a webhook")
	}
	at, err := strconv.ParseInt(m[2], 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	if want := webhook.Sign(m[1], at, []byte(m[4])); m[3] != want {
		t.Errorf("the example is signed %s, the program would sign it %s", m[3], want)
	}
}

var way = regexp.MustCompile(`\*\*(\p{L}[^*]{0,60} → [^*]{1,80})\*\*`)

// A person who is told "Desk → Write a message" looks for exactly these words.
func TestWaysThroughTheMenuAreThoseOnTheScreen(t *testing.T) {
	for _, lang := range []string{"it", "en"} {
		words := onScreen(t, lang)
		files, err := filepath.Glob(lang + "/*.md")
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range way.FindAllStringSubmatch(string(text), -1) {
				n++
				for _, step := range strings.Split(strings.Join(strings.Fields(m[1]), " "), " → ") {
					if step = strings.TrimRight(step, ".:"); !words[step] {
						t.Errorf("%s: %q is on no screen", file, step)
					}
				}
			}
		}
		if n < 5 {
			t.Errorf("%s: only %d ways through the menu", lang, n)
		}
	}
}

// onScreen is every text of a catalogue.
func onScreen(t *testing.T, lang string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("../internal/i18n/catalogue/" + lang + "/*.toml")
	if err != nil || len(files) == 0 {
		t.Fatal("no catalogue: ", err)
	}
	words := map[string]bool{}
	for _, file := range files {
		var texts map[string]any
		if _, err := toml.DecodeFile(file, &texts); err != nil {
			t.Fatal(err)
		}
		for _, text := range texts {
			if s, ok := text.(string); ok {
				words[s] = true
			}
		}
	}
	return words
}

var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestDocumentsHaveNoDeadLink(t *testing.T) {
	var files []string
	for _, pattern := range []string{"../*.md", "*.md"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err == nil && filepath.Dir(path) != "." && strings.HasSuffix(path, ".md") {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 12 {
		t.Fatalf("only %d documents", len(files))
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, ":") || strings.HasPrefix(target, "<") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
				t.Errorf("%s: %s leads nowhere", file, m[1])
			}
		}
	}
}
