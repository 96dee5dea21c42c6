package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/secret"
)

// State is how a connection stands.
//
//	connected ─▶ failing ─▶ connected     a transient error, and the test that clears it
//	connected/failing ─▶ revoked ─▶ connected     only a person connects it again
//	any ─▶ disconnected     by a person; the secret is erased, history stays
type State string

// The states of a connection. Deliveries go out in Connected and Failing only.
const (
	Connected    State = "connected"
	Failing      State = "failing"
	Lapsed       State = "revoked" // the platform no longer accepts our sign-in
	Disconnected State = "disconnected"
)

// Usable reports whether deliveries may be tried.
func (s State) Usable() bool { return s == Connected || s == Failing }

// Channel is one account of a profile on one platform, as it is stored.
type Channel struct {
	InstitutionID, ID, ProfileID string
	Platform                     Platform
	Name                         string // as the officer calls it
	State                        State
	Server, Handle, URL          string
	sealed                       string // the secret, encrypted
	Limits                       json.RawMessage
	Options                      Options
	ExpiresAt, RefreshAt         time.Time
	TestedAt, FailingSince       time.Time
	Class                        Class // of the last error
	Code, Detail                 string
	Version                      int64
	CreatedAt                    time.Time
}

const columns = `institution_id, id, profile_id, platform, name, server, handle, url, state, secret, limits, options,
	expires_at, refresh_at, tested_at, failing_since, error_class, error_code, error_detail, version, created_at`

func scan(s db.Scanner) (c Channel, err error) {
	var limits, options string
	var expires, refresh, tested, failing, created int64
	err = s.Scan(&c.InstitutionID, &c.ID, &c.ProfileID, &c.Platform, &c.Name, &c.Server, &c.Handle, &c.URL, &c.State, &c.sealed, &limits, &options,
		&expires, &refresh, &tested, &failing, &c.Class, &c.Code, &c.Detail, &c.Version, &created)
	if err != nil {
		return c, err
	}
	c.Limits = json.RawMessage(limits)
	c.ExpiresAt, c.RefreshAt, c.TestedAt, c.FailingSince, c.CreatedAt = db.When(expires), db.When(refresh), db.When(tested), db.When(failing), db.When(created)
	if err := json.Unmarshal([]byte(options), &c.Options); err != nil {
		return c, fmt.Errorf("options of channel %s: %w", c.ID, err)
	}
	return c, nil
}

// ByID returns a channel in any state. Fault: NotFound.
func ByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Channel, error) {
	c, err := scan(tx.QueryRow(ctx, `SELECT `+columns+` FROM channel WHERE institution_id = $1 AND id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return c, fault.Missing("channel.missing")
	}
	return c, err
}

// List returns an institution's channels that are not disconnected.
func List(ctx context.Context, tx *db.Tx, institutionID string) ([]Channel, error) {
	return db.All(ctx, tx, scan, `
		SELECT `+columns+` FROM channel
		WHERE institution_id = $1 AND state <> 'disconnected' ORDER BY profile_id, created_at, id`, institutionID)
}

// OfProfile returns a profile's channels that are not disconnected.
func OfProfile(ctx context.Context, tx *db.Tx, institutionID, profileID string) ([]Channel, error) {
	return db.All(ctx, tx, scan, `
		SELECT `+columns+` FROM channel
		WHERE institution_id = $1 AND profile_id = $2 AND state <> 'disconnected' ORDER BY created_at, id`, institutionID, profileID)
}

// own are the platforms that are part of this house and need no secret.
var own = []Platform{Email, OnSite, Webmention}

// purpose binds a sealed secret to its channel.
func purpose(id string) string { return "channel.secret/" + id }

// Unseal returns the account's secret decrypted, nil when there is none. An error
// is of class Revoked: a person must connect the channel again.
func (c Channel) Unseal(box *secret.Box) (json.RawMessage, error) {
	if c.sealed == "" {
		return nil, nil
	}
	plain, err := box.Open(purpose(c.ID), c.sealed)
	if err != nil {
		return nil, &Error{Class: Revoked, Code: CodeSignIn, Err: err}
	}
	return json.RawMessage(plain), nil
}

// Save stores a newly connected account, or the account that a channel was
// connected to again. An empty secret never replaces one.
func Save(ctx context.Context, tx *db.Tx, box *secret.Box, c Channel, a Account, now time.Time) (Channel, error) {
	fresh := c.ID == ""
	if fresh {
		c.ID, c.CreatedAt = db.NewID(), now
	}
	c.State, c.Class, c.Code, c.Detail, c.FailingSince = Connected, "", "", "", time.Time{}
	c.Server, c.Handle, c.URL, c.Limits, c.ExpiresAt, c.TestedAt = a.Server, a.Handle, a.URL, a.Limits, a.Expires, now
	c.RefreshAt = refreshAt(now, a.Expires)
	if c.Name == "" {
		c.Name = a.Handle
	}
	if len(a.Secret) > 0 {
		c.sealed = box.Seal(purpose(c.ID), string(a.Secret))
	} else if fresh && !slices.Contains(own, c.Platform) {
		return c, fmt.Errorf("connect %s: the adapter gave no secret", c.Platform)
	}
	options, err := json.Marshal(c.Options)
	if err != nil {
		return c, err
	}
	c.Version++
	_, err = tx.Exec(ctx, `
		INSERT INTO channel (`+columns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
		ON CONFLICT (institution_id, id) DO UPDATE SET name = excluded.name, server = excluded.server, handle = excluded.handle, url = excluded.url,
			state = excluded.state, secret = excluded.secret, limits = excluded.limits, options = excluded.options, expires_at = excluded.expires_at,
			refresh_at = excluded.refresh_at, tested_at = excluded.tested_at, failing_since = 0, error_class = '', error_code = '', error_detail = '',
			version = channel.version + 1`,
		c.InstitutionID, c.ID, c.ProfileID, c.Platform, c.Name, c.Server, c.Handle, c.URL, c.State, c.sealed, string(c.Limits), string(options),
		db.At(c.ExpiresAt), db.At(c.RefreshAt), db.At(c.TestedAt), 0, "", "", "", c.Version, db.At(c.CreatedAt))
	if err != nil {
		return c, err
	}
	if err := c.register(ctx, tx, a.Names); err != nil {
		return c, err
	}
	return c, tx.Notify(ctx, "channel", c.InstitutionID)
}

// refreshAt is two thirds of a token's life from now, or never.
func refreshAt(now, expires time.Time) time.Time {
	if expires.IsZero() {
		return time.Time{}
	}
	return now.Add(expires.Sub(now) * 2 / 3)
}

// SetOptions stores an officer's choices.
func SetOptions(ctx context.Context, tx *db.Tx, institutionID, id, name string, o Options) error {
	options, err := json.Marshal(o)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `UPDATE channel SET name = $3, options = $4, version = version + 1 WHERE institution_id = $1 AND id = $2`,
		institutionID, id, name, string(options))
	return err
}

// Disconnect erases the secret for good. What went out through the channel stays
// on record; nothing more goes out.
func Disconnect(ctx context.Context, tx *db.Tx, institutionID, id string) error {
	n, err := tx.Change(ctx, `
		UPDATE channel SET state = 'disconnected', secret = '', version = version + 1
		WHERE institution_id = $1 AND id = $2 AND state <> 'disconnected'`, institutionID, id)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Missing("channel.missing")
	}
	if err := forgetNames(ctx, tx, institutionID, id); err != nil {
		return err
	}
	return tx.Notify(ctx, "channel", institutionID)
}

