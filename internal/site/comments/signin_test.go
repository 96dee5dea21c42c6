package comments

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// nearby reaches a server of this machine, which has no certificate, by a name that a
// citizen can type.
type nearby struct {
	*mastodon.Adapter
	at *string // address of the server
}

func (n nearby) Register(ctx context.Context, host, redirect string) ([]byte, error) {
	if host != square1 {
		return n.Adapter.Register(ctx, host, redirect)
	}
	return n.Adapter.Register(ctx, *n.at, redirect)
}

// square1 is the name by which the square is known.
const square1 = "piazza.example"

// federated is a town whose citizens sign in on a square with the account @anna; host
// is where the square really is.
func federated(t *testing.T, d *db.DB) (w *town, host string) {
	t.Helper()
	var at string
	w = newTown(t, d, func(o *Options) {
		o.Fediverse = nearby{mastodon.New(fetch.New(fetch.Options{AllowLoopback: true})), &at}
	})
	s, err := square.New(square.Options{})
	w.must(err)
	_, err = s.AddAccount("anna", "Anna Neri")
	w.must(err)
	server := httptest.NewServer(s.Handler())
	t.Cleanup(server.Close)
	at = server.URL
	return w, strings.TrimPrefix(server.URL, "http://")
}

// depart writes a comment by way of the Fediverse and returns where the browser is
// sent, and its cookie.
func (w *town) depart(form url.Values) (to *url.URL, cookie string) {
	w.Helper()
	rec := w.do("POST", w.path+"/commenta", form)
	if rec.Code != http.StatusSeeOther {
		w.Fatalf("depart: %d %s", rec.Code, rec.Body)
	}
	to, err := url.Parse(rec.Header().Get("Location"))
	w.must(err)
	c := rec.Result().Cookies()
	if len(c) != 1 || !c[0].HttpOnly || !c[0].Secure || c[0].SameSite != http.SameSiteLaxMode {
		w.Fatalf("cookies %v", c)
	}
	return to, c[0].Name + "=" + c[0].Value
}

// agree lets @anna sign in on the square and returns where her browser is sent.
func agree(t *testing.T, to *url.URL, answer string) *url.URL {
	t.Helper()
	stay := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := stay.PostForm(to.String(), url.Values{"account": {"anna"}, "answer": {answer}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	back, err := resp.Location()
	if err != nil {
		body, _ := io.ReadAll(resp.Body)
		t.Fatalf("%v: %d %s", err, resp.StatusCode, body)
	}
	return back
}

func TestCitizenSignsInOnTheirOwnServer(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, host := federated(t, d)
		to, cookie := w.depart(url.Values{"text": {"Dal Fediverso."}, "address": {"@anna@" + square1}, "way": {"fediverse"}})
		if to.Query().Get("scope") != "read:accounts" || to.Query().Get("code_challenge") == "" {
			t.Errorf("asked for %s", to)
		}
		back := agree(t, to, "yes")
		if back.Path != fediversePath {
			t.Fatalf("sent back to %s", back)
		}
		rec := w.do("GET", back.RequestURI(), nil, "Cookie", cookie)
		link := rec.Header().Get("Location")
		if rec.Code != http.StatusSeeOther || !linkIn.MatchString(link) {
			t.Fatalf("back: %d %s", rec.Code, rec.Body)
		}
		if page := w.page(link); !strings.Contains(page, "Dal Fediverso.") || !strings.Contains(page, "Anna Neri") {
			t.Fatal("the page does not show what is confirmed, and as whom")
		}
		w.confirm(link)
		all := w.heard()
		if len(all) != 1 || all[0].Name != "Anna Neri" || !strings.HasPrefix(all[0].AuthorID, "fediverse:http://"+host) {
			t.Fatalf("heard %+v", all)
		}
		w.release(all[0])
		if page := w.page(w.path); !strings.Contains(page, "@anna@"+host) || !strings.Contains(page, `rel="nofollow ugc noopener external"`) {
			t.Error("the page does not show where the author comes from")
		}
		if w.post.count() != 0 {
			t.Error("a letter was written")
		}
	})
}

func TestForgedReturnsFromASignInConfirmNothing(t *testing.T) {
	w, _ := federated(t, testkit.SQLite(t))
	form := url.Values{"text": {"Testo."}, "address": {"anna@" + square1}, "email": {""}, "way": {"email"}}
	to, cookie := w.depart(form)
	other, otherCookie := w.depart(form)
	back, refused := agree(t, to, "yes"), agree(t, other, "no")
	forged := *back
	q := forged.Query()
	q.Set("state", "x")
	forged.RawQuery = q.Encode()
	for name, c := range map[string]struct {
		path, cookie string
	}{
		"without a cookie":            {back.RequestURI(), ""},
		"with somebody else's cookie": {back.RequestURI(), otherCookie},
		"with a made-up cookie":       {back.RequestURI(), journeyCookie + "=s1.x.y"},
		"with another state":          {forged.RequestURI(), cookie},
		"refused":                     {refused.RequestURI(), otherCookie},
		"without anything":            {fediversePath, cookie},
	} {
		if rec := w.do("GET", c.path, nil, "Cookie", c.cookie); rec.Code < 400 || rec.Code >= 500 {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Header().Get("Location"))
		}
	}
	if rec := w.do("GET", back.RequestURI(), nil, "Cookie", cookie); rec.Code != http.StatusSeeOther {
		t.Fatalf("the true one: %d", rec.Code)
	}
	if rec := w.do("GET", back.RequestURI(), nil, "Cookie", cookie); rec.Code < 400 {
		t.Errorf("the true one a second time: %d", rec.Code)
	}
	if len(w.heard()) != 0 {
		t.Error("something was heard without a confirmation")
	}
}

