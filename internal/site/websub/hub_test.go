package websub

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestSubscriberIsToldOnceOfEachChange(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, r := newTown(t, d), newReader(t)
		callback := r.URL + "/hook?mine=1"
		w.subscribed("/feed.atom", callback, "s3cret")
		q := r.verified[0]
		if q.Get("mine") != "1" || q.Get("hub.mode") != "subscribe" || q.Get("hub.topic") != w.origin+"/feed.atom" || q.Get("hub.lease_seconds") != "864000" || len(q.Get("hub.challenge")) < 20 {
			t.Errorf("the callback was asked %v", q)
		}
		w.must(w.deliverAll())
		if len(r.got) != 0 {
			t.Fatalf("what was known already was delivered: %v", r.got)
		}
		w.says("/feed.atom", "due")
		for range 2 {
			w.must(w.deliverAll())
		}
		if len(r.got) != 1 || r.got[0].body != "due" {
			t.Fatalf("delivered %v", r.got)
		}
		mac := hmac.New(sha256.New, []byte("s3cret"))
		mac.Write([]byte("due"))
		h := r.got[0].header
		if got, want := h.Get("X-Hub-Signature"), "sha256="+hex.EncodeToString(mac.Sum(nil)); got != want {
			t.Errorf("signature %q, want %q", got, want)
		}
		if want := `<https://piazza.cesate.example/websub>; rel="hub", <https://piazza.cesate.example/feed.atom>; rel="self"`; h.Get("Link") != want {
			t.Errorf("Link %q", h.Get("Link"))
		}
		if h.Get("Content-Type") != "application/atom+xml; charset=utf-8" {
			t.Errorf("Content-Type %q", h.Get("Content-Type"))
		}
		w.says("/p/biblioteca/feed.rss", "altri libri")
		w.must(w.deliverAll())
		if len(r.got) != 1 {
			t.Error("another feed's change was delivered")
		}
		w.must(w.hub.workVerify(t.Context(), w.verifying(asked{Mode: "unsubscribe", Topic: "/feed.atom", Callback: callback})))
		if w.count() != 0 {
			t.Error("whoever leaves is still there")
		}
	})
}

func TestCallbackThatDoesNotWantItIsLeftAlone(t *testing.T) {
	for name, verify := range map[string]func(w http.ResponseWriter, q url.Values){
		"another text": func(w http.ResponseWriter, _ url.Values) { io.WriteString(w, "hello") },
		"nothing":      func(w http.ResponseWriter, _ url.Values) {},
		"404": func(w http.ResponseWriter, q url.Values) {
			w.WriteHeader(404)
			io.WriteString(w, q.Get("hub.challenge"))
		},
		"more than was sent": func(w http.ResponseWriter, q url.Values) { io.WriteString(w, q.Get("hub.challenge")+"\n") },
		"without end": func(w http.ResponseWriter, q url.Values) {
			io.WriteString(w, q.Get("hub.challenge")+strings.Repeat("x", 1<<20))
		},
	} {
		w, r := newTown(t, testkit.SQLite(t)), newReader(t)
		r.verify = verify
		a := asked{Mode: "subscribe", Topic: "/feed.atom", Callback: r.URL, Lease: time.Hour}
		if err := w.hub.workVerify(t.Context(), w.verifying(a)); err == nil || w.count() != 0 {
			t.Errorf("%s: %v, %d stored", name, err, w.count())
		}
	}
	// Somebody who unsubscribes others must own the callback too.
	w, r := newTown(t, testkit.SQLite(t)), newReader(t)
	w.subscribed("/feed.atom", r.URL, "")
	r.verify = func(w http.ResponseWriter, _ url.Values) { w.WriteHeader(404) }
	if err := w.hub.workVerify(t.Context(), w.verifying(asked{Mode: "unsubscribe", Topic: "/feed.atom", Callback: r.URL})); err == nil || w.count() != 1 {
		t.Errorf("a stranger ended a subscription: %v", err)
	}
}

func TestDeliveryThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		status  int
		header  http.Header
		retried bool
		kept    bool
	}{
		"410 ends it":    {status: 410},
		"500 is retried": {status: 500, retried: true, kept: true},
		"403 is retried": {status: 403, retried: true, kept: true},
		"429 waits":      {status: 429, header: http.Header{"Retry-After": {"60"}}, retried: true, kept: true},
		"202 is fine":    {status: 202, kept: true},
	} {
		w, r := newTown(t, testkit.SQLite(t)), newReader(t)
		w.subscribed("/feed.atom", r.URL, "")
		w.says("/feed.atom", "due")
		r.status, r.header = c.status, c.header
		err := w.deliverAll()
		if (err != nil) != c.retried || (w.count() == 1) != c.kept {
			t.Errorf("%s: %v, %d kept", name, err, w.count())
		}
		if !c.retried {
			continue
		}
		r.status = 200
		if err := w.deliverAll(); err != nil || len(r.got) != 2 || r.got[1].body != "due" {
			t.Errorf("%s: after it was over: %v %v", name, err, r.got)
		}
	}
	w, r := newTown(t, testkit.SQLite(t)), newReader(t)
	w.subscribed("/feed.atom", r.URL, "")
	w.says("/feed.atom", "due")
	r.status = 500
	for range maxFailures - 1 {
		if w.deliverAll() == nil {
			t.Fatal("a failure was no failure")
		}
	}
	if w.must(w.deliverAll()); w.count() != 0 {
		t.Error("a callback that always fails is kept for ever")
	}
}

func TestSubscriptionEndsWithItsLease(t *testing.T) {
	w, r := newTown(t, testkit.SQLite(t)), newReader(t)
	w.subscribed("/feed.atom", r.URL, "")
	w.advance(leaseUsual + time.Second)
	w.says("/feed.atom", "due")
	w.must(w.deliverAll())
	if len(r.got) != 0 {
		t.Error("delivered after the lease had ended")
	}
	w.must(w.hub.workPurge(t.Context(), purge{}))
	if w.count() != 0 {
		t.Error("kept after the lease had ended")
	}
}

func TestBadRequestIsRefusedBeforeAnybodyIsAsked(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		good := map[string]string{"hub.mode": "subscribe", "hub.topic": w.origin + "/feed.atom", "hub.callback": "https://reader.example.org/hook"}
		try := func(change ...string) *httptest.ResponseRecorder {
			pairs := []string{}
			for k, v := range good {
				for i := 0; i < len(change); i += 2 {
					if change[i] == k {
						v = change[i+1]
					}
				}
				pairs = append(pairs, k, v)
			}
			return w.ask(append(pairs, change...)...)
		}
		for name, change := range map[string][]string{
			"no mode": {"hub.mode", ""}, "publish": {"hub.mode", "publish"},
			"another site": {"hub.topic", "https://elsewhere.example/feed.atom"}, "a page": {"hub.topic", w.origin + "/notizie"},
			"a prefix": {"hub.topic", w.origin + ".evil.example/feed.atom"}, "the desk": {"hub.topic", w.origin + "/redazione/feed.atom"},
			"a feed of nobody": {"hub.topic", w.origin + "/p/nobody/feed.atom"}, "a query": {"hub.topic", w.origin + "/feed.atom?x=1"},
			"no callback": {"hub.callback", ""}, "a file": {"hub.callback", "file:///etc/passwd"}, "a fragment": {"hub.callback", "https://a.example/#x"},
			"a password": {"hub.callback", "https://a:b@a.example/"}, "a long callback": {"hub.callback", "https://a.example/" + strings.Repeat("x", 2000)},
			"a long secret": {"hub.secret", strings.Repeat("x", 200)}, "no seconds": {"hub.lease_seconds", "soon"}, "negative": {"hub.lease_seconds", "-1"},
		} {
			if rec := try(change...); rec.Code != 422 {
				t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
			}
		}
		if n := w.queued("websub.verify"); n != 0 {
			t.Fatalf("%d callbacks would be asked", n)
		}
		if rec := try(); rec.Code != http.StatusAccepted || w.queued("websub.verify") != 1 {
			t.Errorf("a good request: %d %s", rec.Code, rec.Body)
		}
		refused := 0
		for range limit.Feeds.Line().Burst {
			if try().Code == http.StatusTooManyRequests {
				refused++
			}
		}
		if refused != 2 { // the one about a topic that nobody can read was counted too
			t.Errorf("%d of a network's requests were refused, want 2", refused)
		}
	})
}

