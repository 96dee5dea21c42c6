package activitypub

import (
	"context"
	"crypto"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/sig"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/limit"
)

// To prove who speaks, the key of a stranger must be read on the stranger's server:
// a request that anybody can make us send, to whom he likes. So nothing is read but
// the key itself, in one request, only for what has the shape of an activity, one at
// a time on one server, and within the limits of whoever causes it and of all
// together. What else we want to know of the actor is read when the signature holds.

// signer is who may have signed a request, as far as we know before it is proven.
type signer struct {
	remote
	known          bool
	blocked        bool
	failing, heard time.Time // how its server stands: see ap_host
}

// signerQuery reads all that must be known of a key.
const signerQuery = `
	SELECT coalesce(r.id, ''), coalesce(r.handle, ''), coalesce(r.name, ''), coalesce(r.url, ''), coalesce(r.avatar, ''), coalesce(r.inbox, ''),
		coalesce(r.deliver_to, ''), coalesce(r.deliver_host, ''), coalesce(r.key_pem, ''), coalesce(r.indexable, FALSE), coalesce(r.fetched_at, 0), coalesce(r.gone_at, 0),
		coalesce(h.failing_since, 0), coalesce(h.heard_at, 0),
		EXISTS (SELECT 1 FROM ap_block b WHERE b.institution_id = $1 AND b.kind = 'domain' AND b.target IN ($4, $5, $6, $7, $8, $9, $10, $11))
			OR EXISTS (SELECT 1 FROM ap_block b WHERE b.institution_id = $1 AND b.kind = 'actor' AND b.target = r.id)
	FROM (SELECT 1 AS one) o
	LEFT JOIN ap_remote r ON r.institution_id = $1 AND r.key_id = $2
	LEFT JOIN ap_host h ON h.institution_id = $1 AND h.host = $3
	LIMIT 1`

func (s *Server) signerOf(ctx context.Context, p place, keyID string) (who signer, err error) {
	host := hostOf(keyID, p.secure())
	args := []any{p.ID, keyID, host}
	for _, d := range domains(host) {
		args = append(args, d)
	}
	var fetched, gone, failing, heard int64
	err = s.signers.ScanAll(ctx, args, &who.ID, &who.Handle, &who.Name, &who.URL, &who.Avatar, &who.Inbox, &who.DeliverTo, &who.DeliverAt, &who.KeyPEM,
		&who.Indexable, &fetched, &gone, &failing, &heard, &who.blocked)
	who.Host, who.KeyID = host, keyID
	who.Fetched, who.Gone, who.failing, who.heard = db.When(fetched), db.When(gone), db.When(failing), db.When(heard)
	who.known = who.ID != "" && who.Gone.IsZero() // who said to be gone must show that it lives
	return who, err
}

// found is a key that was read on a stranger's server, and whose it is there.
type found struct {
	pem   string
	owner string
	whole *remote // the actor, where the key stands in its own document
}

// errLater says that the key may be asked for, only not now.
var errLater = &refusal{http.StatusTooManyRequests, "too many unknown keys"}

// prove finds out who sent a request, with at most one request to another server.
// When the key that we know did not sign it, its server is asked whether there is a
// new one, now and then. Its error is a *refusal, errGone, or one of our own.
func (s *Server) prove(ctx context.Context, p place, claim sig.Claim, who signer, body []byte, from limit.Network) (signer, error) {
	now := s.clock()
	asked := false
	var fresh found
	keys := func(again bool) sig.Keys {
		return func(ctx context.Context, keyID string) (crypto.PublicKey, error) {
			if keyID != who.KeyID {
				var err error
				if who, err = s.signerOf(ctx, p, keyID); err != nil {
					return nil, err
				}
			}
			if who.blocked {
				return nil, &refusal{http.StatusForbidden, "blocked"}
			}
			if who.known && !again {
				return sig.ParsePublic(who.KeyPEM)
			}
			if asked {
				return nil, errNotTheirs
			}
			asked = true
			var err error
			if fresh, err = s.strangersKey(ctx, p, keyID, body, from, again); err != nil {
				return nil, err
			}
			return sig.ParsePublic(fresh.pem)
		}
	}
	_, err := claim.Prove(ctx, body, keys(false))
	if sig.KindOf(err) == sig.BadSignature && who.known && !asked && now.Sub(who.Fetched) >= rotateAfter && !s.rotated.has(p.ID+" "+who.KeyID, now) {
		s.rotated.put(p.ID+" "+who.KeyID, now)
		_, err = claim.Prove(ctx, body, keys(true))
	}
	if err != nil {
		return who, unproven(err)
	}
	if asked {
		return s.introduced(ctx, p, who, fresh)
	}
	return who, nil
}

