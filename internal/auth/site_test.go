package auth_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// phrase is a password that everybody in these tests has.
const phrase = "quattro gatti sul tetto"

// quick are the least costs that are allowed.
func quick() auth.Argon { return auth.Argon{MemoryKiB: 19 * 1024, Passes: 2, Lanes: 1, AtOnce: 4} }

// site is a running installation with an institution and one person for each role.
type site struct {
	*httptest.Server
	svc  *auth.Service
	kit  *web.Kit
	db   *db.DB
	base *url.URL
	inst institution.Institution
	who  map[people.Role]people.Person

	mu    sync.Mutex
	now   time.Time
	mails []auth.Mail
}

func (s *site) clock() time.Time     { s.mu.Lock(); defer s.mu.Unlock(); return s.now }
func (s *site) pass(d time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.now = s.now.Add(d) }

func (s *site) SendMail(_ context.Context, _ *db.Tx, m auth.Mail) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mails = append(s.mails, m)
	return nil
}

func (s *site) lastMail(t *testing.T) auth.Mail {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.mails) == 0 {
		t.Fatal("no mail was sent")
	}
	return s.mails[len(s.mails)-1]
}

// link is the address in the last mail.
func (s *site) link(t *testing.T) string {
	t.Helper()
	text := s.lastMail(t).Text
	found := regexp.MustCompile(`https?://\S+`).FindString(text)
	if found == "" {
		t.Fatalf("no link in %q", text)
	}
	return found
}

// catalogues are the same for all sites.
var catalogues = sync.OnceValue(func() *i18n.Bundle { return must(i18n.Load()) })

// handler lets the server start before what it serves is built, since links
// hold its address.
type handler struct{ http.Handler }

func newSite(t *testing.T, d *db.DB, change func(*auth.Options)) *site {
	t.Helper()
	h := &handler{}
	s := &site{db: d, now: time.Now().UTC(), who: map[people.Role]people.Person{}}
	s.Server = httptest.NewServer(h)
	t.Cleanup(s.Close)
	s.base = must(url.Parse(s.URL))
	bundle := catalogues()
	o := auth.Options{DB: d, Box: secret.Fresh(), Bundle: bundle, BaseURL: s.base, Now: s.clock, Argon: quick(), Mail: s}
	if change != nil {
		change(&o)
	}
	s.svc = must(auth.New(o))
	s.kit = must(web.New(web.Options{Bundle: bundle, Log: slog.New(slog.NewTextHandler(testWriter{t}, nil)), BaseURL: s.base, Now: s.clock,
		Sessions: auth.NewSessions(d, s.clock), Around: s.svc.Identify, SignIn: auth.SignInPath,
		Shell: func(r *http.Request, p *layout.Page) {
			i, _ := institution.From(r.Context())
			p.Institution.Name = i.Name
			s.svc.Dress(r, p)
		}}))
	mux := http.NewServeMux()
	s.kit.Mount(mux)
	if err := s.svc.Mount(s.kit, mux); err != nil {
		t.Fatal(err)
	}
	resolver := institution.NewResolver(d, s.clock)
	for _, mount := range []func() error{
		func() error { return s.svc.People().Mount(mux) },
		func() error { return institution.Mount(s.kit, mux, d, resolver) },
		func() error { return audit.Mount(s.kit, mux, d) },
	} {
		if err := mount(); err != nil {
			t.Fatal(err)
		}
	}
	// A page of the desk that needs a role, and a dangerous act.
	s.kit.Handle(mux, "GET /redazione", s.desk(people.See))
	s.kit.Handle(mux, "POST /redazione/scrivi", s.desk(people.Write))
	s.kit.Handle(mux, "POST /redazione/pericolo", s.svc.Confirmed(s.desk(people.See)))
	h.Handler = resolver.Around(s.kit.Wrap(mux))
	s.inst = s.institution(t, "Cesate")
	for _, r := range people.Roles() {
		s.who[r] = s.person(t, s.inst.ID, string(r)+"@cesate.example", "Persona di prova", r)
	}
	return s
}

