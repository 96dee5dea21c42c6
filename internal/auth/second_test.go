package auth_test

import (
	"context"
	"fmt"
	"html"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// enable turns on two-step verification and returns the seed and the recovery codes.
func enable(t *testing.T, b *browser) (seed string, codes []string) {
	t.Helper()
	b.post("/redazione/account/codici")
	page := b.get("/redazione/account/codici").body
	found := regexp.MustCompile(`<code class="ar-code">([A-Z2-7 ]+)</code>`).FindStringSubmatch(page)
	if found == nil || !strings.Contains(page, `src="data:image/png;base64,`) {
		t.Fatalf("no seed on the page:\n%s", page)
	}
	seed = strings.ReplaceAll(found[1], " ", "")
	done := b.post("/redazione/account/codici/conferma", "code", " "+b.s.code(seed)+" ")
	for _, m := range regexp.MustCompile(`<code class="ar-code">([a-z0-9-]+)</code>`).FindAllStringSubmatch(done.body, -1) {
		codes = append(codes, m[1])
	}
	if len(codes) != 10 {
		t.Fatalf("%d recovery codes, want 10: %d %s", len(codes), done.StatusCode, done.body)
	}
	return seed, codes
}

func (s *site) code(seed string) string { return must(totp.GenerateCode(seed, s.clock())) }

func TestCodeIsAskedForAndUsedOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		seed, codes := enable(t, s.signedIn(t, people.Writer))
		s.pass(time.Minute)
		b := s.browser(t)
		if a := b.signIn("writer@cesate.example", phrase); a.to() != "/accesso/codice?next=%2Fredazione" || b.may() {
			t.Fatalf("after the password: %d to %q", a.StatusCode, a.to())
		}
		if a := b.post("/accesso/codice", "code", "000000"); a.StatusCode != 422 {
			t.Errorf("wrong code: %d", a.StatusCode)
		}
		code := s.code(seed)
		if a := b.post("/accesso/codice", "code", code, "next", "/redazione?x=1"); a.to() != "/redazione?x=1" || !b.may() {
			t.Errorf("right code: %d to %q", a.StatusCode, a.to())
		}
		other := s.browser(t)
		other.signIn("writer@cesate.example", phrase)
		if a := other.post("/accesso/codice", "code", code); a.StatusCode != 422 || other.may() {
			t.Errorf("the same code again: %d", a.StatusCode)
		}
		if a := other.post("/accesso/codice", "code", strings.ToUpper(codes[3])); a.StatusCode != 303 || !other.may() {
			t.Errorf("recovery code: %d", a.StatusCode)
		}
		third := s.browser(t)
		third.signIn("writer@cesate.example", phrase)
		if a := third.post("/accesso/codice", "code", codes[3]); a.StatusCode != 422 {
			t.Errorf("the same recovery code again: %d", a.StatusCode)
		}
	})
}

func TestOneCodeSignsInOnceHoweverManyTry(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		seed, _ := enable(t, s.signedIn(t, people.Writer))
		s.pass(time.Minute)
		code := s.code(seed)
		var wg sync.WaitGroup
		won := make([]bool, 4)
		for i := range won {
			wg.Go(func() {
				b := s.browser(t)
				b.signIn("writer@cesate.example", phrase)
				won[i] = b.post("/accesso/codice", "code", code).StatusCode == 303
			})
		}
		wg.Wait()
		if n := count(won...); n != 1 {
			t.Errorf("one code signed in %d times", n)
		}
	})
}

