package auth_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// named is a site at a host name, where passkeys work.
func named(o *auth.Options) { o.BaseURL.Host = "localhost:" + o.BaseURL.Port() }

func TestPasskeyIsAddedAndSignsIn(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), named)
	p := testkit.Browser(t).Open(t, s.base.String()+"/accesso")
	p.Fill("#f-email", "writer@cesate.example")
	p.Fill("#f-password", phrase)
	p.Submit("form[action='/accesso'] button")
	p.Goto(s.base.String() + "/redazione/account")
	p.Authenticator()
	p.Wait("[data-module=passkey] button")
	p.Submit("[data-module=passkey] button")
	p.Wait("form[action*='/passkey/']")
	if !strings.Contains(p.Text("#content"), "Passkey aggiunta") {
		t.Errorf("the page says nothing: %s", p.Text("#content"))
	}
	p.Click(".ar-drop-end summary")
	p.Submit("form[action='/uscita'] button")
	p.Goto(s.base.String() + "/accesso?next=%2Fredazione%2Fenti")
	p.Wait("[data-module=passkey] button")
	p.Submit("[data-module=passkey] button")
	if !strings.HasSuffix(p.URL(), "/redazione/enti") {
		t.Errorf("the passkey leads to %s", p.URL())
	}
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		var used int64
		err := tx.QueryRow(ctx, `SELECT used_at FROM passkey WHERE person_id = $1`, s.who[people.Writer].ID).Scan(&used)
		if used == 0 {
			t.Error("the passkey was not marked as used")
		}
		return err
	})
}

func TestMadeUpPasskeyAnswersAreRefused(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), named)
	b := s.browser(t)
	at := s.base.String()
	for _, body := range []string{"", "{}", "[]", `{"state":"s1.x.y","credential":{}}`, `{"state":1}`} {
		r := must(http.NewRequestWithContext(t.Context(), "POST", at+"/accesso/passkey/fine", strings.NewReader(body)))
		r.Header.Set("Accept", "application/json")
		resp := must(b.Do(r))
		resp.Body.Close()
		if resp.StatusCode != 422 {
			t.Errorf("%q: %d, want 422", body, resp.StatusCode)
		}
	}
}

func TestPagesAreAccessibleAndFit(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), func(o *auth.Options) {
		named(o)
		o.Mail = nil
		o.Demo = true
		o.OIDC = &auth.OIDC{Issuer: "http://127.0.0.1:1", ClientID: "x", Name: "SPID o CIE"}
	})
	var profile, office, link string
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		p, err := institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: s.inst.ID, Name: "Biblioteca", Bio: "Libri, film e giochi per tutti", FourEyes: true}, s.clock())
		if err != nil {
			return err
		}
		o, err := institution.SaveOffice(ctx, tx, institution.Office{InstitutionID: s.inst.ID, Name: "Anagrafe", Email: "anagrafe@cesate.example"})
		if err != nil {
			return err
		}
		if _, _, err := auth.CreateToken(ctx, tx, auth.Token{InstitutionID: s.inst.ID, Name: "Sito della Pro Loco", Roles: []people.Role{people.Writer}}, s.clock()); err != nil {
			return err
		}
		profile, office = p.ID, o.ID
		link, err = auth.SetupLink(ctx, tx, s.base, s.who[people.Duty].ID, s.clock())
		return err
	})
	at := s.base.String()
	browser := testkit.Browser(t)
	out := map[string]string{"accesso": at + "/accesso", "dimenticata": at + "/accesso/dimenticata", "collegamento": link, "fatto": at + "/accesso/fatto"}
	in := map[string]string{
		"account": at + "/redazione/account", "password": at + "/redazione/account/password", "codici": at + "/redazione/account/codici",
		"enti": at + "/redazione/enti", "persone": at + "/redazione/persone", "persona": at + "/redazione/persone/" + s.who[people.Reader].ID,
		"togli": at + "/redazione/persone/" + s.who[people.Reader].ID + "/togli", "token": at + "/redazione/token",
		"ente": at + "/redazione/ente", "profili": at + "/redazione/ente/profili", "profilo": at + "/redazione/ente/profili/" + profile,
		"uffici": at + "/redazione/ente/uffici", "ufficio": at + "/redazione/ente/uffici/" + office, "registro": at + "/redazione/registro",
	}
	// axe judges the same elements at any width, so it looks once.
	fit := func(p *testkit.Page, name string) {
		t.Helper()
		p.FitsWidth()
		p.Screenshot("auth-" + name)
	}
	look := func(p *testkit.Page, name string) {
		t.Helper()
		p.Axe()
		fit(p, name)
	}
	for name, address := range out {
		look(browser.Open(t, address), name)
		fit(browser.Open(t, address, testkit.Phone()), name+"-phone")
	}
	p := browser.Open(t, at+"/accesso", testkit.Tolerate("422"))
	p.Fill("#f-email", "administrator@cesate.example")
	p.Fill("#f-password", "sbagliata di certo")
	p.Submit("form[action='/accesso'] button")
	look(p, "accesso-sbagliato")
	p.Fill("#f-password", phrase)
	p.Submit("form[action='/accesso'] button")
	p.Goto(at + "/redazione/account/codici")
	p.Submit("form[action='/redazione/account/codici'] button")
	for name, address := range in {
		look(browser.Open(t, address), name)
		fit(browser.Open(t, address, testkit.Phone()), name+"-phone")
	}
	invite := browser.Open(t, at+"/redazione/persone", testkit.NoScript())
	invite.Fill("#f-name", "Carla Bo")
	invite.Fill("#f-email", "bo@cesate.example")
	invite.Click("#f-roles-writer")
	invite.Submit("form[action='/redazione/persone'] button")
	look(invite, "invito")
	verify := browser.Open(t, at+"/redazione/registro")
	verify.Submit("form[action='/redazione/registro/verifica'] button")
	look(verify, "registro-verificato")
}
