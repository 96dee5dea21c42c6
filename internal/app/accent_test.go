package app

import (
	"encoding/json"
	"io/fs"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
)

// A town whose name has an accent: letters leave, browsers are understood, and
// what leaves the house is ASCII.
func TestTownWithAnAccentWritesLettersAndIsFound(t *testing.T) {
	dir := t.TempDir()
	c, err := config.Load([]string{"--base-url", "http://cantù.example", "--data", dir}, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close(t.Context())
	var town, library institution.Institution
	err = a.DB.InTx(t.Context(), func(tx *db.Tx) (err error) {
		if town, err = institution.Create(t.Context(), tx, institution.Institution{Name: "Cantù", Hosts: []string{"cantù.example"}, Email: "Urp@Cantù.example"}, time.Now()); err != nil {
			return err
		}
		library, err = institution.Create(t.Context(), tx, institution.Institution{Name: "Biblioteca", Hosts: []string{"Bibliò.example"}}, time.Now())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if town.Email != "urp@xn--cant-ora.example" || a.Address(town) != "http://xn--cant-ora.example" || !strings.HasPrefix(a.Address(library), "http://xn--bibli-") {
		t.Errorf("address %q, %q, e-mail %q", a.Address(town), a.Address(library), town.Email)
	}
	for _, host := range []string{"xn--cant-ora.example", "cantù.example", "CANTÙ.example:80"} {
		if i, err := a.hosts.Resolve(t.Context(), host); err != nil || i.ID != town.ID {
			t.Errorf("%s leads to %v, %v", host, i, err)
		}
	}
	r := httptest.NewRequest("GET", "http://x/", nil)
	r.Host = "xn--cant-ora.example"
	w := httptest.NewRecorder()
	if a.Handler().ServeHTTP(w, r); w.Code != http.StatusOK {
		t.Errorf("the site answers %d", w.Code)
	}

	text, err := json.Marshal(auth.Mail{To: "anna@comune.example", Name: "Anna", Subject: "Invito", Text: "Benvenuta"})
	if err != nil {
		t.Fatal(err)
	}
	id := db.NewID()
	if err := a.sendLetter(t.Context(), letter{id, a.Box.Seal(letterPurpose(id), string(text))}); err != nil {
		t.Fatalf("the letter does not leave: %v", err)
	}
	letters := 0
	err = filepath.WalkDir(filepath.Join(dir, "outbox"), func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		letters++
		if head, _, _ := strings.Cut(string(raw), "\r\n\r\n"); !strings.Contains(head, id+"@xn--cant-ora.example>") || !strings.Contains(head, "arengo@xn--cant-ora.example") {
			t.Errorf("head of the letter:\n%s", head)
		}
		return err
	})
	if err != nil || letters != 1 {
		t.Errorf("%d letters in the outbox, %v", letters, err)
	}
}
