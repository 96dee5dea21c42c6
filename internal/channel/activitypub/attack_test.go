package activitypub_test

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// unproven is a delivery that says to be signed by a key, and is not. The attacker
// signs nothing: it costs him a few bytes.
func (w *town) unproven(keyID string, body []byte) *http.Request {
	w.Helper()
	sum := sha256.Sum256(body)
	noise := make([]byte, 256)
	_, _ = rand.Read(noise)
	r := httptest.NewRequest(http.MethodPost, w.origin+"/ap/inbox", bytes.NewReader(body))
	r.Header.Set("Content-Type", "application/activity+json")
	r.Header.Set("Date", w.clock.now().Format(http.TimeFormat))
	r.Header.Set("Digest", "SHA-256="+base64.StdEncoding.EncodeToString(sum[:]))
	r.Header.Set("Signature", fmt.Sprintf(`keyId="%s",algorithm="rsa-sha256",headers="(request-target) host date digest",signature="%s"`, keyID, base64.StdEncoding.EncodeToString(noise)))
	return r
}

// counter is a server that counts what it is asked, whatever it is.
func counter(t testing.TB, answer http.HandlerFunc) (address string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	s := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { asked.Add(1); answer(rw, r) }))
	t.Cleanup(s.Close)
	return s.URL, asked
}

// TestAttackUnprovenActivityCostsOneRequest: whatever the victim answers, a redirect,
// a refusal of the signature, an alias, a key elsewhere, we ask it once, and then not
// again for a while.
func TestAttackUnprovenActivityCostsOneRequest(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"refuses the signature": func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusUnauthorized) },
		"leads on":              func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, r.URL.Path+"x", http.StatusFound) },
		"fails":                 func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusInternalServerError) },
		"shows an alias": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/activity+json")
			fmt.Fprintf(rw, `{"id":"http://%s%sx","type":"Person","inbox":"http://%[1]s/inbox"}`, r.Host, r.URL.Path)
		},
		"shows a key of another actor": func(rw http.ResponseWriter, r *http.Request) {
			rw.Header().Set("Content-Type", "application/activity+json")
			fmt.Fprintf(rw, `{"id":"http://%s%s","owner":"http://%[1]s/other","publicKeyPem":"x"}`, r.Host, r.URL.Path)
		},
	} {
		for _, fragment := range []string{"#main-key", "/main-key"} {
			w := newTown(t)
			victim, asked := counter(t, answer)
			for range 5 {
				rec := httptest.NewRecorder()
				w.handler.ServeHTTP(rec, w.unproven(victim+"/users/a"+fragment, fmt.Appendf(nil, `{"id":"%s/1","type":"Follow","actor":"%[1]s/users/a","object":"%s"}`, victim, w.actorID("comune"))))
				if rec.Code != http.StatusUnauthorized {
					t.Errorf("%s: %d", name, rec.Code)
				}
			}
			if n := asked.Load(); n != 1 {
				t.Errorf("%s, key at %s: %d requests", name, fragment, n)
			}
		}
	}
}

// TestAttackNothingIsAskedForWhatIsNoActivity: what cannot be one is not worth a
// request, nor is one in another's name.
func TestAttackNothingIsAskedForWhatIsNoActivity(t *testing.T) {
	w := newTown(t)
	victim, asked := counter(t, func(rw http.ResponseWriter, _ *http.Request) { rw.WriteHeader(http.StatusNotFound) })
	now := w.clock.now()
	for name, change := range map[string]func(*http.Request){
		"an old date":    func(r *http.Request) { r.Header.Set("Date", now.Add(-2*time.Hour).Format(http.TimeFormat)) },
		"no digest":      func(r *http.Request) { r.Header.Del("Digest") },
		"another digest": func(r *http.Request) { r.Header.Set("Digest", "SHA-256=AAAA") },
		"too large":      func(r *http.Request) { r.ContentLength = activitypub.MaxBody + 1 },
		"headers not signed": func(r *http.Request) {
			r.Header.Set("Signature", `keyId="`+victim+`/u#k",headers="date",signature="eA=="`)
		},
	} {
		r := w.unproven(victim+"/"+db.NewID()+"#main-key", []byte(`{"type":"Follow","actor":"`+victim+`/u","object":"x"}`))
		change(r)
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		if rec.Code < 400 || rec.Code > 499 {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	for name, body := range map[string]string{"no JSON": `<html>`, "a list": `[{"type":"Follow"}]`, "no type": `{"actor":"` + victim + `/u"}`, "another's": `{"type":"Follow","actor":"https://other.example/u","object":"x"}`,
		"a bomb": `{"type":"Follow","object":` + strings.Repeat(`[`, 500) + `1` + strings.Repeat(`]`, 500) + `}`} {
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, w.unproven(victim+"/"+db.NewID()+"#main-key", []byte(body)))
		if rec.Code != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, rec.Code)
		}
	}
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests", n)
	}
}

