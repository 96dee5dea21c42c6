package activitypub_test

import (
	"bytes"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// fediverse is our server as others of the Fediverse meet it: on an address of its
// own, with workers that carry what is to be carried. What it hears is kept as it
// was told.
type fediverse struct {
	testing.TB
	db     *db.DB
	server *activitypub.Server
	origin string
	inst   institution.Institution
	place  channel.Channel
	id     string // of our actor
	handle string

	mu    sync.Mutex
	later time.Duration
	said  []channel.Said
}

func (f *fediverse) clock() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return time.Now().Add(f.later)
}

// pass moves our clock on.
func (f *fediverse) pass(d time.Duration) { f.mu.Lock(); defer f.mu.Unlock(); f.later += d }

func (f *fediverse) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func newFediverse(t testing.TB, d *db.DB) *fediverse {
	t.Helper()
	f := &fediverse{TB: t, db: d}
	front := httptest.NewUnstartedServer(nil)
	f.origin = "http://" + front.Listener.Addr().String()
	var profile institution.Profile
	f.must(d.InTx(t.Context(), func(tx *db.Tx) (err error) {
		if f.inst, err = institution.Create(t.Context(), tx, institution.Institution{Name: "Comune di Cesate"}, f.clock()); err != nil {
			return err
		}
		profile, err = institution.SaveProfile(t.Context(), tx, institution.Profile{InstitutionID: f.inst.ID, Slug: "biblioteca", Name: "Biblioteca civica"}, f.clock())
		return err
	}))
	bundle, err := i18n.Load()
	f.must(err)
	base, err := url.Parse(f.origin)
	f.must(err)
	log := slog.New(slog.NewTextHandler(failing{t}, &slog.HandlerOptions{Level: slog.LevelError}))
	kit, err := web.New(web.Options{Bundle: bundle, Log: log, BaseURL: base, Now: f.clock, Shell: func(*http.Request, *layout.Page) {}})
	f.must(err)
	box := secret.Fresh()
	registry := jobs.NewRegistry(d)
	f.server, err = activitypub.New(activitypub.Options{
		DB: d, Kit: kit, Bundle: bundle, Box: box, Clock: f.clock, Log: log, Version: "1",
		Fetch:   fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 16}}),
		Address: func(institution.Institution) string { return f.origin },
		Hear:    f.hear,
	}, registry)
	f.must(err)
	pool, err := jobs.New(t.Context(), d, registry, jobs.Options{Log: slog.New(slog.DiscardHandler), Poll: 20 * time.Millisecond})
	f.must(err)
	f.server.Use(pool)
	f.must(pool.Start(context.WithoutCancel(t.Context())))
	mux := http.NewServeMux()
	kit.Mount(mux)
	f.server.Mount(mux)
	front.Config.Handler = institution.NewResolver(d, f.clock).Around(kit.Wrap(mux))
	front.Start()
	t.Cleanup(func() {
		front.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := pool.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	board := channel.NewSwitchboard(d, box, f.clock, f.server.Adapter())
	f.place, err = board.Connect(f.officer(), channel.Wish{InstitutionID: f.inst.ID, ProfileID: profile.ID, Platform: channel.ActivityPub}, map[string]string{})
	f.must(err)
	f.id, f.handle = f.place.URL, f.place.Handle
	return f
}

type failing struct{ testing.TB }

func (f failing) Write(p []byte) (int, error) {
	f.Errorf("the server logged: %s", p)
	return len(p), nil
}

func (f *fediverse) officer() context.Context {
	return people.With(f.Context(), people.Actor{PersonID: "p1", Name: "Ada", InstitutionID: f.inst.ID, Roles: []people.Role{people.Administrator}})
}

func (f *fediverse) hear(_ context.Context, _ *db.Tx, institutionID, channelID string, said []channel.Said) error {
	if institutionID != f.inst.ID || channelID != f.place.ID {
		return errors.New("told to a channel of somebody else")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.said = append(f.said, said...)
	return nil
}

// patience is how long another server may take on a busy machine.
const patience = 30 * time.Second

// until waits for what happens elsewhere.
func (f *fediverse) until(what string, ok func() bool) {
	f.Helper()
	tick := time.NewTicker(25 * time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(f.Context(), patience)
	defer cancel()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			f.mu.Lock()
			defer f.mu.Unlock()
			f.Fatalf("waited in vain: %s; heard %+v", what, f.said)
		}
	}
}

// heard waits until something was told, and takes it out of what was heard. When
// something else of the kind was told, that is returned: it is for the test to
// compare.
func (f *fediverse) heard(act channel.Act) (found channel.Said) {
	f.Helper()
	f.until("to hear "+string(act), func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		for i, s := range f.said {
			if s.Act == act {
				found = s
				f.said = append(f.said[:i:i], f.said[i+1:]...)
				return true
			}
		}
		return false
	})
	return found
}

// silent fails when anything was told that no test asked for.
func (f *fediverse) silent() {
	f.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.said) > 0 {
		f.Errorf("heard what should not be: %+v", f.said)
		f.said = nil
	}
}

func (f *fediverse) account() channel.Account {
	return channel.Account{ID: f.place.ID, Server: f.origin, Handle: f.handle, URL: f.id}
}

// message is an announcement with a photograph, as publishing hands it over.
func (f *fediverse) message(title, text string) channel.Post {
	key := db.NewID()
	link := f.origin + "/m/" + key
	return channel.Post{
		Key: key, Title: title, Text: text + "\n\n" + link + "\n\n#biblioteca", Link: link, Lang: "it", Tags: []string{"biblioteca"},
		Media: []channel.Media{{Hash: strings.Repeat("ab", 32), ContentType: "image/jpeg", Name: "sala.jpg", Alt: "La sala di lettura, con le finestre sul parco", Width: 1200, Height: 800}},
		Rich:  &channel.Rich{Kind: "news", HTML: "<p>" + text + "</p>", Summary: text, Published: f.clock()},
	}
}

// publish does what the ledger does with a delivery.
func (f *fediverse) publish(p channel.Post) channel.Remote {
	f.Helper()
	a := f.server.Adapter()
	done, err := a.Prepare(f.Context(), f.account(), p, nil, func(channel.Progress) error { return nil })
	f.must(err)
	r, err := a.Finalize(f.Context(), f.account(), p, done)
	f.must(err)
	return r
}

// request sends a document to our shared inbox, signed with any key, and returns
// the answer's status.
func (f *fediverse) request(document any, keyID string, key *rsa.PrivateKey, scheme sig.Scheme, change func(*http.Request)) int {
	f.Helper()
	body, ok := document.([]byte)
	if !ok {
		var err error
		body, err = json.Marshal(document)
		f.must(err)
	}
	r, err := http.NewRequestWithContext(f.Context(), http.MethodPost, f.origin+"/ap/inbox", bytes.NewReader(body))
	f.must(err)
	r.Header.Set("Content-Type", "application/activity+json")
	if key != nil {
		f.must(sig.Signer{KeyID: keyID, Key: key}.Sign(r, body, scheme, f.clock()))
	}
	if change != nil {
		change(r)
	}
	resp, err := http.DefaultClient.Do(r)
	f.must(err)
	defer resp.Body.Close()
	io.Copy(io.Discard, resp.Body)
	return resp.StatusCode
}