// unproven says why a request is not believed.
func unproven(err error) error {
	var no *refusal
	switch {
	case errors.As(err, &no):
		return no
	case errors.Is(err, errGone):
		return errGone
	case sig.KindOf(err) == sig.Malformed:
		return &refusal{http.StatusBadRequest, err.Error()}
	case sig.KindOf(err) == "":
		return err
	}
	return &refusal{http.StatusUnauthorized, string(sig.KindOf(err))}
}

// introduced is a stranger whose signature holds: now the actor itself may be read,
// where the key alone did not tell all of it.
func (s *Server) introduced(ctx context.Context, p place, who signer, f found) (signer, error) {
	if f.whole != nil {
		who.remote = *f.whole
		return who, s.db.InTx(ctx, func(tx *db.Tx) error { return keepRemote(ctx, tx, p.ID, who.remote) })
	}
	r, err := s.loadActor(ctx, p, f.owner)
	if err != nil || r.KeyID != who.KeyID {
		s.missing.put(p.ID+" "+who.KeyID, s.clock())
		if errors.Is(err, errGone) {
			return who, errGone
		}
		return who, &refusal{http.StatusUnauthorized, string(sig.UnknownKey)}
	}
	who.remote = r
	return who, nil
}

// strangersKey reads a key where it says to be, or takes what was read there a moment
// ago: whoever sends false signatures in a stranger's name makes us ask once, and the
// stranger's own is believed meanwhile. Errors as of remote, or errLater.
func (s *Server) strangersKey(ctx context.Context, p place, keyID string, body []byte, from limit.Network, again bool) (found, error) {
	now := s.clock()
	host := hostOf(keyID, p.secure())
	if f, ok := s.strange.get(p.ID+" "+keyID, now); ok && !again {
		return f, nil
	}
	if host == "" || s.missing.has(p.ID+" "+keyID, now) || s.missing.has(p.ID+" "+host, now) {
		return found{}, fmt.Errorf("%w: the key was asked for a moment ago", errNotTheirs)
	}
	if kind, actor := vocab.Glance(body); kind == "" || actor != "" && hostOf(actor, p.secure()) != host && !forwardable(kind) {
		return found{}, &refusal{http.StatusUnauthorized, "no activity of the signer's"}
	}
	v, err, _ := s.flights.Do("key "+p.ID+" "+keyID, func() (any, error) {
		leave, ok := s.asking.enter(ctx, host)
		if !ok {
			return found{}, errLater
		}
		defer leave()
		if s.missing.has(p.ID+" "+host, now) { // whoever was before us found nobody at home
			return found{}, errNotTheirs
		}
		if !s.meter.Allow(now, limit.ActivityKeys.From(from), limit.ActivityKeysAll.Of("")) {
			return found{}, errLater
		}
		// Whoever asked first may leave; the others still wait.
		f, err := s.readKey(context.WithoutCancel(ctx), p, keyID)
		switch {
		case err == nil:
			s.strange.put(p.ID+" "+keyID, f, now)
		case errors.Is(err, errLater):
		case errors.Is(err, errNotTheirs), errors.Is(err, errGone), errors.Is(err, errUnsigned):
			s.missing.put(p.ID+" "+keyID, now)
		default: // it may be any of its keys that cannot be had
			s.missing.put(p.ID+" "+keyID, now)
			s.missing.put(p.ID+" "+host, now)
		}
		return f, err
	})
	f, _ := v.(found)
	return f, err
}

// readKey makes the one request.
func (s *Server) readKey(ctx context.Context, p place, keyID string) (found, error) {
	body, at, err := s.getOnce(ctx, p, keyID)
	if err != nil {
		return found{}, err
	}
	k, err := vocab.ParseKey(body, keyID, vocab.DefaultLimits())
	if err != nil {
		return found{}, fmt.Errorf("%w: %w", errNotTheirs, err)
	}
	if peer, err := vocab.ParseActor(body, vocab.DefaultLimits()); err == nil && peer.ID == strings.Split(keyID, "#")[0] {
		if r := s.remoteOf(p, peer); r.KeyID == keyID && r.Host == at {
			return found{pem: k.PEM, owner: r.ID, whole: &r}, nil
		}
		return found{}, fmt.Errorf("%w: %.200q does not show the key %.200q as its own", errNotTheirs, peer.ID, keyID)
	}
	if k.Owner == "" || hostOf(k.Owner, p.secure()) != at || hostOf(keyID, p.secure()) != at {
		return found{}, fmt.Errorf("%w: the key %.200q of %.200q", errNotTheirs, keyID, k.Owner)
	}
	return found{pem: k.PEM, owner: k.Owner}, nil
}