func TestOneHostCannotTakeAllTheRoom(t *testing.T) {
	w, r := newTown(t, testkit.SQLite(t)), newReader(t)
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		for n := range limit.FeedPerHost.N() {
			if _, err := tx.Exec(t.Context(), `INSERT INTO websub_subscription (institution_id, id, topic, callback, callback_host, digest, lease_until, created_at) VALUES ($1, $2, '/feed.atom', $3, '127.0.0.1', '', $4, 1)`,
				w.i.ID, db.NewID(), fmt.Sprintf("http://127.0.0.1/%d", n), db.At(w.now.Add(time.Hour))); err != nil {
				return err
			}
		}
		return nil
	}))
	if err := w.hub.workVerify(t.Context(), w.verifying(asked{Mode: "subscribe", Topic: "/feed.atom", Callback: r.URL, Lease: time.Hour})); err == nil || w.count() != limit.FeedPerHost.N() {
		t.Errorf("%v, %d stored", err, w.count())
	}
	renewed := asked{Mode: "subscribe", Topic: "/feed.atom", Callback: "http://127.0.0.1/7"}
	w.must(w.db.Read(t.Context(), func(tx *db.Tx) error { return room(t.Context(), tx, w.i.ID, renewed) }))
}

// TestPrivateAddressIsNeverCalled: the client of production refuses it, and the job
// ends.
func TestPrivateAddressIsNeverCalled(t *testing.T) {
	w, r := newTown(t, testkit.SQLite(t)), newReader(t)
	w.subscribed("/feed.atom", r.URL, "")
	w.hub.Fetch = production()
	w.says("/feed.atom", "due")
	w.must(w.deliverAll())
	if len(r.got) != 0 || w.count() != 0 {
		t.Errorf("delivered %v, %d kept", r.got, w.count())
	}
	if err := w.hub.workVerify(t.Context(), w.verifying(asked{Mode: "subscribe", Topic: "/feed.atom", Callback: r.URL, Lease: time.Hour})); err == nil {
		t.Error("a private callback was verified")
	}
}

func TestHubsOfOthersAreTold(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		var told []url.Values
		status := http.StatusNoContent
		hub := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
			if err := r.ParseForm(); err != nil {
				t.Error(err)
			}
			told = append(told, r.PostForm)
			rw.WriteHeader(status)
		}))
		t.Cleanup(hub.Close)
		publish := func() {
			w.must(d.InTx(t.Context(), func(tx *db.Tx) error { return w.hub.AfterPublish(t.Context(), tx, w.i.ID, "m") }))
		}
		if publish(); w.queued("websub.announce") != 0 {
			t.Error("nobody listens, and there is work")
		}
		w.must(d.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `INSERT INTO websub_hub (institution_id, url, created_at) VALUES ($1, $2, 1)`, w.i.ID, hub.URL)
			return err
		}))
		if publish(); w.queued("websub.announce") != 1 {
			t.Error("a hub listens, and nothing tells it")
		}
		w.must(w.hub.workAnnounce(t.Context(), announce{w.i.ID, "m"}))
		if w.queued("websub.ping") != 1 {
			t.Error("the hub is not told")
		}
		w.must(w.hub.workPing(t.Context(), ping{w.i.ID, hub.URL, "m"}))
		if len(told) != 1 || told[0].Get("hub.mode") != "publish" || len(told[0]["hub.url"]) != 3 || told[0]["hub.url"][0] != w.origin+"/feed.rss" {
			t.Errorf("told %v", told)
		}
		status = 500
		if err := w.hub.workPing(t.Context(), ping{w.i.ID, hub.URL, "m"}); err == nil {
			t.Error("a hub that fails is told no more")
		}
		w.as(people.Administrator)
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, httptest.NewRequest("GET", desk, nil))
		if rec.Code != 200 || !strings.Contains(rec.Body.String(), "errore (500)") {
			t.Errorf("the page does not say what is wrong: %d", rec.Code)
		}
		var hubs []string
		w.must(d.Read(t.Context(), func(tx *db.Tx) (err error) { hubs, err = w.hub.Hubs(t.Context(), tx, w.i); return err }))
		if len(hubs) != 2 || hubs[0] != w.origin+"/websub" || hubs[1] != hub.URL {
			t.Errorf("feeds name %v", hubs)
		}
	})
}

