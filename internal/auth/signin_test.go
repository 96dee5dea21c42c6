package auth_test

import (
	"context"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestPersonSignsInAndOut(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		b := s.browser(t)
		if a := b.get("/redazione"); a.StatusCode != 303 || a.to() != "/accesso?next=%2Fredazione" {
			t.Fatalf("the desk to nobody: %d to %q", a.StatusCode, a.to())
		}
		if a := b.post("/accesso", "email", " Writer@Cesate.example ", "password", phrase, "next", "/redazione?giorno=1"); a.to() != "/redazione?giorno=1" {
			t.Fatalf("after sign-in: %d to %q\n%s", a.StatusCode, a.to(), a.body)
		}
		if a := b.get("/redazione"); !strings.Contains(a.body, "redazione di Cesate per writer@cesate.example") {
			t.Errorf("the desk: %d %s", a.StatusCode, a.body)
		}
		if a := b.post("/uscita"); a.to() != "/accesso" || b.may() {
			t.Errorf("after signing out: %d to %q", a.StatusCode, a.to())
		}
		s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
			entries, err := audit.Latest(ctx, tx, s.inst.ID, 0, 2)
			if len(entries) != 2 || entries[0].Action != "auth.signout" || entries[1].Action != "auth.signin" || entries[1].PersonID != s.who[people.Writer].ID {
				t.Errorf("audit: %+v", entries)
			}
			return err
		})
	})
}

func TestSignInNeverLeavesTheSite(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	for _, next := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/uscita", ""} {
		if a := s.browser(t).post("/accesso", "email", "writer@cesate.example", "password", phrase, "next", next); a.to() != "/redazione" {
			t.Errorf("next=%q leads to %q", next, a.to())
		}
	}
}

func TestWrongPasswordAndUnknownAddressLookTheSame(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	b := s.browser(t)
	var said []string
	for _, email := range []string{"writer@cesate.example", "nessuno@cesate.example"} {
		a := b.signIn(email, "una password sbagliata")
		if a.StatusCode != 422 || !strings.Contains(a.body, `value="`+email+`"`) || strings.Contains(a.body, "sbagliata") {
			t.Errorf("%s: %d; the address must be kept, the password not", email, a.StatusCode)
		}
		said = append(said, strings.ReplaceAll(a.body, email, ""))
	}
	if said[0] != said[1] {
		t.Error("the answers tell whether the address is known")
	}
	if b.may() {
		t.Error("signed in")
	}
}

func TestEmptyFieldsAreNamed(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	a := s.browser(t).signIn("", "")
	if a.StatusCode != 422 || !strings.Contains(a.body, `href="#f-email"`) || !strings.Contains(a.body, `href="#f-password"`) {
		t.Errorf("%d %s", a.StatusCode, a.body)
	}
}

// guess tries wrong passwords until one is refused as too many, and returns how
// many were tried.
func guess(b *browser, email string, most int) int {
	for i := range most {
		if a := b.signIn(email, fmt.Sprint("sbagliata numero ", i)); strings.Contains(a.body, "Troppi tentativi") {
			return i
		}
	}
	return most
}

func TestGuessingIsSlowedDownAndOnlyForTheGuesser(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		owner := s.signedIn(t, people.Writer) // now a known device
		owner.post("/uscita")
		stranger := s.browser(t)
		if n := guess(stranger, "writer@cesate.example", 20); n != 8 {
			t.Errorf("%d guesses before the limit, want 8", n)
		}
		if a := stranger.signIn("writer@cesate.example", phrase); a.StatusCode == 303 {
			t.Error("the limit does not hold for the right password")
		}
		if a := owner.signIn("writer@cesate.example", phrase); a.StatusCode != 303 {
			t.Errorf("the owner's browser is locked out: %d", a.StatusCode)
		}
		if a := s.browser(t).signIn("reader@cesate.example", phrase); a.StatusCode != 303 {
			t.Errorf("a colleague behind the same address is locked out: %d", a.StatusCode)
		}
		s.pass(2 * time.Minute)
		if a := stranger.signIn("writer@cesate.example", phrase); a.StatusCode != 303 {
			t.Errorf("after waiting: %d", a.StatusCode)
		}
	})
}

