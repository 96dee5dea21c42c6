package app_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/people"
)

// The attacks of this file go the way that attackers go: by HTTP, against the whole
// program on a real listener, from as many addresses as they like.

// phrase is everybody's password.
const phrase = "quattro gatti sul tetto"

// siege is a town that is served, and whose people have passwords.
type siege struct {
	*testing.T
	*town
	url string
}

func newSiege(t *testing.T, c config.Config) *siege {
	t.Helper()
	c.TrustedProxies = []string{"127.0.0.0/8"} // so that each request says where it comes from
	w := &siege{T: t, town: newTown(t, c)}
	hash, err := must(auth.NewHasher(auth.DefaultArgon())).Hash(t.Context(), phrase)
	w.must(err)
	w.must(w.app.DB.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE person SET password_hash = $1`, hash)
		return err
	}))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	w.must(err)
	s := &http.Server{Handler: w.app.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.Serve(limit.Listener(l, nil)) }()
	t.Cleanup(func() { s.Close() })
	w.url = "http://" + l.Addr().String()
	return w
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func (w *siege) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// browser is somebody with cookies, who does not follow redirects.
type browser struct {
	w      *siege
	client *http.Client
	from   string
}

func (w *siege) browser(from string) *browser {
	jar, err := cookiejar.New(nil)
	w.must(err)
	return &browser{w, &http.Client{Jar: jar, Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, from}
}

func (b *browser) request(method, path string, body io.Reader) *http.Request {
	r, err := http.NewRequest(method, b.w.url+path, body)
	b.w.must(err)
	r.Host = "cesate.localhost:8080"
	r.Header.Set("X-Forwarded-For", b.from)
	return r
}

// post sends a form and returns the status, where it leads and the page.
func (b *browser) post(path string, pairs ...string) (status int, to, page string) {
	form := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		form.Set(pairs[i], pairs[i+1])
	}
	r := b.request(http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := b.client.Do(r)
	if err != nil {
		b.w.Errorf("%s: %v", path, err)
		return 0, "", ""
	}
	defer answer.Body.Close()
	text, _ := io.ReadAll(answer.Body)
	return answer.StatusCode, answer.Header.Get("Location"), string(text)
}

func (b *browser) signIn(email string) (status int, to string) {
	status, to, _ = b.post("/accesso", "email", email, "password", phrase)
	return status, to
}

// v6 is an address in a /48 of the attacker's: a /64 of its own for each n.
func v6(n int) string {
	return netip.AddrFrom16([16]byte{0x20, 1, 0xd, 0xb8, 0, 7, byte(n >> 8), byte(n), 15: 1}).String()
}

// v4 is one of a botnet's.
func v4(n int) string { return fmt.Sprintf("203.%d.%d.%d", n>>16&255, n>>8&255, n&255) }

func (w *siege) count(query string, args ...any) (n int) {
	w.Helper()
	w.must(w.app.DB.Read(w.Context(), func(tx *db.Tx) error { return tx.QueryRow(w.Context(), query, args...).Scan(&n) }))
	return n
}

// Measured before: 1,536 wrong codes judged in seven seconds from one IPv6 /48.
func TestAttackOneTimeCodes(t *testing.T) {
	engines(t, func(t *testing.T, c config.Config) {
		w := newSiege(t, c)
		const email = "writer@cesate.example"
		owner := w.browser("198.51.100.1")
		if status, _ := owner.signIn(email); status != http.StatusSeeOther { // now a known browser
			t.Fatalf("the owner signs in: %d", status)
		}
		seed := w.generator(email)
		// The attacker has the password: sessions that wait for a code, from many places.
		var waiting []*browser
		for n := range 5 {
			b := w.browser(v6(n))
			if _, to := b.signIn(email); !strings.HasPrefix(to, "/accesso/codice") {
				t.Fatalf("the attacker is not asked for the code: to %q", to)
			}
			waiting = append(waiting, b)
		}
		var judged atomic.Int32
		var wg sync.WaitGroup
		for n := range 100 {
			wg.Go(func() {
				b := *waiting[n%len(waiting)]
				b.from = v6(1000 + n)
				if n%2 == 1 {
					b.from = v4(n)
				}
				status, _, page := b.post("/accesso/codice", "code", fmt.Sprintf("%06d", n))
				if status == http.StatusUnprocessableEntity && strings.Contains(page, "Il codice non è giusto") {
					judged.Add(1)
				}
			})
		}
		wg.Wait()
		if n := judged.Load(); n > 6 {
			t.Errorf("%d wrong codes were judged, more than six", n)
		}
		b := w.browser(v4(9999))
		if _, to := b.signIn(email); to != "" {
			if status, _, _ := b.post("/accesso/codice", "code", w.code(seed)); status == http.StatusSeeOther {
				t.Error("a guess that would have been right opens after the limit")
			}
		}
		if n := w.count(`SELECT count(*) FROM audit WHERE action = 'auth.code.guessed'`); n != 1 {
			t.Errorf("%d records of the guessing, want one", n)
		}
		// The owner is not locked out of the browser that is known.
		owner.post("/uscita")
		owner.signIn(email)
		if status, to, page := owner.post("/accesso/codice", "code", w.code(seed)); status != http.StatusSeeOther || to != "/redazione" {
			t.Errorf("the owner: %d to %q\n%s", status, to, page)
		}
	})
}

// generator gives a person a code generator and returns its seed.
func (w *siege) generator(email string) (seed string) {
	w.Helper()
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "x", AccountName: "x"})
	w.must(err)
	w.must(w.app.DB.InTx(w.Context(), func(tx *db.Tx) error {
		p, err := people.ByEmail(w.Context(), tx, email)
		if err != nil {
			return err
		}
		_, err = tx.Exec(w.Context(), `INSERT INTO totp (person_id, seed, confirmed_at) VALUES ($1, $2, 1)`, p.ID, w.app.Box.Seal("totp/"+p.ID, key.Secret()))
		return err
	}))
	return key.Secret()
}

func (w *siege) code(seed string) string { return must(totp.GenerateCode(seed, time.Now())) }

// Measured before: the owner got 503 in the known browser.
func TestAttackLoginFlood(t *testing.T) {
	w := newSiege(t, settings(t, db.SQLite))
	const email = "writer@cesate.example"
	owner := w.browser("198.51.100.1")
	if status, _ := owner.signIn(email); status != http.StatusSeeOther {
		t.Fatalf("the owner signs in: %d", status)
	}
	stop := make(chan struct{})
	var flood sync.WaitGroup
	var sent, refused atomic.Int32
	for n := range 40 {
		flood.Go(func() {
			b := w.browser("")
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
				}
				b.from = v4(n<<10 + i)
				status, _, _ := b.post("/accesso", "email", fmt.Sprintf("%d.%d@cesate.example", n, i), "password", "una qualunque")
				sent.Add(1)
				if status == http.StatusServiceUnavailable || status == http.StatusUnprocessableEntity {
					refused.Add(1)
				}
			}
		})
	}
	await(t, "the flood has begun", func() bool { return sent.Load() > 60 })
	start := time.Now()
	for n := range 3 {
		owner.post("/uscita")
		if status, _ := owner.signIn(email); status != http.StatusSeeOther {
			t.Errorf("the owner, the %d. time: %d", n+1, status)
		}
	}
	took := time.Since(start)
	close(stop)
	flood.Wait()
	t.Logf("the owner signed in three times in %v; strangers tried %d times, %d were refused", took.Round(time.Millisecond), sent.Load(), refused.Load())
}

// Measured before: 1,500 accepted from one IPv6 /64, and kept for ever.
func TestAttackWebmentions(t *testing.T) {
	engines(t, func(t *testing.T, c config.Config) {
		w := newSiege(t, c)
		w.publish()
		burst := limit.Mentions.Line().Burst
		for name, c := range map[string]struct {
			from func(n int) string
			most int
		}{
			"one /64": {func(n int) string { return fmt.Sprintf("2001:db8:1:1::%x", n+1) }, burst},
			"one /48": {func(n int) string { return fmt.Sprintf("2001:db8:2:%x::1", n) }, 4 * burst},
			"one IPv4 address in all its clothes": {func(n int) string {
				return []string{"192.0.2.7", "::ffff:192.0.2.7", "64:ff9b::192.0.2.7", "2002:c000:207::1", "192.0.2.7:4711"}[n%5]
			}, burst},
		} {
			before, b, accepted := w.count(`SELECT count(*) FROM webmention`), w.browser(""), 0
			start := time.Now()
			for n := range 6 * burst {
				b.from = c.from(n)
				if status, _, _ := b.post("/webmention", "source", fmt.Sprintf("https://sito%d.example/%s", n, url.PathEscape(name)), "target", "http://cesate.localhost:8080/m/la-mensa"); status == http.StatusAccepted {
					accepted++
				}
			}
			// Meanwhile the bucket fills again, one every so often.
			most := c.most + c.most/burst*int(time.Since(start)/limit.Mentions.Line().Every+1)
			if kept := w.count(`SELECT count(*) FROM webmention`) - before; accepted > most || kept != accepted || accepted < burst {
				t.Errorf("%s: %d accepted and %d kept of %d, want at most %d", name, accepted, kept, 6*burst, most)
			}
		}
	})
}

// publish puts the message /m/la-mensa on the site.
func (w *siege) publish() {
	w.Helper()
	w.must(w.app.DB.InTx(w.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(w.Context(), `
			INSERT INTO publication (institution_id, message_id, profile_id, slug, kind, category, lang, title, summary, body_html, body_text, rev, published_at, updated_at)
			VALUES ($1, 'm1', $2, 'la-mensa', 'news', 'ordinary', 'it', 'La mensa', 'x', '<p>x</p>', 'x', 1, $3, $3)`, w.inst.ID, w.profile.ID, db.At(time.Now()))
		return err
	}))
}

// Measured before: 300 parallel bodies held 440 MB.
func TestAttackParallelMegabytes(t *testing.T) {
	w := newSiege(t, settings(t, db.SQLite))
	w.publish()
	body := bytes.Repeat([]byte("a"), 1<<20)
	copy(body, "text=")
	before := resident()
	for _, path := range []string{"/accesso", "/websub", "/ap/inbox", "/m/la-mensa/commenta", "/redazione/account", "/api/v1/messages", "/nessuna"} {
		peak := before
		done, watched := make(chan struct{}), make(chan struct{})
		go func() {
			defer close(watched)
			for tick := time.NewTicker(5 * time.Millisecond); ; <-tick.C {
				peak = max(peak, resident())
				select {
				case <-done:
					tick.Stop()
					return
				default:
				}
			}
		}()
		var wg sync.WaitGroup
		var answered atomic.Int32
		for n := range 300 {
			wg.Go(func() {
				b := w.browser(v4(n))
				r := b.request(http.MethodPost, path, bytes.NewReader(body))
				r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
				defer b.client.CloseIdleConnections()
				answer, err := b.client.Do(r)
				if err != nil {
					return // cut off while it was still sending: the cheapest refusal
				}
				answer.Body.Close()
				answered.Add(1)
			})
		}
		wg.Wait()
		close(done)
		<-watched
		t.Logf("%-24s %3d answered, %4.0f MB more at the peak", path, answered.Load(), peak-before)
		if peak-before > 150 {
			t.Errorf("%s: 300 parallel megabytes take %.0f MB", path, peak-before)
		}
	}
}

// Who signed out hears nothing more of what the institution does.
func TestAttackStreamAfterSignOut(t *testing.T) {
	w := newSiege(t, settings(t, db.SQLite))
	for name, c := range map[string]struct {
		email string
		end   func(b *browser)
	}{
		"sign-out":            {"writer@cesate.example", func(b *browser) { b.post("/uscita") }},
		"loss of the account": {"approver@cesate.example", func(*browser) { w.revoke("approver@cesate.example") }},
	} {
		b := w.browser("198.51.100.1")
		if status, _ := b.signIn(c.email); status != http.StatusSeeOther {
			t.Fatalf("sign in: %d", status)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		answer, err := b.client.Do(b.request(http.MethodGet, "/redazione/eventi-vivi", nil).WithContext(ctx))
		w.must(err)
		lines := bufio.NewReader(answer.Body)
		if line, err := lines.ReadString('\n'); answer.StatusCode != http.StatusOK || err != nil || !strings.HasPrefix(line, ":") {
			t.Fatalf("%s: the stream does not begin: %d %q %v", name, answer.StatusCode, line, err)
		}
		c.end(b)
		w.app.Web.Streams.Recheck() // what the next event, or the heartbeat, does
		rest, err := io.ReadAll(lines)
		if err != nil || strings.Contains(string(rest), "event:") {
			t.Errorf("after the %s the stream goes on: %v %q", name, err, rest)
		}
		answer.Body.Close()
		cancel()
	}
}

func (w *siege) revoke(email string) {
	w.must(w.app.DB.InTx(w.Context(), func(tx *db.Tx) error {
		p, err := people.ByEmail(w.Context(), tx, email)
		if err != nil {
			return err
		}
		return people.Remove(w.Context(), tx, w.inst.ID, p.ID, time.Now())
	}))
}

// Measured before: requests to any host and port before any limit. Whoever types the
// address of a machine makes us call nobody.
func TestAttackCommentFormAsAScanner(t *testing.T) {
	w := newSiege(t, settings(t, db.SQLite))
	w.publish()
	var calls atomic.Int32
	victim := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { calls.Add(1) }))
	t.Cleanup(victim.Close)
	port := victim.URL[strings.LastIndexByte(victim.URL, ':'):]
	b := w.browser(v4(1))
	for n, typed := range []string{"@a@127.0.0.1" + port, "@a@localhost" + port, "@a@localhost.localdomain" + port, "@a@[::1]" + port, "@a@2130706433" + port,
		"@a@0x7f000001", "@a@127.1", "https://127.0.0.1" + port + "/@a", "@a@cesate.localhost" + port, "@a@example.org:22", "@a@EXAMPLE.org.:443"} {
		b.from = v4(n)
		status, _, page := b.post("/m/la-mensa/commenta", "text", "Ciao.", "way", "fediverse", "address", typed)
		if status != http.StatusUnprocessableEntity || !strings.Contains(page, "f-address") {
			t.Errorf("%s: %d", typed, status)
		}
	}
	if n := calls.Load(); n != 0 {
		t.Errorf("%d calls", n)
	}
}
