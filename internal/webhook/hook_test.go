package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/retain"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestProgramIsToldSignedAndWithoutWords(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, p := newTown(t, d), newProgram(t)
		h, plain := w.hook(p.URL + "/hook")
		id := w.talk(time.Hour)
		w.tx(func(ctx context.Context, tx *db.Tx) error { return w.hooks.Opened(ctx, tx, w.i.ID, id) })
		for range 2 {
			w.deliverDue()
		}
		if len(p.got) != 1 {
			t.Fatalf("told %d times", len(p.got))
		}
		got := p.got[0]
		var body struct {
			Event, Delivery, Institution string
			Data                         About
		}
		w.must(json.Unmarshal([]byte(got.body), &body))
		if body.Event != "conversation.new" || body.Institution != w.i.ID || body.Data.Conversation != id || body.Data.DueAt == nil || body.Data.URL != "https://piazza.cesate.example/redazione/conversazioni/"+id {
			t.Errorf("told %+v", body)
		}
		if strings.Contains(got.body, "lampione") || strings.Contains(got.body, "anna") {
			t.Errorf("a citizen's words or name leave the house: %s", got.body)
		}
		at, err := strconv.ParseInt(got.header.Get("X-Arengo-Timestamp"), 10, 64)
		if err != nil || at != w.now.Unix() {
			t.Errorf("timestamp %q", got.header.Get("X-Arengo-Timestamp"))
		}
		if want := Sign(plain, at, []byte(got.body)); got.header.Get("X-Arengo-Signature") != want || !strings.HasPrefix(want, "sha256=") {
			t.Errorf("signature %q, want %q", got.header.Get("X-Arengo-Signature"), want)
		}
		if got.header.Get("X-Arengo-Event") != "conversation.new" || got.header.Get("X-Arengo-Delivery") != body.Delivery || got.header.Get("Content-Type") != "application/json" {
			t.Errorf("headers %v", got.header)
		}
		if all := w.deliveries(h); len(all) != 1 || all[0].State != Delivered || all[0].Code != 200 || all[0].Attempts != 1 {
			t.Errorf("deliveries %+v", all)
		}
	})
}

// TestSignatureIsWhatTheManualSays: computed with another tool (openssl dgst -sha256
// -hmac), so that programs in any language find the same.
func TestSignatureIsWhatTheManualSays(t *testing.T) {
	if got, want := Sign("segreto", 1_700_000_000, []byte(`{"a":1}`)), "sha256=ef86c4dd36264d0da54691c61130b5bd726d863bc44c60bef95fdcc40f9367a1"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

func TestOnlyWhoListensIsTold(t *testing.T) {
	w, p := newTown(t, testkit.SQLite(t)), newProgram(t)
	h, _, err := w.hooks.Create(w.staff(), w.i.ID, p.URL, []Event{AnswerSent})
	w.must(err)
	id := w.talk(time.Hour)
	w.tx(func(ctx context.Context, tx *db.Tx) error { return w.hooks.Opened(ctx, tx, w.i.ID, id) })
	if n := len(w.deliveries(h)); n != 0 {
		t.Errorf("%d deliveries of what it did not ask for", n)
	}
	w.tx(func(ctx context.Context, tx *db.Tx) error { return w.hooks.Answered(ctx, tx, w.i.ID, id) })
	if all := w.deliveries(h); len(all) != 1 || all[0].Event != AnswerSent {
		t.Errorf("%+v", all)
	}
	w.must(w.hooks.Switch(w.staff(), w.i.ID, h.ID, false))
	w.deliverDue()
	w.tx(func(ctx context.Context, tx *db.Tx) error { return w.hooks.Answered(ctx, tx, w.i.ID, id) })
	if all := w.deliveries(h); len(all) != 1 || all[0].State != Failed || len(p.got) != 0 {
		t.Errorf("a webhook that is off was told: %+v", all)
	}
}

// TestRolledBackTransactionTellsNothing: what did not happen is not told.
func TestRolledBackTransactionTellsNothing(t *testing.T) {
	w, p := newTown(t, testkit.SQLite(t)), newProgram(t)
	h, _ := w.hook(p.URL)
	id := w.talk(time.Hour)
	_ = w.db.InTx(t.Context(), func(tx *db.Tx) error {
		w.must(w.hooks.Opened(t.Context(), tx, w.i.ID, id))
		return fmt.Errorf("no")
	})
	if n := len(w.deliveries(h)); n != 0 {
		t.Errorf("%d deliveries", n)
	}
}

func TestDeadlineIsToldOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, p := newTown(t, d), newProgram(t)
		w.talk(-time.Hour) // overdue before the webhook was made: not news
		w.now = w.now.Add(time.Second)
		w.hook(p.URL)
		id := w.talk(time.Hour)
		w.talk(24 * time.Hour)
		watch1 := func() {
			w.must(w.hooks.workWatch(t.Context(), watch{}))
			w.deliverDue()
		}
		watch1()
		w.now = w.now.Add(2 * time.Hour)
		watch1()
		watch1()
		if len(p.got) != 1 || p.got[0].header.Get("X-Arengo-Event") != "conversation.overdue" || !strings.Contains(p.got[0].body, id) {
			t.Fatalf("told %+v", p.got)
		}
		// Another deadline for the same conversation is another thing to tell.
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			_, err := tx.Exec(ctx, `UPDATE conversation SET due_at = $2 WHERE id = $1`, id, db.At(w.now.Add(time.Minute)))
			return err
		})
		w.now = w.now.Add(time.Hour)
		watch1()
		if len(p.got) != 2 {
			t.Errorf("told %d times", len(p.got))
		}
	})
}

