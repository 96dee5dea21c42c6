package activitypub

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
)

// Codes of wrong entries while connecting.
const (
	codeName  = "actor_name"  // not a name
	codeTaken = "actor_taken" // another profile has it
	codeFixed = "actor_fixed" // this profile is known under another name
	codeTwice = "actor_twice" // this profile is connected already
)

// Connect is never the way: ConnectFor is.
func (*Adapter) Connect(context.Context, map[string]string) (channel.Account, error) {
	return channel.Account{}, &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Detail: "an actor is made for a profile"}
}

// nameForm is what all servers accept between the two @ of an address.
var nameForm = regexp.MustCompile(`^[a-z0-9_]+([.-]+[a-z0-9_]+)*$`)

// maxName bounds a name, in bytes.
const maxName = 64

// ConnectFor gives the profile its name, for ever, and a fresh key. Connected
// again, it keeps the name and with it its followers.
func (a *Adapter) ConnectFor(ctx context.Context, w channel.Wish, typed map[string]string) (channel.Account, error) {
	wrong := func(code string) error { return &channel.Error{Class: channel.Refused, Code: code, Field: "name"} }
	name := strings.ToLower(strings.TrimPrefix(typed["name"], "@"))
	key, err := freshKey()
	if err != nil {
		return channel.Account{}, channel.Classify(err, channel.Transient)
	}
	var p place
	err = a.s.db.InTx(ctx, func(tx *db.Tx) (err error) {
		if p, err = a.s.placeByID(ctx, tx, w.InstitutionID); err != nil {
			return err
		}
		profile, err := institution.ProfileByID(ctx, tx, w.InstitutionID, w.ProfileID)
		if err != nil {
			return err
		}
		known, err := nameOf(ctx, tx, w.InstitutionID, w.ProfileID)
		if err != nil {
			return err
		}
		switch {
		case known != "" && name != "" && name != known:
			return wrong(codeFixed)
		case known != "":
			name = known
		case name == "":
			name = profile.Slug
		}
		if len(name) > maxName || !nameForm.MatchString(name) {
			return wrong(codeName)
		}
		if other, err := another(ctx, tx, w); err != nil || other {
			return errors.Join(err, wrong(codeTwice))
		}
		return claimName(ctx, tx, w, name, a.s.clock(), wrong(codeTaken))
	})
	if err != nil {
		return channel.Account{}, channel.Classify(err, channel.Transient)
	}
	secret, err := account{Name: name, Key: key}.marshal()
	return channel.Account{Server: p.origin, Handle: p.handle(name), URL: p.actor(name), Secret: secret, Limits: json.RawMessage(`{}`)}, err
}

// nameOf is the name that a profile has had before; "" when it has none.
func nameOf(ctx context.Context, tx *db.Tx, institutionID, profileID string) (name string, err error) {
	err = tx.QueryRow(ctx, `SELECT name FROM ap_actor WHERE institution_id = $1 AND profile_id = $2`, institutionID, profileID).Scan(&name)
	if errors.Is(err, db.ErrNone) {
		return "", nil
	}
	return name, err
}

// another reports whether the profile has another channel of this kind.
func another(ctx context.Context, tx *db.Tx, w channel.Wish) (bool, error) {
	var n int
	err := tx.QueryRow(ctx, `
		SELECT count(*) FROM channel WHERE institution_id = $1 AND profile_id = $2 AND platform = 'activitypub' AND state <> 'disconnected' AND id <> $3`,
		w.InstitutionID, w.ProfileID, w.ChannelID).Scan(&n)
	return n > 0, err
}

func claimName(ctx context.Context, tx *db.Tx, w channel.Wish, name string, now time.Time, taken error) error {
	if _, err := tx.Exec(ctx, `INSERT INTO ap_actor (institution_id, name, profile_id, created_at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
		w.InstitutionID, name, w.ProfileID, db.At(now)); err != nil {
		return err
	}
	mine, err := nameOf(ctx, tx, w.InstitutionID, w.ProfileID)
	if err == nil && mine != name {
		return taken
	}
	return err
}
