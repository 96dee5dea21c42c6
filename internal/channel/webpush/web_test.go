package webpush

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// do sends a form as the page's script does.
func (w *town) do(method, path string, form url.Values) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, path, strings.NewReader(form.Encode()))
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	rec := httptest.NewRecorder()
	w.handler.ServeHTTP(rec, r)
	return rec
}

func formOf(s Subscription, more ...string) url.Values {
	f := url.Values{"endpoint": {s.Endpoint}, "p256dh": {s.P256dh}, "auth": {s.Auth}}
	for i := 0; i+1 < len(more); i += 2 {
		f.Add(more[i], more[i+1])
	}
	return f
}

func TestBrowserSubscribesChangesAndLeaves(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		s := newService(t, status(201))
		b, library := browser(t, s.URL+"/push/1"), w.profiles["biblioteca"].ID
		expect := func(rec *httptest.ResponseRecorder, code int) *httptest.ResponseRecorder {
			t.Helper()
			if rec.Code != code {
				t.Fatalf("%d %s, want %d", rec.Code, rec.Body, code)
			}
			return rec
		}
		chosen := func(endpoint string) string {
			t.Helper()
			var out struct {
				Known   bool
				Profile []string
			}
			w.must(json.Unmarshal(expect(w.do("POST", "/avvisi/scelte", url.Values{"endpoint": {endpoint}}), 200).Body.Bytes(), &out))
			if !out.Known {
				return "unknown"
			}
			return strings.Join(out.Profile, ",")
		}
		expect(w.do("POST", "/avvisi/iscrizione", formOf(b, "profile", library)), 204)
		if got := chosen(b.Endpoint); got != library {
			t.Errorf("chosen %q", got)
		}
		// The push service gave the browser another address.
		moved := browser(t, s.URL+"/push/2")
		expect(w.do("POST", "/avvisi/iscrizione", formOf(moved, "old", b.Endpoint)), 204)
		if chosen(b.Endpoint) != "unknown" || chosen(moved.Endpoint) != library {
			t.Errorf("old %q, new %q", chosen(b.Endpoint), chosen(moved.Endpoint))
		}
		expect(w.do("POST", "/avvisi/iscrizione", formOf(moved)), 204)
		if got := chosen(moved.Endpoint); got != "" {
			t.Errorf("chosen %q, want everything", got)
		}
		for range 2 {
			expect(w.do("POST", "/avvisi/cancella", formOf(moved)), 204)
		}
		if n := w.figures().Subscriptions; n != 0 {
			t.Errorf("%d left", n)
		}
		for _, bad := range []url.Values{{}, formOf(b, "profile", "nobody"), formOf(Subscription{Endpoint: "https://10.0.0.1/", P256dh: b.P256dh, Auth: b.Auth})} {
			rec := expect(w.do("POST", "/avvisi/iscrizione", bad), 422)
			if kind := rec.Header().Get("Content-Type"); !strings.HasPrefix(kind, "application/problem+json") {
				t.Errorf("a script was answered with %s", kind)
			}
		}
		if n := w.figures().Subscriptions; n != 0 {
			t.Errorf("bad input stored %d", n)
		}
	})
}