func TestProgramThatFailsIsToldAgainAndThenSwitchedOff(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, p := newTown(t, d), newProgram(t)
		h, _ := w.hook(p.URL)
		p.status = http.StatusInternalServerError
		w.must(w.hooks.Try(w.staff(), w.i.ID, h.ID))
		w.deliverDue()
		if all := w.deliveries(h); all[0].State != Waiting || all[0].Code != 500 || !all[0].NextAt.Equal(w.now.Add(10*time.Second)) {
			t.Fatalf("%+v", all[0])
		}
		if w.again(h).FailingSince.IsZero() {
			t.Error("the page does not say that it fails")
		}
		w.deliverDue()
		if len(p.got) != 1 {
			t.Error("tried again before it was time")
		}
		w.now = w.now.Add(time.Minute)
		p.status = http.StatusAccepted
		w.deliverDue()
		if all := w.deliveries(h); all[0].State != Delivered || all[0].Attempts != 2 || !w.again(h).FailingSince.IsZero() {
			t.Errorf("after it was over: %+v", all[0])
		}
		if p.got[0].body != p.got[1].body || p.got[0].header.Get("X-Arengo-Delivery") != p.got[1].header.Get("X-Arengo-Delivery") {
			t.Error("the second attempt is not the same notice")
		}

		p.status = http.StatusBadGateway
		for day := range 7 {
			if w.again(h).State != Active {
				if day < 5 {
					t.Errorf("switched off on day %d", day)
				}
				break
			}
			w.must(w.hooks.Try(w.staff(), w.i.ID, h.ID))
			for range 24 {
				w.now = w.now.Add(time.Hour)
				w.deliverDue()
			}
		}
		off := w.again(h)
		if off.State != Disabled || off.DisabledAt.IsZero() {
			t.Fatalf("still %s after a week of failures", off.State)
		}
		var n int
		w.tx(func(ctx context.Context, tx *db.Tx) (err error) { n, err = Off(ctx, tx, w.i.ID); return err })
		if n != 1 {
			t.Errorf("the desk is told of %d webhooks that are off", n)
		}
		if err := w.hooks.Try(w.staff(), w.i.ID, h.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("a test of what is off: %v", err)
		}
		w.must(w.hooks.Switch(w.staff(), w.i.ID, h.ID, true))
		if on := w.again(h); on.State != Active || !on.FailingSince.IsZero() {
			t.Errorf("%+v", on)
		}
	})
}

func TestDeliveryIsGivenUpInTheEnd(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	h, _ := w.hook("http://127.0.0.1:1/nobody")
	w.must(w.hooks.Try(w.staff(), w.i.ID, h.ID))
	for range 30 {
		w.deliverDue()
		w.now = w.now.Add(2 * time.Hour)
	}
	all := w.deliveries(h)
	if all[0].State != Failed || all[0].Attempts != 9 || all[0].Error != "fetch.unreachable" {
		t.Errorf("%+v", all[0])
	}
	w.now = w.now.Add(keepFor + time.Hour)
	w.must(retain.Work(t.Context(), w.hooks.DB, Retention(), w.now, nil))
	if n := len(w.deliveries(h)); n != 0 {
		t.Errorf("%d deliveries are kept for ever", n)
	}
}