func TestGuessingCodesEndsWithTheSixth(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		owner := s.signedIn(t, people.Writer) // now a known browser
		seed, codes := enable(t, owner)
		s.pass(time.Minute)
		owner.post("/uscita")
		n := 0
		for sessions := range 4 { // a new pending session each time that one has ended
			b := s.browser(t)
			b.signIn("writer@cesate.example", phrase)
			for ; n < 20; n++ {
				a := b.post("/accesso/codice", "code", fmt.Sprintf("%06d", n))
				if !strings.Contains(a.body, "Il codice non è giusto") {
					break
				}
			}
			if a := b.get("/accesso/codice"); a.to() != "/accesso?next=%2Fredazione" {
				t.Errorf("session %d still waits for a code: %d", sessions, a.StatusCode)
			}
		}
		if n != 5 { // the sixth is judged, and ends the session
			t.Errorf("%d wrong codes were answered as such, want 5 and an end", n)
		}
		b := s.browser(t)
		b.signIn("writer@cesate.example", phrase)
		if b.post("/accesso/codice", "code", s.code(seed)); b.may() {
			t.Error("the limit does not hold for the right code")
		}
		if m := s.lastMail(t); m.To != "writer@cesate.example" || !strings.Contains(m.Subject, "codici") {
			t.Errorf("the owner was told %q", m.Subject)
		}
		s.inTx(t, func(ctx context.Context, tx *db.Tx) (err error) {
			var n int
			if err = tx.QueryRow(ctx, `SELECT count(*) FROM audit WHERE action = 'auth.code.guessed'`).Scan(&n); n != 1 {
				t.Errorf("%d records of it", n)
			}
			return err
		})
		// The owner gets in from the usual browser, or with a recovery code from any.
		owner.signIn("writer@cesate.example", phrase)
		if owner.post("/accesso/codice", "code", s.code(seed)); !owner.may() {
			t.Error("the owner is locked out of the known browser")
		}
		b = s.browser(t)
		b.signIn("writer@cesate.example", phrase)
		if b.post("/accesso/codice", "code", codes[0]); !b.may() {
			t.Error("a recovery code does not open while codes are guessed")
		}
	})
}

func TestPasswordDoesNotWaitForeverForItsCode(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	seed, _ := enable(t, s.signedIn(t, people.Writer))
	b := s.browser(t)
	b.signIn("writer@cesate.example", phrase)
	s.pass(11 * time.Minute)
	if a := b.post("/accesso/codice", "code", s.code(seed)); !strings.HasPrefix(a.to(), "/accesso?") || b.may() {
		t.Errorf("after 11 minutes: %d to %q", a.StatusCode, a.to())
	}
}

func TestSeedIsSealedInTheDatabase(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	seed, codes := enable(t, s.signedIn(t, people.Writer))
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		var stored, mac string
		err := tx.QueryRow(ctx, `SELECT totp.seed, max(mac) FROM totp JOIN recovery_code ON recovery_code.person_id = totp.person_id GROUP BY totp.seed`).Scan(&stored, &mac)
		if strings.Contains(stored, seed) || strings.Contains(strings.Join(codes, " "), mac) {
			t.Error("seed or codes are readable in the database")
		}
		return err
	})
}

func TestForgottenPasswordIsSetAgainByMail(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		old := s.signedIn(t, people.Writer)
		b := s.browser(t)
		known := b.post("/accesso/dimenticata", "email", " WRITER@cesate.example")
		unknown := b.post("/accesso/dimenticata", "email", "nessuno@cesate.example")
		if known.body != unknown.body || known.StatusCode != 200 || len(s.mails) != 1 {
			t.Fatalf("the answer tells who has an account, or %d mails were sent", len(s.mails))
		}
		if m := s.lastMail(t); m.To != "writer@cesate.example" || !strings.Contains(m.Text, "Persona di prova") {
			t.Errorf("mail %+v", m)
		}
		link := s.link(t)
		if a := b.get(link); a.StatusCode != 200 || a.Header.Get("Referrer-Policy") != "strict-origin" {
			t.Errorf("the link: %d, %s", a.StatusCode, a.Header.Get("Referrer-Policy"))
		}
		if a := b.post(link, "password", "corta", "again", "corta"); a.StatusCode != 422 {
			t.Errorf("short password: %d", a.StatusCode)
		}
		const chosen = "una barca di legno verde"
		if a := b.post(link, "password", chosen, "again", chosen+"x"); a.StatusCode != 422 || !strings.Contains(a.body, "non sono uguali") {
			t.Errorf("different repetition: %d", a.StatusCode)
		}
		if a := b.post(link, "password", chosen, "again", chosen); a.StatusCode != 303 || !b.may() {
			t.Fatalf("the new password: %d %s", a.StatusCode, a.body)
		}
		if old.may() {
			t.Error("a browser signed in with the old password is still in")
		}
		if a := s.browser(t).post(link, "password", chosen, "again", chosen); a.StatusCode != 404 {
			t.Errorf("the link works twice: %d", a.StatusCode)
		}
		if a := s.browser(t).signIn("writer@cesate.example", phrase); a.StatusCode != 422 {
			t.Errorf("the old password still works: %d", a.StatusCode)
		}
	})
}