// TestAttackStrangersKeysAreAskedForWithinLimits: whoever names ten thousand keys does
// not make us ask ten thousand times, and one server is asked by one at a time.
func TestAttackStrangersKeysAreAskedForWithinLimits(t *testing.T) {
	w := newTownWith(t, testkit.SQLite(t), activitypub.Limits{Keys: activitypub.Rate{PerSecond: 1, Burst: 30}})
	var now, most atomic.Int64
	victim, asked := counter(t, func(rw http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		defer now.Add(-1)
		for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
		}
		rw.WriteHeader(http.StatusNotFound)
	})
	var wg sync.WaitGroup
	statuses := make([]int, 400)
	for i := range statuses {
		wg.Go(func() {
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, w.unproven(fmt.Sprintf("%s/u/%d#main-key", victim, i), fmt.Appendf(nil, `{"type":"Follow","actor":"%s/u/%d","object":"x"}`, victim, i)))
			statuses[i] = rec.Code
		})
	}
	wg.Wait()
	if n := asked.Load(); n > 30 || n == 0 || most.Load() != 1 {
		t.Errorf("%d requests, %d at the same time", n, most.Load())
	}
	for _, s := range statuses {
		if s != http.StatusUnauthorized && s != http.StatusTooManyRequests {
			t.Fatalf("told %d", s)
		}
	}
}

// TestAttackUnprovenActivityCostsAMillisecond: the processor's time for what is not
// proven, of keys that we know and of keys that we do not.
func TestAttackUnprovenActivityCostsAMillisecond(t *testing.T) {
	w := newTownWith(t, testkit.SQLite(t), activitypub.Limits{PerServer: activitypub.Rate{PerSecond: 1e6, Burst: 1e6}, PerNetwork: activitypub.Rate{PerSecond: 1e6, Burst: 1e6}})
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	anna.does(w, anna.activity("Like", "x"))
	note := must(json.Marshal(anna.activity("Create", anna.note(strings.Repeat("Una frase. ", 100), "", w.actorID("comune")))))(t)
	const many = 1000
	for name, key := range map[string]func(i int) string{
		"a known key":  func(int) string { return anna.id() + "#main-key" },
		"unknown keys": func(i int) string { return fmt.Sprintf("%s/users/x%d#main-key", p.URL, i) },
	} {
		requests := make([]*http.Request, many)
		for i := range requests {
			requests[i] = w.unproven(key(i), note)
		}
		before := cpu(t)
		for _, r := range requests {
			rec := httptest.NewRecorder()
			w.handler.ServeHTTP(rec, r)
			if rec.Code == http.StatusAccepted {
				t.Fatalf("%s: believed", name)
			}
		}
		each := (cpu(t) - before) / many
		t.Logf("%s: %v of processor for each", name, each)
		if each > time.Millisecond {
			t.Errorf("%s: %v", name, each)
		}
	}
}

// cpu is the processor's time of this process.
func cpu(t testing.TB) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// TestAttackFalseSignaturesDoNotShutAStrangerOut: whoever sends noise in a stranger's
// name makes us ask once, and the stranger is believed all the same.
func TestAttackFalseSignaturesDoNotShutAStrangerOut(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	for range 5 {
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, w.unproven(anna.id()+"#main-key", must(json.Marshal(anna.activity("Follow", w.actorID("comune"))))(t)))
		if rec.Code != http.StatusUnauthorized {
			t.Errorf("noise is told %d", rec.Code)
		}
	}
	anna.does(w, anna.activity("Follow", w.actorID("comune")))
	if n := p.asked("/users/anna"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestAttackLargeBodiesAreReadWhenThereIsRoom: three hundred megabytes at the same
// time hold a tenth of that, and whoever sends little is served meanwhile.
func TestAttackLargeBodiesAreReadWhenThereIsRoom(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	anna.does(w, anna.activity("Like", "x"))
	body := []byte(`{"type":"Like","content":"` + strings.Repeat("x", activitypub.MaxBody-40) + `"}`)
	r := w.unproven(anna.id()+"#main-key", body)
	head := fmt.Sprintf("POST /ap/inbox HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\nDate: %s\r\nDigest: %s\r\nSignature: %s\r\n\r\n", strings.TrimPrefix(w.origin, "http://"), len(body),
		r.Header.Get("Date"), r.Header.Get("Digest"), r.Header.Get("Signature"))
	before := heap()
	var conns []net.Conn
	for range 300 {
		c := must(net.Dial("tcp", strings.TrimPrefix(w.origin, "http://")))(t)
		defer c.Close()
		conns = append(conns, c)
		go func() { _, _ = io.WriteString(c, head); _, _ = c.Write(body[:len(body)-1]) }() // all but the last byte
	}
	var busy int
	for _, c := range conns { // most are sent away, the others wait for their last byte
		_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
		line := make([]byte, 12)
		if n, _ := io.ReadFull(c, line); n == 12 && strings.HasSuffix(string(line), "503") {
			busy++
		}
		if busy > 280 {
			break
		}
	}
	held := heap() - before
	t.Logf("%d sent away, %d MiB held", busy, held>>20)
	if held > 150<<20 || busy < 200 {
		t.Errorf("%d sent away, %d MiB held", busy, held>>20)
	}
}

// heap is what the program holds, garbage not collected yet included.
func heap() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapInuse)
}