func TestWrongFediverseAddressStaysInTheForm(t *testing.T) {
	w := newTown(t, testkit.SQLite(t), func(o *Options) { o.Fediverse = mastodon.New(fetch.New(fetch.Options{})) })
	for _, typed := range []string{"", "anna", "@anna", "@@", "anna@example.org/x", "@anna@exa mple.org", "https://example.org", "@anna@127.0.0.1", "@anna@localhost:1", "@anna@[::1]", "anna@example.org@evil.example"} {
		rec := w.do("POST", w.path+"/commenta", url.Values{"text": {"Resta qui."}, "address": {typed}, "way": {"fediverse"}})
		if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), "f-address-error") || !strings.Contains(rec.Body.String(), "Resta qui.</textarea>") {
			t.Errorf("%q: %d", typed, rec.Code)
		}
	}
}

func TestCitizenSignsInWithTheIdentityProvider(t *testing.T) {
	w := newTown(t, testkit.SQLite(t), func(o *Options) {
		o.Identity = &Identity{Name: "SPID",
			Depart: func(rw http.ResponseWriter, r *http.Request, next string) error {
				http.Redirect(rw, r, "https://spid.example/?next="+url.QueryEscape(next), http.StatusSeeOther)
				return nil
			},
			Arrived: func(_ *http.Request, who string) (string, string, error) {
				if who != "sealed" {
					return "", "", fault.New(fault.Invalid, "auth.oidc.broken")
				}
				return "subject-1", "Bianca Rossi", nil
			}}
	})
	to, cookie := w.depart(url.Values{"text": {"Con identità."}, "way": {"identity"}})
	if to.Query().Get("next") != identityPath {
		t.Fatalf("sent to %s", to)
	}
	if rec := w.do("GET", identityPath+"?chi=forged", nil, "Cookie", cookie); rec.Code < 400 {
		t.Errorf("a forged identity: %d", rec.Code)
	}
	rec := w.do("GET", identityPath+"?chi=sealed", nil, "Cookie", cookie)
	if rec.Code != http.StatusSeeOther {
		t.Fatalf("%d %s", rec.Code, rec.Body)
	}
	w.confirm(rec.Header().Get("Location"))
	if all := w.heard(); len(all) != 1 || all[0].Name != "Bianca Rossi" || strings.Contains(all[0].AuthorID, "subject-1") {
		t.Errorf("heard %+v", all)
	}
}

func FuzzFediverseAddress(f *testing.F) {
	for _, s := range []string{"@anna@example.org", "https://example.org/@anna", "@@@", "a@b:80"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		host, ok := addressOf(typed)
		if ok && (host == "" || strings.ContainsAny(host, "@/?#\\ :[]") || host != strings.ToLower(host)) {
			t.Fatalf("%q gave %q", typed, host)
		}
	})
}

// Measured before: one application registered, and a WebFinger asked, for each request
// of anybody. One is kept; a server that gives none is left alone for a while; a
// refused request calls nobody.
func TestAttackCommentFormAsksEachServerOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		calls := map[string]int{}
		w := newTown(t, d, func(o *Options) { o.Fediverse = counted{calls} })
		post := func(n int, host string) int {
			form := url.Values{"text": {"Ciao."}, "way": {"fediverse"}, "address": {"@anna@" + host}}
			r := httptest.NewRequest("POST", w.origin+w.path+"/commenta", strings.NewReader(form.Encode()))
			r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			r.RemoteAddr = fmt.Sprintf("[2001:db8:%x::1]:1", n)
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			return rec.Code
		}
		for n := range 60 {
			if code := post(n, []string{"piazza.example", "PIAZZA.example", "piazza.example."}[n%3]); code != http.StatusSeeOther {
				t.Fatalf("%d. visitor: %d", n, code)
			}
		}
		for n := range 60 {
			post(n, "muto.example")
		}
		if calls["piazza.example"] != 1 || calls["muto.example"] != 1 || len(calls) != 2 {
			t.Errorf("calls: %v, want one of each server", calls)
		}
		// One network with a server of its own for each request: stopped by its limit.
		accepted := 0
		for n := range 100 {
			if post(70, fmt.Sprintf("s%d.example", n)) != http.StatusTooManyRequests {
				accepted++
			}
		}
		if made := len(calls) - 2; made > accepted || accepted > limit.Comments.Line().Burst {
			t.Errorf("%d calls for %d accepted requests", made, accepted)
		}
		// Many networks, each with servers of its own: stopped in all.
		for n := range 300 {
			post(100+n, fmt.Sprintf("t%d.example", n))
		}
		if most := limit.CommentServersTried.Line().Burst; len(calls) > most {
			t.Errorf("%d servers were called, at most %d should be", len(calls), most)
		}
	})
}

// counted are servers of which only the square lets people sign in.
type counted struct{ calls map[string]int }

func (c counted) Register(_ context.Context, host, _ string) ([]byte, error) {
	if c.calls[host]++; host != square1 {
		return nil, errors.New("no such thing")
	}
	return []byte("app"), nil
}

func (counted) Invite([]byte, string, string) (string, []byte, error) {
	return "https://" + square1 + "/oauth/authorize", []byte("pending"), nil
}

func (counted) Greet(context.Context, []byte, string, string) (channel.Author, error) {
	return channel.Author{}, errors.New("nobody")
}