func TestDeviceCookieHasItsOwnLimit(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	thief := s.signedIn(t, people.Writer)
	thief.post("/uscita")
	if n := guess(thief, "writer@cesate.example", 30); n != 15 {
		t.Errorf("%d guesses with a device cookie, want 15", n)
	}
	if n := guess(thief, "reader@cesate.example", 30); n != 8 {
		t.Errorf("%d guesses of another account, want 8: the cookie is of one person", n)
	}
}

func TestSuccessesCountForNothing(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	for i := range 12 {
		if a := s.browser(t).signIn("writer@cesate.example", phrase); a.StatusCode != 303 {
			t.Fatalf("sign-in %d from a new browser: %d", i, a.StatusCode)
		}
	}
}

func TestSimultaneousGuessesAreAllCounted(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		var wg sync.WaitGroup
		var mu sync.Mutex
		checked := 0
		for range 20 {
			wg.Go(func() {
				if a := s.browser(t).signIn("writer@cesate.example", "sbagliata di certo"); strings.Contains(a.body, "non corrispondono") {
					mu.Lock()
					defer mu.Unlock()
					checked++
				}
			})
		}
		wg.Wait()
		if checked != 8 {
			t.Errorf("%d guesses were checked, want 8", checked)
		}
	})
}

func TestWeakHashIsReplacedAtSignIn(t *testing.T) {
	stronger := quick()
	stronger.Passes++
	s := newSite(t, testkit.SQLite(t), func(o *auth.Options) { o.Argon = stronger })
	s.signedIn(t, people.Writer)
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		var hash string
		err := tx.QueryRow(ctx, `SELECT password_hash FROM person WHERE id = $1`, s.who[people.Writer].ID).Scan(&hash)
		if !strings.Contains(hash, "t=3") {
			t.Errorf("hash %s, want the new costs", hash)
		}
		return err
	})
	s.signedIn(t, people.Writer)
}

func TestDisabledPersonIsOutAtOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		b := s.signedIn(t, people.Writer)
		s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
			return people.Remove(ctx, tx, s.inst.ID, s.who[people.Writer].ID, s.clock())
		})
		if b.may() {
			t.Error("a disabled person still sees the desk")
		}
		if a := s.browser(t).signIn("writer@cesate.example", phrase); a.StatusCode != 422 {
			t.Errorf("a disabled person signs in: %d", a.StatusCode)
		}
	})
}

func TestSessionsAreListedAndEnded(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		desk, phone, pub := s.signedIn(t, people.Writer), s.signedIn(t, people.Writer), s.signedIn(t, people.Writer)
		other := s.signedIn(t, people.Reader)
		page := desk.get("/redazione/account").body
		ids := regexp.MustCompile(`action="(/redazione/account/sessioni/[^"]+)"`).FindAllStringSubmatch(page, -1)
		if len(ids) != 2 || strings.Count(page, "Firefox, Linux") < 3 || !strings.Contains(page, "127.0.0.0/24") || strings.Contains(page, "127.0.0.1") {
			t.Fatalf("sessions on the page: %v\n%s", ids, page)
		}
		desk.post(ids[0][1])
		if left := count(phone.may(), pub.may()); left != 1 || !desk.may() {
			t.Errorf("after ending one session %d others work, want 1", left)
		}
		desk.post("/redazione/account/sessioni")
		if phone.may() || pub.may() || !desk.may() || !other.may() {
			t.Error("“sign out all others” must end exactly the person's other sessions")
		}
		if a := other.post(ids[1][1]); a.StatusCode != 303 || !desk.may() {
			t.Error("somebody else's session could be ended")
		}
	})
}

func count(all ...bool) (n int) {
	for _, b := range all {
		if b {
			n++
		}
	}
	return n
}

