package channel_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/bluesky"
	"codeberg.org/arengo/arengo/internal/channel/mailbox"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/channel/telegram"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
)

// codes finds the constants named Code… of this package and of every adapter.
func codes(t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	err := filepath.WalkDir(".", func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok || !strings.HasPrefix(spec.Names[0].Name, "Code") || len(spec.Values) != 1 {
				return true
			}
			if text, ok := spec.Values[0].(*ast.BasicLit); ok {
				if code, err := strconv.Unquote(text.Value); err == nil {
					found[code] = path
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestEveryCodeSaysWhatToDo(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	all := codes(t)
	if len(all) < 15 {
		t.Fatalf("only %d codes were found", len(all))
	}
	for code, path := range all {
		if !texts.Has("channel.error."+code) && !texts.Has("channel.connect."+code) {
			t.Errorf("%s: code %q has no sentence", path, code)
		}
	}
}

func TestEveryEntryOfTheFormHasItsWords(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	client := fetch.New(fetch.Options{})
	for _, adapter := range []channel.Adapter{mastodon.New(client), telegram.New(client), bluesky.New(client, bluesky.Options{}), mailbox.New(mailbox.Options{})} {
		fields := adapter.ConnectFields()
		if len(fields) == 0 {
			t.Errorf("%s asks for nothing", adapter.Platform())
		}
		keys := []string{"help"}
		for _, f := range fields {
			keys = append(keys, f.Name+".label", f.Name+".hint")
		}
		for _, key := range keys {
			if key = "channel." + string(adapter.Platform()) + "." + key; !texts.Has(key) {
				t.Errorf("%q is not in the catalogue", key)
			}
		}
	}
}
