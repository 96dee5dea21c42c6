package pages_test

import (
	"net/http"
	"testing"

	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestEveryPageIsValidHTML(t *testing.T) {
	w := newTown(t)
	html := map[string]string{}
	for name, path := range w.looked() {
		for _, who := range []string{"reader", "approver"} {
			rec := w.do(who, "GET", path, nil)
			if rec.Code == http.StatusForbidden && who == "reader" {
				continue
			}
			if rec.Code != http.StatusOK {
				t.Fatalf("%s as %s: %d", path, who, rec.Code)
			}
			html[name+" as "+who] = rec.Body.String()
		}
	}
	m := w.draft(w.content())
	other := m.Content
	other.Title = "Altro titolo"
	if _, err := w.desk.Save(w.as("approver"), w.inst.ID, m.ID, 1, other); err != nil {
		t.Fatal(err)
	}
	html["conflict"] = w.do("writer", "POST", at(m, "modifica"), w.typed("rev", "1")).Body.String()
	html["refused"] = w.do("writer", "POST", "/redazione/messaggi/nuovo", w.typed("place", "?")).Body.String()
	testkit.ValidHTML(t, html)
}