// TestAttackFollowersDoNotMakeUsWriteToOthers: an inbox is on its actor's own server.
func TestAttackFollowersDoNotMakeUsWriteToOthers(t *testing.T) {
	w := newTown(t)
	victim, asked := counter(t, func(http.ResponseWriter, *http.Request) {})
	evil := newPeer(t, w.clock)
	for i := range 5 {
		eva := evil.person(fmt.Sprint("eva", i), i%3)
		eva.describe(map[string]any{"inbox": fmt.Sprintf("%s/inbox/%d", victim, i), "endpoints": map[string]any{}})
		eva.told(w, http.StatusUnprocessableEntity, eva.activity("Follow", w.actorID("comune")))
		// A shared inbox elsewhere is not used either.
		eva.describe(map[string]any{"endpoints": map[string]any{"sharedInbox": victim + "/shared"}})
		w.clock.advance(2 * time.Minute)
		eva.does(w, eva.activity("Update", map[string]any{"type": "Person", "id": eva.id()}))
	}
	w.publish("comune", w.note("A tutti."))
	if n := asked.Load(); n != 0 {
		t.Errorf("%d requests to a third", n)
	}
}

func TestAttackFollowersAreBounded(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownWith(t, d, activitypub.Limits{Followers: 3})
		p := newPeer(t, w.clock)
		for i := range 3 {
			p.person(fmt.Sprint("a", i), i).follows(w, "comune")
		}
		late := p.person("late", 0)
		late.told(w, http.StatusUnprocessableEntity, late.activity("Follow", w.actorID("comune")))
		if n := w.count(`SELECT count(*) FROM ap_follower`); n != 3 {
			t.Errorf("%d followers", n)
		}
	})
}

func TestAttackReportsAreBoundedAndGo(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		mod := newPeer(t, w.clock).person("mod", 0)
		statuses := map[int]int{}
		for range 55 {
			flag := mod.activity("Flag", []string{w.actorID("comune")})
			flag["content"] = strings.Repeat("x", 10_000)
			statuses[mod.posts(w, flag)]++
		}
		if statuses[http.StatusAccepted] != 50 || statuses[http.StatusTooManyRequests] != 5 || w.count(`SELECT count(*) FROM ap_report WHERE length(content) > 4000`) != 0 {
			t.Errorf("%v", statuses)
		}
		w.clock.advance(366 * 24 * time.Hour)
		w.must(w.server.Tidy(t.Context()))
		if n := w.count(`SELECT count(*) FROM ap_report`); n != 0 {
			t.Errorf("%d are kept", n)
		}
	})
}

// TestAttackBlockIsNotEvadedByAnotherSpelling: a host is one, however it is written.
func TestAttackBlockIsNotEvadedByAnotherSpelling(t *testing.T) {
	for address, want := range map[string]string{
		"https://EVIL.Example/u": "evil.example", "https://evil.example./u": "evil.example", "https://evil.example:443/u": "evil.example", "https://evil.example:0443/u": "evil.example:443",
		"https://xn--cant-ora.example/u": "xn--cant-ora.example", "https://cantù.example/u": "xn--cant-ora.example", "https://CANTÙ.example/u": "xn--cant-ora.example", "https://evil。example/u": "evil.example",
		"https://0x7f.1:8443/u": "127.0.0.1:8443", "https://2130706433/u": "127.0.0.1", "https://0177.0.0.01/u": "127.0.0.1", "https://[::ffff:127.0.0.1]/u": "127.0.0.1", "https://[2001:DB8:0::1]/u": "[2001:db8::1]",
	} {
		if host, _, _ := activitypub.Addresses("https://c.example", address); host != want {
			t.Errorf("%s is at %q, want %q", address, host, want)
		}
	}
	for _, c := range []struct {
		host, domain string
		want         bool
	}{
		{"evil.example", "evil.example", true}, {"evil.example:8443", "evil.example", true}, {"a.b.evil.example:1", "evil.example", true}, {"notevil.example", "evil.example", false},
		{"evil.example", "evil.example:8443", false}, {"evil.example:8443", "evil.example:8443", true}, {"127.0.0.1:9", "127.0.0.1", true}, {"[2001:db8::1]:9", "[2001:db8::1]", true},
		{strings.Repeat("a.", 40) + "evil.example", "evil.example", true}, {"example", "evil.example", false},
	} {
		if got := activitypub.Under(c.host, c.domain); got != c.want {
			t.Errorf("%s under %s: %v", c.host, c.domain, got)
		}
	}
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	anna.follows(w, "comune")
	w.must(w.server.Block(w.as("administrator"), w.inst.ID, "0x7F.0.0.1", "Pubblicità")) // all of its ports
	anna.told(w, http.StatusForbidden, anna.activity("Follow", w.actorID("comune")))
	if n := w.count(`SELECT count(*) FROM ap_follower`); n != 0 {
		t.Errorf("%d followers", n)
	}
}