func TestAddressThatIsGoneOrPrivateIsNotCalledAgain(t *testing.T) {
	w, p := newTown(t, testkit.SQLite(t)), newProgram(t)
	h, _ := w.hook(p.URL)
	p.status = http.StatusGone
	w.must(w.hooks.Try(w.staff(), w.i.ID, h.ID))
	w.deliverDue()
	if w.again(h).State != Disabled || w.deliveries(h)[0].State != Failed {
		t.Errorf("410: %+v", w.again(h))
	}
	inside, _ := w.hook(p.URL)
	w.hooks.Fetch = fetch.New(fetch.Options{}) // as a town runs it
	w.must(w.hooks.Try(w.staff(), w.i.ID, inside.ID))
	w.deliverDue()
	if d := w.deliveries(inside)[0]; d.State != Failed || d.Error != "fetch.private" || len(p.got) != 1 {
		t.Errorf("a private address: %+v, called %d times", d, len(p.got))
	}
}

// TestDeadWorkersDeliveryIsTakenUp: it had put the next attempt off, and died.
func TestDeadWorkersDeliveryIsTakenUp(t *testing.T) {
	w, p := newTown(t, testkit.SQLite(t)), newProgram(t)
	h, _ := w.hook(p.URL)
	w.must(w.hooks.Try(w.staff(), w.i.ID, h.ID))
	d := w.deliveries(h)[0]
	_, claimed, err := w.hooks.begin(t.Context(), deliver{w.i.ID, d.ID})
	w.must(err)
	if claimed.ID == "" {
		t.Fatal("not claimed")
	}
	if _, second, err := w.hooks.begin(t.Context(), deliver{w.i.ID, d.ID}); err != nil || second.ID != "" {
		t.Fatalf("two workers have one delivery: %v", err)
	}
	w.now = w.now.Add(4 * time.Minute)
	before := w.queued()
	w.must(w.hooks.workWatch(t.Context(), watch{}))
	if w.queued() != before+1 {
		t.Error("nobody takes it up")
	}
	w.deliverDue()
	if len(p.got) != 1 || w.deliveries(h)[0].Attempts != 2 {
		t.Errorf("%+v", w.deliveries(h)[0])
	}
}

func (w *town) queued() (n int) {
	w.Helper()
	w.must(w.db.Read(w.Context(), func(tx *db.Tx) error {
		return tx.QueryRow(w.Context(), `SELECT count(*) FROM river_job WHERE kind = 'webhook.deliver'`).Scan(&n)
	}))
	return n
}

func TestBadWebhookIsRefused(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.hooks.AllowLoopback = false
	for name, c := range map[string]struct {
		url    string
		events []Event
		fields int
	}{
		"nothing": {"", nil, 2}, "no events": {"https://a.example/", nil, 1}, "unknown event": {"https://a.example/", []Event{"message.out"}, 1},
		"test is none": {"https://a.example/", []Event{Test}, 1}, "http": {"http://a.example/", Events(), 1}, "a password": {"https://a:b@a.example/", Events(), 1},
		"a fragment": {"https://a.example/#x", Events(), 1}, "a path": {"/hook", Events(), 1}, "this machine": {"http://127.0.0.1/", Events(), 1},
		"a script": {"javascript:alert(1)", Events(), 1}, "too long": {"https://a.example/" + strings.Repeat("x", 1000), Events(), 1},
	} {
		_, plain, err := w.hooks.Create(w.staff(), w.i.ID, c.url, c.events)
		if !fault.Is(err, fault.Invalid) || len(fault.Of(err).Fields) != c.fields || plain != "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	for range maxHooks {
		w.hook("https://a.example/")
	}
	if _, _, err := w.hooks.Create(w.staff(), w.i.ID, "https://a.example/", Events()); !fault.Is(err, fault.Conflict) {
		t.Errorf("a twenty-first: %v", err)
	}
	nobody := people.With(t.Context(), people.Actor{PersonID: "b", InstitutionID: w.i.ID, Roles: []people.Role{people.Approver}})
	if _, _, err := w.hooks.Create(nobody, w.i.ID, "https://a.example/", Events()); !fault.Is(err, fault.Forbidden) {
		t.Errorf("an approver: %v", err)
	}
}

