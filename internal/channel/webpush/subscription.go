package webpush

import (
	"context"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/limit"
)

// Subscription is one browser that asked to be told, as the browser describes itself
// (Push API, PushSubscription.toJSON).
type Subscription struct {
	ID       string  `json:"-"`
	Endpoint string  `json:"endpoint"` // its address at the push service: who knows it may send
	P256dh   string  `json:"p256dh"`   // public key, base64url
	Auth     string  `json:"auth"`     // shared secret, base64url
	Scopes   []Scope `json:"-"`        // what it asked for; none: everything
}

// Scope narrows a subscription to a profile (by id) or a tag (by folded key).
type Scope struct{ Kind, Value string }

// The bounds of what a stranger may store.
const (
	maxEndpoint = 1_000 // bytes
	maxScopes   = 60
)

// check judges what a browser, or somebody who pretends to be one, sent: an address
// on the public Internet by name, over TLS, a point of the curve and sixteen bytes
// (RFC 8291, 2.1 and 3.2). The address that the name leads to is judged by package
// fetch, each time. Fault: Invalid.
func (s Subscription) check(loopback bool) error {
	bad := fault.InvalidField("endpoint", "webpush.endpoint")
	u, err := url.Parse(s.Endpoint)
	if err != nil || len(s.Endpoint) > maxEndpoint || u.User != nil || u.Fragment != "" || u.Opaque != "" {
		return bad
	}
	host := u.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil {
		// Push services have names; a bare number is somebody's own machine.
		if !loopback || !ip.IsLoopback() {
			return bad
		}
	} else if !(strings.Contains(strings.Trim(host, "."), ".") && u.Scheme == "https" && (u.Port() == "" || u.Port() == "443")) && !(loopback && host == "localhost") {
		return bad
	}
	if u.Scheme != "https" && !(loopback && u.Scheme == "http") {
		return bad
	}
	point, err := unBase64(s.P256dh)
	if err != nil {
		return fault.InvalidField("p256dh", "webpush.key")
	}
	if _, err := ecdh.P256().NewPublicKey(point); err != nil {
		return fault.InvalidField("p256dh", "webpush.key").Because(err)
	}
	if auth, err := unBase64(s.Auth); err != nil || len(auth) != 16 {
		return fault.InvalidField("auth", "webpush.key")
	}
	return nil
}

// unBase64 reads base64 in either alphabet, padded or not: browsers differ.
func unBase64(text string) ([]byte, error) {
	if len(text) > 200 {
		return nil, errors.New("too long")
	}
	text = strings.NewReplacer("+", "-", "/", "_").Replace(strings.TrimRight(text, "="))
	return base64.RawURLEncoding.DecodeString(text)
}

func hashOf(endpoint string) string {
	sum := sha256.Sum256([]byte(endpoint))
	return hex.EncodeToString(sum[:])
}

func sealPurpose(id string) string { return "webpush.subscription/" + id }

// services are the push services of the browsers in use, by the end of their names:
// they hold everybody's subscriptions. Another one may be a server that somebody wants
// us to call.
func services() []string {
	return []string{"fcm.googleapis.com", "updates.push.services.mozilla.com", ".push.services.mozilla.com", ".push.apple.com", ".notify.windows.com"}
}

// hostOf is the host of an endpoint as it is stored: a keyed hash.
func (n *Notices) hostOf(endpoint string) string {
	u, err := url.Parse(endpoint)
	if err != nil {
		return ""
	}
	return n.Box.MAC("webpush.host", strings.ToLower(u.Hostname()))
}

// room refuses one browser too many. Fault: TooMany.
func (n *Notices) room(ctx context.Context, tx *db.Tx, institutionID, endpoint string) error {
	var all, host int
	if err := tx.QueryRow(ctx, `SELECT count(*), COALESCE(SUM(CASE WHEN host = $2 THEN 1 ELSE 0 END), 0) FROM push_subscription WHERE institution_id = $1`,
		institutionID, n.hostOf(endpoint)).Scan(&all, &host); err != nil {
		return err
	}
	u, err := url.Parse(endpoint)
	known := err == nil && slices.ContainsFunc(services(), func(name string) bool {
		return strings.HasSuffix("."+strings.ToLower(u.Hostname()), "."+strings.TrimPrefix(name, "."))
	})
	if all >= limit.NoticeSubscriptions.N() || !known && host >= limit.NoticePerHost.N() {
		return fault.New(fault.TooMany, "webpush.too_many")
	}
	return nil
}

