package activitypub_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// TestNothingIsBelievedWithoutProof: each of these is refused, and changes nothing.
func TestNothingIsBelievedWithoutProof(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p, evil := newPeer(t, w.clock), newPeer(t, w.clock)
		anna, eva := p.person("anna", 0), evil.person("eva", 1)
		inbox := w.origin + "/ap/inbox"
		follow := func(a *person) map[string]any { return a.activity("Follow", w.actorID("comune")) }
		anna.does(w, anna.activity("Like", "x")) // the key is known now
		eva.does(w, eva.activity("Like", "x"))
		spoof := follow(anna)
		spoof["id"] = evil.URL + "/activities/1"
		foreign := follow(eva)
		foreign["id"] = p.URL + "/activities/1"
		for name, c := range map[string]struct {
			req  *http.Request
			want int
		}{
			"unsigned": {func() *http.Request {
				r := anna.request(inbox, follow(anna))
				r.Header.Del("Signature")
				return r
			}(), 401},
			"signed by somebody else":    {eva.request(inbox, spoof), 403},
			"id of another server":       {eva.request(inbox, foreign), 403},
			"body changed":               {changed(anna, inbox, follow(anna)), 401},
			"signature of another key":   {forged(anna, eva, inbox, follow(anna)), 401},
			"signed two hours ago":       {stale(anna, inbox, follow(anna), -2*time.Hour), 401},
			"signed for tomorrow":        {stale(anna, inbox, follow(anna), 24*time.Hour), 401},
			"signed for another address": {moved(anna, inbox, follow(anna)), 401},
			"no activity":                {anna.request(inbox, []byte(`[1,2,3]`)), 400},
			"no JSON":                    {anna.request(inbox, []byte(`<html>`)), 400},
			"empty":                      {anna.request(inbox, []byte{}), 400},
			"deep":                       {anna.request(inbox, []byte(`{"id":"x","type":"Like","actor":"`+anna.id()+`","object":`+strings.Repeat(`{"object":`, 5000)+`1`+strings.Repeat(`}`, 5000)+`}`)), 413},
			"deeper":                     {anna.request(inbox, []byte(strings.Repeat(`[`, 500_000))), 400},
			"too long":                   {anna.request(inbox, []byte(`{"type":"Like","content":"`+strings.Repeat("x", activitypub.MaxBody)+`"}`)), 413},
			"ten thousand mentions":      {anna.request(inbox, crowd(anna, w)), 202},
		} {
			if status := anna.sends(c.req); status != c.want {
				t.Errorf("%s: %d, want %d", name, status, c.want)
			}
		}
		if n := w.count(`SELECT count(*) FROM ap_follower`); n != 0 || len(w.told()) > 1 {
			t.Errorf("%d followers, heard %d", n, len(w.told()))
		}
	})
}

func changed(a *person, inbox string, activity any) *http.Request {
	r := a.request(inbox, activity)
	other := a.request(inbox, a.activity("Follow", "https://somebody.example"))
	r.Body, r.ContentLength = other.Body, other.ContentLength
	return r
}

func forged(a, by *person, inbox string, activity any) *http.Request {
	return (&person{a.peer, a.name, by.key}).request(inbox, activity)
}

func stale(a *person, inbox string, activity any, by time.Duration) *http.Request {
	old := &clock{at: a.clock.now().Add(by)}
	return (&person{&peer{TB: a.TB, Server: a.Server, clock: old}, a.name, a.key}).request(inbox, activity)
}

func moved(a *person, inbox string, activity any) *http.Request {
	r := a.request(inbox, activity)
	r.URL.Path = "/ap/actor/inbox"
	return r
}