func TestResetDoesNotPassTheSecondFactor(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	enable(t, s.signedIn(t, people.Writer))
	b := s.browser(t)
	b.post("/accesso/dimenticata", "email", "writer@cesate.example")
	if a := b.post(s.link(t), "password", "una barca di legno verde", "again", "una barca di legno verde"); !strings.HasPrefix(a.to(), "/accesso/codice") || b.may() {
		t.Errorf("after the reset: %d to %q", a.StatusCode, a.to())
	}
}

func TestLinksGrowOldAndMailboxesAreNotFlooded(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	b := s.browser(t)
	for range 6 {
		b.post("/accesso/dimenticata", "email", "writer@cesate.example")
	}
	if len(s.mails) != 3 {
		t.Errorf("%d mails to one person at once, want 3", len(s.mails))
	}
	s.pass(61 * time.Minute)
	if a := b.get(s.link(t)); a.StatusCode != 404 {
		t.Errorf("after an hour: %d", a.StatusCode)
	}
}

func TestMadeUpHostNeverGetsIntoALink(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	b := s.browser(t)
	b.host = "evil.example"
	b.post("/accesso/dimenticata", "email", "writer@cesate.example")
	if link := s.link(t); !strings.HasPrefix(link, s.URL+"/accesso/collegamento/") {
		t.Errorf("the link leads to %s", link)
	}
}

func TestSetupLinkFromTheCommandLine(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		var first, second string
		s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
			p, err := auth.CreateUser(ctx, tx, auth.NewUser{Email: "nuova@cesate.example", Name: "Nuova", InstitutionID: s.inst.ID, Roles: []people.Role{people.Administrator}}, "", s.clock())
			if err != nil {
				return err
			}
			if first, err = auth.SetupLink(ctx, tx, s.base, p.ID, s.clock()); err != nil {
				return err
			}
			second, err = auth.SetupLink(ctx, tx, s.base, p.ID, s.clock())
			return err
		})
		b := s.browser(t)
		if a := b.get(first); a.StatusCode != 404 {
			t.Errorf("an earlier link still holds: %d", a.StatusCode)
		}
		s.pass(71 * time.Hour)
		if a := b.post(second, "password", "una barca di legno verde", "again", "una barca di legno verde"); a.StatusCode != 303 || !b.may() {
			t.Errorf("the link after 71 hours: %d", a.StatusCode)
		}
	})
}

func TestCreateUserRefusesAWeakPasswordAndChangesNothing(t *testing.T) {
	d := testkit.SQLite(t)
	s := newSite(t, d, nil)
	err := d.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := auth.CreateUser(t.Context(), tx, auth.NewUser{Email: "x@cesate.example", Name: "X"}, "password1234", s.clock())
		return err
	})
	if !fault.Is(err, fault.Invalid) {
		t.Errorf("weak password: %v", err)
	}
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		if _, err := people.ByEmail(ctx, tx, "x@cesate.example"); !fault.Is(err, fault.NotFound) {
			t.Errorf("the person exists: %v", err)
		}
		return nil
	})
}

func TestInvitationLetsSomebodyIn(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		admin := s.signedIn(t, people.Administrator)
		if a := admin.post("/redazione/persone", "name", "Carla Bo", "email", "bo@cesate.example", "roles", "writer", "locale", "en"); a.StatusCode != 303 {
			t.Fatalf("invite: %d %s", a.StatusCode, a.body)
		}
		if m := s.lastMail(t); m.To != "bo@cesate.example" || !strings.Contains(m.Subject, "Invitation to the desk of Cesate") {
			t.Errorf("mail %+v", m)
		}
		b := s.browser(t)
		if a := b.post(s.link(t), "password", "una barca di legno verde", "again", "una barca di legno verde"); a.StatusCode != 303 || !b.may() {
			t.Errorf("the invited person: %d", a.StatusCode)
		}
		if a := admin.post("/redazione/persone", "name", "Carla Bo", "email", "BO@cesate.example", "roles", "writer"); a.StatusCode != 422 || !strings.Contains(a.body, "fa già parte") {
			t.Errorf("invited twice: %d", a.StatusCode)
		}
		if a := admin.post("/redazione/persone", "name", "", "email", "bo", "roles", ""); a.StatusCode != 422 || !strings.Contains(a.body, `value="bo"`) {
			t.Errorf("bad data: %d, and what was typed must stay", a.StatusCode)
		}
	})
}

