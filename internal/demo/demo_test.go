package demo

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/html"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

const base = "http://127.0.0.1:8080"

// filled is a town just filled, served by an app that lives in the present.
func filled(t testing.TB) (*town, *app.App) { return filledOn(t, db.SQLite) }

func filledOn(t testing.TB, e db.Engine) (*town, *app.App) {
	t.Helper()
	ctx := context.Background()
	env := map[string]string{"ARENGO_DATA": filepath.Join(t.TempDir(), "data"), "ARENGO_BASE_URL": base, "ARENGO_DEMO": "true"}
	if e == db.Postgres {
		env["ARENGO_DATABASE"] = testkit.Address(t, e)
	}
	c, err := config.Load(nil, func(name string) string { return env[name] })
	if err != nil {
		t.Fatal(err)
	}
	o := Options{Config: c, Log: slog.New(slog.DiscardHandler), Out: io.Discard}
	w, stop, err := open(o, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	began := time.Now()
	if err := w.prepare(ctx, o); err != nil {
		t.Fatal(err)
	}
	t.Logf("filled in %s", time.Since(began).Round(time.Millisecond))
	a, err := app.Open(ctx, c, o.Log)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return w, a
}

func TestTheTown(t *testing.T) {
	w, a := filled(t)
	t.Run("has all that a visitor should find", func(t *testing.T) { w.counts(t, a) })
	t.Run("has no broken page for anybody", func(t *testing.T) { crawlAll(t, w, a) })
	t.Run("has no form that cannot be sent", func(t *testing.T) {
		for _, who := range []string{"citizen", "comune", "admin"} {
			pressAll(t, a.Handler(), w, who)
		}
	})
	t.Run("is filled once", func(t *testing.T) {
		before := len(w.square.Posts("comune_cesate"))
		ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
		defer cancel()
		if err := a.Close(ctx); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		if err := w.prepare(ctx, Options{Config: w.config, Log: slog.New(slog.DiscardHandler), Out: &out}); err != nil {
			t.Fatal(err)
		}
		if after := len(w.square.Posts("comune_cesate")); after != before || out.Len() > 0 {
			t.Fatalf("filled again: %d posts, then %d: %s", before, after, out.String())
		}
	})
}

// inboxCounts looks at what the citizens said and what became of it.
func (t *town) inboxCounts(test *testing.T, a *app.App) {
	ctx := context.Background()
	err := a.DB.Read(ctx, func(tx *db.Tx) error {
		c, err := inbox.CountAll(ctx, tx, t.cesate.ID, t.people["comune"], t.clock.now())
		if err != nil {
			return err
		}
		if c.Public.Waiting < 15 || c.Public.Waiting > 60 || c.Public.Overdue < 1 || c.Public.Closed < 60 || c.Public.Held != 1 || c.Public.ToApprove != 1 || c.Private.All != 1 {
			test.Errorf("conversations: %+v", c)
		}
		log, err := inbox.ModerationLog(ctx, tx, t.cesate.ID, "", 10)
		if err != nil || len(log) != 1 || log[0].Rule == "" || log[0].Text == "" {
			test.Errorf("moderation log: %+v, %v", log, err)
		}
		var answers, deadlines int
		err = tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM delivery WHERE kind = 'answer' AND state = 'out'), (SELECT count(*) FROM conversation WHERE due_at > 0)`).Scan(&answers, &deadlines)
		if answers < 7 || deadlines < 5 {
			test.Errorf("%d answers out, %d deadlines", answers, deadlines)
		}
		return err
	})
	if err != nil {
		test.Fatal(err)
	}
}

// counts looks at the town as it is kept in the database and on the square.
func (t *town) counts(test *testing.T, a *app.App) {
	ctx := context.Background()
	states := map[publishing.State]int{}
	deliveries := map[publishing.DeliveryState]int{}
	albums, corrected := 0, 0
	err := a.DB.Read(ctx, func(tx *db.Tx) error {
		for _, i := range []institution.Institution{t.cesate, t.union} {
			all, err := publishing.List(ctx, tx, i.ID, publishing.Filter{Limit: 500})
			if err != nil {
				return err
			}
			for _, m := range all {
				states[m.State]++
				if m.Content.Kind() == "album" {
					albums++
				}
				if m.State == publishing.Out && m.OutRev > 1 {
					corrected++
				}
				ds, err := publishing.Deliveries(ctx, tx, i.ID, m.ID)
				if err != nil {
					return err
				}
				for _, d := range ds {
					deliveries[d.State]++
					if d.Open() {
						test.Errorf("%q is still on its way", m.Content.Title)
					}
				}
			}
		}
		return nil
	})
	if err != nil {
		test.Fatal(err)
	}
	if states[publishing.Out] < 55 || states[publishing.Scheduled] < 8 || states[publishing.Draft] < 3 || states[publishing.Submitted] != 1 || states[publishing.Withdrawn] != 1 {
		test.Errorf("messages: %v", states)
	}
	if deliveries[publishing.Refused] != 1 || deliveries[publishing.Unconfirmed] != 1 || deliveries[publishing.TakenBack] != 4 || deliveries[publishing.Delivered] < 220 {
		test.Errorf("deliveries: %v", deliveries)
	}
	if albums != 1 || corrected != 2 {
		test.Errorf("%d albums, %d corrected messages", albums, corrected)
	}
	t.inboxCounts(test, a)
	t.sentCounts(test)
}

// sentCounts looks at what the square and the readers of letters have got.
func (t *town) sentCounts(test *testing.T) {
	edited := 0
	for _, v := range voices() {
		posts := t.square.Posts(v.handle)
		if len(posts) < 4 {
			test.Errorf("@%s has %d posts", v.handle, len(posts))
		}
		for _, p := range posts {
			if p.Edited {
				edited++
			}
		}
	}
	if edited != 2 {
		test.Errorf("%d posts of the square were edited", edited)
	}
	letters, err := filepath.Glob(filepath.Join(t.config.Data, "outbox", "new", "*"))
	if err != nil || len(letters) < 100 {
		test.Errorf("%d letters: %v", len(letters), err)
	}
	for _, l := range letters {
		if read, err := readLetter(l); err != nil || read.Text == "" || read.Subject == "" {
			test.Fatalf("%s cannot be read: %v", l, err)
		}
	}
}

// broken are the signs of a text that was put together wrongly.
var broken = regexp.MustCompile(`%!|\[\[[a-z.]+\]\]|&lt;nil&gt;|&lt;no value&gt;|\{[+-]?\d+\}|\{evento\}|\{mese\}`)

// crawlAll follows every link as a citizen and as each account, in both
// institutions.
func crawlAll(t *testing.T, w *town, a *app.App) {
	pages := map[string]string{}
	for _, host := range []string{"127.0.0.1:8080", "unione.localhost:8080"} {
		crawl(t, a.Handler(), "citizen", host, "", pages)
	}
	public := len(pages)
	if public < 150 {
		t.Errorf("a citizen finds only %d pages", public)
	}
	for _, s := range allStaff() {
		crawl(t, a.Handler(), s.part, "127.0.0.1:8080", signIn(t, a.Handler(), "127.0.0.1:8080", w.people[s.part]), pages)
	}
	crawl(t, a.Handler(), "shared desk", "unione.localhost:8080", signIn(t, a.Handler(), "unione.localhost:8080", w.people["unione"]), pages)
	if len(pages) < public+200 {
		t.Errorf("the desk has only %d pages", len(pages)-public)
	}
	crawlLetters(t, w, pages)
	t.Logf("%d pages, %d of them public", len(pages), public)
	t.Run("valid HTML", func(t *testing.T) { testkit.ValidHTML(t, sample(pages)) })
}

// crawlLetters reads the letters as the visitor of the demo does.
func crawlLetters(t *testing.T, w *town, keep map[string]string) {
	t.Helper()
	get := func(path string) string {
		r, err := http.Get(w.squareURL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer r.Body.Close()
		body, err := io.ReadAll(r.Body)
		if err != nil || r.StatusCode != http.StatusOK {
			t.Fatalf("%s: %s %v", path, r.Status, err)
		}
		return string(body)
	}
	list := get("/lettere")
	keep["letters"] = list
	read := 0
	for _, l := range links(t, list) {
		if strings.HasPrefix(l, "/lettere/") {
			keep["letter "+l] = get(l)
			read++
		}
	}
	if read != maxLetters {
		t.Errorf("%d letters can be read", read)
	}
	r, err := http.Get(w.squareURL + "/lettere/..%2f..%2farengo.db")
	if err != nil || r.StatusCode != http.StatusNotFound {
		t.Fatalf("another file than a letter: %v %v", r, err)
	}
	r.Body.Close()
}

// sample is one page of each kind for each account: the checker is slow.
func sample(pages map[string]string) map[string]string {
	kind := regexp.MustCompile(`/[0-9a-f]{8}-[0-9a-f-]+|/m/[^/?]+|\?.*|/argomenti/[^/?]+|^letter /.*`)
	out, seen := map[string]string{}, map[string]int{}
	var names []string
	for name := range pages {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if k := kind.ReplaceAllString(name, "/*"); seen[k] < 2 {
			seen[k]++
			out[name] = pages[name]
		}
	}
	return out
}

// signIn is the cookie of a ready account.
func signIn(t testing.TB, h http.Handler, host, person string) string {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "http://"+host+"/accesso/demo", strings.NewReader(url.Values{"person": {person}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	rec := httptest.NewRecorder()
	h.ServeHTTP(rec, r)
	var cookies []string
	for _, c := range rec.Result().Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	if rec.Code != http.StatusSeeOther || len(cookies) == 0 {
		t.Fatalf("sign in: %d %s", rec.Code, rec.Body)
	}
	return strings.Join(cookies, "; ")
}

// maxPages bounds one crawl; a site that has more makes addresses without end. The
// administrator, who sees most, finds 1,700.
const (
	maxPages = 2000
	maxTalks = 40 // conversations that each account reads
)

// crawl follows the links of a host from its first pages on, and keeps the HTML.
func crawl(t testing.TB, h http.Handler, who, host, cookie string, keep map[string]string) {
	t.Helper()
	queue := []string{"/", "/sitemap.xml", "/accesso"}
	if cookie != "" {
		queue = []string{"/redazione"}
	}
	seen := map[string]bool{}
	from := map[string]string{}
	talks := 0
	for n := 0; len(queue) > 0; n++ {
		path := queue[0]
		queue = queue[1:]
		if seen[path] {
			continue
		}
		seen[path] = true
		if strings.HasPrefix(path, "/redazione/conversazioni/") {
			if talks++; talks > maxTalks { // the others look alike
				continue
			}
		}
		if n > maxPages {
			t.Fatalf("%s on %s: more than %d pages, the last %s", who, host, maxPages, path)
		}
		r := httptest.NewRequest(http.MethodGet, "http://"+host+path, nil)
		if cookie != "" {
			r.Header.Set("Cookie", cookie)
		}
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		if rec.Code == http.StatusGone && strings.HasPrefix(path, "/m/") {
			continue // a withdrawn message says so
		}
		if rec.Code >= 400 {
			t.Errorf("%s on %s: %s is %d, linked from %s", who, host, path, rec.Code, from[path])
			continue
		}
		if to := rec.Header().Get("Location"); rec.Code >= 300 {
			if next := local(host, path, to); next != "" && follows(next, cookie) {
				queue = append(queue, next)
			}
			continue
		}
		if !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/html") {
			continue
		}
		body := rec.Body.String()
		if m := broken.FindString(body); m != "" {
			t.Errorf("%s on %s: %s holds %q", who, host, path, m)
		}
		keep[who+" "+host+path] = body
		for _, link := range links(t, body) {
			if next := local(host, path, link); next != "" && !seen[next] && follows(next, cookie) {
				if from[next] == "" {
					from[next] = path
				}
				queue = append(queue, next)
			}
		}
	}
}

// follows leaves out what has no end or ends the session: other months of the
// calendar than the nearest, filters of filters, live streams, the way out.
func follows(path, cookie string) bool {
	u, err := url.Parse(path)
	if err != nil {
		return false
	}
	if m, err := time.Parse("2006-01", u.Query().Get("mese")); err == nil && time.Since(m).Abs() > 180*24*time.Hour {
		return false
	}
	switch {
	case strings.HasPrefix(u.Path, "/redazione") && cookie == "", strings.HasSuffix(u.Path, "/vivo"), strings.Contains(u.Path, "/flusso"):
		return false
	case u.Path == "/redazione/conversazioni" && len(u.Query()) > 1: // every filter of every list
		return false
	case strings.HasPrefix(u.Path, "/redazione/calendario") && u.RawQuery != "", strings.HasPrefix(u.Path, "/redazione/enti/"):
		return false
	}
	return cookie == "" || strings.HasPrefix(u.Path, "/redazione")
}

func links(t testing.TB, body string) (all []string) {
	t.Helper()
	root, err := html.Parse(strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for n := range root.Descendants() {
		for _, a := range n.Attr {
			// Where other sites tell that they link to us, programs post and nobody goes.
			told := n.Data == "link" && slices.Contains(n.Attr, html.Attribute{Key: "rel", Val: "webmention"})
			if n.Type == html.ElementNode && !told && (a.Key == "href" || a.Key == "src") {
				all = append(all, a.Val)
			}
		}
	}
	return all
}

// local is the path of a link that stays on the host, or "".
func local(host, page, link string) string {
	at, err := url.Parse("http://" + host + page)
	if err != nil {
		return ""
	}
	u, err := at.Parse(link)
	if err != nil || u.Host != host || u.Scheme != "http" {
		return ""
	}
	u.Fragment = ""
	return u.RequestURI()
}
