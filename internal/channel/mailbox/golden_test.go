package mailbox

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// golden is what is to be read from a letter of testdata/letters. To add a case, add a
// letter NAME.eml, as it came, and NAME.json.
type golden struct {
	ID       *string  `json:"id"`
	Author   *string  `json:"author"`
	Who      *string  `json:"who"` // the author's name
	ReplyTo  *string  `json:"reply_to"`
	Subject  *string  `json:"subject"`
	Parent   *string  `json:"parent"`
	Text     *string  `json:"text"`
	Contains string   `json:"contains"` // of the text
	Whole    *bool    `json:"whole"`    // there is more of the letter than its text
	Files    []string `json:"files"`
	Doubt    string   `json:"doubt"`
	Fate     string   `json:"fate"`
	About    string   `json:"about"`
	Detail   *string  `json:"detail"`
	Anomaly  bool     `json:"anomaly"`
	Broken   bool     `json:"broken"`
}

func TestGoldenLetters(t *testing.T) {
	letters, err := filepath.Glob("testdata/letters/*.eml")
	if err != nil || len(letters) < 60 {
		t.Fatalf("%d letters, %v", len(letters), err)
	}
	for _, path := range letters {
		name := strings.TrimSuffix(filepath.Base(path), ".eml")
		t.Run(name, func(t *testing.T) {
			raw, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			said, err := os.ReadFile(strings.TrimSuffix(path, ".eml") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want golden
			d := json.NewDecoder(strings.NewReader(string(said)))
			d.DisallowUnknownFields()
			if err := d.Decode(&want); err != nil {
				t.Fatal(err)
			}
			got := parse(raw, false, "biblioteca@comune.example")
			sound(t, name, got)
			want.compare(t, got)
		})
	}
}

func (want golden) compare(t *testing.T, got content) {
	t.Helper()
	same := func(what, got string, want *string) {
		t.Helper()
		if want != nil && got != *want {
			t.Errorf("%s:\n%q, want\n%q", what, got, *want)
		}
	}
	same("id", got.id, want.ID)
	same("author", got.author.ID, want.Author)
	same("name", got.author.Name, want.Who)
	same("reply to", got.refs.ReplyTo, want.ReplyTo)
	same("subject", got.subject, want.Subject)
	same("parent", got.parent, want.Parent)
	same("text", got.text, want.Text)
	if !strings.Contains(got.text, want.Contains) {
		t.Errorf("text: %q does not contain %q", got.text, want.Contains)
	}
	if want.Whole != nil && *want.Whole != (got.whole != "") {
		t.Errorf("whole: %q", got.whole)
	}
	var files []string
	for _, f := range got.files {
		files = append(files, f.Name)
	}
	if !slices.Equal(files, want.Files) {
		t.Errorf("files: %q, want %q", files, want.Files)
	}
	if string(got.doubt) != want.Doubt || got.anomaly != want.Anomaly || got.broken != want.Broken {
		t.Errorf("doubt %q, anomaly %v, broken %v", got.doubt, got.anomaly, got.broken)
	}
	fate := report{}
	if got.report != nil {
		fate = *got.report
	}
	if fate.fate != want.Fate || want.About != "" && !slices.Contains(fate.IDs, want.About) {
		t.Errorf("report: %+v", fate)
	}
	same("detail", fate.detail, want.Detail)
}
