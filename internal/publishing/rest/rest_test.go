package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/api/apitest"
	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/bluesky"
	"codeberg.org/arengo/arengo/internal/channel/mastodon"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/rest"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
)

// town has a desk, its API, two profiles with a channel each, and programs of people.
type town struct {
	*testing.T
	i              institution.Institution
	profile, other institution.Profile
	here, there    string // channels of the two profiles
	handler        http.Handler
	now            time.Time
}

func (w *town) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *town) clock() time.Time { return w.now }

func newTown(t *testing.T, d *db.DB) *town {
	t.Helper()
	w := &town{T: t, now: time.Date(2026, 5, 4, 16, 30, 0, 0, time.UTC), here: db.NewID(), there: db.NewID()}
	ctx := t.Context()
	w.must(d.InTx(ctx, func(tx *db.Tx) (err error) {
		if w.i, err = institution.Create(ctx, tx, institution.Institution{Name: "Comune di Cesate"}, w.now); err != nil {
			return err
		}
		for id, p := range map[string]*institution.Profile{w.here: &w.profile, w.there: &w.other} {
			if *p, err = institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: w.i.ID, Name: "Profilo " + id[30:]}, w.now); err != nil {
				return err
			}
			if _, err = tx.Exec(ctx, `INSERT INTO channel (institution_id, id, profile_id, platform, name, handle, state, created_at) VALUES ($1, $2, $3, 'mastodon', 'Mastodon', $4, 'connected', 1)`,
				w.i.ID, id, p.ID, "@"+id[30:]+"@piazza.example"); err != nil {
				return err
			}
		}
		return nil
	}))
	bundle, err := i18n.Load()
	w.must(err)
	base, err := url.Parse("https://piazza.cesate.example")
	w.must(err)
	kit, err := web.New(web.Options{Bundle: bundle, Log: slog.New(slog.DiscardHandler), BaseURL: base, Now: w.clock})
	w.must(err)
	store, err := blob.NewDisk(t.TempDir())
	w.must(err)
	client := fetch.New(fetch.Options{})
	board := channel.NewSwitchboard(d, secret.Fresh(), w.clock, mastodon.New(client), bluesky.New(client, bluesky.Options{}))
	r := jobs.NewRegistry(d)
	desk := publishing.NewDesk(publishing.Options{DB: d, Channels: board, Blobs: store, Pictures: blob.NewProcessor(0), Clock: w.clock, Workers: 4,
		Log: slog.New(slog.DiscardHandler), Address: func(institution.Institution) string { return base.String() }}, r)
	pool, err := jobs.New(ctx, d, r, jobs.Options{Log: slog.New(slog.DiscardHandler), Deliveries: 4})
	w.must(err)
	t.Cleanup(func() { pool.Stop(context.Background()) })
	desk.Use(pool)
	mux := http.NewServeMux()
	k := api.New(api.Options{DB: d, Web: kit, Mux: mux, BaseURL: base, Version: "test", Authenticate: w.authenticate,
		Allow: func(context.Context, string, time.Time) (time.Duration, error) { return 0, nil }})
	rest.Register(k, rest.Options{DB: d, Desk: desk, Channels: board, Clock: w.clock, MaxUpload: 1 << 20})
	w.must(k.Mount())
	w.handler = institution.NewResolver(d, w.clock).Around(kit.Wrap(mux))
	return w
}

// authenticate takes the name of a role as its token.
func (w *town) authenticate(_ context.Context, token string, _ time.Time) (people.Actor, error) {
	for _, role := range people.Roles() {
		if string(role) == token {
			return people.Actor{PersonID: "person-" + token, TokenID: token, InstitutionID: w.i.ID, Roles: []people.Role{role}}, nil
		}
	}
	return people.Actor{}, fault.New(fault.Unsigned, "api.token.missing")
}

func (w *town) as(role people.Role) *apitest.Client { return apitest.New(w.T, w.handler, string(role)) }

// kept is the content of a message as the API tells it.
func (w *town) kept(a apitest.Answer) map[string]any {
	w.Helper()
	if a.Status != http.StatusCreated && a.Status != http.StatusOK {
		w.Fatalf("%d: %s", a.Status, a.Raw)
	}
	var m struct {
		ID      string         `json:"id"`
		Content map[string]any `json:"content"`
	}
	w.must(json.Unmarshal(a.Raw, &m))
	m.Content["id"] = m.ID
	return m.Content
}

// refused expects a refusal that names a field.
func (w *town) refused(what string, a apitest.Answer, field string) {
	w.Helper()
	if a.Status != http.StatusUnprocessableEntity || !strings.Contains(string(a.Raw), `"`+field+`"`) {
		w.Errorf("%s: %d, want 422 about %s: %s", what, a.Status, field, a.Raw)
	}
}

func TestTextOfAVariantIsMeant(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		c := w.as(people.Writer)
		message := func(variants ...any) map[string]any {
			return map[string]any{"profile_id": w.profile.ID, "title": "Orari", "body": "Testo.", "variants": variants}
		}
		got := w.kept(c.JSON("POST", "/messages", message(map[string]any{"channel_id": w.here, "text": "mio testo"})))
		v := got["variants"].([]any)[0].(map[string]any)
		if v["text"] != "mio testo" || v["edited"] != true {
			t.Errorf("%v", v)
		}
		w.refused("an unknown channel", c.JSON("POST", "/messages", message(map[string]any{"channel_id": "nessuno", "text": "x"})), "variants.0.channel_id")
		w.refused("an unknown channel without a text", c.JSON("POST", "/messages", message(map[string]any{"channel_id": "nessuno", "left_out": true})), "variants.0.channel_id")
		w.refused("another profile's channel", c.JSON("POST", "/messages", message(map[string]any{"channel_id": w.there, "text": "x"})), "variants.0.channel_id")
		w.refused("two texts for one channel", c.JSON("POST", "/messages", message(map[string]any{"channel_id": w.here, "text": "x"}, map[string]any{"channel_id": w.here, "warning": "y"})), "variants.1.channel_id")
		id := got["id"].(string)
		edit := message(map[string]any{"channel_id": "nessuno", "text": "x"})
		edit["rev"] = 1
		w.refused("an edit for an unknown channel", c.JSON("PUT", "/messages/"+id, edit), "variants.0.channel_id")
	})
}