// Failed records what an error says about the connection: a revoked token stops
// the channel until a person connects it again; anything transient only marks it.
func Failed(ctx context.Context, tx *db.Tx, c Channel, e *Error, now time.Time) error {
	state := Failing
	switch e.Class {
	case Revoked:
		state = Lapsed
	case Refused:
		return nil // about one post, not about the connection
	case Unknown:
		if e.Code != CodeTimeout && e.Code != CodeUnreachable {
			return nil
		}
		// Whatever became of the post: who says nothing is not well connected.
	}
	_, err := tx.Exec(ctx, `
		UPDATE channel SET state = $3, error_class = $4, error_code = $5, error_detail = $6, version = version + 1, tested_at = $7,
			failing_since = CASE WHEN failing_since = 0 THEN $7 ELSE failing_since END
		WHERE institution_id = $1 AND id = $2 AND state IN ('connected', 'failing')`,
		c.InstitutionID, c.ID, state, e.Class, e.Code, e.Detail, db.At(now))
	if err != nil {
		return err
	}
	return tx.Notify(ctx, "channel", c.InstitutionID)
}

// Healthy records a successful test, or a delivery that went through.
func Healthy(ctx context.Context, tx *db.Tx, c Channel, h Health, now time.Time) error {
	if len(h.Limits) == 0 {
		h.Limits = c.Limits
	}
	if h.Handle == "" {
		h.Handle = c.Handle
	}
	if h.URL == "" {
		h.URL = c.URL
	}
	_, err := tx.Exec(ctx, `
		UPDATE channel SET state = 'connected', error_class = '', error_code = '', error_detail = '', failing_since = 0,
			tested_at = $3, limits = $4, handle = $5, url = $6, version = version + 1
		WHERE institution_id = $1 AND id = $2 AND state IN ('connected', 'failing')`,
		c.InstitutionID, c.ID, db.At(now), string(h.Limits), h.Handle, h.URL)
	if err != nil || len(h.Names) == 0 {
		return err
	}
	return c.know(ctx, tx, h.Names)
}

// Due lists the channels of all institutions to be tested (a day after the last
// test, an hour after a failure) or refreshed.
func Due(ctx context.Context, tx *db.Tx, now time.Time) ([]Channel, error) {
	return db.All(ctx, tx, scan, `
		SELECT `+columns+` FROM channel
		WHERE (state = 'connected' AND tested_at < $1) OR (state = 'failing' AND tested_at < $2)
			OR (state IN ('connected', 'failing') AND refresh_at > 0 AND refresh_at < $3)
		ORDER BY tested_at LIMIT 200`,
		db.At(now.Add(-24*time.Hour)), db.At(now.Add(-time.Hour)), db.At(now))
}

// keepSecret stores a changed secret. An empty one is a defect of the adapter.
func keepSecret(ctx context.Context, tx *db.Tx, box *secret.Box, institutionID, id string, s json.RawMessage, expires, now time.Time) error {
	if len(s) == 0 || string(s) == "null" {
		return fmt.Errorf("channel %s: an empty secret must not replace one", id)
	}
	_, err := tx.Exec(ctx, `
		UPDATE channel SET secret = $3, expires_at = $4, refresh_at = $5
		WHERE institution_id = $1 AND id = $2 AND state <> 'disconnected'`,
		institutionID, id, box.Seal(purpose(id), string(s)), db.At(expires), db.At(refreshAt(now, expires)))
	return err
}
