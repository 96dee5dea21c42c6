package activitypub_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// dialect is how one kind of server says something to us: a file of testdata, with
// {peer} and {us} for the two servers and {post} and {slug} for a post of ours.
type dialect struct {
	Why      string         // what is special about it
	Activity map[string]any // as it is sent by {peer}/users/anna
	Also     map[string]any // documents that the peer shows, by path

	Status int
	Title  string // of a refusal, a part of it
	Said   *struct {
		Act, Text, Subject, Reaction, Parent, Author string
		Private, Quotes                              bool
		Media                                        int
	}
}

// TestDialects: each server's way of saying something is heard rightly, or refused
// with a reason; never taken and dropped.
func TestDialects(t *testing.T) {
	files := must(filepath.Glob("testdata/dialects/*.json"))(t)
	if len(files) < 20 {
		t.Fatalf("%d dialects", len(files))
	}
	w := newTown(t)
	post := w.publish("comune", w.note("Il mercato è sabato."))
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".json")
		t.Run(name, func(t *testing.T) {
			p := newPeer(t, w.clock)
			anna := p.person("anna", 0)
			raw := must(os.ReadFile(file))(t)
			raw = []byte(strings.NewReplacer("{peer}", p.URL, "{us}", w.origin, "{host}", strings.TrimPrefix(w.origin, "http://"), "{post}", post.ID, "{page}", post.URL, "{n}", db.NewID()).Replace(string(raw)))
			var d dialect
			strict := json.NewDecoder(bytes.NewReader(raw))
			strict.DisallowUnknownFields()
			if err := strict.Decode(&d); err != nil {
				t.Fatal(err)
			}
			for path, doc := range d.Also {
				p.set(path, doc)
			}
			w.mu.Lock()
			w.said = nil
			w.mu.Unlock()
			status, title := anna.answer(w, d.Activity)
			if status != d.Status || !strings.Contains(title, d.Title) || status >= 400 && title == "" {
				t.Errorf("%s: answered %d %q, want %d %q", d.Why, status, title, d.Status, d.Title)
			}
			w.must(w.server.LookUpDue(t.Context()))
			said := w.told()
			if d.Said == nil {
				if len(said) != 0 {
					t.Errorf("%s: heard %+v", d.Why, said)
				}
				return
			}
			if len(said) != 1 {
				t.Fatalf("%s: %d things were heard", d.Why, len(said))
			}
			got := said[0]
			author := d.Said.Author
			if author == "" {
				author = anna.id()
			}
			if string(got.Act) != d.Said.Act || got.Text != d.Said.Text || got.Subject != d.Said.Subject || got.Reaction != d.Said.Reaction || got.Parent != d.Said.Parent ||
				got.Private != d.Said.Private || got.Quotes != d.Said.Quotes || len(got.Media) != d.Said.Media || got.Author.ID != author || got.channelID != w.chans["comune"].ID {
				t.Errorf("%s: heard %+v", d.Why, got)
			}
		})
	}
}

// answer posts an activity and returns what the town says.
func (a *person) answer(w *town, activity any) (status int, title string) {
	a.Helper()
	resp, err := http.DefaultClient.Do(a.request(w.origin+"/ap/inbox", activity))
	if err != nil {
		a.Fatal(err)
	}
	defer resp.Body.Close()
	var problem struct{ Title string }
	_ = json.NewDecoder(resp.Body).Decode(&problem)
	return resp.StatusCode, problem.Title
}

// TestDeskHearsADislike: the desk's own inbox takes what a dialect becomes.
func TestDeskHearsADislike(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		w.desk()
		anna := newPeer(t, w.clock).person("anna", 0)
		r := w.publish("comune", w.note("Il mercato è sabato."))
		dislike := anna.activity("Dislike", r.URL)
		anna.does(w, dislike)
		if n := w.count(`SELECT count(*) FROM reaction WHERE reaction = '👎'`); n != 1 {
			t.Fatalf("%d counted", n)
		}
		anna.does(w, anna.activity("Undo", dislike))
		if n := w.count(`SELECT count(*) FROM reaction`); n != 0 {
			t.Errorf("%d left", n)
		}
	})
}
