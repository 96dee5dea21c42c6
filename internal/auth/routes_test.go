package auth_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// openDesk is a fresh installation in which one of everybody has signed in.
func openDesk(t *testing.T, who string) testkit.Desk {
	s := newSite(t, testkit.SQLite(t), func(o *auth.Options) {
		o.Demo = true
		o.OIDC = &auth.OIDC{Issuer: "http://127.0.0.1:1", ClientID: "x", Name: "SPID"}
	})
	far := s.institution(t, "Solaro", "solaro.example")
	stranger := s.person(t, far.ID, "stranger@solaro.example", "Di un altro ente", people.Administrator)
	d := testkit.Desk{Handler: s.Config.Handler, Host: s.base.Host, Names: map[string]string{"member": s.who[people.Reader].ID}}
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		i := s.inst
		i.Hosts = []string{s.base.Hostname()}
		if err := institution.Update(ctx, tx, i); err != nil {
			return err
		}
		for name, slug := range map[string]string{"profile": "comune", "second": "biblioteca"} {
			p, err := institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: s.inst.ID, Name: slug}, s.clock())
			if err != nil {
				return err
			}
			d.Names[name] = p.ID
		}
		o, err := institution.SaveOffice(ctx, tx, institution.Office{InstitutionID: s.inst.ID, Name: "Anagrafe"})
		if err != nil {
			return err
		}
		_, token, err := auth.CreateToken(ctx, tx, auth.Token{InstitutionID: s.inst.ID, Name: "x", Roles: []people.Role{people.Reader}}, s.clock())
		if err != nil {
			return err
		}
		d.Names["office"], d.Names["token"] = o.ID, token.ID
		var version string
		err = tx.QueryRow(ctx, `SELECT CAST(version AS TEXT) FROM institution WHERE id = $1`, s.inst.ID).Scan(&version)
		d.Names["version"] = version
		link, err2 := auth.SetupLink(ctx, tx, s.base, s.who[people.Duty].ID, s.clock())
		d.Names["link"] = strings.TrimPrefix(link, s.URL)
		if err == nil {
			err = err2
		}
		return err
	})
	if who == testkit.Nobody {
		return d
	}
	b := s.browser(t)
	var a answer
	if who == testkit.Stranger {
		a = b.signIn(stranger.Email, phrase)
	} else {
		a = b.post("/accesso/demo", "person", s.who[people.Role(who)].ID) // spares hashing a password 300 times
	}
	if a.StatusCode != http.StatusSeeOther {
		t.Fatalf("sign in as %s: %d", who, a.StatusCode)
	}
	d.Cookies = b.Jar.Cookies(s.base)
	return d
}

// What everybody gets: nobody is sent to sign in, or gets the form back.
func everybody(status int) map[string]int { return map[string]int{testkit.Others: status} }
func personal(method string, status int) map[string]int {
	nobody := 303
	if method == "POST" {
		nobody = 401
	}
	return map[string]int{testkit.Nobody: nobody, testkit.Others: status}
}
func administrators(method string, status int) map[string]int {
	w := personal(method, 403)
	w["administrator"] = status
	return w
}

