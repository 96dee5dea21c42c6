package webpush

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// TestNoticeReachesTheBrowserAsWritten talks to a push service that checks the
// signature, decrypts, and says 410 for who is gone.
func TestNoticeReachesTheBrowserAsWritten(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, peer := newTown(t, d), testkit.Push(t)
		var all []testkit.PushBrowser
		for range 3 {
			b := peer.Subscribe(t, w.key())
			all = append(all, b)
			w.subscribe(Subscription{Endpoint: b.Endpoint, P256dh: b.Keys.P256dh, Auth: b.Keys.Auth})
		}
		peer.Expire(t, all[2])
		p := w.post("Mercato spostato in via Roma: città più sicura 🚲")
		r := w.publish("comune", p)
		for _, b := range all[:2] {
			got := peer.Received(t, b)
			if len(got.Messages) != 1 {
				t.Fatalf("%d messages", len(got.Messages))
			}
			var shown payload
			w.must(json.Unmarshal([]byte(got.Messages[0]), &shown))
			want := payload{Title: p.Title, Body: "Domani alle 18 in piazza.", Link: strings.TrimPrefix(p.Link, w.origin), Lang: "it", Tag: r.ID, At: w.now.UnixMilli()}
			if shown != want {
				t.Errorf("shown %+v, want %+v", shown, want)
			}
			if h := got.Headers[0]; len(h.Topic) != 32 || h.Urgency != "normal" || h.TTL != "86400" {
				t.Errorf("headers %+v", h)
			}
		}
		if got := w.figures(); got.Subscriptions != 2 || !maps.Equal(got.Outcomes, map[Outcome]int{Sent: 2, Gone: 1}) {
			t.Errorf("figures %+v: a browser that is gone must be forgotten", got)
		}
		w.publish("comune", p)
		if got := peer.Received(t, all[0]); len(got.Messages) != 1 {
			t.Errorf("the same key was sent again: %d", len(got.Messages))
		}
	})
}

func TestAnswersOfPushServices(t *testing.T) {
	hangUp := func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := w.(http.Hijacker).Hijack()
		if err == nil {
			c.Close()
		}
	}
	for name, c := range map[string]struct {
		answer  func(http.ResponseWriter, *http.Request)
		at      Outcome       // after the first attempt
		quiet   time.Duration // nothing is sent before
		end     Outcome       // of a service that never changes
		asked   int           // requests in all
		deleted bool
	}{
		"201":                       {answer: status(201), at: Sent, end: Sent, asked: 1},
		"202":                       {answer: status(202), at: Sent, end: Sent, asked: 1},
		"404 forgets":               {answer: status(404), at: Gone, end: Gone, asked: 1, deleted: true},
		"410 forgets":               {answer: status(410), at: Gone, end: Gone, asked: 1, deleted: true},
		"400 refuses":               {answer: status(400), at: Refused, end: Refused, asked: 1},
		"413 refuses":               {answer: status(413), at: Refused, end: Refused, asked: 1},
		"a redirect is not trusted": {answer: status(302, "Location", "https://example.com/"), at: Refused, end: Refused, asked: 1},
		"429 waits as asked":        {answer: status(429, "Retry-After", "600"), at: Waiting, quiet: 600 * time.Second, end: Expired, asked: 6},
		"503 backs off":             {answer: status(503), at: Waiting, quiet: 30 * time.Second, end: Expired, asked: 6},
		"a lost answer is unknown":  {answer: hangUp, at: Unconfirmed, end: Unconfirmed, asked: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newTown(t, testkit.SQLite(t))
			s := newService(t, c.answer)
			w.subscribe(browser(t, s.URL+"/push/1"))
			w.publish("comune", w.post("Avviso"))
			if got := w.outcomes(); got[c.at] != 1 {
				t.Fatalf("after the first attempt: %v", got)
			}
			if c.quiet > 0 {
				w.advance(c.quiet - time.Second)
				w.must(w.notices.SendDue(t.Context()))
				if s.count() != 1 {
					t.Errorf("asked %d times before %s had passed", s.count(), c.quiet)
				}
			}
			for range 200 {
				w.advance(10 * time.Minute)
				w.must(w.notices.SendDue(t.Context()))
			}
			if got := w.outcomes(); got[c.end] != 1 || len(got) != 1 {
				t.Errorf("in the end: %v", got)
			}
			if s.count() != c.asked {
				t.Errorf("%d requests, want %d", s.count(), c.asked)
			}
			if got := w.figures().Subscriptions == 0; got != c.deleted {
				t.Errorf("subscription forgotten: %v", got)
			}
		})
	}
}

