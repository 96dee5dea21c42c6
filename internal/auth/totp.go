package auth

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/hotp"
	"github.com/pquerna/otp/totp"
	"rsc.io/qr"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

// One-time codes by RFC 6238 with the values that every generator takes: SHA-1,
// six digits, thirty seconds. One step of clock error is forgiven on each side.
const (
	totpPeriod = 30 // seconds
	totpSkew   = 1  // steps
	seedSize   = 20 // bytes: RFC 4226, 4 (R6)

	recoveryCodes = 10
	recoverySize  = 10 // characters of 5 bits, without the dash
)

// generator is a person's code generator.
type generator struct {
	seed      string // base32
	confirmed bool
	lastStep  int64
}

func (s *Service) generatorOf(ctx context.Context, tx *db.Tx, personID string) (g generator, found bool, err error) {
	var sealed string
	var at int64
	err = tx.QueryRow(ctx, `SELECT seed, confirmed_at, last_step FROM totp WHERE person_id = $1`, personID).Scan(&sealed, &at, &g.lastStep)
	if isNone(err) {
		return g, false, nil
	}
	if err != nil {
		return g, false, err
	}
	g.confirmed = at > 0
	if g.seed, err = s.box.Open("totp/"+personID, sealed); err != nil {
		return g, false, fmt.Errorf("one-time codes of %s: %w", personID, err)
	}
	return g, true, nil
}

// hasGenerator reports whether sign-in asks the person for a code.
func hasGenerator(ctx context.Context, tx *db.Tx, personID string) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `SELECT count(*) FROM totp WHERE person_id = $1 AND confirmed_at > 0`, personID).Scan(&n)
	return n == 1, err
}

// prepareGenerator makes a new seed that does not count until it is confirmed.
// Fault: Conflict when there is a confirmed one.
func (s *Service) prepareGenerator(ctx context.Context, tx *db.Tx, personID string) error {
	key, err := totp.Generate(totp.GenerateOpts{Issuer: "Arengo", AccountName: personID, SecretSize: seedSize, Rand: rand.Reader})
	if err != nil {
		return fmt.Errorf("make seed: %w", err)
	}
	n, err := tx.Change(ctx, `
		INSERT INTO totp (person_id, seed) VALUES ($1, $2)
		ON CONFLICT (person_id) DO UPDATE SET seed = excluded.seed, last_step = 0 WHERE totp.confirmed_at = 0`,
		personID, s.box.Seal("totp/"+personID, key.Secret()))
	if err == nil && n == 0 {
		err = fault.Clash("auth.totp.already")
	}
	return err
}

// checkCode uses a code of the generator up. Of two uses of one code the second
// is refused, on whichever node. ok is false for a wrong or used code.
func (s *Service) checkCode(ctx context.Context, tx *db.Tx, personID, code string, now time.Time) (ok bool, err error) {
	g, found, err := s.generatorOf(ctx, tx, personID)
	if err != nil || !found {
		return false, err
	}
	step, ok := g.step(code, now)
	if !ok {
		return false, nil
	}
	// A step that has not come yet was used before the clock was set back.
	n, err := tx.Change(ctx, `UPDATE totp SET last_step = $2 WHERE person_id = $1 AND (last_step < $2 OR last_step > $3)`,
		personID, step, now.Unix()/totpPeriod+totpSkew)
	return n == 1, err
}

// step finds the time step that a code belongs to.
func (g generator) step(code string, now time.Time) (int64, bool) {
	at := now.Unix() / totpPeriod
	found, ok := int64(0), false
	for step := at - totpSkew; step <= at+totpSkew; step++ {
		// All steps are tried, so that the time tells nothing.
		valid, err := hotp.ValidateCustom(code, uint64(step), g.seed, hotp.ValidateOpts{Digits: otp.DigitsSix, Algorithm: otp.AlgorithmSHA1})
		if valid && err == nil {
			found, ok = step, true
		}
	}
	return found, ok
}