func crowd(a *person, w *town) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"id":"%s/activities/crowd","type":"Create","actor":"%s","object":{"id":"%s/notes/crowd","type":"Note","attributedTo":"%s","content":"ciao","to":["%s"],"tag":[`,
		a.URL, a.id(), a.URL, a.id(), vocab.Public)
	for i := range 4000 {
		fmt.Fprintf(&b, `{"type":"Mention","href":"https://x.example/%d"},`, i)
	}
	fmt.Fprintf(&b, `{"type":"Mention","href":"%s"}]}}`, w.actorID("comune"))
	return []byte(b.String())
}

// TestNobodySpeaksForAnotherServer: objects must be of the sender's own server.
func TestNobodySpeaksForAnotherServer(t *testing.T) {
	w := newTown(t)
	p, evil := newPeer(t, w.clock), newPeer(t, w.clock)
	anna, eva := p.person("anna", 0), evil.person("eva", 1)
	theirs := anna.note("Non l'ho detto io", "", w.actorID("comune"))
	eva.told(w, http.StatusUnprocessableEntity, eva.activity("Create", theirs))
	mine := eva.note("Firmato Anna", "", w.actorID("comune"))
	mine["attributedTo"] = anna.id()
	eva.told(w, http.StatusUnprocessableEntity, eva.activity("Create", mine))
	eva.does(w, eva.activity("Create", theirs["id"])) // to be read at another server
	w.must(w.server.LookUpDue(t.Context()))
	if said := w.told(); len(said) != 0 {
		t.Errorf("%+v", said)
	}
}

// TestActorsThatLieAboutThemselvesAreNobody: a document counts only where it says
// that it is.
func TestActorsThatLieAboutThemselvesAreNobody(t *testing.T) {
	w := newTown(t)
	p, evil := newPeer(t, w.clock), newPeer(t, w.clock)
	anna, eva := p.person("anna", 0), evil.person("eva", 1)
	inbox := w.origin + "/ap/inbox"
	try := func(name string, req *http.Request) {
		t.Helper()
		if status := eva.sends(req); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", name, status)
		}
	}
	eva.describe(map[string]any{"id": anna.id()})
	try("calls herself Anna", eva.request(inbox, anna.activity("Follow", w.actorID("comune"))))
	w.clock.advance(10 * time.Minute)
	eva.describe(map[string]any{"publicKey": map[string]any{"id": eva.id() + "#main-key", "owner": anna.id(), "publicKeyPem": "x"}})
	try("shows another's key", eva.request(inbox, eva.activity("Follow", w.actorID("comune"))))
	w.clock.advance(10 * time.Minute)
	evil.set("/users/eva", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "text/plain")
		fmt.Fprint(rw, `{"id":"`+eva.id()+`"}`)
	}))
	try("is a file that somebody uploaded", eva.request(inbox, eva.activity("Follow", w.actorID("comune"))))
	w.clock.advance(10 * time.Minute)
	evil.set("/users/eva", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, r.URL.Path+"?"+db.NewID(), http.StatusFound)
	}))
	try("sends us round in circles", eva.request(inbox, eva.activity("Follow", w.actorID("comune"))))
	w.clock.advance(10 * time.Minute)
	evil.set("/users/eva", http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("Content-Type", "application/activity+json")
		fmt.Fprint(rw, `{"id":"`+strings.Repeat("x", activitypub.MaxBody)+`"}`)
	}))
	try("is larger than anybody", eva.request(inbox, eva.activity("Follow", w.actorID("comune"))))
	if n := w.count(`SELECT count(*) FROM ap_follower`); n != 0 {
		t.Errorf("%d followers", n)
	}
}

func TestKeyThatCannotBeHadIsNotAskedForEachTime(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	p.set("/users/anna", http.StatusInternalServerError)
	for range 5 {
		if status := anna.posts(w, anna.activity("Follow", w.actorID("comune"))); status != http.StatusUnauthorized {
			t.Errorf("%d", status)
		}
	}
	if n := p.asked("/users/anna"); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

func TestRotatedKeyIsReadOnce(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	anna.follows(w, "comune")
	asked := p.asked("/users/anna")
	w.clock.advance(activitypub.RotateAfter)
	anna.key = keys()[1]
	anna.describe(nil)
	anna.does(w, anna.activity("Like", "x"))
	forger := &person{p, "anna", keys()[2]}
	for range 5 {
		if status := forger.posts(w, anna.activity("Like", "x")); status != http.StatusUnauthorized {
			t.Errorf("forged: %d", status)
		}
	}
	if n := p.asked("/users/anna") - asked; n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestPrivateAddressesAreNotReached: the town's own network is nobody's to explore.
func TestPrivateAddressesAreNotReached(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	for _, key := range []string{"http://10.0.0.1/users/x#main-key", "http://169.254.169.254/latest#main-key", "http://[fd00::1]/x", "file:///etc/passwd", "http://user@127.0.0.1/x", "javascript:1"} {
		req := anna.request(w.origin+"/ap/inbox", anna.activity("Follow", w.actorID("comune")))
		body := must(req.GetBody())(t)
		_ = body.Close()
		req = anna.request(w.origin+"/ap/inbox", []byte(`{"type":"Follow"}`))
		must(0, sig.Signer{KeyID: key, Key: anna.key}.Sign(req, []byte(`{"type":"Follow"}`), sig.Cavage, w.clock.now()))(t)
		if status := anna.sends(req); status != http.StatusUnauthorized {
			t.Errorf("%s: %d", key, status)
		}
	}
	// An inbox there is never written to: it is not on the actor's own server.
	anna.describe(map[string]any{"inbox": "http://10.0.0.1/inbox", "endpoints": map[string]any{}})
	anna.told(w, http.StatusUnprocessableEntity, anna.activity("Follow", w.actorID("comune")))
	if n := w.count(`SELECT count(*) FROM ap_delivery`) + w.count(`SELECT count(*) FROM ap_follower`); n != 0 {
		t.Errorf("%d deliveries and followers", n)
	}
}

func TestFloodFromOneServerSlowsThatServerOnly(t *testing.T) {
	w := newTownWith(t, testkit.SQLite(t), activitypub.Limits{PerServer: activitypub.Rate{PerSecond: 1, Burst: 20}})
	flood, calm := newPeer(t, w.clock), newPeer(t, w.clock)
	bot, anna := flood.person("bot", 0), calm.person("anna", 1)
	statuses := map[int]int{}
	for range 50 {
		statuses[bot.posts(w, bot.activity("Like", "x"))]++
	}
	if statuses[http.StatusAccepted] != 20 || statuses[http.StatusTooManyRequests] != 30 {
		t.Errorf("%v", statuses)
	}
	for range 10 {
		anna.does(w, anna.activity("Like", "x"))
	}
	w.clock.advance(5 * time.Second)
	bot.does(w, bot.activity("Like", "x"))
}

// TestSlowSendersAndServersAreNotWaitedFor: one who never ends costs one connection
// for a while.
func TestSlowSendersAndServersAreNotWaitedFor(t *testing.T) {
	w := newTownWith(t, testkit.SQLite(t), activitypub.Limits{Read: 300 * time.Millisecond, Ask: 300 * time.Millisecond})
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	signed := anna.request(w.origin+"/ap/inbox", anna.activity("Like", "x"))
	for status, signature := range map[int]string{
		http.StatusUnauthorized:   "", // sent away at once, whatever is still to come
		http.StatusRequestTimeout: fmt.Sprintf("Date: %s\r\nDigest: %s\r\nSignature: %s\r\n", signed.Header.Get("Date"), signed.Header.Get("Digest"), signed.Header.Get("Signature")),
	} {
		conn := must(net.Dial("tcp", strings.TrimPrefix(w.origin, "http://")))(t)
		defer conn.Close()
		fmt.Fprintf(conn, "POST /ap/inbox HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n%s\r\n{\"type\":", signature)
		w.must(conn.SetReadDeadline(time.Now().Add(20 * time.Second)))
		resp := must(http.ReadResponse(bufio.NewReader(conn), nil))(t)
		resp.Body.Close()
		if resp.StatusCode != status {
			t.Errorf("a slow sender is told %d, want %d", resp.StatusCode, status)
		}
	}
	p.set("/users/anna", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	if status := anna.posts(w, anna.activity("Follow", w.actorID("comune"))); status != http.StatusUnauthorized {
		t.Errorf("the friend of a slow server is told %d", status)
	}
}

// TestStrangeTextsAreKeptWhole: what a database may refuse is cleaned before.
func TestStrangeTextsAreKeptWhole(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		p := newPeer(t, w.clock)
		anna := p.person("anna", 0)
		note := anna.note("Ciao\u0000 mondo 👩‍👩‍👧‍👦 \u202E", "", w.actorID("comune"))
		note["name"] = "a\u0000b"
		anna.does(w, anna.activity("Create", note))
		broken := []byte(`{"id":"` + p.URL + `/activities/2","type":"Create","actor":"` + anna.id() + `","object":{"id":"` + p.URL + `/notes/2","type":"Note","attributedTo":"` + anna.id() +
			`","content":"rotto ` + "\xff\xfe" + `","to":"` + w.actorID("comune") + `"}}`)
		anna.does(w, broken)
		named := []byte(`{"id":"` + p.URL + `/activities/3","type":"Create","actor":"` + anna.id() + `","object":"` + p.URL + `/notes/3","x":"` + "\xff" + `"}`)
		anna.does(w, named)
		if said := w.told(); len(said) != 2 || strings.Contains(said[0].Text+said[1].Text, "\x00") || !utf8.ValidString(said[1].Text) {
			t.Errorf("%+v", said)
		}
	})
}

// TestOneWhoCameBackIsWrittenToAgain: gone is gone only until it shows that it lives.
func TestOneWhoCameBackIsWrittenToAgain(t *testing.T) {
	w := newTown(t)
	p := newPeer(t, w.clock)
	anna := p.person("anna", 0)
	anna.follows(w, "comune")
	anna.does(w, anna.activity("Delete", anna.id()))
	w.clock.advance(time.Minute)
	anna.follows(w, "comune")
	w.publish("comune", w.note("Bentornata."))
	p.one("Create")
}
