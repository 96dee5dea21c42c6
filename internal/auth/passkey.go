package auth

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/hostname"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/web"
)

// Passkey is a key of a person's device, as its person sees it.
type Passkey struct {
	ID, Name          string
	CreatedAt, UsedAt time.Time
}

func passkeysOf(ctx context.Context, tx *db.Tx, personID string) ([]Passkey, error) {
	return db.All(ctx, tx, func(s db.Scanner) (p Passkey, err error) {
		var created, used int64
		err = s.Scan(&p.ID, &p.Name, &created, &used)
		p.CreatedAt, p.UsedAt = db.When(created), db.When(used)
		return p, err
	}, `SELECT id, name, created_at, used_at FROM passkey WHERE person_id = $1 ORDER BY created_at`, personID)
}

// maxPasskeys bounds the keys of one person.
const maxPasskeys = 20

// holder is a person as package webauthn wants one.
type holder struct {
	person people.Person
	keys   []webauthn.Credential
}

func (h holder) WebAuthnID() []byte                         { return []byte(h.person.ID) }
func (h holder) WebAuthnName() string                       { return h.person.Email }
func (h holder) WebAuthnDisplayName() string                { return h.person.Name }
func (h holder) WebAuthnCredentials() []webauthn.Credential { return h.keys }

func (s *Service) holderOf(ctx context.Context, tx *db.Tx, personID string) (h holder, err error) {
	if h.person, err = people.ByID(ctx, tx, personID); err != nil {
		return h, err
	}
	if !h.person.DisabledAt.IsZero() {
		return h, fault.Missing("people.missing")
	}
	h.keys, err = db.All(ctx, tx, func(s db.Scanner) (c webauthn.Credential, err error) {
		var text string
		if err = s.Scan(&text); err == nil {
			err = json.Unmarshal([]byte(text), &c)
		}
		return c, err
	}, `SELECT credential FROM passkey WHERE person_id = $1`, personID)
	return h, err
}

// passkeys reports whether browsers allow passkeys at the request's host: they
// do at names, not at addresses.
func (s *Service) passkeys(r *http.Request) bool {
	_, err := netip.ParseAddr(strings.Trim(s.site(r).Hostname(), "[]"))
	return err != nil
}

// party is this site towards the browsers: a passkey belongs to one host name.
func (s *Service) party(r *http.Request) (*webauthn.WebAuthn, error) {
	if !s.passkeys(r) {
		return nil, fault.New(fault.Invalid, "auth.passkey.address")
	}
	u := s.site(r)
	timeout := webauthn.TimeoutConfig{Enforce: true, Timeout: ceremonyLife, TimeoutUVD: ceremonyLife}
	return webauthn.New(&webauthn.Config{RPID: u.Hostname(), RPDisplayName: hostname.Readable(u.Hostname()), RPOrigins: []string{u.Scheme + "://" + u.Host},
		Timeouts: webauthn.TimeoutsConfig{Login: timeout, Registration: timeout}})
}

const (
	ceremonyLife    = 5 * time.Minute
	ceremonyPurpose = "passkey "
	loginCeremony   = "login"
)

// ceremony is what the browser gets to answer. State is the challenge, sealed, so
// that the server keeps nothing until it is answered.
type ceremony struct {
	Options any    `json:"options"`
	State   string `json:"state"`
}

// answered is what the browser sends back.
type answered struct {
	State      string          `json:"state"`
	Name       string          `json:"name"` // of a new passkey
	Next       string          `json:"next"`
	Credential json.RawMessage `json:"credential"`
}

func (s *Service) offer(w http.ResponseWriter, whose string, options any, data *webauthn.SessionData) error {
	text, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("passkey: %w", err)
	}
	return writeJSON(w, ceremony{options, s.box.Seal(ceremonyPurpose+whose, string(text))})
}

func writeJSON(w http.ResponseWriter, v any) error {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	return json.NewEncoder(w).Encode(v)
}

// readAnswer opens the challenge and uses it up, on whichever node. Fault: Invalid.
func (s *Service) readAnswer(r *http.Request, whose string) (a answered, data webauthn.SessionData, err error) {
	wrong := fault.New(fault.Invalid, "auth.passkey.failed")
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return a, data, err
	}
	if json.Unmarshal(body, &a) != nil {
		return a, data, wrong
	}
	text, err := s.box.Open(ceremonyPurpose+whose, a.State)
	if err != nil || json.Unmarshal([]byte(text), &data) != nil {
		return a, data, wrong
	}
	ctx := r.Context()
	return a, data, s.db.InTx(ctx, func(tx *db.Tx) error {
		wait, err := s.limits.Take(ctx, tx, s.now(), limit.Ceremony.Of(data.Challenge))
		if err == nil && wait > 0 {
			err = wrong
		}
		return err
	})
}

func (s *Service) beginRegistration(w http.ResponseWriter, r *http.Request) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	if !s.proved(r) {
		return fault.New(fault.Forbidden, "auth.confirm.signin")
	}
	party, err := s.party(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	var h holder
	err = s.db.Read(ctx, func(tx *db.Tx) (err error) {
		h, err = s.holderOf(ctx, tx, who.PersonID)
		return err
	})
	if err != nil {
		return err
	}
	if len(h.keys) >= maxPasskeys {
		return fault.Clash("auth.passkey.many", maxPasskeys)
	}
	exclude := make([]protocol.CredentialDescriptor, len(h.keys))
	for i, k := range h.keys {
		exclude[i] = k.Descriptor()
	}
	options, data, err := party.BeginRegistration(h, webauthn.WithExclusions(exclude), webauthn.WithAuthenticatorSelection(protocol.AuthenticatorSelection{
		ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
	}))
	if err != nil {
		return fmt.Errorf("passkey: %w", err)
	}
	return s.offer(w, who.PersonID, options.Response, data)
}

