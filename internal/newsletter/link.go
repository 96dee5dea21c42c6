package newsletter

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// linkLife is how long a confirmation link works.
const linkLife = 48 * time.Hour

// asked is a subscription that is not confirmed: it travels, sealed, in the link.
type asked struct {
	Email   string  `json:"e"`
	Locale  string  `json:"l"`
	Cadence Cadence `json:"c"`
	Scopes  []Scope `json:"s,omitempty"`
	Nonce   string  `json:"n"`
	Expires int64   `json:"x"` // µs UTC
}

func confirmPurpose(institutionID string) string { return "newsletter.confirm/" + institutionID }
func managePurpose(institutionID string) string  { return "newsletter.manage/" + institutionID }

// sealAsked makes the part of the confirmation link that carries everything.
func (l *List) sealAsked(institutionID string, a asked) (string, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return "", err
	}
	return l.box.Seal(confirmPurpose(institutionID), string(text)), nil
}

// openAsked reads a confirmation link. Fault: NotFound when it is not ours, not of
// this institution, or too old.
func (l *List) openAsked(institutionID, sealed string, now time.Time) (a asked, err error) {
	bad := fault.Missing("newsletter.link.bad")
	if len(sealed) > 16_000 {
		return a, bad
	}
	text, err := l.box.Open(confirmPurpose(institutionID), sealed)
	if err != nil {
		return a, bad.Because(err)
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return a, bad.Because(err)
	}
	if now.After(db.When(a.Expires)) {
		return a, fault.Missing("newsletter.link.old")
	}
	return a, nil
}

// useLink spends a confirmation link. Fault: Conflict when it was used before.
func useLink(ctx context.Context, tx *db.Tx, institutionID string, a asked, now time.Time) error {
	if _, err := tx.Exec(ctx, `DELETE FROM subscription_link WHERE institution_id = $1 AND expires_at < $2`, institutionID, db.At(now)); err != nil {
		return err
	}
	n, err := tx.Change(ctx, `
		INSERT INTO subscription_link (institution_id, nonce, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`, institutionID, a.Nonce, a.Expires)
	if err == nil && n == 0 {
		return fault.Clash("newsletter.link.used")
	}
	return err
}

// token is what lets whoever holds one of our letters change or end that
// subscription. It does not expire: old letters must still unsubscribe.
func (l *List) token(institutionID, subscriberID string) string {
	return base64.RawURLEncoding.EncodeToString([]byte(subscriberID + " " + l.box.MAC(managePurpose(institutionID), subscriberID)))
}

// holder reads a token. Fault: NotFound when it is not ours.
func (l *List) holder(institutionID, token string) (subscriberID string, err error) {
	bad := fault.Missing("newsletter.link.bad")
	if len(token) > 400 {
		return "", bad
	}
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return "", bad.Because(err)
	}
	id, mac, ok := strings.Cut(string(text), " ")
	if !ok || !l.box.Same(managePurpose(institutionID), id, mac) {
		return "", bad
	}
	return id, nil
}