func TestRevokedSessionIsNotBroughtBackByALateRequest(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		store := auth.NewSessions(d, s.clock)
		s.signedIn(t, people.Writer)
		var token string
		s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
			return tx.QueryRow(ctx, `SELECT token_hash FROM session WHERE person_id <> ''`).Scan(&token)
		})
		data, found, err := store.FindCtx(t.Context(), token)
		if err != nil || !found {
			t.Fatal(found, err)
		}
		if err := store.DeleteCtx(t.Context(), token); err != nil {
			t.Fatal(err)
		}
		if err := store.CommitCtx(t.Context(), token, data, s.clock().Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		if _, found, _ := store.FindCtx(t.Context(), token); found {
			t.Error("a request that began before brought the session back")
		}
	})
}

func TestIdleSessionEnds(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	b := s.signedIn(t, people.Writer)
	s.pass(11 * time.Hour)
	if !b.may() {
		t.Fatal("ended after 11 hours")
	}
	s.pass(13 * time.Hour)
	if b.may() {
		t.Error("still open after 13 idle hours")
	}
}

func TestOldSessionEndsHoweverBusy(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	b := s.signedIn(t, people.Writer)
	for hours := 0; hours < 15*24; hours += 6 {
		s.pass(6 * time.Hour)
		if !b.may() {
			if hours < 13*24 {
				t.Errorf("ended after %d hours", hours)
			}
			return
		}
	}
	t.Error("still open after 15 days")
}

func TestSessionTokenChangesAtSignIn(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	seed, _ := enable(t, s.signedIn(t, people.Writer))
	s.pass(time.Minute)
	b := s.browser(t)
	b.signIn("writer@cesate.example", phrase) // begins a session that waits for the code
	before := cookie(b, "arengo_session")
	b.post("/accesso/codice", "code", s.code(seed))
	if after := cookie(b, "arengo_session"); before == "" || after == before {
		t.Errorf("token %q before and %q after", before, after)
	}
}

// Nothing is written down for somebody who has proved nothing.
func TestStrangerGetsNoSession(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	b := s.browser(t)
	b.post("/uscita")
	b.post("/accesso/codice", "code", "000000")
	b.signIn("writer@cesate.example", "sbagliata del tutto")
	b.post("/accesso/dimenticata", "email", "writer@cesate.example")
	if c := cookie(b, "arengo_session"); c != "" {
		t.Errorf("a session: %q", c)
	}
	s.inTx(t, func(ctx context.Context, tx *db.Tx) (err error) {
		var n int
		if err = tx.QueryRow(ctx, `SELECT count(*) FROM session`).Scan(&n); n != 0 {
			t.Errorf("%d sessions are kept", n)
		}
		return err
	})
}

func cookie(b *browser, name string) string {
	for _, c := range b.Jar.Cookies(b.s.base) {
		if c.Name == name {
			return c.Value
		}
	}
	return ""
}

func TestFormOfALostSessionComesBackWhole(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		b := s.signedIn(t, people.Writer)
		s.pass(24 * time.Hour)
		text := "Riapre la <biblioteca> \"Ugo Foscolo\"\n\n  con due spazi & un'ora in più 🎉"
		lost := b.post("/redazione/scrivi?da=1", "testo", text, "password", "mai mostrata")
		if lost.StatusCode != 401 || strings.Contains(lost.body, "mai mostrata") {
			t.Fatalf("%d %s", lost.StatusCode, lost.body)
		}
		if a := b.signIn("writer@cesate.example", phrase); a.StatusCode != 303 { // in another tab
			t.Fatal(a.StatusCode)
		}
		action, fields := formIn(t, lost.body)
		again := b.do("POST", action, fields)
		if action != "/redazione/scrivi?da=1" || again.StatusCode != 200 || !strings.HasSuffix(again.body, text) {
			t.Errorf("sent again to %q: %d %q", action, again.StatusCode, again.body)
		}
	})
}

