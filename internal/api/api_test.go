package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/api/apitest"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
)

// The routes under test keep notes in the table heartbeat, the simplest there is.
type note struct {
	Name string    `json:"name" required:"true" doc:"What it is called."`
	At   time.Time `json:"at"`
	Tags []string  `json:"tags" enum:"a,b"`
	Of   *note     `json:"of,omitempty"`
}

type noteIn struct {
	ID string `json:"-" path:"id"`
	note
}

type listIn struct {
	api.Page
	Only []string `json:"-" query:"only"`
}

type fileIn struct {
	Alt  string     `json:"-" query:"alt" required:"true"`
	File api.Upload `json:"-"`
}

type fileOut struct {
	Name string `json:"name"`
	Size int    `json:"size"`
}

// server is an API on a database, whose clock and whose Do route tests steer.
type server struct {
	http.Handler
	db   *db.DB
	inst institution.Institution

	mu   sync.Mutex
	now  time.Time
	do   func(ctx context.Context, name string) error // run by POST /steps
	wait time.Duration
}

func (s *server) clock() time.Time { s.mu.Lock(); defer s.mu.Unlock(); return s.now }

func (s *server) pass(d time.Duration) { s.mu.Lock(); defer s.mu.Unlock(); s.now = s.now.Add(d) }

