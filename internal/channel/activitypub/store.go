package activitypub

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// object is something that we said, as it is stored.
type object struct {
	ID, Actor, ChannelID string
	Link                 string // its page on the site, empty for an answer
	ReplyTo              string
	Public               bool
	Body                 json.RawMessage // without @context
	Published            time.Time
	Updated, Deleted     time.Time
}

const objectColumns = `id, actor, channel_id, link, reply_to, public, body, published_at, updated_at, deleted_at`

func scanObject(r db.Scanner) (o object, err error) {
	var body string
	var published, updated, deleted int64
	err = r.Scan(&o.ID, &o.Actor, &o.ChannelID, &o.Link, &o.ReplyTo, &o.Public, &body, &published, &updated, &deleted)
	o.Body = json.RawMessage(body)
	o.Published, o.Updated, o.Deleted = db.When(published), db.When(updated), db.When(deleted)
	return o, err
}

// objectByID returns an object of ours, deleted or not; ok is false when there is none.
func objectByID(ctx context.Context, tx *db.Tx, institutionID, id string) (o object, ok bool, err error) {
	o, err = scanObject(tx.QueryRow(ctx, `SELECT `+objectColumns+` FROM ap_object WHERE institution_id = $1 AND id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return o, false, nil
	}
	return o, err == nil, err
}

// keepObject stores a new object; fresh is false when the id is known already.
func keepObject(ctx context.Context, tx *db.Tx, institutionID string, o object) (fresh bool, err error) {
	n, err := tx.Change(ctx, `
		INSERT INTO ap_object (institution_id, `+objectColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 0, 0)
		ON CONFLICT (institution_id, id) DO NOTHING`,
		institutionID, o.ID, o.Actor, o.ChannelID, o.Link, o.ReplyTo, o.Public, string(o.Body), db.At(o.Published))
	return n == 1, err
}

// one reads a row that may not be there; then dest stays as it is.
func one(row db.Scanner, dest ...any) error {
	if err := row.Scan(dest...); !errors.Is(err, db.ErrNone) {
		return err
	}
	return nil
}

// plain encodes a document to be embedded in another one.
func plain(document any) (json.RawMessage, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(document)
	return bytes.TrimSpace(b.Bytes()), err
}

// say stores an activity of ours under a fresh id. It is addressed by toFollowers,
// toInbox and toHolders, and sent by wake.
func (s *Server) say(ctx context.Context, tx *db.Tx, p place, name, objectID string, open bool, a vocab.Action) (id string, err error) {
	now := s.clock()
	id = db.NewID()
	a.ID = p.activity(id)
	a.Actor = p.actor(name)
	if name == "" {
		a.Actor = p.instance()
	}
	body, err := vocab.Encode(a)
	if err != nil {
		return "", err
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO ap_activity (institution_id, id, actor, type, object, public, body, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		p.ID, id, name, a.Type, objectID, open, string(body), db.At(now))
	return id, err
}

// toFollowers addresses an activity to everybody who follows an actor: one inbox
// for all of a server where it has one for all. A server that has been out of reach
// for long is left out.
func (s *Server) toFollowers(ctx context.Context, tx *db.Tx, institutionID, name, activityID string) error {
	now := s.clock()
	_, err := tx.Exec(ctx, `
		INSERT INTO ap_delivery (institution_id, host, inbox, activity_id, state, next_at, changed_at)
		SELECT DISTINCT r.institution_id, r.deliver_host, r.deliver_to, $3, 'waiting', CAST($4 AS BIGINT), CAST($4 AS BIGINT)
		FROM ap_follower f
		JOIN ap_remote r ON r.institution_id = f.institution_id AND r.id = f.remote_id AND r.gone_at = 0 AND r.deliver_to <> ''
		LEFT JOIN ap_host h ON h.institution_id = r.institution_id AND h.host = r.deliver_host AND h.failing_since > 0 AND h.failing_since < $5
		WHERE f.institution_id = $1 AND f.actor = $2 AND h.host IS NULL
		ON CONFLICT DO NOTHING`, institutionID, name, activityID, db.At(now), db.At(now.Add(-deadAfter)))
	return err
}

// toInbox addresses an activity to one inbox. An empty one is nobody's.
func (s *Server) toInbox(ctx context.Context, tx *db.Tx, p place, inbox, activityID string) error {
	host := hostOf(inbox, p.secure())
	if host == "" {
		return nil
	}
	now := db.At(s.clock())
	_, err := tx.Exec(ctx, `
		INSERT INTO ap_delivery (institution_id, host, inbox, activity_id, state, next_at, changed_at) VALUES ($1, $2, $3, $4, 'waiting', $5, $5)
		ON CONFLICT DO NOTHING`, p.ID, host, inbox, activityID, now)
	return err
}

// toHolders addresses an activity to every inbox that may have got an earlier one
// about the same object.
func (s *Server) toHolders(ctx context.Context, tx *db.Tx, institutionID, objectID, activityID string) error {
	now := db.At(s.clock())
	_, err := tx.Exec(ctx, `
		INSERT INTO ap_delivery (institution_id, host, inbox, activity_id, state, next_at, changed_at)
		SELECT DISTINCT d.institution_id, d.host, d.inbox, $3, 'waiting', CAST($4 AS BIGINT), CAST($4 AS BIGINT)
		FROM ap_activity a JOIN ap_delivery d ON d.institution_id = a.institution_id AND d.activity_id = a.id AND d.state <> 'refused'
		WHERE a.institution_id = $1 AND a.object = $2 AND a.id <> $3
		ON CONFLICT DO NOTHING`, institutionID, objectID, activityID, now)
	return err
}

// moot keeps what waits to be sent about an object from being sent.
func (s *Server) moot(ctx context.Context, tx *db.Tx, institutionID, objectID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE ap_delivery SET state = 'moot', changed_at = $3
		WHERE institution_id = $1 AND state = 'waiting' AND activity_id IN (SELECT id FROM ap_activity WHERE institution_id = $1 AND object = $2)`,
		institutionID, objectID, db.At(s.clock()))
	return err
}

// wake enqueues a worker for each server that an activity must reach.
func (s *Server) wake(ctx context.Context, tx *db.Tx, institutionID, activityID string) error {
	if s.pool == nil {
		return fmt.Errorf("activitypub: no pool")
	}
	hosts, err := db.All(ctx, tx, func(r db.Scanner) (jobs.Args, error) {
		j := deliver{InstitutionID: institutionID}
		err := r.Scan(&j.Host)
		return j, err
	}, `SELECT DISTINCT host FROM ap_delivery WHERE institution_id = $1 AND activity_id = $2 AND state = 'waiting'`, institutionID, activityID)
	if err != nil {
		return err
	}
	return s.pool.EnqueueAll(ctx, tx, hosts, jobs.When{Queue: jobs.Spread})
}
