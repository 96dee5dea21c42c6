package activitypub

import (
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/secret"
)

// actor is a profile of ours as others know it.
type actor struct {
	place
	name    string
	profile institution.Profile
	channel channel.Channel
	bundle  *i18n.Bundle
}

func (a actor) id() string     { return a.place.actor(a.name) }
func (a actor) keyID() string  { return a.place.key(a.name) }
func (a actor) page() string   { return a.origin + "/p/" + a.profile.Slug }
func (a actor) handle() string { return a.place.handle(a.name) }

// errNoActor says that nobody of ours has the name, or that its channel was
// disconnected.
var errNoActor = errors.New("no such actor")

// actorByName returns a connected actor. Fault: NotFound.
func (s *Server) actorByName(ctx context.Context, tx *db.Tx, p place, name string) (actor, error) {
	return s.actorWhere(ctx, tx, p, `a.name = $2`, name)
}

// actorByChannel returns the actor of a channel, connected or not. Fault: NotFound.
func (s *Server) actorByChannel(ctx context.Context, tx *db.Tx, channelID string) (actor, error) {
	var institutionID string
	err := tx.QueryRow(ctx, `SELECT institution_id FROM channel WHERE id = $1 AND platform = 'activitypub'`, channelID).Scan(&institutionID)
	if errors.Is(err, db.ErrNone) {
		return actor{}, fault.Missing("channel.missing").Because(errNoActor)
	}
	if err != nil {
		return actor{}, err
	}
	p, err := s.placeByID(ctx, tx, institutionID)
	if err != nil {
		return actor{}, err
	}
	return s.actorWhere(ctx, tx, p, `c.id = $2`, channelID)
}

func (s *Server) actorWhere(ctx context.Context, tx *db.Tx, p place, where, arg string) (actor, error) {
	a := actor{place: p, bundle: s.bundle}
	var profileID, channelID string
	err := tx.QueryRow(ctx, `
		SELECT a.name, a.profile_id, c.id FROM ap_actor a
		JOIN channel c ON c.institution_id = a.institution_id AND c.profile_id = a.profile_id AND c.platform = 'activitypub' AND c.state <> 'disconnected'
		WHERE a.institution_id = $1 AND a.name <> '' AND `+where, p.ID, arg).Scan(&a.name, &profileID, &channelID)
	if errors.Is(err, db.ErrNone) {
		return a, fault.Missing("activitypub.actor.missing").Because(errNoActor)
	}
	if err != nil {
		return a, err
	}
	if a.profile, err = institution.ProfileByID(ctx, tx, p.ID, profileID); err != nil {
		return a, err
	}
	a.channel, err = channel.ByID(ctx, tx, p.ID, channelID)
	return a, err
}

// channelOf is the channel of a name, by one query: for what comes in. ok is false
// when nobody has the name, or its channel is not connected.
func channelOf(ctx context.Context, tx *db.Tx, institutionID, name string) (channelID string, ok bool, err error) {
	err = tx.QueryRow(ctx, `
		SELECT c.id FROM ap_actor a
		JOIN channel c ON c.institution_id = a.institution_id AND c.profile_id = a.profile_id AND c.platform = 'activitypub' AND c.state <> 'disconnected'
		WHERE a.institution_id = $1 AND a.name = $2 AND a.name <> ''`, institutionID, name).Scan(&channelID)
	if errors.Is(err, db.ErrNone) {
		return "", false, nil
	}
	return channelID, err == nil, err
}

// actors lists an institution's connected actors.
func (s *Server) actors(ctx context.Context, tx *db.Tx, p place) (all []actor, err error) {
	names, err := db.All(ctx, tx, db.Col[string], `
		SELECT a.name FROM ap_actor a
		JOIN channel c ON c.institution_id = a.institution_id AND c.profile_id = a.profile_id AND c.platform = 'activitypub' AND c.state <> 'disconnected'
		JOIN profile f ON f.institution_id = a.institution_id AND f.id = a.profile_id
		WHERE a.institution_id = $1 ORDER BY f.position, a.name`, p.ID)
	for _, name := range names {
		a, err := s.actorByName(ctx, tx, p, name)
		if err != nil {
			return nil, err
		}
		all = append(all, a)
	}
	return all, err
}