// Every field that a message may have comes back as it was sent: one that is added to
// the shape and forgotten on the way fails here.
func TestEveryFieldOfAMessageIsKept(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	c := w.as(people.Writer)
	sent := map[string]any{
		"profile_id": w.profile.ID, "title": "Orari", "body": "Riga uno\nriga due", "lang": "en", "category": "roads", "tags": []any{"biblioteca", "C++"},
		"media":    []any{map[string]any{"media_id": "m1", "alt": "La sala", "caption": "Grande"}},
		"event":    map[string]any{"start": "2026-06-05", "end": "2026-06-07", "where": "Piazza"},
		"place":    map[string]any{"name": "Piazza", "lat": 45.59, "lon": 9.08},
		"variants": []any{map[string]any{"channel_id": w.here, "left_out": true, "edited": true, "text": "A mano {link}", "warning": "orari"}},
	}
	fields := func(schema map[string]any) (names []string) {
		for name := range schema["properties"].(map[string]any) {
			names = append(names, name)
		}
		return names
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest(http.MethodGet, api.Prefix+"/openapi.json", nil))
	var document map[string]any
	w.must(json.Unmarshal(rec.Body.Bytes(), &document))
	schemas := document["components"].(map[string]any)["schemas"].(map[string]any)
	looked := 0
	var covered func(where string, ref, value any)
	covered = func(where string, ref, value any) {
		schema, _ := ref.(map[string]any)
		if r, ok := schema["$ref"].(string); ok {
			schema = schemas[r[strings.LastIndexByte(r, '/')+1:]].(map[string]any)
		}
		if items, ok := schema["items"]; ok {
			covered(where, items, value.([]any)[0])
			return
		}
		if schema["properties"] == nil {
			return
		}
		for _, name := range fields(schema) {
			looked++
			given, ok := value.(map[string]any)[name]
			if !ok {
				t.Errorf("the test sends no %s%s", where, name)
				continue
			}
			covered(where+name+".", schema["properties"].(map[string]any)[name], given)
		}
	}
	body := document["paths"].(map[string]any)["/messages"].(map[string]any)["post"].(map[string]any)["requestBody"].(map[string]any)["content"].(map[string]any)["application/json"].(map[string]any)["schema"]
	covered("", body, sent)
	if looked < 20 {
		t.Fatalf("only %d fields: the test has lost its subject", looked)
	}
	got := w.kept(c.JSON("POST", "/messages", sent))
	for name, want := range sent {
		if !reflect.DeepEqual(got[name], want) {
			t.Errorf("%s came back as %v, sent %v", name, got[name], want)
		}
	}
}

// Line ends of word processors are line ends; a tag without a word, a place without
// coordinates and entries that nobody reads are refused, not dropped.
func TestWordsAreKeptOrRefused(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	c := w.as(people.Writer)
	got := w.kept(c.JSON("POST", "/messages", map[string]any{"profile_id": w.profile.ID, "title": "Uno\u2028due", "body": "Orario\u000blunedi 9-12\u2028a\u2029b\u0085c\u000cd\r\ne\rf"}))
	if got["title"] != "Uno due" || got["body"] != "Orario\nlunedi 9-12\na\nb\nc\nd\ne\nf" {
		t.Errorf("%q, %q", got["title"], got["body"])
	}
	with := func(name string, value any) map[string]any {
		return map[string]any{"profile_id": w.profile.ID, "title": "T", "body": "B", name: value}
	}
	w.refused("a place without coordinates", c.JSON("POST", "/messages", with("place", map[string]any{"name": "Piazza"})), "place.lat")
	w.refused("a tag without a word", c.JSON("POST", "/messages", with("tags", []string{"++"})), "tags")
	w.kept(c.JSON("POST", "/messages", with("place", map[string]any{"lat": 0, "lon": 9.1}))) // on the Equator

	admin := w.as(people.Administrator)
	wish := func(name string, value any) map[string]any {
		m := map[string]any{"profile_id": w.profile.ID, "platform": "bluesky", "typed": map[string]any{"handle": "a.example", "password": "x"}}
		m[name] = value
		return m
	}
	w.refused("a visibility that is none", admin.JSON("POST", "/channels", wish("visibility", "privata")), "visibility")
	w.refused("a visibility where there is none", admin.JSON("POST", "/channels", wish("visibility", "unlisted")), "visibility")
	w.refused("an entry that nobody reads", admin.JSON("POST", "/channels", wish("typed", map[string]any{"handle": "a.example", "password": "x", "servre": "y"})), "servre")

	w.must(func() error {
		if a := admin.JSON("POST", "/freeze", map[string]any{"reason": "prova"}); a.Status != http.StatusNoContent {
			return fmt.Errorf("%d %s", a.Status, a.Raw)
		}
		return nil
	}())
	id := got["id"].(string)
	w.refused("two verdicts", admin.JSON("POST", "/freeze/lift", map[string]any{"keep": []string{id}, "drop": []string{id}}), "drop.0")
	w.refused("a verdict about no message", admin.JSON("POST", "/freeze/lift", map[string]any{"keep": []string{"nessuno"}}), "keep")
}
