package docs_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"

	"codeberg.org/arengo/arengo/internal/testkit"
)

// annotation says whose some files are: REUSE specification 3.3, REUSE.toml.
type annotation struct {
	Path      any    `toml:"path"` // a glob, or several
	Copyright string `toml:"SPDX-FileCopyrightText"`
	Licence   string `toml:"SPDX-License-Identifier"`
}

// paths are the globs of an annotation as expressions: ** is anything, * anything
// within a folder.
func (a annotation) paths() (all []*regexp.Regexp) {
	globs, ok := a.Path.([]any)
	if !ok {
		globs = []any{a.Path}
	}
	for _, g := range globs {
		text := regexp.QuoteMeta(g.(string))
		text = strings.ReplaceAll(text, `\*\*`, "\x00")
		text = strings.ReplaceAll(text, `\*`, "[^/]*")
		all = append(all, regexp.MustCompile("^"+strings.ReplaceAll(text, "\x00", ".*")+"$"))
	}
	return all
}

// uncovered are the files for which no annotation gives owner and licence.
func uncovered(files []string, all []annotation) (missing []string) {
	for _, f := range files {
		found := false
		for _, a := range all {
			for _, p := range a.paths() {
				found = found || a.Copyright != "" && a.Licence != "" && p.MatchString(f)
			}
		}
		if !found {
			missing = append(missing, f)
		}
	}
	return missing
}

// Every tracked file has an owner and a licence, whose text is in LICENSES; and no
// text is there that no file uses.
func TestEveryFileHasOwnerAndLicence(t *testing.T) {
	var reuse struct {
		Version     int          `toml:"version"`
		Annotations []annotation `toml:"annotations"`
	}
	if _, err := toml.DecodeFile("../REUSE.toml", &reuse); err != nil {
		t.Fatal(err)
	}
	if reuse.Version != 1 || len(reuse.Annotations) == 0 {
		t.Fatalf("REUSE.toml is of version %d, with %d annotations", reuse.Version, len(reuse.Annotations))
	}
	out, err := exec.Command("git", "-C", "..", "ls-files").Output()
	if err != nil {
		testkit.Missing(t, "the list of tracked files", "run in a clone, with git: "+err.Error())
	}
	files := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(files) < 500 {
		t.Fatalf("only %d files", len(files))
	}
	if missing := uncovered(files, reuse.Annotations); len(missing) > 0 {
		t.Errorf("of no known owner or licence: %v", missing)
	}
	if narrow := []annotation{{Path: []any{"*.md", "docs/**"}, Copyright: "x", Licence: "y"}}; len(uncovered([]string{"a.md", "docs/it/b.md", "c/d.md", "a.go"}, narrow)) != 2 {
		t.Error("the test itself does not tell what a glob leaves out")
	}
	used := map[string]bool{}
	for _, a := range reuse.Annotations {
		for id := range strings.FieldsSeq(strings.NewReplacer("(", " ", ")", " ").Replace(a.Licence)) {
			if id != "AND" && id != "OR" && id != "WITH" {
				used[id] = true
			}
		}
	}
	texts, err := filepath.Glob("../LICENSES/*")
	if err != nil || len(texts) != len(used) {
		t.Errorf("the licences used are %v, the texts %v: %v", used, texts, err)
	}
	for id := range used {
		if text, err := os.ReadFile("../LICENSES/" + id + ".txt"); err != nil || len(text) < 1000 {
			t.Errorf("the text of %s: %v", id, err)
		}
	}
	own, err := os.ReadFile("../LICENSE")
	if err != nil {
		t.Fatal(err)
	}
	if kept, _ := os.ReadFile("../LICENSES/EUPL-1.2.txt"); string(kept) != string(own) {
		t.Error("LICENSE and LICENSES/EUPL-1.2.txt differ")
	}
}