func TestEveryRouteAnswersEachRoleAsItShould(t *testing.T) {
	want := map[string]int{testkit.Nobody: 401, testkit.Stranger: 404, testkit.Others: 403}
	only := func(code int) map[string]int {
		m := map[string]int{"administrator": code}
		for k, v := range want {
			m[k] = v
		}
		return m
	}
	var routes []string
	for _, r := range newTown(t, testkit.SQLite(t)).kit.Routes() {
		if strings.Contains(r, "websub") {
			routes = append(routes, r)
		}
	}
	testkit.Routes(t, routes, func(t *testing.T, who string) testkit.Desk {
		w := newTown(t, testkit.SQLite(t))
		switch who {
		case testkit.Nobody:
		case testkit.Stranger:
			w.actor = &people.Actor{PersonID: "eva", InstitutionID: "elsewhere", Roles: []people.Role{people.Administrator}}
		default:
			w.as(people.Role(who))
		}
		return testkit.Desk{Handler: w.handler}
	}, []testkit.Scenario{
		{Route: "GET /redazione/websub", Want: only(200)},
		{Route: "POST /redazione/websub", Form: url.Values{"url": {"https://hub.example.org/"}}, Want: only(303)},
		{Route: "POST /redazione/websub/togli", Form: url.Values{"url": {"https://hub.example.org/"}}, Want: only(303)},
		{Route: "POST /websub", Form: url.Values{"hub.mode": {"subscribe"}, "hub.topic": {"https://piazza.cesate.example/feed.atom"}, "hub.callback": {"https://a.example/"}}, Want: map[string]int{testkit.Others: 202}},
	})
}

func TestHubsAreAddedAndRemovedByPeople(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.as(people.Administrator)
	for _, bad := range []string{"", "http://hub.example.org/", "hub", "https://a:b@hub.example.org/", "https://hub.example.org/#x"} {
		if rec := w.post(desk, "url", bad); rec.Code != 422 {
			t.Errorf("%q: %d", bad, rec.Code)
		}
	}
	for n := range maxHubs {
		if rec := w.post(desk, "url", fmt.Sprintf("https://hub%d.example.org/", n)); rec.Code != 303 {
			t.Fatalf("%d %s", rec.Code, rec.Body)
		}
	}
	if rec := w.post(desk, "url", "https://more.example.org/"); rec.Code != 422 {
		t.Errorf("a sixth hub: %d", rec.Code)
	}
	w.post(desk+"/togli", "url", "https://hub0.example.org/")
	if rec := w.post(desk, "url", "https://more.example.org/"); rec.Code != 303 {
		t.Errorf("after one was removed: %d", rec.Code)
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, httptest.NewRequest("GET", desk, nil))
	testkit.ValidHTML(t, map[string]string{"websub": rec.Body.String()})
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	p := testkit.Browser(t).Open(t, server.URL+desk, testkit.Phone())
	p.Axe()
	p.FitsWidth()
	p.Screenshot("websub")
}

func FuzzRequest(f *testing.F) {
	f.Add("hub.mode=subscribe&hub.topic=https%3A%2F%2Fa.example%2Ffeed.atom&hub.callback=https%3A%2F%2Fb.example%2F")
	f.Fuzz(func(t *testing.T, query string) {
		form, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		a, err := read(form, "https://a.example")
		if err != nil {
			return
		}
		if !strings.HasPrefix(a.Topic, "/") || len(a.Callback) > maxCallback || a.Lease < leaseLeast || a.Lease > leaseMost || len(a.Secret) > maxSecret {
			t.Errorf("took %+v", a)
		}
	})
}