// TestEveryRouteIsForCitizens: no page here needs a person, none lets another site write.
func TestEveryRouteIsForCitizens(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	want := []string{"GET /avvisi", "GET /sw.js", "POST /avvisi/cancella", "POST /avvisi/iscrizione", "POST /avvisi/scelte"}
	var got []string
	for _, r := range w.kit.Routes() {
		if strings.Contains(r, "/avvisi") || strings.Contains(r, "/sw.js") {
			got = append(got, r)
		}
	}
	slices.Sort(got)
	if !slices.Equal(got, want) {
		t.Fatalf("routes %v", got)
	}
	for _, route := range want {
		method, path, _ := strings.Cut(route, " ")
		r := httptest.NewRequest(method, path, strings.NewReader(formOf(browser(t, "http://127.0.0.1:9/1")).Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		if refused := rec.Code == http.StatusForbidden; refused != (method == "POST") {
			t.Errorf("%s from another site: %d", route, rec.Code)
		}
	}
}

func TestWorkerIsAScriptOfTheSite(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	rec := w.do("GET", "/sw.js", nil)
	if rec.Code != 200 || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/javascript") || rec.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("%d %v", rec.Code, rec.Header())
	}
	for _, event := range []string{"'push'", "'notificationclick'", "'pushsubscriptionchange'"} {
		if !strings.Contains(rec.Body.String(), event) {
			t.Errorf("the worker does not listen to %s", event)
		}
	}
}

func TestPagesAreValidHTML(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	pages := map[string]string{"avvisi": w.do("GET", "/avvisi?profilo="+w.profiles["biblioteca"].ID, nil).Body.String()}
	w.must(w.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE channel SET state = 'disconnected'`)
		return err
	}))
	pages["nessuno"] = w.do("GET", "/avvisi", nil).Body.String()
	testkit.ValidHTML(t, pages)
	if strings.Contains(pages["nessuno"], "data-module") {
		t.Error("a town without the channel offers notices")
	}
}

// TestCitizenAsksInTheBrowser: headless Chromium gives no permission, and has no
// push service behind it; the page must then say what to do.
func TestCitizenAsksInTheBrowser(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	c := testkit.Browser(t)
	t.Run("permission refused", func(t *testing.T) {
		p := c.Open(t, server.URL+"/avvisi?profilo="+w.profiles["biblioteca"].ID)
		p.Wait(`form[data-module=push]:not([hidden])`)
		if p.Shown("[data-push-none]") {
			t.Error("other ways are shown first where notices work")
		}
		p.Axe()
		p.FitsWidth()
		p.Screenshot("avvisi")
		p.Click("[data-push-on]")
		p.WaitFor(`document.querySelector('[data-push-status]').textContent.includes('non ha il permesso')`)
	})
	// A headless browser has no push service: this one is the test's own, as the
	// browser would name it. The worker is real.
	t.Run("subscribed, told, unsubscribed", func(t *testing.T) {
		peer := testkit.Push(t)
		b := peer.Subscribe(t, w.key())
		p := c.Open(t, server.URL+"/avvisi?profilo="+w.profiles["biblioteca"].ID)
		testkit.Eval[bool](p, fmt.Sprintf(`(() => {
			const made = { endpoint: %q, toJSON: () => ({ endpoint: %q, keys: { p256dh: %q, auth: %q } }), unsubscribe: async () => { window.subscribed = null; return true; } };
			window.subscribed = null;
			Notification.requestPermission = async () => 'granted';
			PushManager.prototype.getSubscription = async () => window.subscribed;
			PushManager.prototype.subscribe = async (o) => {
				if (!o.userVisibleOnly || o.applicationServerKey.length !== 65) throw new Error('wrong key');
				return (window.subscribed = made);
			};
			return true;
		})()`, b.Endpoint, b.Endpoint, b.Keys.P256dh, b.Keys.Auth))
		p.Click("[data-push-on]")
		p.WaitFor(`document.querySelector('[data-push-status]').textContent.includes('Fatto')`)
		if n := w.figures().Subscriptions; n != 1 || !p.Shown("[data-push-off]") {
			t.Fatalf("%d subscriptions, off shown: %v", n, p.Shown("[data-push-off]"))
		}
		if !testkit.Eval[bool](p, `navigator.serviceWorker.ready.then((r) => r.active.scriptURL.endsWith('/sw.js'))`) {
			t.Error("the worker does not run")
		}
		w.publish("comune", w.post("Del Comune"))
		w.publish("biblioteca", w.post("Della biblioteca"))
		if got := peer.Received(t, b).Messages; len(got) != 1 || !strings.Contains(got[0], "Della biblioteca") {
			t.Errorf("told %v", got)
		}
		p.Axe()
		p.Screenshot("avvisi-attivi")
		p.Click("[data-push-off]")
		p.WaitFor(`document.querySelector('[data-push-status]').textContent.includes('non arriveranno più')`)
	})
	t.Run("without JavaScript", func(t *testing.T) {
		p := c.Open(t, server.URL+"/avvisi", testkit.NoScript(), testkit.Phone())
		p.Axe()
		p.FitsWidth()
		p.Screenshot("avvisi-senza-js")
	})
	if n := w.figures().Subscriptions; n != 0 {
		t.Errorf("%d subscriptions without a yes", n)
	}
}
