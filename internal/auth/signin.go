package auth

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// place is where an attempt comes from.
type place struct {
	network limit.Network
	device  string // hash of the device cookie, or empty
}

func (s *Service) placeOf(r *http.Request) place {
	p := place{network: web.From(r)}
	if c, err := r.Cookie(s.deviceCookie()); err == nil {
		p.device = digest(c.Value)
	}
	return p
}

// buckets lists what an attempt on an account counts against: see the package
// comment. email is counted as typed, so that unknown accounts behave as known ones.
func buckets(email string, known bool, p place) []limit.Spend {
	if known {
		return []limit.Spend{limit.SignInDevice.Of(p.device).And(email)}
	}
	return []limit.Spend{limit.SignInNetwork.From(p.network), limit.SignInPlace.From(p.network).And(email), limit.SignInAccount.Of(email)}
}

// spend takes one attempt from each bucket. Fault: TooMany, with the minutes to
// wait, when one of them is empty; then the transaction must not commit.
func (s *Service) spend(ctx context.Context, tx *db.Tx, all []limit.Spend, now time.Time) error {
	wait, err := s.limits.Take(ctx, tx, now, all...)
	if err == nil && wait > 0 {
		err = fault.New(fault.TooMany, "auth.too_many", int(wait/time.Minute)+1)
	}
	return err
}

// checkPassword returns the person with the address and password. Faults: Invalid
// when they do not belong together (it does not say which is wrong), TooMany,
// Unavailable.
func (s *Service) checkPassword(ctx context.Context, email, password string, from place, now time.Time) (people.Person, error) {
	email = strings.ToLower(strings.TrimSpace(email))
	var p people.Person
	var stored string
	var all []limit.Spend
	who := stranger
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		p, stored, err = passwordOf(ctx, tx, email)
		if err != nil {
			return err
		}
		known, err := knownDevice(ctx, tx, from.device, p.ID)
		who, all = visitor(known), buckets(email, known, from)
		return err
	})
	if err != nil {
		return p, err
	}
	if err := s.hasher.room(who); err != nil { // before anything is written, too
		return p, err
	}
	if err := s.db.InTx(ctx, func(tx *db.Tx) error { return s.spend(ctx, tx, all, now) }); err != nil {
		return p, err
	}
	if len(password) > 4*maxPassword {
		password = "" // hashed for the time it takes, like any wrong one
	}
	ok, weak, err := s.hasher.Check(ctx, password, stored, who)
	if err != nil {
		return p, err
	}
	if !ok {
		return people.Person{}, fault.New(fault.Invalid, "auth.signin.wrong")
	}
	if weak {
		if stored, err = s.hasher.Hash(ctx, password); err != nil {
			return p, err
		}
	}
	return p, s.db.InTx(ctx, func(tx *db.Tx) error {
		if weak {
			if err := storePassword(ctx, tx, p.ID, stored); err != nil {
				return err
			}
		}
		return s.limits.GiveBack(ctx, tx, all...)
	})
}

// passwordOf returns a person who may sign in with the stored hash; neither when
// there is none.
func passwordOf(ctx context.Context, tx *db.Tx, email string) (p people.Person, stored string, err error) {
	p, err = people.ByEmail(ctx, tx, email)
	if fault.Is(err, fault.NotFound) || err == nil && !p.DisabledAt.IsZero() {
		return people.Person{}, "", nil
	}
	if err != nil {
		return p, "", err
	}
	err = tx.QueryRow(ctx, `SELECT password_hash FROM person WHERE id = $1`, p.ID).Scan(&stored)
	return p, stored, err
}

// deviceLife is how long a browser that does not come back stays known.
const deviceLife = 180 * 24 * time.Hour

func (s *Service) deviceCookie() string {
	if s.secure() {
		return "__Host-arengo_device"
	}
	return "arengo_device"
}