func newServer(t testing.TB, d *db.DB) *server {
	t.Helper()
	s := &server{db: d, now: time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)}
	err := d.InTx(t.Context(), func(tx *db.Tx) (err error) {
		s.inst, err = institution.Create(t.Context(), tx, institution.Institution{Name: "Cesate"}, s.now)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	bundle, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	kit, err := web.New(web.Options{Bundle: bundle, Log: slog.New(slog.DiscardHandler), Now: s.clock})
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	k := api.New(api.Options{DB: d, Web: kit, Mux: mux, Version: "test", Authenticate: s.authenticate,
		Allow: func(context.Context, string, time.Time) (time.Duration, error) { return s.wait, nil }})
	for _, tag := range []string{"notes", "files", "steps"} {
		k.Describe(tag, "What the tests need.")
	}
	s.register(k)
	if err := k.Mount(); err != nil {
		t.Fatal(err)
	}
	s.Handler = institution.NewResolver(d, s.clock).Around(kit.Wrap(mux))
	return s
}

func (s *server) authenticate(_ context.Context, token string, _ time.Time) (people.Actor, error) {
	role, ok := strings.CutPrefix(token, "token-")
	if !ok {
		return people.Actor{}, fault.New(fault.Unsigned, "api.token.missing")
	}
	a := people.Actor{PersonID: "p", TokenID: token, InstitutionID: s.inst.ID, Roles: []people.Role{people.Role(role)}}
	if role == "stranger" {
		a.InstitutionID = "another"
	}
	return a, nil
}

func (s *server) register(k *api.Kit) {
	api.Register(k, api.Route[noteIn, note]{Method: "PUT", Path: "/notes/{id}", Summary: "Write", Tag: "notes", Action: people.Write,
		Tx: func(ctx context.Context, tx *db.Tx, in noteIn) (note, error) {
			n := in.note
			if n.Name == "broken" {
				return n, errors.New("secret detail")
			}
			return n, add(ctx, tx, in.ID)
		}})
	api.Register(k, api.Route[noteIn, note]{Method: "POST", Path: "/notes/{id}", Summary: "Add", Tag: "notes", Action: people.Write, Status: 201,
		Tx: func(ctx context.Context, tx *db.Tx, in noteIn) (note, error) {
			if in.Name == "refused" {
				return in.note, errors.Join(add(ctx, tx, in.ID), fault.InvalidField("name", "fault.field.choice"))
			}
			return in.note, add(ctx, tx, in.ID)
		}})
	api.Register(k, api.Route[listIn, api.List[note]]{Method: "GET", Path: "/notes", Summary: "List", Tag: "notes", Action: people.See, Do: listNotes})
	api.Register(k, api.Route[api.None, api.None]{Method: "DELETE", Path: "/notes", Summary: "Empty", Tag: "notes", Action: people.Configure,
		Do: func(context.Context, api.None) (api.None, error) { return api.None{}, nil }})
	api.Register(k, api.Route[fileIn, fileOut]{Method: "POST", Path: "/files", Summary: "Upload", Tag: "files", Action: people.Write, Do: readFile, MaxBody: 1 << 10})
	step := func(ctx context.Context, in note) (note, error) { return in, s.do(ctx, in.Name) }
	api.Register(k, api.Route[note, note]{Method: "POST", Path: "/steps", Summary: "Own transactions", Tag: "steps", Action: people.Write, Do: step})
	api.Register(k, api.Route[note, note]{Method: "POST", Path: "/kept", Summary: "Own transactions, kept", Tag: "steps", Action: people.Write, Do: step, Keeps: true})
}

func listNotes(_ context.Context, in listIn) (api.List[note], error) {
	place, err := api.Place(in.Cursor, 1)
	if err != nil {
		return api.List[note]{}, err
	}
	from, _ := strconv.Atoi(place[0])
	var notes []note
	for i := from; i < 5 && len(notes) <= in.Limit; i++ {
		notes = append(notes, note{Name: fmt.Sprint(i + 1)})
	}
	return api.Cut(notes, in.Limit, func(n note) string { return api.Cursor(n.Name) }), nil
}

func readFile(_ context.Context, in fileIn) (fileOut, error) {
	body, err := io.ReadAll(in.File)
	return fileOut{in.File.Name, len(body)}, err
}

// add counts how often name was written.
func add(ctx context.Context, tx *db.Tx, name string) error {
	_, err := tx.Exec(ctx, `INSERT INTO heartbeat (name, at) VALUES ($1, 1) ON CONFLICT (name) DO UPDATE SET at = heartbeat.at + 1`, name)
	return err
}

func (s *server) count(t *testing.T, name string) (n int) {
	t.Helper()
	err := s.db.Read(t.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(t.Context(), `SELECT COALESCE(max(at), 0) FROM heartbeat WHERE name = $1`, name).Scan(&n)
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

var full = map[string]any{"name": "x", "at": "2026-05-04T18:30:00+02:00", "tags": []string{"a"}}

func TestRequestsAreAnsweredAsTheDocumentSays(t *testing.T) {
	s := newServer(t, testkit.SQLite(t))
	for name, c := range map[string]struct {
		token, method, path string
		body                any
		status              int
		field               string // at fault
	}{
		"without a token":          {"", "GET", "/notes", nil, 401, ""},
		"with a wrong token":       {"wrong", "GET", "/notes", nil, 401, ""},
		"of another institution":   {"token-stranger", "GET", "/notes", nil, 401, ""},
		"without the role":         {"token-reader", "PUT", "/notes/1", full, 403, ""},
		"a list":                   {"token-reader", "GET", "/notes", nil, 200, ""},
		"a limit out of range":     {"token-reader", "GET", "/notes?limit=101", nil, 422, "limit"},
		"a limit that is a word":   {"token-reader", "GET", "/notes?limit=tanti", nil, 422, "limit"},
		"an unknown query":         {"token-reader", "GET", "/notes?limite=3", nil, 422, "limite"},
		"a query twice":            {"token-reader", "GET", "/notes?limit=3&limit=4", nil, 422, "limit"},
		"half a query":             {"token-reader", "GET", "/notes?limit=3;text=a", nil, 422, ""},
		"a bad escape":             {"token-reader", "GET", "/notes?limit=%zz", nil, 422, ""},
		"a broken cursor":          {"token-reader", "GET", "/notes?cursor=%21", nil, 422, "cursor"},
		"a NUL in a query":         {"token-reader", "GET", "/notes?only=a%00", nil, 422, "only.0"},
		"a whole body":             {"token-writer", "PUT", "/notes/1", full, 200, ""},
		"a NUL in the path":        {"token-writer", "PUT", "/notes/a%00b", full, 422, "id"},
		"no body":                  {"token-writer", "PUT", "/notes/1", nil, 415, ""},
		"an unknown member":        {"token-writer", "PUT", "/notes/1", `{"name":"x","colour":1}`, 422, "colour"},
		"a member of another type": {"token-writer", "PUT", "/notes/1", `{"name":["x"]}`, 422, "name"},
		"a missing member":         {"token-writer", "PUT", "/notes/1", `{"tags":["a"]}`, 422, "name"},
		"a choice that is none":    {"token-writer", "PUT", "/notes/1", `{"name":"x","tags":["a","c"]}`, 422, "tags.1"},
		"a control character":      {"token-writer", "PUT", "/notes/1", `{"name":"x\u0000y"}`, 422, "name"},
		"one deep inside":          {"token-writer", "PUT", "/notes/1", `{"name":"x","of":{"name":"\u0007"}}`, 422, "of.name"},
		"a member twice":           {"token-writer", "PUT", "/notes/1", `{"name":"x","name":"y"}`, 422, "name"},
		"one twice, deep inside":   {"token-writer", "PUT", "/notes/1", `{"name":"x","of":{"name":"x","name":"y"}}`, 422, "of.name"},
		"a member in capitals":     {"token-writer", "PUT", "/notes/1", `{"NAME":"x"}`, 422, "NAME"},
		"half a surrogate pair":    {"token-writer", "PUT", "/notes/1", `{"name":"\ud800"}`, 400, ""},
		"a list for an object":     {"token-writer", "PUT", "/notes/1", `[1]`, 422, ""},
		"an empty body":            {"token-writer", "PUT", "/notes/1", "", 400, ""},
		"a broken time":            {"token-writer", "PUT", "/notes/1", `{"name":"x","at":"domani"}`, 422, "at"},
		"broken JSON":              {"token-writer", "PUT", "/notes/1", `{"name":`, 400, ""},
		"two documents":            {"token-writer", "PUT", "/notes/1", `{"name":"x"} {}`, 400, ""},
		"text that is not UTF-8":   {"token-writer", "PUT", "/notes/1", "{\"name\":\"\xff\"}", 400, ""},
		"a huge body":              {"token-writer", "PUT", "/notes/1", `{"name":"` + strings.Repeat("x", 5<<20) + `"}`, 413, ""},
		"a defect":                 {"token-writer", "PUT", "/notes/1", `{"name":"broken"}`, 500, ""},
		"an answer without a body": {"token-administrator", "DELETE", "/notes", nil, 204, ""},
		"an unknown path":          {"token-reader", "GET", "/nothing", nil, 404, ""},
		"an unknown method":        {"token-reader", "PATCH", "/notes", nil, 405, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := apitest.New(t, s, c.token).JSON(c.method, c.path, c.body)
			if a.Status != c.status {
				t.Fatalf("status %d, want %d: %s", a.Status, c.status, a.Raw)
			}
			if c.status == 401 && a.Header.Get("WWW-Authenticate") == "" && c.token != "token-stranger" {
				t.Error("401 without WWW-Authenticate")
			}
			if strings.Contains(string(a.Raw), "secret detail") {
				t.Errorf("the cause is shown: %s", a.Raw)
			}
			if c.field != "" {
				fields, _ := a.Body.(map[string]any)["fields"].(map[string]any)
				if _, ok := fields[c.field]; !ok || len(fields) != 1 {
					t.Errorf("fields at fault %v, want %q", fields, c.field)
				}
			}
		})
	}
}

func TestUnknownMethodNamesTheAllowedOnes(t *testing.T) {
	a := apitest.New(t, newServer(t, testkit.SQLite(t)), "token-reader").JSON("PATCH", "/notes", nil)
	if got := a.Header.Values("Allow"); fmt.Sprint(got) != "[GET, DELETE]" {
		t.Errorf("Allow: %v", got)
	}
}

func TestListsAreNeverNullAndPagesMeet(t *testing.T) {
	s := newServer(t, testkit.SQLite(t))
	c := apitest.New(t, s, "token-reader")
	var names []string
	next := ""
	for range 4 {
		var page api.List[note]
		c.JSON("GET", "/notes?limit=2&cursor="+next, nil).Decode(t, &page)
		for _, n := range page.Items {
			names = append(names, n.Name)
			if n.Tags == nil {
				t.Error("a list without items is null")
			}
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if fmt.Sprint(names) != "[1 2 3 4 5]" {
		t.Errorf("pages give %v", names)
	}
}

func TestFaultsSpeakTheReadersLanguage(t *testing.T) {
	s := newServer(t, testkit.SQLite(t))
	for lang, want := range map[string]string{"it": "Manca il token", "en": "The token is missing", "de": "Manca il token"} {
		a := apitest.New(t, s, "").With("Accept-Language", lang).JSON("GET", "/notes", nil)
		if !strings.HasPrefix(a.Field("detail"), want) {
			t.Errorf("%s: %s", lang, a.Raw)
		}
	}
}

func TestRateLimitSaysHowLongToWait(t *testing.T) {
	s := newServer(t, testkit.SQLite(t))
	s.wait = 1500 * time.Millisecond
	a := apitest.New(t, s, "token-reader").JSON("GET", "/notes", nil)
	if a.Status != 429 || a.Header.Get("Retry-After") != "2" {
		t.Errorf("%d, Retry-After %q", a.Status, a.Header.Get("Retry-After"))
	}
}

func TestFileComesAsBodyOrForm(t *testing.T) {
	s := newServer(t, testkit.SQLite(t))
	c := apitest.New(t, s, "token-writer")
	form := "--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\nx\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.jpg\"\r\nContent-Type: image/jpeg\r\n\r\n12345\r\n--b--\r\n"
	for name, r := range map[string]struct {
		kind, disposition, body string
		status, size            int
	}{
		"body":           {"image/jpeg", `attachment; filename="a.jpg"`, "12345", 200, 5},
		"form":           {"multipart/form-data; boundary=b", "", form, 200, 5},
		"empty form":     {"multipart/form-data; boundary=b", "", "--b--\r\n", 422, 0},
		"form cut short": {"multipart/form-data; boundary=b", "", "--b\r\nContent-Disp", 400, 0},
		"too large":      {"image/jpeg", "", strings.Repeat("x", 2000), 413, 0},
	} {
		t.Run(name, func(t *testing.T) {
			req := httptest.NewRequest("POST", "/api/v1/files?alt=foto", strings.NewReader(r.body))
			req.Header.Set("Content-Type", r.kind)
			req.Header.Set("Content-Disposition", r.disposition)
			a := c.Do(req)
			if a.Status != r.status {
				t.Fatalf("status %d, want %d: %s", a.Status, r.status, a.Raw)
			}
			var out fileOut
			if a.Status == 200 {
				if a.Decode(t, &out); out != (fileOut{"a.jpg", r.size}) {
					t.Errorf("got %+v", out)
				}
			}
		})
	}
}