func (s *Service) finishRegistration(w http.ResponseWriter, r *http.Request) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	a, data, err := s.readAnswer(r, who.PersonID)
	if err != nil {
		return err
	}
	party, err := s.party(r)
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialCreationResponseBody(bytes.NewReader(a.Credential))
	if err != nil {
		return fault.New(fault.Invalid, "auth.passkey.failed").Because(err)
	}
	ctx, now := r.Context(), s.now()
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		h, err := s.holderOf(ctx, tx, who.PersonID)
		if err != nil {
			return err
		}
		c, err := party.CreateCredential(h, data, parsed)
		if err != nil {
			return fault.New(fault.Invalid, "auth.passkey.failed").Because(err)
		}
		if err := addPasskey(ctx, tx, who.PersonID, passkeyName(a.Name, r), c, now); err != nil {
			return err
		}
		if err := s.note(ctx, tx, who.PersonID, "auth.passkey"); err != nil {
			return err
		}
		return s.write(ctx, tx, h.person, "auth.mail.passkey.subject", "auth.mail.passkey.text")
	})
	if err != nil {
		return err
	}
	s.kit.Flash(r, web.Success, "auth.passkey.added")
	return writeJSON(w, map[string]string{"next": accountPath})
}

func passkeyName(name string, r *http.Request) string {
	name = strings.Join(strings.Fields(strings.ToValidUTF8(name, "")), " ")
	if runes := []rune(name); len(runes) > 60 {
		name = string(runes[:60])
	}
	if name == "" {
		name = agent(r.UserAgent())
	}
	return name
}

func addPasskey(ctx context.Context, tx *db.Tx, personID, name string, c *webauthn.Credential, now time.Time) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("passkey: %w", err)
	}
	n, err := tx.Change(ctx, `
		INSERT INTO passkey (id, person_id, name, credential, created_at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
		keyID(c.ID), personID, name, string(text), db.At(now))
	if err == nil && n == 0 {
		err = fault.Clash("auth.passkey.known")
	}
	return err
}

func keyID(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

func (s *Service) dropPasskey(w http.ResponseWriter, r *http.Request) error {
	who, err := signedIn(r)
	if err != nil {
		return err
	}
	ctx := r.Context()
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `DELETE FROM passkey WHERE id = $1 AND person_id = $2`, r.PathValue("id"), who.PersonID)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Missing("auth.passkey.missing")
		}
		return s.note(ctx, tx, who.PersonID, "auth.passkey.drop")
	})
	if err != nil {
		return err
	}
	s.kit.Flash(r, web.Success, "auth.passkey.dropped")
	return web.Redirect(w, r, accountPath)
}

func (s *Service) beginPasskey(w http.ResponseWriter, r *http.Request) error {
	party, err := s.party(r)
	if err != nil {
		return err
	}
	options, data, err := party.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return fmt.Errorf("passkey: %w", err)
	}
	return s.offer(w, loginCeremony, options.Response, data)
}

// finishPasskey signs in with a passkey, which is two factors in one: the device
// and what unlocks it. No code is asked for.
func (s *Service) finishPasskey(w http.ResponseWriter, r *http.Request) error {
	ctx, now := r.Context(), s.now()
	network := []limit.Spend{limit.Links.From(web.From(r))}
	if err := s.db.InTx(ctx, func(tx *db.Tx) error { return s.spend(ctx, tx, network, now) }); err != nil {
		return err
	}
	a, data, err := s.readAnswer(r, loginCeremony)
	if err != nil {
		return err
	}
	party, err := s.party(r)
	if err != nil {
		return err
	}
	parsed, err := protocol.ParseCredentialRequestResponseBody(bytes.NewReader(a.Credential))
	if err != nil {
		return fault.New(fault.Invalid, "auth.passkey.failed").Because(err)
	}
	var personID string
	err = s.db.InTx(ctx, func(tx *db.Tx) error {
		if personID, err = s.verifyPasskey(ctx, tx, party, data, parsed, now); err != nil {
			return err
		}
		return s.limits.GiveBack(ctx, tx, network...)
	})
	if err != nil {
		return err
	}
	if err := s.begin(w, r, personID, "passkey"); err != nil {
		return err
	}
	return writeJSON(w, map[string]string{"next": target(a.Next)})
}

func (s *Service) verifyPasskey(ctx context.Context, tx *db.Tx, party *webauthn.WebAuthn, data webauthn.SessionData, parsed *protocol.ParsedCredentialAssertionData, now time.Time) (string, error) {
	user, c, err := party.ValidatePasskeyLogin(func(_, handle []byte) (webauthn.User, error) {
		return s.holderOf(ctx, tx, string(handle))
	}, data, parsed)
	if err != nil {
		return "", fault.New(fault.Invalid, "auth.passkey.failed").Because(err)
	}
	if c.Authenticator.CloneWarning {
		return "", fault.New(fault.Invalid, "auth.passkey.cloned")
	}
	text, err := json.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("passkey: %w", err)
	}
	_, err = tx.Exec(ctx, `UPDATE passkey SET credential = $2, used_at = $3 WHERE id = $1`, keyID(c.ID), string(text), db.At(now))
	return string(user.WebAuthnID()), err
}
