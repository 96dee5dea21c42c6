package pages_test

import (
	"net/http"
	"net/url"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/pages"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestPagesReadTheSameOnBothEngines(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d, pages.Options{Stream: "/redazione/eventi-vivi"})
		m := w.out()
		if err := d.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO slot (institution_id, id, profile_id, weekday, minute) VALUES ($1, 's', $2, 3, 540)`, w.inst.ID, w.profile.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		w.trouble()
		c := w.content()
		c.Title = "100% gratuito"
		draft := w.draft(c)
		for path, text := range map[string]string{
			"/redazione": "Rifiutata", "/redazione/messaggi?testo=100%25": "100% gratuito", at(m, ""): `data-stream="/redazione/eventi-vivi"`,
			at(draft, ""): "mercoledì 6 maggio 2026, ore 09:00", at(draft, "modifica"): "100% gratuito", at(m, "versioni/1"): "Versione 1",
		} {
			shows(t, w.do("approver", "GET", path, nil), http.StatusOK, text)
		}
		if got := w.saved(t, w.do("writer", "POST", at(draft, "programma"), url.Values{"slot": {"1"}})); got.State != publishing.Draft || got.Plan.Due.Text != "2026-05-06T09:00" {
			t.Errorf("plan %+v", got.Plan)
		}
	})
}