func TestInvitationWithoutMailShowsTheLinkOnce(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), func(o *auth.Options) { o.Mail = nil })
	admin := s.signedIn(t, people.Administrator)
	a := admin.post("/redazione/persone", "name", "Carla Bo", "email", "bo@cesate.example", "roles", "reader")
	link := regexp.MustCompile(`<code class="ar-code">(http[^<]+)</code>`).FindStringSubmatch(a.body)
	if link == nil {
		t.Fatalf("%d %s", a.StatusCode, a.body)
	}
	if b := s.browser(t); b.get(html.UnescapeString(link[1])).StatusCode != 200 {
		t.Error("the link does not work")
	}
	if strings.Contains(admin.get("/redazione/persone").body, link[1]) {
		t.Error("the link is shown again")
	}
}

func TestAdministratorGetsNoLinkToAnAccountOfAnotherInstitution(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), func(o *auth.Options) { o.Mail = nil })
	far := s.institution(t, "Solaro")
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		i := s.inst
		i.Hosts = []string{s.base.Hostname()}
		if err := updateInstitution(ctx, tx, i); err != nil {
			return err
		}
		_, err := auth.CreateUser(ctx, tx, auth.NewUser{Email: "capo@solaro.example", Name: "Capo di Solaro", InstitutionID: far.ID, Roles: []people.Role{people.Administrator}}, "", s.clock())
		return err
	})
	admin := s.signedIn(t, people.Administrator)
	a := admin.post("/redazione/persone", "name", "x", "email", "capo@solaro.example", "roles", "reader")
	if strings.Contains(a.body, "/accesso/collegamento/") {
		t.Fatal("the link would open the other institution's desk to whoever asks for it")
	}
	id := regexp.MustCompile(`/redazione/persone/([0-9a-f-]+)">Modifica<span class="visually-hidden"> Capo di Solaro`).FindStringSubmatch(admin.get("/redazione/persone").body)
	if id == nil {
		t.Fatal("the invited person is not listed")
	}
	if a := admin.post("/redazione/persone/" + id[1] + "/invito"); a.StatusCode != 403 {
		t.Errorf("invited again: %d, want 403", a.StatusCode)
	}
}

func TestLastAdministratorCannotLeaveByThePage(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	admin := s.signedIn(t, people.Administrator)
	me := s.who[people.Administrator].ID
	if a := admin.post("/redazione/persone/"+me, "roles", "reader"); a.StatusCode != 422 || !strings.Contains(a.body, "Deve restare almeno una persona") {
		t.Errorf("roles: %d", a.StatusCode)
	}
	if a := admin.post("/redazione/persone/" + me + "/togli"); a.StatusCode != 409 {
		t.Errorf("removal: %d", a.StatusCode)
	}
}

func TestPasswordChangeAsksForTheOldOneAndSignsOutTheOthers(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	b, other := s.signedIn(t, people.Writer), s.signedIn(t, people.Writer)
	const chosen = "una barca di legno verde"
	if a := b.post("/redazione/account/password", "old_password", "sbagliata", "password", chosen, "again", chosen); a.StatusCode != 422 || !strings.Contains(a.body, "f-old_password-error") {
		t.Errorf("wrong old password: %d", a.StatusCode)
	}
	if a := b.post("/redazione/account/password", "old_password", phrase, "password", chosen, "again", chosen); a.StatusCode != 303 {
		t.Fatalf("change: %d %s", a.StatusCode, a.body)
	}
	if !b.may() || other.may() {
		t.Error("the change must keep this browser and sign out the other one")
	}
	if !strings.Contains(s.lastMail(t).Subject, "cambiata") {
		t.Error("the person is not told by mail")
	}
}

// A caller who says another port, or another host, gets no link of theirs into a letter.
func TestAttackHostHeaderStaysOutOfLetters(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		i := s.inst
		i.Hosts = []string{"cesate.example"}
		return institution.Update(ctx, tx, i)
	})
	for _, claimed := range []string{"cesate.example:6666", "cesate.example.:6666", "CESATE.example:1", "cesate.example"} {
		b := s.browser(t)
		b.host = claimed
		b.post("/accesso/dimenticata", "email", "writer@cesate.example")
		if link := s.link(t); !strings.HasPrefix(link, "http://cesate.example:"+s.base.Port()+"/accesso/collegamento/") {
			t.Errorf("asked at %s: the letter leads to %s", claimed, link)
		}
		s.pass(time.Hour)
	}
}