func TestEveryRouteAnswersEachRoleAsItShould(t *testing.T) {
	only := func(code int) map[string]int {
		return map[string]int{testkit.Nobody: 401, testkit.Stranger: 404, testkit.Others: 403, "administrator": code}
	}
	var routes []string
	for _, r := range newTown(t, testkit.SQLite(t)).kit.Routes() {
		if strings.Contains(r, desk) {
			routes = append(routes, r)
		}
	}
	one := desk + "/{hook}"
	form := url.Values{"url": {"https://a.example/hook"}, "events": {"conversation.new"}}
	testkit.Routes(t, routes, func(t *testing.T, who string) testkit.Desk {
		w := newTown(t, testkit.SQLite(t))
		h, _ := w.hook("https://a.example/")
		w.as(who)
		return testkit.Desk{Handler: w.handler, Names: map[string]string{"hook": h.ID}}
	}, []testkit.Scenario{
		{Route: "GET " + desk, Want: only(200)},
		{Route: "POST " + desk, Form: form, Want: only(200)},
		{Route: "GET " + desk + "/{id}", Path: one, Want: only(200)},
		{Route: "POST " + desk + "/{id}", Path: one, Form: form, Want: only(303)},
		{Route: "POST " + desk + "/{id}/prova", Path: one + "/prova", Want: only(303)},
		{Route: "POST " + desk + "/{id}/segreto", Path: one + "/segreto", Want: only(200)},
		{Route: "POST " + desk + "/{id}/attiva", Path: one + "/attiva", Want: only(303)},
		{Route: "POST " + desk + "/{id}/ferma", Path: one + "/ferma", Want: only(303)},
		{Route: "GET " + desk + "/{id}/togli", Path: one + "/togli", Want: only(200)},
		{Route: "POST " + desk + "/{id}/togli", Path: one + "/togli", Want: only(303)},
	})
}

func TestSecretIsShownOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, p := newTown(t, d), newProgram(t)
		w.as("administrator")
		body := w.do("POST", desk, url.Values{"url": {p.URL}, "events": {"conversation.new"}}).Body.String()
		_, after, found := strings.Cut(body, `<code class="ar-code">`)
		first, _, _ := strings.Cut(after, "<")
		if !found || len(first) < 50 {
			t.Fatalf("no secret in %s", body)
		}
		var h Hook
		w.tx(func(ctx context.Context, tx *db.Tx) error {
			all, err := List(ctx, tx, w.i.ID)
			h = all[0]
			return err
		})
		if strings.Contains(h.sealed, first) {
			t.Error("the secret is stored as it is")
		}
		for _, page := range []string{desk, desk + "/" + h.ID} {
			if strings.Contains(w.do("GET", page, nil).Body.String(), first) {
				t.Errorf("%s shows the secret again", page)
			}
		}
		body = w.do("POST", desk+"/"+h.ID+"/segreto", nil).Body.String()
		_, after, _ = strings.Cut(body, `<code class="ar-code">`)
		second, _, _ := strings.Cut(after, "<")
		if second == first || len(second) < 50 {
			t.Errorf("renewed to %q", second)
		}
		w.must(w.hooks.Try(w.staff(), w.i.ID, h.ID))
		w.deliverDue()
		if got := p.got[0]; got.header.Get("X-Arengo-Signature") != Sign(second, w.now.Unix(), []byte(got.body)) {
			t.Error("signed with the old secret")
		}
	})
}

func TestPagesInTheBrowser(t *testing.T) {
	w, p := newTown(t, testkit.SQLite(t)), newProgram(t)
	w.as("administrator")
	h, _ := w.hook(p.URL + "/un/indirizzo/molto/lungo/che/non/deve/allargare/la/pagina/di/un/telefono")
	p.status = 503
	w.must(w.hooks.Try(w.staff(), w.i.ID, h.ID))
	w.deliverDue()
	off, _ := w.hook(p.URL)
	w.must(w.hooks.Switch(w.staff(), w.i.ID, off.ID, false))
	pages := map[string]string{"elenco": desk, "uno": desk + "/" + h.ID, "sospeso": desk + "/" + off.ID}
	html := map[string]string{}
	for name, path := range pages {
		html[name] = w.do("GET", path, nil).Body.String()
	}
	html["errori"] = w.do("POST", desk, url.Values{"url": {"x"}}).Body.String()
	testkit.ValidHTML(t, html)
	server := httptest.NewServer(w.handler)
	t.Cleanup(server.Close)
	c := testkit.Browser(t)
	for name, path := range pages {
		t.Run(name, func(t *testing.T) {
			page := c.Open(t, server.URL+path, testkit.Phone())
			page.Axe()
			page.FitsWidth()
			page.Screenshot("webhook-" + name)
		})
	}
}

func FuzzURL(f *testing.F) {
	f.Add("https://a.example/hook")
	f.Add("https://[::1]/")
	f.Fuzz(func(t *testing.T, address string) {
		if (&Hooks{}).checkURL(address) == nil && (!strings.HasPrefix(strings.ToLower(address), "https://") || len(address) > maxURL) {
			t.Errorf("took %q", address)
		}
	})
}
