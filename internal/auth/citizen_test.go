package auth_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestCitizenIsKnownToThePageThatAskedAndSignsInNowhere(t *testing.T) {
	s, peer := withProvider(t, testkit.SQLite(t), "")
	// The provider's person may even work here: as a citizen nobody signs in.
	peer.Person(t, "citizen", map[string]any{"email": "writer@cesate.example", "email_verified": true, "name": "Anna Neri"})
	b := s.browser(t)
	const page = "/commenti/identita"
	rec := httptest.NewRecorder()
	if err := s.svc.DepartCitizen(rec, httptest.NewRequest(http.MethodGet, s.URL+"/m/x/commenta", nil), page); err != nil {
		t.Fatal(err)
	}
	b.Jar.SetCookies(s.base, rec.Result().Cookies())
	a := b.get(b.callback(rec.Header().Get("Location"), "citizen"))
	to := must(url.Parse(a.to()))
	if a.StatusCode != http.StatusSeeOther || to.Path != page || b.may() {
		t.Fatalf("%d to %q; signed in: %v", a.StatusCode, a.to(), b.may())
	}
	read := func(path string) (auth.Citizen, error) {
		return s.svc.ReadCitizen(httptest.NewRequest(http.MethodGet, path, nil), to.Query().Get("chi"))
	}
	if c, err := read(page); err != nil || c.Name != "Anna Neri" || c.Subject != peer.Issuer+" citizen" {
		t.Errorf("%+v %v", c, err)
	}
	if _, err := read("/altro"); !fault.Is(err, fault.Invalid) {
		t.Errorf("for another page: %v", err)
	}
	if _, err := s.svc.ReadCitizen(httptest.NewRequest(http.MethodGet, page, nil), "s1.x.y"); !fault.Is(err, fault.Invalid) {
		t.Errorf("a forged one: %v", err)
	}
	later, _ := withProvider(t, testkit.SQLite(t), "")
	if _, err := later.svc.ReadCitizen(httptest.NewRequest(http.MethodGet, page, nil), to.Query().Get("chi")); !fault.Is(err, fault.Invalid) {
		t.Errorf("of another installation: %v", err)
	}
}
