package institution_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/testkit"
)

var now = time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)

func create(t *testing.T, d *db.DB, i institution.Institution) (made institution.Institution, err error) {
	t.Helper()
	err = d.InTx(t.Context(), func(tx *db.Tx) (err error) {
		made, err = institution.Create(t.Context(), tx, i, now)
		return err
	})
	return made, err
}

func TestHostLeadsToItsInstitution(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		v := institution.NewResolver(d, func() time.Time { return now })
		if _, err := v.Resolve(t.Context(), "x.it"); !fault.Is(err, fault.NotFound) {
			t.Errorf("before there is any: %v", err)
		}
		cesate, err := create(t, d, institution.Institution{Name: "Cesate"})
		if err != nil {
			t.Fatal(err)
		}
		if i, err := v.Resolve(t.Context(), "anything.example:8080"); err != nil || i.ID != cesate.ID {
			t.Errorf("the only institution does not answer everywhere: %v", err)
		}
		solaro, err := create(t, d, institution.Institution{Name: "Solaro", Hosts: []string{"Solaro.example", "www.solaro.example"}})
		if err != nil {
			t.Fatal(err)
		}
		v.Forget()
		for host, want := range map[string]string{"solaro.example": solaro.ID, "WWW.solaro.example.:443": solaro.ID, "other.example": "", "": ""} {
			i, err := v.Resolve(t.Context(), host)
			if i.ID != want || (err == nil) != (want != "") {
				t.Errorf("%q leads to %q, %v; want %q", host, i.ID, err, want)
			}
		}
		if _, err := create(t, d, institution.Institution{Name: "Terzo", Hosts: []string{"solaro.example"}}); !fault.Is(err, fault.Conflict) {
			t.Errorf("a host taken twice: %v", err)
		}
	})
}

func TestChangeOfAnotherNodeShowsWithinSeconds(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		clock := now
		here := institution.NewResolver(d, func() time.Time { return clock })
		i, err := create(t, d, institution.Institution{Name: "Cesate", Hosts: []string{"cesate.example"}})
		if err != nil {
			t.Fatal(err)
		}
		name := func() string {
			i, err := here.Resolve(t.Context(), "cesate.example")
			if err != nil {
				t.Fatal(err)
			}
			return i.Name
		}
		name()
		i.Name = "Città di Cesate"
		if err := d.InTx(t.Context(), func(tx *db.Tx) error { return institution.Update(t.Context(), tx, i) }); err != nil {
			t.Fatal(err)
		}
		if got := name(); got != "Cesate" {
			t.Errorf("asked the database for every request: %q", got)
		}
		clock = clock.Add(2 * time.Second)
		if got := name(); got != "Città di Cesate" {
			t.Errorf("after two seconds: %q", got)
		}
	})
}

func TestMadeUpHostsDoNotFillTheMemoryOrAnswer(t *testing.T) {
	d := testkit.SQLite(t)
	if _, err := create(t, d, institution.Institution{Name: "Cesate", Hosts: []string{"cesate.example"}}); err != nil {
		t.Fatal(err)
	}
	v := institution.NewResolver(d, func() time.Time { return now })
	var err error
	h := v.Around(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { _, err = institution.Of(r.Context()) }))
	if _, second := create(t, d, institution.Institution{Name: "Solaro", Hosts: []string{"solaro.example"}}); second != nil {
		t.Fatal(second)
	}
	for i := range 50 {
		r := httptest.NewRequest("GET", "/", nil)
		r.Host = fmt.Sprintf("h%d.example", i)
		if h.ServeHTTP(httptest.NewRecorder(), r); !fault.Is(err, fault.NotFound) {
			t.Fatalf("%s: %v", r.Host, err)
		}
	}
	if _, err := institution.Of(context.Background()); !fault.Is(err, fault.NotFound) {
		t.Errorf("outside of a request: %v", err)
	}
}

func TestBadInstitutionIsRefusedWithEveryField(t *testing.T) {
	d := testkit.SQLite(t)
	_, err := create(t, d, institution.Institution{Slug: "Non Va", Zone: "Europa/Roma", Locale: "xx", Colour: "rosso", SiteURL: "javascript:alert(1)"})
	fields := map[string]bool{}
	for _, f := range fault.Of(err).Fields {
		fields[f.Name] = true
	}
	for _, name := range []string{"name", "slug", "zone", "locale", "colour", "site_url"} {
		if !fields[name] {
			t.Errorf("nothing is said of %s: %v", name, err)
		}
	}
}

func TestSlugIsMadeOfTheName(t *testing.T) {
	for name, want := range map[string]string{
		"Biblioteca di Cesate": "biblioteca-di-cesate", "Città dell'Aquila": "citta-dell-aquila", "  È così  ": "e-cosi", "🎉": "", "Scuola «Füße»": "scuola-fusse",
	} {
		if got := institution.Slug(name); got != want {
			t.Errorf("Slug(%q) = %q, want %q", name, got, want)
		}
	}
}