// formIn reads the form with hidden text areas as a browser would.
func formIn(t *testing.T, page string) (action string, fields url.Values) {
	t.Helper()
	form := regexp.MustCompile(`(?s)<main.*?<form[^>]*action="([^"]+)".*?</form>`).FindStringSubmatch(page)
	if form == nil {
		t.Fatalf("no form in %s", page)
	}
	fields = url.Values{}
	for _, m := range regexp.MustCompile(`(?s)<textarea name="([^"]+)" hidden>\n(.*?)</textarea>`).FindAllStringSubmatch(form[0], -1) {
		fields.Add(html.UnescapeString(m[1]), html.UnescapeString(m[2]))
	}
	return html.UnescapeString(form[1]), fields
}

func TestDangerousActAsksForThePasswordAfterAWhile(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	b := s.signedIn(t, people.Writer)
	if a := b.post("/redazione/pericolo", "testo", "subito"); a.StatusCode != 200 {
		t.Fatalf("a moment after sign-in: %d", a.StatusCode)
	}
	s.pass(16 * time.Minute)
	asked := b.post("/redazione/pericolo", "testo", "dopo")
	if asked.StatusCode != 403 || !strings.Contains(asked.body, `name="confirm_password"`) {
		t.Fatalf("after 16 minutes: %d %s", asked.StatusCode, asked.body)
	}
	action, fields := formIn(t, asked.body)
	fields.Set("confirm_password", "sbagliata")
	if a := b.do("POST", action, fields); a.StatusCode != 422 || !strings.Contains(a.body, "La password non è giusta") {
		t.Errorf("wrong password: %d", a.StatusCode)
	}
	fields.Set("confirm_password", phrase)
	if a := b.do("POST", action, fields); a.StatusCode != 200 || !strings.HasSuffix(a.body, ": dopo") {
		t.Errorf("right password: %d %q", a.StatusCode, a.body)
	}
	if a := b.post("/redazione/pericolo"); a.StatusCode != 200 {
		t.Errorf("asked again at once: %d", a.StatusCode)
	}
}

func TestDemoAccountsExistOnlyInTheDemo(t *testing.T) {
	real := newSite(t, testkit.SQLite(t), nil)
	id := real.who[people.Writer].ID
	if a := real.browser(t).get("/accesso"); strings.Contains(a.body, id) || strings.Contains(a.body, "/accesso/demo") {
		t.Error("the sign-in page of a real installation lists accounts")
	}
	b := real.browser(t)
	if a := b.post("/accesso/demo", "person", id); a.StatusCode != 404 || b.may() {
		t.Errorf("the demo's door is open in a real installation: %d", a.StatusCode)
	}
	demo := newSite(t, testkit.SQLite(t), func(o *auth.Options) { o.Demo = true })
	b = demo.browser(t)
	if page := b.get("/accesso").body; strings.Count(page, `name="person"`) != len(people.Roles()) {
		t.Errorf("the demo's sign-in page does not list every person:\n%s", page)
	}
	if a := b.post("/accesso/demo", "person", demo.who[people.Writer].ID); a.StatusCode != 303 || !b.may() {
		t.Errorf("the demo's button: %d", a.StatusCode)
	}
	if a := demo.browser(t).post("/accesso/demo", "person", "chiunque"); a.StatusCode != 404 {
		t.Errorf("an unknown person in the demo: %d", a.StatusCode)
	}
}

func TestPurgeForgetsWhatExpired(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		s.signedIn(t, people.Writer)
		s.browser(t).post("/accesso/dimenticata", "email", "writer@cesate.example")
		purge := func() {
			s.inTx(t, func(ctx context.Context, tx *db.Tx) error { return s.svc.Purge(ctx, tx, s.clock()) })
		}
		rows := func() (n int) {
			s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
				return tx.QueryRow(ctx, `SELECT (SELECT count(*) FROM session) + (SELECT count(*) FROM one_time_link) + (SELECT count(*) FROM known_device)`).Scan(&n)
			})
			return n
		}
		before := rows()
		purge()
		if rows() < before-2 {
			t.Errorf("%d rows of %d left at once", rows(), before)
		}
		s.pass(181 * 24 * time.Hour)
		purge()
		if n := rows(); n != 0 {
			t.Errorf("%d rows left after half a year", n)
		}
	})
}
