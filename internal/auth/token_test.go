package auth_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func (s *site) token(t *testing.T, tk auth.Token) (text string, made auth.Token) {
	t.Helper()
	tk.InstitutionID = s.inst.ID
	s.inTx(t, func(ctx context.Context, tx *db.Tx) (err error) {
		text, made, err = auth.CreateToken(ctx, tx, tk, s.clock())
		return err
	})
	return text, made
}

func TestTokenActsUntilItExpiresOrIsRevoked(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		text, made := s.token(t, auth.Token{Name: "Pro Loco", Roles: []people.Role{people.Writer}, ExpiresAt: s.clock().Add(time.Hour)})
		a, err := s.svc.Authenticate(t.Context(), text, s.clock())
		if err != nil || a.InstitutionID != s.inst.ID || a.TokenID != made.ID || a.PersonID != made.ID || !a.May(people.Write) || a.May(people.Approve) {
			t.Fatalf("acts as %+v, %v", a, err)
		}
		for name, bad := range map[string]string{"empty": "", "cut": text[:len(text)-1], "changed": text[:len(text)-1] + "!", "prefix": "x" + text} {
			if _, err := s.svc.Authenticate(t.Context(), bad, s.clock()); !fault.Is(err, fault.Unsigned) {
				t.Errorf("%s: %v, want Unsigned", name, err)
			}
		}
		if _, err := s.svc.Authenticate(t.Context(), text, s.clock().Add(time.Hour)); !fault.Is(err, fault.Unsigned) {
			t.Errorf("after its time: %v", err)
		}
		s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
			all, err := auth.Tokens(ctx, tx, s.inst.ID)
			if len(all) != 1 || all[0].UsedDay != s.clock().Format(time.DateOnly) {
				t.Errorf("tokens %+v", all)
			}
			if err == nil {
				err = auth.RevokeToken(ctx, tx, s.inst.ID, made.ID, s.clock())
			}
			return err
		})
		if _, err := s.svc.Authenticate(t.Context(), text, s.clock()); !fault.Is(err, fault.Unsigned) {
			t.Errorf("revoked: %v", err)
		}
	})
}

func TestTokenLosesWhatItsPersonLoses(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		p := s.person(t, s.inst.ID, "due@cesate.example", "Due ruoli", people.Reader, people.Approver)
		text, _ := s.token(t, auth.Token{Name: "x", Roles: []people.Role{people.Reader, people.Approver}, PersonID: p.ID})
		act := func() people.Actor { a, _ := s.svc.Authenticate(t.Context(), text, s.clock()); return a }
		if a := act(); !a.May(people.Approve) || a.PersonID != p.ID {
			t.Fatalf("acts as %+v", a)
		}
		s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
			return people.SetRoles(ctx, tx, s.inst.ID, p.ID, []people.Role{people.Reader}, s.clock())
		})
		if a := act(); a.May(people.Approve) || !a.May(people.See) {
			t.Errorf("after losing a role acts as %+v", a)
		}
		s.inTx(t, func(ctx context.Context, tx *db.Tx) error { return people.Remove(ctx, tx, s.inst.ID, p.ID, s.clock()) })
		if _, err := s.svc.Authenticate(t.Context(), text, s.clock()); !fault.Is(err, fault.Unsigned) {
			t.Errorf("of a removed person: %v", err)
		}
	})
}

