package listen

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// serve puts the page before a town; the cookie "who" says who is at the browser.
func serve(t testing.TB, w *town) (http.Handler, *web.Kit) {
	t.Helper()
	bundle, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	kit, err := web.New(web.Options{
		Bundle: bundle, Log: slog.New(slog.NewTextHandler(t.Output(), nil)), BaseURL: &url.URL{Scheme: "http", Host: "example.com"}, Now: w.clock.now,
		Shell: func(_ *http.Request, p *layout.Page) {
			p.Institution = layout.Institution{Name: w.inst.Name, URL: "/"}
			p.Nav = []layout.NavItem{{Label: "Fonti", URL: Path, Icon: "it-inbox", Current: true}}
			p.Person = &layout.Person{Name: "Anna Galli", Role: "administrator"}
		},
		Around: func(next web.Handler) web.Handler {
			return func(rw http.ResponseWriter, r *http.Request) error {
				ctx := institution.With(r.Context(), w.inst)
				if c, err := r.Cookie("who"); err == nil && c.Value != testkit.Nobody {
					a := people.Actor{PersonID: "p", Name: "Anna", InstitutionID: w.inst.ID, Roles: []people.Role{people.Role(c.Value)}}
					if c.Value == testkit.Stranger {
						a.InstitutionID, a.Roles = "elsewhere", people.Roles()
					}
					ctx = people.With(ctx, a)
				}
				return next(rw, r.WithContext(ctx))
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	pages, err := NewPages(kit, w.poller)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	pages.Mount(mux)
	kit.Mount(mux)
	mux.HandleFunc("GET /io-sono/{who}", func(rw http.ResponseWriter, r *http.Request) {
		http.SetCookie(rw, &http.Cookie{Name: "who", Value: r.PathValue("who"), Path: "/"})
		http.Redirect(rw, r, r.URL.Query().Get("next"), http.StatusSeeOther)
	})
	return kit.Wrap(mux), kit
}

func TestEveryRouteAnswersEachRoleAsItShould(t *testing.T) {
	only := func(done int, roles ...string) map[string]int {
		want := map[string]int{testkit.Nobody: 401, testkit.Stranger: 404, testkit.Others: 403}
		for _, r := range roles {
			want[r] = done
		}
		return want
	}
	_, kit := serve(t, newTown(t, testkit.SQLite(t)))
	var routes []string
	for _, r := range kit.Routes() {
		if strings.Contains(r, Path) {
			routes = append(routes, r)
		}
	}
	testkit.Routes(t, routes, func(t *testing.T, who string) testkit.Desk {
		w := newTown(t, testkit.SQLite(t))
		w.turnTick()
		handler, _ := serve(t, w)
		return testkit.Desk{Handler: handler, Cookies: []*http.Cookie{{Name: "who", Value: who}}, Names: map[string]string{"source": w.mastodon.ID}}
	}, []testkit.Scenario{
		{Route: "GET " + Path, Want: only(http.StatusOK, "reader", "writer", "approver", "duty", "administrator")},
		{Route: "POST " + Path + "/{id}/leggi", Path: Path + "/{source}/leggi", Want: only(http.StatusSeeOther, "administrator")},
	})
}

// fill makes sources of every kind: read, failing, stopped, late.
func fill(t *testing.T, w *town) {
	t.Helper()
	w.says("uno")
	w.script.listen = func(context.Context, string) (channel.Heard, error) {
		return channel.Heard{}, &channel.Error{Class: channel.Transient, Code: channel.CodeServer, Detail: "502 Bad Gateway: <html>"}
	}
	w.turn(w.mastodon)
	w.read(w.scripted)
	w.write(func(ctx context.Context, tx *db.Tx) error {
		for n, c := range []struct{ code, state string }{{channel.CodeSignIn, "revoked"}, {CodeInternal, "connected"}, {"", "connected"}} {
			other, err := channel.Save(ctx, tx, w.poller.Channels.Box(), channel.Channel{InstitutionID: w.inst.ID, ProfileID: w.profile.ID, Platform: channel.Mastodon},
				channel.Account{Handle: "@altro" + string(rune('1'+n)), Secret: []byte(`{}`)}, w.clock.now().Add(-time.Hour*24*3))
			if err != nil {
				return err
			}
			if _, err = tx.Exec(ctx, `UPDATE channel SET state = $2 WHERE id = $1`, other.ID, c.state); err != nil {
				return err
			}
			if _, err = tx.Exec(ctx, `INSERT INTO source (institution_id, channel_id, next_at, error_code, success_at) VALUES ($1, $2, 0, $3, $4)`,
				w.inst.ID, other.ID, c.code, db.At(w.clock.now().Add(-3*time.Hour))); err != nil {
				return err
			}
		}
		return nil
	})
}

func get(t *testing.T, handler http.Handler) string {
	t.Helper()
	r := httptest.NewRequest("GET", Path, nil)
	r.AddCookie(&http.Cookie{Name: "who", Value: "administrator"})
	rec := httptest.NewRecorder()
	handler.ServeHTTP(rec, r)
	if rec.Code != http.StatusOK {
		t.Fatalf("%d: %s", rec.Code, rec.Body)
	}
	return rec.Body.String()
}

func TestPageSaysHowEachSourceStands(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	handler, _ := serve(t, w)
	empty := get(t, handler)
	if !strings.Contains(empty, "Nessuna fonte") {
		t.Error("the empty page does not say that it is")
	}
	fill(t, w)
	page := get(t, handler)
	for _, want := range []string{"Si legge", "Non si riesce a leggere", "Ferma", "In ritardo", "guasto suo", "502 Bad Gateway: &lt;html&gt;", "ritardo: 3 ore", "Niente è perso"} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	testkit.ValidHTML(t, map[string]string{"fonti-vuote": empty, "fonti": page})
}

func TestPageWorksInABrowser(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	handler, _ := serve(t, w)
	fill(t, w)
	s := httptest.NewServer(handler)
	defer s.Close()
	for name, options := range map[string][]testkit.PageOption{"fonti": nil, "fonti-telefono": {testkit.Phone(), testkit.NoScript()}} {
		p := testkit.Browser(t).Open(t, s.URL+"/io-sono/administrator?next="+Path, options...)
		p.FitsWidth()
		if name == "fonti" {
			p.Axe()
		}
		p.Screenshot(name)
		p.Submit("form[action$='" + w.mastodon.ID + "/leggi'] button")
		if !strings.Contains(p.Text("#messages"), "La lettura è partita") {
			t.Errorf("%s: %q", name, p.Text("#messages"))
		}
	}
}