// save stores a browser's choices; a browser that is known keeps its identifier.
func (n *Notices) save(ctx context.Context, tx *db.Tx, institutionID string, s Subscription, now time.Time) error {
	hash := hashOf(s.Endpoint)
	id, err := idOf(ctx, tx, institutionID, s.Endpoint)
	if err != nil {
		return err
	}
	if id == "" {
		if err := n.room(ctx, tx, institutionID, s.Endpoint); err != nil {
			return err
		}
		id = db.NewID()
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, `
		INSERT INTO push_subscription (institution_id, id, endpoint_hash, sealed, created_at, changed_at, host) VALUES ($1, $2, $3, $4, $5, $5, $6)
		ON CONFLICT (institution_id, endpoint_hash) DO UPDATE SET changed_at = excluded.changed_at RETURNING id`,
		institutionID, id, hash, n.Box.Seal(sealPurpose(id), string(text)), db.At(now), n.hostOf(s.Endpoint)).Scan(&id); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE push_subscription SET sealed = $3, refusals = 0 WHERE institution_id = $1 AND id = $2`,
		institutionID, id, n.Box.Seal(sealPurpose(id), string(text))); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM push_scope WHERE institution_id = $1 AND subscription_id = $2`, institutionID, id); err != nil {
		return err
	}
	for _, c := range s.Scopes {
		if _, err := tx.Exec(ctx, `INSERT INTO push_scope (institution_id, subscription_id, kind, value) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
			institutionID, id, c.Kind, c.Value); err != nil {
			return err
		}
	}
	return nil
}

// idOf finds a browser by its endpoint; empty when it is not known.
func idOf(ctx context.Context, tx *db.Tx, institutionID, endpoint string) (id string, err error) {
	err = tx.QueryRow(ctx, `SELECT id FROM push_subscription WHERE institution_id = $1 AND endpoint_hash = $2`, institutionID, hashOf(endpoint)).Scan(&id)
	if errors.Is(err, db.ErrNone) {
		return "", nil
	}
	return id, err
}

func scopesOf(ctx context.Context, tx *db.Tx, institutionID, id string) ([]Scope, error) {
	return db.All(ctx, tx, func(s db.Scanner) (c Scope, err error) { err = s.Scan(&c.Kind, &c.Value); return c, err },
		`SELECT kind, value FROM push_scope WHERE institution_id = $1 AND subscription_id = $2 ORDER BY kind, value`, institutionID, id)
}

// forget removes a browser: what waited for it is cancelled, the counts stay.
func forget(ctx context.Context, tx *db.Tx, institutionID, id string, now time.Time) error {
	if _, err := tx.Exec(ctx, `UPDATE push_recipient SET state = 'cancelled', changed_at = $3 WHERE institution_id = $1 AND subscription_id = $2 AND state = 'waiting'`,
		institutionID, id, db.At(now)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM push_scope WHERE institution_id = $1 AND subscription_id = $2`, institutionID, id); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM push_subscription WHERE institution_id = $1 AND id = $2`, institutionID, id)
	return err
}

// Subscribe stores a browser's choices. old is the endpoint that the browser had
// before its push service gave it another one, or empty: its choices pass on.
// Faults: Invalid, TooMany for the network.
func (n *Notices) Subscribe(ctx context.Context, institutionID string, s Subscription, old string, from limit.Network) error {
	if err := s.check(n.AllowLoopback); err != nil {
		return err
	}
	if len(s.Scopes) > maxScopes {
		return fault.InvalidField("profile", "webpush.scopes", maxScopes)
	}
	// A browser subscribes with the key: it is there, or made now.
	if _, err := n.PublicKey(ctx, institutionID); err != nil {
		return err
	}
	now := n.Clock()
	return n.DB.InTx(ctx, func(tx *db.Tx) error {
		if wait, err := limit.NewBook(n.Box).Take(ctx, tx, now, limit.Notices.From(from)); err != nil {
			return err
		} else if wait > 0 {
			return fault.New(fault.TooMany, "webpush.too_many")
		}
		if old != "" && old != s.Endpoint {
			id, err := idOf(ctx, tx, institutionID, old)
			if err != nil {
				return err
			}
			if id != "" {
				if s.Scopes, err = scopesOf(ctx, tx, institutionID, id); err != nil {
					return err
				}
				if err := forget(ctx, tx, institutionID, id, now); err != nil {
					return err
				}
			}
		}
		return n.save(ctx, tx, institutionID, s, now)
	})
}

// Unsubscribe forgets the browser with an endpoint. An unknown one changes nothing.
func (n *Notices) Unsubscribe(ctx context.Context, institutionID, endpoint string) error {
	return n.DB.InTx(ctx, func(tx *db.Tx) error {
		id, err := idOf(ctx, tx, institutionID, endpoint)
		if err != nil || id == "" {
			return err
		}
		return forget(ctx, tx, institutionID, id, n.Clock())
	})
}
