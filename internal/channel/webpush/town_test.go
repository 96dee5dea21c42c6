package webpush

import (
	"context"
	"crypto/ecdh"
	"crypto/rand"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// town is an institution with two profiles, each with a web push channel.
type town struct {
	testing.TB
	db       *db.DB
	notices  *Notices
	i        institution.Institution
	profiles map[string]institution.Profile
	channels map[string]string // by profile slug
	kit      *web.Kit
	handler  http.Handler
	mu       sync.Mutex
	now      time.Time
	origin   string
	pool     *jobs.Pool
}

func (w *town) clock() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.now }
func (w *town) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func newTown(t testing.TB, d *db.DB) *town {
	t.Helper()
	w := &town{TB: t, db: d, profiles: map[string]institution.Profile{}, channels: map[string]string{}, now: time.Now().Truncate(time.Second), origin: "https://piazza.cesate.example"}
	ctx := context.Background()
	w.must(d.InTx(ctx, func(tx *db.Tx) (err error) {
		if w.i, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate", PrivacyURL: "/privacy"}, w.now); err != nil {
			return err
		}
		for n, p := range []institution.Profile{{Slug: "comune", Name: "Comune di Cesate"}, {Slug: "biblioteca", Name: "Biblioteca"}} {
			p.InstitutionID, p.Position = w.i.ID, n
			if p, err = institution.SaveProfile(ctx, tx, p, w.now); err != nil {
				return err
			}
			w.profiles[p.Slug], w.channels[p.Slug] = p, db.NewID()
			if _, err := tx.Exec(ctx, `INSERT INTO channel (institution_id, id, profile_id, platform, name, state, created_at) VALUES ($1, $2, $3, 'webpush', 'Web push', 'connected', 1)`,
				w.i.ID, w.channels[p.Slug], p.ID); err != nil {
				return err
			}
		}
		return nil
	}))
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse(w.origin)
	w.must(err)
	w.kit, err = web.New(web.Options{Bundle: bundle, Log: slog.New(slog.NewTextHandler(failing{t}, nil)), BaseURL: base, Now: w.clock,
		Shell: func(_ *http.Request, p *layout.Page) { p.Institution.Name = w.i.Name }})
	w.must(err)
	r := jobs.NewRegistry(d)
	w.notices, err = New(Options{DB: d, Kit: w.kit, Box: secret.Fresh(), Clock: w.clock, Contact: "urp@comune.cesate.example", AllowLoopback: true,
		Fetch:   fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 64}}),
		Address: func(institution.Institution) string { return w.origin },
		TagKey:  func(s string) string { return strings.ToLower(strings.TrimPrefix(s, "#")) }}, r)
	w.must(err)
	w.pool, err = jobs.New(ctx, d, r, jobs.Options{Log: slog.New(slog.DiscardHandler)})
	w.must(err)
	t.Cleanup(func() { w.pool.Stop(context.Background()) })
	w.notices.Use(w.pool)
	mux := http.NewServeMux()
	w.kit.Mount(mux)
	w.notices.Mount(mux)
	w.handler = institution.NewResolver(d, w.clock).Around(w.kit.Wrap(mux))
	return w
}

type failing struct{ testing.TB }

func (f failing) Write(p []byte) (int, error) {
	f.Errorf("the server logged: %s", p)
	return len(p), nil
}

// key is the institution's public key.
func (w *town) key() string {
	w.Helper()
	k, err := w.notices.PublicKey(w.Context(), w.i.ID)
	w.must(err)
	return k
}

// browser makes keys as a browser does, with an endpoint of the test's own.
func browser(t testing.TB, endpoint string) Subscription {
	t.Helper()
	k, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	auth := make([]byte, 16)
	if _, err := rand.Read(auth); err != nil {
		t.Fatal(err)
	}
	return Subscription{Endpoint: endpoint, P256dh: base64.RawURLEncoding.EncodeToString(k.PublicKey().Bytes()), Auth: base64.RawURLEncoding.EncodeToString(auth)}
}

func (w *town) subscribe(s Subscription, scopes ...Scope) {
	w.Helper()
	s.Scopes = scopes
	w.must(w.notices.Subscribe(w.Context(), w.i.ID, s, "", limit.Of(netip.MustParseAddr("192.0.2.7"))))
}

// publish hands a message over and lets what is due go out.
func (w *town) publish(slug string, p channel.Post) channel.Remote {
	w.Helper()
	r, err := w.notices.HandOver(w.Context(), w.channels[slug], p)
	w.must(err)
	w.must(w.notices.SendDue(w.Context()))
	return r
}

func (w *town) post(title string) channel.Post {
	id := db.NewID()
	link := w.origin + "/m/" + id
	return channel.Post{Key: id, Title: title, Text: title + "\n\nDomani alle 18 in piazza.\n\n" + link + "\n\n#Cesate", Link: link, Lang: "it", Tags: []string{"Cesate"}}
}

// outcomes counts what became of the notices.
func (w *town) outcomes() map[Outcome]int {
	w.Helper()
	f := w.figures()
	return f.Outcomes
}

func (w *town) figures() (f Figures) {
	w.Helper()
	w.must(w.db.Read(w.Context(), func(tx *db.Tx) (err error) { f, err = Count(w.Context(), tx, w.i.ID, time.Time{}); return err }))
	return f
}

// service answers as a push service that the test can see into.
type service struct {
	*httptest.Server
	mu     sync.Mutex
	asked  []*http.Request
	answer func(w http.ResponseWriter, r *http.Request)
}

func newService(t testing.TB, answer func(w http.ResponseWriter, r *http.Request)) *service {
	s := &service{answer: answer}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.asked = append(s.asked, r)
		do := s.answer
		s.mu.Unlock()
		do(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *service) count() int { s.mu.Lock(); defer s.mu.Unlock(); return len(s.asked) }

func status(code int, header ...string) func(http.ResponseWriter, *http.Request) {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i+1 < len(header); i += 2 {
			w.Header().Set(header[i], header[i+1])
		}
		w.WriteHeader(code)
	}
}
