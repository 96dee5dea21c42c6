package newsletter

import (
	"encoding/csv"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestOnlyAdministratorsSeeSubscribers(t *testing.T) {
	w := open(t)
	u := w.subscriber("a@example.org", Daily)
	routes := []struct{ method, path, body string }{
		{"GET", desk, ""}, {"GET", desk + "/esporta.csv", ""}, {"GET", desk + "/" + u.ID + "/elimina", ""}, {"POST", desk + "/elimina", "id=" + u.ID},
		{"POST", desk + "/orari", "hour=9&weekday=1"}, {"GET", desk + "/invii/x/riprova", ""}, {"POST", desk + "/invii/x/riprova", "which=refused"}, {"POST", desk + "/invii/x/riprendi", ""},
	}
	mounted := 0
	for _, pattern := range w.kit.Routes() {
		if strings.Contains(pattern, desk) {
			mounted++
		}
	}
	if mounted != len(routes) {
		t.Errorf("%d routes of the desk are tested, %d are mounted", len(routes), mounted)
	}
	for _, r := range routes {
		w.actor = nil
		if rec := w.do(r.method, r.path, r.body); r.method == "GET" && rec.Code != http.StatusSeeOther || r.method == "POST" && rec.Code != http.StatusUnauthorized {
			t.Errorf("%s %s by nobody: %d", r.method, r.path, rec.Code)
		}
		for _, role := range people.Roles() {
			if role == people.Administrator {
				continue
			}
			w.staff()
			w.actor.Roles = []people.Role{role}
			if rec := w.do(r.method, r.path, r.body); rec.Code != http.StatusForbidden {
				t.Errorf("%s %s by a %s: %d", r.method, r.path, role, rec.Code)
			}
		}
		w.staff()
		w.actor.InstitutionID = "another"
		if rec := w.do(r.method, r.path, r.body); rec.Code != http.StatusNotFound {
			t.Errorf("%s %s by an administrator of another town: %d", r.method, r.path, rec.Code)
		}
	}
	if _, ok := w.find("a@example.org"); !ok {
		t.Error("somebody without permission deleted a subscriber")
	}
}

func TestExportStreamsEverybodyAndNoFormula(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		for n := range 1203 {
			w.subscriber(fmt.Sprintf("a%d@example.org", n), Daily)
		}
		w.subscriber("=cmd@example.org", Weekly)
		w.staff()
		rec := w.do("GET", desk+"/esporta.csv", "")
		rows, err := csv.NewReader(rec.Body).ReadAll()
		if err != nil || rec.Code != http.StatusOK || len(rows) != 1205 {
			t.Fatalf("%d: %d rows, %v", rec.Code, len(rows), err)
		}
		if got := rows[1204][0]; got != "'=cmd@example.org" {
			t.Errorf("a formula: %q", got)
		}
		var noted int
		w.must(d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM audit WHERE action = 'newsletter.export'`).Scan(&noted)
		}))
		if noted != 1 {
			t.Error("the export is not in the log")
		}
	})
}

func TestSubscriberIsFoundByExactAddressAndForgottenOnRequest(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		u := w.subscriber("anna@example.org", Daily)
		w.staff()
		for search, want := range map[string]bool{"Anna@Example.org": true, "anna": false, "%": false, "anna@example": false, "x@example.org": false} {
			page := w.do("GET", desk+"?email="+url.QueryEscape(search), "").Body.String()
			if got := strings.Contains(page, "anna@example.org</p>"); got != want {
				t.Errorf("%q finds: %v", search, got)
			}
		}
		if ask := w.do("GET", desk+"/"+u.ID+"/elimina", ""); !strings.Contains(ask.Body.String(), "Cancellare anna@example.org?") {
			t.Errorf("no question: %d", ask.Code)
		}
		if rec := w.do("POST", desk+"/elimina", "id="+u.ID); rec.Code != http.StatusSeeOther {
			t.Fatal(rec.Code)
		}
		if _, ok := w.find("anna@example.org"); ok {
			t.Error("the address is still there")
		}
		if rec := w.do("POST", desk+"/elimina", "id="+u.ID); rec.Code != http.StatusNotFound {
			t.Errorf("deleting again: %d", rec.Code)
		}
	})
}

func TestDigestHourIsSetAtTheDesk(t *testing.T) {
	w := open(t)
	w.staff()
	if rec := w.do("POST", desk+"/orari", "hour=25&weekday=8"); rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), `value="25"`) {
		t.Errorf("an hour that does not exist: %d", rec.Code)
	}
	if rec := w.do("POST", desk+"/orari", "hour=18&weekday=7"); rec.Code != http.StatusSeeOther {
		t.Fatal(rec.Code)
	}
	if page := w.do("GET", desk, "").Body.String(); !strings.Contains(page, `value="18"`) || !strings.Contains(page, `<option value="7" selected>`) {
		t.Errorf("%s", main(page))
	}
	if page := w.do("GET", "/newsletter", "").Body.String(); !strings.Contains(page, "Ogni domenica alle ore 18") {
		t.Error("the form does not say the new hour")
	}
}