func knownDevice(ctx context.Context, tx *db.Tx, device, personID string) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM known_device WHERE hash = $1 AND person_id = $2`, device, personID).Scan(&n)
	return n == 1, err
}

// rememberDevice makes the browser a known one of the person. A cookie that it
// has is kept, since other people may use the same browser, and its life renewed.
func (s *Service) rememberDevice(ctx context.Context, w http.ResponseWriter, r *http.Request, tx *db.Tx, personID string, now time.Time) error {
	value := ""
	if c, err := r.Cookie(s.deviceCookie()); err == nil && len(c.Value) == len(rand.Text()) {
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM known_device WHERE hash = $1`, digest(c.Value)).Scan(&n); err != nil {
			return err
		}
		if n > 0 { // one that we gave out
			value = c.Value
		}
	}
	if value == "" {
		value = rand.Text()
	}
	http.SetCookie(w, &http.Cookie{Name: s.deviceCookie(), Value: value, Path: "/", MaxAge: int(deviceLife / time.Second),
		HttpOnly: true, Secure: s.secure(), SameSite: http.SameSiteLaxMode})
	_, err := tx.Exec(ctx, `
		INSERT INTO known_device (hash, person_id, seen_at) VALUES ($1, $2, $3)
		ON CONFLICT (hash, person_id) DO UPDATE SET seen_at = excluded.seen_at`, digest(value), personID, db.At(now))
	return err
}

// begin signs a person in: a fresh session token, so that one planted before is
// worth nothing, a known device, and an entry in the audit log of the institution
// that the person serves there. how is password, code, passkey, oidc, link or demo.
func (s *Service) begin(w http.ResponseWriter, r *http.Request, personID, how string) error {
	ctx, now := r.Context(), s.now()
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		who, ok, err := s.load(ctx, tx, personID)
		if err != nil {
			return err
		}
		if !ok {
			return fault.New(fault.Invalid, "auth.signin.wrong")
		}
		if err := s.rememberDevice(ctx, w, r, tx, personID, now); err != nil || len(who.Roles) == 0 {
			return err
		}
		return audit.Record(people.With(ctx, who.Actor), tx, who.InstitutionID, "auth.signin", personID, map[string]any{"how": how}, now)
	})
	if err != nil {
		return err
	}
	if err := s.kit.Sessions.RenewToken(ctx); err != nil {
		return err
	}
	for _, key := range []string{pendingKey, pendingAt} {
		s.kit.Sessions.Remove(ctx, key)
	}
	s.kit.Touch(r)
	s.kit.Sessions.Put(ctx, personKey, personID)
	if id, ok := institutionID(ctx); ok {
		s.kit.Sessions.Put(ctx, placeKey, id)
	}
	s.kit.Sessions.Put(ctx, agentKey, agent(r.UserAgent()))
	s.kit.Sessions.Put(ctx, networkKey, web.From(r).Coarse())
	s.kit.Sessions.Put(ctx, provedKey, now.UnixMicro())
	return nil
}

// agent is the browser family and the system of a User-Agent, as much as a person
// needs to recognise a session.
func agent(text string) string {
	find := func(names ...string) string {
		for i := 0; i+1 < len(names); i += 2 {
			if strings.Contains(text, names[i]) {
				return names[i+1]
			}
		}
		return ""
	}
	browser := find("Edg", "Edge", "OPR/", "Opera", "Firefox/", "Firefox", "Chrome/", "Chrome", "Safari/", "Safari")
	system := find("Android", "Android", "iPhone", "iPhone", "iPad", "iPad", "Windows", "Windows", "Mac OS X", "macOS", "Linux", "Linux")
	return strings.TrimSuffix(strings.TrimPrefix(browser+", "+system, ", "), ", ")
}

// pendingLife is how long a right password waits for its code.
const pendingLife = 10 * time.Minute

// pending returns whose password was right in this session, not long ago.
func (s *Service) pending(r *http.Request) (personID string, ok bool) {
	ctx := r.Context()
	at := time.UnixMicro(s.kit.Sessions.GetInt64(ctx, pendingAt))
	personID = s.kit.Sessions.GetString(ctx, pendingKey)
	return personID, personID != "" && s.now().Sub(at) < pendingLife
}

// provedFor is how long a proof of identity covers dangerous acts.
const provedFor = 15 * time.Minute

// proved reports whether the person proved who they are not long ago. In the
// demo there is nothing to prove.
func (s *Service) proved(r *http.Request) bool {
	at := time.UnixMicro(s.kit.Sessions.GetInt64(r.Context(), provedKey))
	return s.demo || s.now().Sub(at) < provedFor
}

// here is the institution of the request, with the fault of Of.
func here(r *http.Request) (institution.Institution, error) { return institution.Of(r.Context()) }

// signedIn returns who acts. Fault: Unsigned.
func signedIn(r *http.Request) (Identity, error) {
	who, ok := Who(r.Context())
	if !ok {
		return who, fault.New(fault.Unsigned, "people.unsigned")
	}
	return who, nil
}

// isNone reports that a query for one row found nothing.
func isNone(err error) bool { return errors.Is(err, db.ErrNone) }