func TestEveryRouteKnowsWhoMayUseIt(t *testing.T) {
	get, post := "GET", "POST"
	routes := newSite(t, testkit.SQLite(t), func(o *auth.Options) {
		o.Demo = true
		o.OIDC = &auth.OIDC{Issuer: "http://127.0.0.1:1", ClientID: "x", Name: "SPID"}
	}).kit.Routes()
	settings := url.Values{"name": {"Cesate"}, "zone": {"Europe/Rome"}, "locale": {"it"}, "version": {"{version}"}}
	name := url.Values{"name": {"Nuovo"}, "position": {"1"}}
	testkit.Routes(t, routes, openDesk, []testkit.Scenario{
		{Route: "GET /tema/{color}", Path: "/tema/0066cc.css", Want: everybody(200)},
		{Route: "POST /lingua", Form: url.Values{"lang": {"en"}}, Want: everybody(303)},

		{Route: "GET /accesso", Want: everybody(200)},
		{Route: "POST /accesso", Want: everybody(422)},
		{Route: "GET /accesso/codice", Want: everybody(303)},
		{Route: "POST /accesso/codice", Want: everybody(303)},
		{Route: "GET /accesso/fatto", Want: everybody(200)},
		{Route: "POST /uscita", Want: everybody(303)},
		{Route: "GET /accesso/dimenticata", Want: everybody(200)},
		{Route: "POST /accesso/dimenticata", Form: url.Values{"email": {"x@y.it"}}, Want: everybody(200)},
		{Route: "GET /accesso/collegamento/{token}", Path: "{link}", Want: everybody(200)},
		{Route: "POST /accesso/collegamento/{token}", Path: "{link}", Want: everybody(422)},
		{Route: "GET /accesso/passaggio/{token}", Path: "/accesso/passaggio/x", Want: everybody(404)},
		{Route: "POST /accesso/passaggio/{token}", Path: "/accesso/passaggio/x", Want: everybody(404)},
		{Route: "POST /accesso/passkey/inizio", JSON: "{}", Want: everybody(422)}, // a numeric address has none
		{Route: "POST /accesso/passkey/fine", JSON: "{}", Want: everybody(422)},
		{Route: "GET /accesso/oidc", Want: everybody(503)}, // the provider is down
		{Route: "GET /accesso/oidc/ritorno", Want: everybody(422)},
		{Route: "GET /redazione/account/identita", Want: personal("GET", 503)}, // the provider is down
		{Route: "POST /redazione/account/identita/togli", Want: personal("POST", 303)},
		{Route: "POST /accesso/demo", Form: url.Values{"person": {"{member}"}}, Want: everybody(303)},

		{Route: "GET /redazione/enti", Want: personal(get, 200)},
		{Route: "GET /redazione/enti/{slug}", Path: "/redazione/enti/cesate", Want: map[string]int{testkit.Stranger: 404, testkit.Others: 303}},
		{Route: "GET /redazione/account", Want: personal(get, 200)},
		{Route: "POST /redazione/account", Form: url.Values{"name": {"Nuovo Nome"}}, Want: personal(post, 303)},
		{Route: "GET /redazione/account/password", Want: personal(get, 200)},
		{Route: "POST /redazione/account/password", Want: personal(post, 422)},
		{Route: "POST /redazione/account/sessioni", Want: personal(post, 303)},
		{Route: "POST /redazione/account/sessioni/{id}", Path: "/redazione/account/sessioni/x", Want: personal(post, 303)},
		{Route: "GET /redazione/account/codici", Want: personal(get, 200)},
		{Route: "POST /redazione/account/codici", Want: personal(post, 303)},
		{Route: "POST /redazione/account/codici/conferma", Want: personal(post, 422)},
		{Route: "POST /redazione/account/codici/recupero", Want: personal(post, 200)},
		{Route: "POST /redazione/account/codici/disattiva", Want: personal(post, 303)},
		{Route: "POST /redazione/account/passkey/inizio", JSON: "{}", Want: map[string]int{testkit.Nobody: 401, testkit.Others: 422}},
		{Route: "POST /redazione/account/passkey/fine", JSON: "{}", Want: map[string]int{testkit.Nobody: 401, testkit.Others: 422}},
		{Route: "POST /redazione/account/passkey/{id}/elimina", Path: "/redazione/account/passkey/x/elimina", Want: personal(post, 404)},

		{Route: "GET /redazione/token", Want: administrators(get, 200)},
		{Route: "POST /redazione/token", Form: url.Values{"name": {"x"}, "roles": {"administrator"}}, Want: administrators(post, 200)},
		{Route: "POST /redazione/token/{id}/revoca", Path: "/redazione/token/{token}/revoca", Want: administrators(post, 303)},

		{Route: "GET /redazione/persone", Want: administrators(get, 200)},
		{Route: "POST /redazione/persone", Form: url.Values{"name": {"Carla Bo"}, "email": {"bo@cesate.example"}, "roles": {"reader"}}, Want: administrators(post, 303)},
		{Route: "GET /redazione/persone/{id}", Path: "/redazione/persone/{member}", Want: administrators(get, 200)},
		{Route: "POST /redazione/persone/{id}", Path: "/redazione/persone/{member}", Form: url.Values{"roles": {"writer"}}, Want: administrators(post, 303)},
		{Route: "POST /redazione/persone/{id}/invito", Path: "/redazione/persone/{member}/invito", Want: administrators(post, 409)},
		{Route: "GET /redazione/persone/{id}/togli", Path: "/redazione/persone/{member}/togli", Want: administrators(get, 200)},
		{Route: "POST /redazione/persone/{id}/togli", Path: "/redazione/persone/{member}/togli", Want: administrators(post, 303)},

		{Route: "GET /redazione/ente", Want: administrators(get, 200)},
		{Route: "POST /redazione/ente", Form: settings, Want: administrators(post, 303)},
		{Route: "GET /redazione/ente/profili", Want: administrators(get, 200)},
		{Route: "POST /redazione/ente/profili", Form: name, Want: administrators(post, 303)},
		{Route: "GET /redazione/ente/profili/{id}", Path: "/redazione/ente/profili/{profile}", Want: administrators(get, 200)},
		{Route: "POST /redazione/ente/profili/{id}", Path: "/redazione/ente/profili/{profile}", Form: name, Want: administrators(post, 303)},
		{Route: "POST /redazione/ente/profili/{id}/archivia", Path: "/redazione/ente/profili/{profile}/archivia", Want: administrators(post, 303)},
		{Route: "GET /redazione/ente/uffici", Want: administrators(get, 200)},
		{Route: "POST /redazione/ente/uffici", Form: name, Want: administrators(post, 303)},
		{Route: "GET /redazione/ente/uffici/{id}", Path: "/redazione/ente/uffici/{office}", Want: administrators(get, 200)},
		{Route: "POST /redazione/ente/uffici/{id}", Path: "/redazione/ente/uffici/{office}", Form: name, Want: administrators(post, 303)},

		{Route: "GET /redazione/registro", Want: administrators(get, 200)},
		{Route: "POST /redazione/registro/verifica", Want: administrators(post, 200)},

		// The pages that only these tests have.
		{Route: "GET /redazione", Want: map[string]int{testkit.Nobody: 303, testkit.Stranger: 403, testkit.Others: 200}},
		{Route: "POST /redazione/scrivi", Want: map[string]int{testkit.Nobody: 401, testkit.Stranger: 403, "reader": 403, "duty": 403, testkit.Others: 200}},
		{Route: "POST /redazione/pericolo", Want: map[string]int{testkit.Nobody: 401, testkit.Stranger: 403, testkit.Others: 200}},
	})
}

func TestAdministratorOfAnotherInstitutionTouchesNothingHere(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	far := s.institution(t, "Solaro", "solaro.example")
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		i := s.inst
		i.Hosts = []string{s.base.Hostname()}
		return institution.Update(ctx, tx, i)
	})
	boss := s.person(t, far.ID, "capo@solaro.example", "Capo", people.Administrator)
	b := s.browser(t)
	b.host = "solaro.example"
	if a := b.signIn(boss.Email, phrase); a.StatusCode != 303 {
		t.Fatal(a.StatusCode)
	}
	reader := s.who[people.Reader].ID
	for path, form := range map[string][]string{
		"/redazione/persone/" + reader:             {"roles", "administrator"},
		"/redazione/persone/" + reader + "/togli":  nil,
		"/redazione/persone/" + reader + "/invito": nil,
	} {
		if a := b.post(path, form...); a.StatusCode != 404 {
			t.Errorf("%s: %d, want 404", path, a.StatusCode)
		}
	}
	s.pass(time.Second)
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		m, err := people.MemberByID(ctx, tx, s.inst.ID, reader)
		if len(m.Roles) != 1 || m.Roles[0] != people.Reader {
			t.Errorf("roles of the reader: %v", m.Roles)
		}
		return err
	})
}