// TestServiceThatIsAwayIsAskedLater: nothing was sent, so another attempt is safe.
func TestServiceThatIsAwayIsAskedLater(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	s := newService(t, status(201))
	w.subscribe(browser(t, s.URL+"/push/1"))
	w.subscribe(browser(t, "http://127.0.0.1:1/push/2"))
	w.publish("comune", w.post("Avviso"))
	if got := w.outcomes(); got[Sent] != 1 || got[Waiting] != 1 {
		t.Errorf("%v", got)
	}
}

func TestBrowserThatIsAlwaysRefusedIsForgotten(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	s := newService(t, status(403))
	w.subscribe(browser(t, s.URL+"/push/1"))
	for n := range maxRefusals {
		if w.figures().Subscriptions != 1 {
			t.Fatalf("forgotten after %d refusals", n)
		}
		w.publish("comune", w.post(fmt.Sprint("Avviso ", n)))
	}
	if w.figures().Subscriptions != 0 {
		t.Errorf("kept after %d refusals", maxRefusals)
	}
}

// TestDeadWorkerLeavesNothingToRepeat: a process died between the commit of
// "attempting" and the answer. Nobody knows whether the notice was shown.
func TestDeadWorkerLeavesNothingToRepeat(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		s := newService(t, status(201))
		w.subscribe(browser(t, s.URL+"/push/1"))
		r, err := w.notices.HandOver(t.Context(), w.channels["comune"], w.post("Avviso"))
		w.must(err)
		j := send{w.i.ID, r.ID}
		o, err := w.notices.begin(t.Context(), j, "dead")
		w.must(err)
		batch, err := w.notices.step(t.Context(), o, "dead", nil, false)
		w.must(err)
		if len(batch) != 1 {
			t.Fatalf("%d in the batch", len(batch))
		}
		w.must(w.notices.SendDue(t.Context()))
		if got := w.outcomes(); got[Attempting] != 1 {
			t.Fatalf("another worker took what is leased: %v", got)
		}
		w.advance(3 * time.Minute)
		w.must(w.notices.SendDue(t.Context()))
		if got := w.outcomes(); got[Unconfirmed] != 1 || s.count() != 0 {
			t.Fatalf("%v, %d requests", got, s.count())
		}
		// It was only slow: what it knows is worth more than a doubt.
		_, err = w.notices.step(t.Context(), o, "dead", []settled{{target: batch[0], outcome: Sent, code: 201}}, false)
		w.must(err)
		if got := w.outcomes(); got[Sent] != 1 {
			t.Errorf("%v", got)
		}
	})
}

// A push service that hangs does not keep the process from stopping.
func TestStopWithAHangingPushService(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	asked := make(chan struct{}, 1)
	s := newService(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // only then does the server notice that we hang up
		asked <- struct{}{}
		<-r.Context().Done()
	})
	w.subscribe(browser(t, s.URL+"/push/1"))
	_, err := w.notices.HandOver(t.Context(), w.channels["comune"], w.post("Avviso"))
	w.must(err)
	w.must(w.pool.Start(context.WithoutCancel(t.Context())))
	<-asked
	start := time.Now()
	w.must(w.pool.Stop(context.Background()))
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("stopping took %v", took)
	}
	if got := w.outcomes(); got[Unconfirmed] != 1 {
		t.Errorf("%v", got)
	}
}

func TestBrowserIsToldWhatItAskedFor(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		s := newService(t, status(201))
		told := func() map[string]int {
			got := map[string]int{}
			for _, r := range s.asked {
				got[strings.TrimPrefix(r.URL.Path, "/")]++
			}
			return got
		}
		w.subscribe(browser(t, s.URL+"/everything"))
		w.subscribe(browser(t, s.URL+"/library"), Scope{"profile", w.profiles["biblioteca"].ID})
		w.subscribe(browser(t, s.URL+"/town"), Scope{"profile", w.profiles["comune"].ID})
		w.subscribe(browser(t, s.URL+"/topic"), Scope{"tag", "cesate"})
		w.subscribe(browser(t, s.URL+"/other"), Scope{"tag", "sport"})
		w.publish("biblioteca", w.post("Nuovi libri"))
		if want := map[string]int{"everything": 1, "library": 1, "topic": 1}; !maps.Equal(told(), want) {
			t.Errorf("told %v, want %v", told(), want)
		}
	})
}