// desk answers with what was typed, so that a test sees that nothing was lost.
func (s *site) desk(action people.Action) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		i, err := institution.Of(r.Context())
		if err != nil {
			return err
		}
		a, err := people.Can(r.Context(), action, i.ID)
		if err != nil {
			return err
		}
		form, err := s.kit.ReadForm(r)
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, "redazione di "+i.Name+" per "+a.Email+": "+form.Raw("testo"))
		return err
	}
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Logf("log: %s", b)
	return len(b), nil
}

func (s *site) inTx(t *testing.T, fn func(ctx context.Context, tx *db.Tx) error) {
	t.Helper()
	if err := s.db.InTx(t.Context(), func(tx *db.Tx) error { return fn(t.Context(), tx) }); err != nil {
		t.Fatal(err)
	}
}

func (s *site) institution(t *testing.T, name string, hosts ...string) (i institution.Institution) {
	t.Helper()
	s.inTx(t, func(ctx context.Context, tx *db.Tx) (err error) {
		i, err = institution.Create(ctx, tx, institution.Institution{Name: name, Hosts: hosts}, s.clock())
		return err
	})
	return i
}

// phraseHash saves the tests from hashing the phrase for every person.
var phraseHash = sync.OnceValue(func() string {
	return must(must(auth.NewHasher(quick())).Hash(context.Background(), phrase))
})

func (s *site) person(t *testing.T, institutionID, email, name string, roles ...people.Role) (p people.Person) {
	t.Helper()
	s.inTx(t, func(ctx context.Context, tx *db.Tx) (err error) {
		p, err = auth.CreateUser(ctx, tx, auth.NewUser{Email: email, Name: name, InstitutionID: institutionID, Roles: roles}, "", s.clock())
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `UPDATE person SET password_hash = $2 WHERE id = $1`, p.ID, phraseHash())
		return err
	})
	return p
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// browser is a client with cookies that does not follow redirects.
type browser struct {
	t *testing.T
	s *site
	*http.Client
	host string // claimed in requests, when it is not the server's own
}

func (s *site) browser(t *testing.T) *browser {
	jar := must(cookiejar.New(nil))
	return &browser{t: t, s: s, Client: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

// answer is a response that has been read.
type answer struct {
	*http.Response
	body string
}

func (a answer) to() string { return a.Header.Get("Location") }

func (b *browser) do(method, path string, form url.Values, header ...string) answer {
	b.t.Helper()
	if !strings.HasPrefix(path, "http") {
		path = b.s.URL + path
	}
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r := must(http.NewRequestWithContext(b.t.Context(), method, path, body))
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	r.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0")
	if b.host != "" {
		r.Host = b.host
	}
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	resp, err := b.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer resp.Body.Close()
	return answer{resp, string(must(io.ReadAll(resp.Body)))}
}

func (b *browser) get(path string) answer { b.t.Helper(); return b.do("GET", path, nil) }

func (b *browser) post(path string, pairs ...string) answer {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	return b.do("POST", path, form)
}

func (b *browser) signIn(email, password string) answer {
	b.t.Helper()
	return b.post("/accesso", "email", email, "password", password)
}

// signedIn returns a browser in which the person with a role has signed in.
func (s *site) signedIn(t *testing.T, role people.Role) *browser {
	t.Helper()
	b := s.browser(t)
	if a := b.signIn(s.who[role].Email, phrase); a.StatusCode != 303 || a.to() != "/redazione" {
		t.Fatalf("sign-in: %d to %q\n%s", a.StatusCode, a.to(), a.body)
	}
	return b
}

// may reports whether the browser sees the desk.
func (b *browser) may() bool { b.t.Helper(); return b.get("/redazione").StatusCode == 200 }

func updateInstitution(ctx context.Context, tx *db.Tx, i institution.Institution) error {
	return institution.Update(ctx, tx, i)
}