// account is the secret of a channel: the actor's key.
type account struct {
	Name string `json:"name"`
	Key  string `json:"key"` // PKCS #8, PEM
}

func (a account) marshal() (json.RawMessage, error) { return json.Marshal(a) }

// keyring keeps private keys that were decrypted and read, for both take time.
type keyring struct {
	mu sync.Mutex
	by map[string]*rsa.PrivateKey
}

// keyName is under what the key of a channel is kept.
func keyName(channelID string, version int64) string {
	return channelID + " " + strconv.FormatInt(version, 10)
}

// known is a key that is at hand; nil when it must be read.
func (k *keyring) known(name string) *rsa.PrivateKey {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.by[name]
}

// maxKeys is how many keys a node keeps at hand.
const maxKeys = 512

func (k *keyring) get(name string, read func() (*rsa.PrivateKey, error)) (*rsa.PrivateKey, error) {
	k.mu.Lock()
	key := k.by[name]
	k.mu.Unlock()
	if key != nil {
		return key, nil
	}
	key, err := read()
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.by == nil || len(k.by) >= maxKeys {
		k.by = map[string]*rsa.PrivateKey{}
	}
	k.by[name] = key
	return key, nil
}

// signer signs as an actor. Its error is a *channel.Error of class Revoked when the
// key is gone or cannot be read.
func (s *Server) signer(a actor) (sig.Signer, error) {
	revoked := func(err error) error {
		return &channel.Error{Class: channel.Revoked, Code: channel.CodeSignIn, Err: err}
	}
	key, err := s.keys.get(keyName(a.channel.ID, a.channel.Version), func() (*rsa.PrivateKey, error) {
		text, err := a.channel.Unseal(s.box)
		if err != nil {
			return nil, err
		}
		var kept account
		if err := json.Unmarshal(text, &kept); err != nil {
			return nil, revoked(err)
		}
		key, err := sig.ParsePrivate([]byte(kept.Key))
		if err != nil {
			return nil, revoked(err)
		}
		return key, nil
	})
	return sig.Signer{KeyID: a.keyID(), Key: key}, err
}

// instanceKey is the purpose of the sealed key with which an institution itself
// signs.
func instanceKey(institutionID string) string { return "activitypub.instance/" + institutionID }

// instanceSigner signs as the institution itself, which makes its key when it is
// first needed.
func (s *Server) instanceSigner(ctx context.Context, p place) (sig.Signer, error) {
	key, err := s.keys.get("instance "+p.ID, func() (*rsa.PrivateKey, error) {
		var sealed string
		read := func(tx *db.Tx) error {
			return tx.QueryRow(ctx, `SELECT secret FROM ap_actor WHERE institution_id = $1 AND name = ''`, p.ID).Scan(&sealed)
		}
		err := s.db.Read(ctx, read)
		if errors.Is(err, db.ErrNone) {
			fresh, err := freshKey()
			if err != nil {
				return nil, err
			}
			err = s.db.InTx(ctx, func(tx *db.Tx) error {
				// Two who come first at the same time use one key.
				if _, err := tx.Exec(ctx, `INSERT INTO ap_actor (institution_id, name, profile_id, secret, created_at) VALUES ($1, '', '', $2, $3) ON CONFLICT DO NOTHING`,
					p.ID, s.box.Seal(instanceKey(p.ID), fresh), db.At(s.clock())); err != nil {
					return err
				}
				return read(tx)
			})
			if err != nil {
				return nil, err
			}
		} else if err != nil {
			return nil, err
		}
		return openKey(s.box, instanceKey(p.ID), sealed)
	})
	return sig.Signer{KeyID: p.key(""), Key: key}, err
}

func openKey(box *secret.Box, purpose, sealed string) (*rsa.PrivateKey, error) {
	text, err := box.Open(purpose, sealed)
	if err != nil {
		return nil, fmt.Errorf("key of the institution's actor: %w", err)
	}
	return sig.ParsePrivate([]byte(text))
}

// freshKey makes a private key, as it is stored.
func freshKey() (string, error) {
	key, err := sig.NewKey()
	if err != nil {
		return "", err
	}
	text, err := sig.MarshalPrivate(key)
	return string(text), err
}