func TestWithdrawnMessageIsToldToNobodyElse(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	s := newService(t, status(503))
	w.subscribe(browser(t, s.URL+"/push/1"))
	p := w.post("Sbagliato")
	r := w.publish("comune", p)
	a := NewAdapter(w.notices)
	account := channel.Account{ID: w.channels["comune"]}
	for range 2 {
		w.must(a.Withdraw(t.Context(), account, r))
	}
	w.advance(time.Hour)
	w.must(w.notices.SendDue(t.Context()))
	if got := w.outcomes(); s.count() != 1 || got[Cancelled] != 1 {
		t.Errorf("%d requests, %v", s.count(), got)
	}
}

func TestRestoredBackupSendsNothingByItself(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		s := newService(t, status(201))
		w.subscribe(browser(t, s.URL+"/push/1"))
		_, err := w.notices.HandOver(t.Context(), w.channels["comune"], w.post("Avviso"))
		w.must(err)
		w.must(d.InTx(t.Context(), func(tx *db.Tx) error { return Restored(t.Context(), tx, w.now) }))
		w.must(w.notices.Recover(t.Context()))
		w.must(w.notices.SendDue(t.Context()))
		if got := w.outcomes(); s.count() != 0 || got[Unconfirmed] != 1 {
			t.Errorf("%d requests, %v", s.count(), got)
		}
	})
}

func TestPayloadFitsOneRecord(t *testing.T) {
	for _, body := range []string{"breve", strings.Repeat("è", 400), strings.Repeat("\u0001", 400), strings.Repeat("👨‍👩‍👧‍👦", 400), strings.Repeat("<", 4000)} {
		text, err := payload{Title: "Avviso", Body: body, Link: "/m/avviso"}.encode()
		if err != nil || len(text) > maxPayload {
			t.Errorf("%d bytes, %v", len(text), err)
		}
		var p payload
		if err := json.Unmarshal([]byte(text), &p); err != nil || p.Title != "Avviso" || p.Body == "" {
			t.Errorf("%+v %v", p, err)
		}
	}
	if _, err := (payload{Title: strings.Repeat("x", 5000)}).encode(); channel.AsError(err).Code != channel.CodeTooLong {
		t.Errorf("a title without end: %v", err)
	}
}