// confirmGenerator begins to ask for codes, once the person has shown that the
// generator works, and returns the recovery codes, which are shown once. Fault:
// Invalid, about the field "code".
func (s *Service) confirmGenerator(ctx context.Context, tx *db.Tx, personID, code string, now time.Time) ([]string, error) {
	ok, err := s.checkCode(ctx, tx, personID, digits(code), now)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, fault.InvalidField("code", "auth.code.wrong")
	}
	n, err := tx.Change(ctx, `UPDATE totp SET confirmed_at = $2 WHERE person_id = $1 AND confirmed_at = 0`, personID, db.At(now))
	if err != nil {
		return nil, err
	}
	if n == 0 {
		return nil, fault.Clash("auth.totp.already")
	}
	return s.newRecoveryCodes(ctx, tx, personID)
}

// dropGenerator stops asking for codes.
func dropGenerator(ctx context.Context, tx *db.Tx, personID string) error {
	if _, err := tx.Exec(ctx, `DELETE FROM recovery_code WHERE person_id = $1`, personID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM totp WHERE person_id = $1`, personID)
	return err
}

// newRecoveryCodes replaces the recovery codes by ten new ones of 50 bits each.
func (s *Service) newRecoveryCodes(ctx context.Context, tx *db.Tx, personID string) ([]string, error) {
	if _, err := tx.Exec(ctx, `DELETE FROM recovery_code WHERE person_id = $1`, personID); err != nil {
		return nil, err
	}
	codes := make([]string, recoveryCodes)
	for i := range codes {
		text := strings.ToLower(rand.Text())
		codes[i] = text[:recoverySize/2] + "-" + text[recoverySize/2:recoverySize]
		if _, err := tx.Exec(ctx, `INSERT INTO recovery_code (person_id, mac) VALUES ($1, $2)`, personID, s.recoveryMAC(personID, codes[i])); err != nil {
			return nil, err
		}
	}
	return codes, nil
}

func plainCode(code string) string {
	return strings.NewReplacer("-", "", " ", "").Replace(strings.ToLower(strings.TrimSpace(code)))
}

func (s *Service) recoveryMAC(personID, code string) string {
	return s.box.MAC("recovery/"+personID, plainCode(code))
}

// checkRecovery uses a recovery code up.
func (s *Service) checkRecovery(ctx context.Context, tx *db.Tx, personID, code string, now time.Time) (bool, error) {
	macs, err := db.All(ctx, tx, db.Col[string], `SELECT mac FROM recovery_code WHERE person_id = $1 AND used_at = 0`, personID)
	if err != nil {
		return false, err
	}
	for _, mac := range macs {
		if s.box.Same("recovery/"+personID, plainCode(code), mac) {
			n, err := tx.Change(ctx, `UPDATE recovery_code SET used_at = $3 WHERE person_id = $1 AND mac = $2 AND used_at = 0`, personID, mac, db.At(now))
			return n == 1, err
		}
	}
	return false, nil
}

func recoveryLeft(ctx context.Context, tx *db.Tx, personID string) (n int, err error) {
	err = tx.QueryRow(ctx, `SELECT count(*) FROM recovery_code WHERE person_id = $1 AND used_at = 0`, personID).Scan(&n)
	return n, err
}

// digits drops the spaces that people type within a code.
func digits(code string) string { return strings.Join(strings.Fields(code), "") }

// setup is what a person needs to bring the seed into a generator.
type setup struct {
	Key   string // in groups of four, to type
	Image string // QR code, as a data: address
}

func (g generator) setup(p people.Actor, issuer string) (setup, error) {
	u := url.URL{Scheme: "otpauth", Host: "totp", Path: "/" + issuer + ":" + p.Email}
	q := url.Values{"secret": {g.seed}, "issuer": {issuer}, "digits": {"6"}, "period": {fmt.Sprint(totpPeriod)}, "algorithm": {"SHA1"}}
	// Generators read the query by RFC 3986: a space is %20, never "+".
	u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20")
	code, err := qr.Encode(u.String(), qr.M)
	if err != nil {
		return setup{}, fmt.Errorf("draw code: %w", err)
	}
	code.Scale = 5
	var groups []string
	for i := 0; i < len(g.seed); i += 4 {
		groups = append(groups, g.seed[i:min(i+4, len(g.seed))])
	}
	return setup{Key: strings.Join(groups, " "), Image: "data:image/png;base64," + base64.StdEncoding.EncodeToString(code.PNG())}, nil
}