func TestNobodyGivesATokenMoreThanTheyHave(t *testing.T) {
	d := testkit.SQLite(t)
	s := newSite(t, d, nil)
	for name, c := range map[string]struct {
		token auth.Token
		want  fault.Kind
	}{
		"a role the person lacks": {auth.Token{Name: "x", Roles: []people.Role{people.Administrator}, PersonID: s.who[people.Writer].ID}, fault.Forbidden},
		"no role":                 {auth.Token{Name: "x"}, fault.Invalid},
		"no name":                 {auth.Token{Name: "  ", Roles: []people.Role{people.Reader}}, fault.Invalid},
		"an end in the past":      {auth.Token{Name: "x", Roles: []people.Role{people.Reader}, ExpiresAt: s.clock()}, fault.Invalid},
	} {
		c.token.InstitutionID = s.inst.ID
		err := d.InTx(t.Context(), func(tx *db.Tx) error {
			_, _, err := auth.CreateToken(t.Context(), tx, c.token, s.clock())
			return err
		})
		if !fault.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestTokenIsShownOnce(t *testing.T) {
	s := newSite(t, testkit.SQLite(t), nil)
	b := s.signedIn(t, people.Administrator)
	page := b.post("/redazione/token", "name", "Pro Loco", "roles", "administrator", "days", "30").body
	text := regexp.MustCompile(`arengo_[a-z0-9]{26}`).FindString(page)
	if _, err := s.svc.Authenticate(t.Context(), text, s.clock()); err != nil {
		t.Fatalf("the token %q on the page: %v\n%s", text, err, page)
	}
	if strings.Contains(b.get("/redazione/token").body, text) {
		t.Error("the token is shown again")
	}
	s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
		var hash string
		err := tx.QueryRow(ctx, `SELECT hash FROM api_token`).Scan(&hash)
		if strings.Contains(hash, strings.TrimPrefix(text, "arengo_")) {
			t.Error("the token is readable in the database")
		}
		return err
	})
}

func TestRateOfATokenIsLimitedAcrossNodes(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		allowed := 0
		for range 310 {
			wait, err := s.svc.AllowToken(t.Context(), "tok", s.clock())
			if err != nil {
				t.Fatal(err)
			}
			if wait == 0 {
				allowed++
			}
		}
		if allowed != 300 {
			t.Errorf("%d requests at once, want 300", allowed)
		}
		s.pass(time.Second)
		if wait, _ := s.svc.AllowToken(t.Context(), "tok", s.clock()); wait != 0 {
			t.Errorf("a second later: wait %v", wait)
		}
		if wait, _ := s.svc.AllowToken(t.Context(), "other", s.clock()); wait != 0 {
			t.Errorf("another token waits %v", wait)
		}
	})
}

func TestSharedDeskSwitchesToAnotherInstitution(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		s := newSite(t, d, nil)
		far := s.institution(t, "Solaro", "localhost")
		s.inTx(t, func(ctx context.Context, tx *db.Tx) error {
			i := s.inst
			i.Hosts = []string{s.base.Hostname()}
			if err := updateInstitution(ctx, tx, i); err != nil {
				return err
			}
			return people.SetRoles(ctx, tx, far.ID, s.who[people.Writer].ID, []people.Role{people.Reader}, s.clock())
		})
		b := s.signedIn(t, people.Writer)
		if page := b.get("/redazione/enti").body; !strings.Contains(page, "/redazione/enti/solaro") {
			t.Fatalf("the other institution is not listed: %s", page)
		}
		to := b.get("/redazione/enti/solaro").to()
		port := s.base.Port()
		if !strings.HasPrefix(to, "http://localhost:"+port+"/accesso/passaggio/") {
			t.Fatalf("leads to %q", to)
		}
		if a := b.get(to); a.StatusCode != 200 || !strings.Contains(a.body, "writer@cesate.example") {
			t.Fatalf("asks: %d %s", a.StatusCode, a.body)
		}
		if a := b.get("http://localhost:" + port + "/redazione"); a.StatusCode != 303 {
			t.Errorf("signed in without having confirmed: %d", a.StatusCode)
		}
		if a := b.do("POST", to, nil); a.StatusCode != 303 {
			t.Fatalf("confirmed: %d", a.StatusCode)
		}
		if a := b.get("http://localhost:" + port + "/redazione"); !strings.Contains(a.body, "redazione di Solaro per writer@cesate.example") {
			t.Errorf("the other desk: %d %s", a.StatusCode, a.body)
		}
		if a := s.browser(t).do("POST", to, nil); a.StatusCode != 404 {
			t.Errorf("the passage works twice: %d", a.StatusCode)
		}
		late := b.get("/redazione/enti/solaro").to()
		s.pass(61 * time.Second)
		if a := s.browser(t).get(late); a.StatusCode != 404 {
			t.Errorf("the passage after a minute: %d", a.StatusCode)
		}
		if a := b.get("/redazione/enti/nessuno"); a.StatusCode != 404 {
			t.Errorf("an institution not served: %d", a.StatusCode)
		}
	})
}