func TestBadSubscriptionIsRefusedAndStoresNothing(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.notices.AllowLoopback = false
	good := browser(t, "https://push.example.com/1")
	for name, change := range map[string]func(*Subscription){
		"no address":         func(s *Subscription) { s.Endpoint = "" },
		"plain http":         func(s *Subscription) { s.Endpoint = "http://push.example.com/1" },
		"another scheme":     func(s *Subscription) { s.Endpoint = "javascript:alert(1)" },
		"this machine":       func(s *Subscription) { s.Endpoint = "https://localhost/1" },
		"a loopback number":  func(s *Subscription) { s.Endpoint = "https://127.0.0.1/1" },
		"a private number":   func(s *Subscription) { s.Endpoint = "https://10.0.0.1/1" },
		"a public number":    func(s *Subscription) { s.Endpoint = "https://8.8.8.8/1" },
		"IPv6":               func(s *Subscription) { s.Endpoint = "https://[::1]/1" },
		"a name without dot": func(s *Subscription) { s.Endpoint = "https://router./1" },
		"another port":       func(s *Subscription) { s.Endpoint = "https://push.example.com:22/1" },
		"a password":         func(s *Subscription) { s.Endpoint = "https://a:b@push.example.com/1" },
		"a fragment":         func(s *Subscription) { s.Endpoint = "https://push.example.com/1#x" },
		"a long address":     func(s *Subscription) { s.Endpoint = "https://push.example.com/" + strings.Repeat("x", 1000) },
		"no key":             func(s *Subscription) { s.P256dh = "" },
		"a key off the curve": func(s *Subscription) {
			s.P256dh = "BAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
		},
		"a short secret": func(s *Subscription) { s.Auth = "AAAA" },
		"a long secret":  func(s *Subscription) { s.Auth = strings.Repeat("A", 5000) },
		"sixty-one scopes": func(s *Subscription) {
			for n := range 61 {
				s.Scopes = append(s.Scopes, Scope{"tag", fmt.Sprint(n)})
			}
		},
	} {
		s := good
		change(&s)
		if err := w.notices.Subscribe(t.Context(), w.i.ID, s, "", limit.Of(netip.MustParseAddr("192.0.2.7"))); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.figures().Subscriptions; n != 0 {
		t.Errorf("%d subscriptions stored", n)
	}
	w.must(w.notices.Subscribe(t.Context(), w.i.ID, good, "", limit.Of(netip.MustParseAddr("192.0.2.7"))))
}

func TestOneNetworkCannotStoreWithoutEnd(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	here, there := limit.Of(netip.MustParseAddr("192.0.2.7")), limit.Of(netip.MustParseAddr("198.51.100.7"))
	var refused int
	for n := range limit.Notices.Line().Burst + 10 {
		err := w.notices.Subscribe(t.Context(), w.i.ID, browser(t, fmt.Sprintf("http://127.0.0.%d:9/1", n+2)), "", here)
		if fault.Is(err, fault.TooMany) {
			refused++
		} else {
			w.must(err)
		}
	}
	if refused != 10 {
		t.Errorf("%d refused, want 10", refused)
	}
	w.must(w.notices.Subscribe(t.Context(), w.i.ID, browser(t, "http://127.0.0.1:9/other"), "", there))
	w.advance(limit.Notices.Line().Every)
	w.must(w.notices.Subscribe(t.Context(), w.i.ID, browser(t, "http://127.0.0.1:9/later"), "", here))
}

// Whoever subscribes an address on somebody's server many times makes us call it as
// many times for each message: few fit, while the browsers' own services hold everybody.
func TestAttackManyEndpointsOnOneServer(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		subscribe := func(n int, endpoint string) error {
			return w.notices.Subscribe(t.Context(), w.i.ID, browser(t, endpoint), "", limit.Of(netip.AddrFrom4([4]byte{198, 18, byte(n >> 8), byte(n)})))
		}
		accepted := 0
		for n := range 3 * limit.NoticePerHost.N() {
			switch err := subscribe(n, fmt.Sprintf("https://victim.example/%d", n)); {
			case err == nil:
				accepted++
			case !fault.Is(err, fault.TooMany):
				t.Fatal(err)
			}
			w.must(subscribe(1000+n, fmt.Sprintf("https://fcm.googleapis.com/fcm/send/%d", n)))
		}
		if accepted != limit.NoticePerHost.N() {
			t.Errorf("%d addresses on one server, want %d", accepted, limit.NoticePerHost.N())
		}
	})
}

func FuzzSubscription(f *testing.F) {
	f.Add("https://push.example.com/1", "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4", "s1fUbCF8Y7T6R2sfAYeidw")
	f.Add("https://[fe80::1%25eth0]/", "", "")
	f.Fuzz(func(t *testing.T, endpoint, p256dh, auth string) {
		s := Subscription{Endpoint: endpoint, P256dh: p256dh, Auth: auth}
		if s.check(false) != nil {
			return
		}
		if !strings.HasPrefix(strings.ToLower(endpoint), "https://") {
			t.Errorf("took %q", endpoint)
		}
		if len(endpoint) > maxEndpoint {
			t.Errorf("took %d bytes", len(endpoint))
		}
	})
}

// The link of the message goes; an address in its text that begins like it stays.
func TestNoticeKeepsTheAddressesOfItsText(t *testing.T) {
	p := channel.Post{Title: "Orari", Link: "https://c.example/m/orari", Text: "Orari\n\n– lunedì 9-12\n– vedi estate (https://c.example/m/orari-estate)\n\nhttps://c.example/m/orari\n\n#Biblioteca"}
	if got, want := body(p), "– lunedì 9-12\n– vedi estate (https://c.example/m/orari-estate)"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestEveryConstructIsReadInANotice(t *testing.T) {
	for _, markdown := range testkit.Constructs() {
		text := publishing.NewWriting().Plain(markdown, "https://comune.example")
		if got := body(channel.Post{Title: "Titolo", Link: "https://comune.example/m/titolo", Text: "Titolo\n\n" + text + "\n\nhttps://comune.example/m/titolo\n\n#Tag"}); got != text {
			t.Errorf("%q\nreads\n%q", text, got)
		}
	}
}
