package activitypub

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
)

// tidy is the job that forgets what has no use any more.
type tidy struct{}

func (tidy) Kind() string { return "activitypub.tidy" }

const (
	tidyEvery = 6 * time.Hour
	// receivedFor is how long an activity that was taken is known by its id: far
	// longer than any signature lives.
	receivedFor = 30 * 24 * time.Hour
	// replayFor is how long an activity must be known by its id, because its signature
	// still holds.
	replayFor = 3 * time.Hour
	// answeredFor is how long we keep what we only answered, once it has arrived.
	answeredFor = 24 * time.Hour

	// Of what strangers may fill an institution keeps at most so many rows; the oldest
	// go first.
	maxReceived = 200_000
	maxRemotes  = 100_000 // of those who neither follow us nor said anything to us
)

// unrelated are the actors elsewhere that we need not know.
const unrelated = `NOT EXISTS (SELECT 1 FROM ap_follower f WHERE f.institution_id = ap_remote.institution_id AND f.remote_id = ap_remote.id)
	AND NOT EXISTS (SELECT 1 FROM ap_heard h WHERE h.institution_id = ap_remote.institution_id AND h.actor_id = ap_remote.id)
	AND NOT EXISTS (SELECT 1 FROM ap_grant g WHERE g.institution_id = ap_remote.institution_id AND g.remote_id = ap_remote.id)`

// workTidy forgets which activities were taken long ago, and those of ours that
// nobody needs again. Who got what we said is kept, for it must be told of
// corrections and deletions.
func (s *Server) workTidy(ctx context.Context, _ tidy) error {
	now := s.clock()
	ago := func(d time.Duration) int64 { return db.At(now.Add(-d)) }
	err := s.db.InTx(ctx, func(tx *db.Tx) error {
		for _, old := range []struct {
			q      string
			before int64
		}{
			{`DELETE FROM ap_received WHERE at < $1`, ago(receivedFor)},
			{`DELETE FROM ap_name WHERE at < $1`, ago(receivedFor)},
			{`DELETE FROM ap_report WHERE at < $1`, ago(reportedFor)},
			{`DELETE FROM ap_delivery WHERE state <> 'waiting' AND changed_at < $1 AND EXISTS (SELECT 1 FROM ap_activity a
				WHERE a.institution_id = ap_delivery.institution_id AND a.id = ap_delivery.activity_id AND a.type IN ('Accept', 'Reject'))`, ago(answeredFor)},
			{`DELETE FROM ap_delivery WHERE state <> 'waiting' AND changed_at < $1 AND EXISTS (SELECT 1 FROM ap_activity a
				WHERE a.institution_id = ap_delivery.institution_id AND a.id = ap_delivery.activity_id AND a.type NOT IN ('Create', 'Announce'))`, ago(receivedFor)},
			{`DELETE FROM ap_activity WHERE at < $1 AND type NOT IN ('Create', 'Announce') AND NOT EXISTS (SELECT 1 FROM ap_delivery d
				WHERE d.institution_id = ap_activity.institution_id AND d.activity_id = ap_activity.id)`, ago(answeredFor)},
			// What others said is kept by the inbox for a while only; after that nothing is left
			// to be changed or taken back.
			{`DELETE FROM ap_heard WHERE at < $1 AND NOT EXISTS (SELECT 1 FROM comment c
				WHERE c.institution_id = ap_heard.institution_id AND c.channel_id = ap_heard.channel_id AND c.remote_id = ap_heard.object_id)`, ago(receivedFor)},
			{`DELETE FROM ap_remote WHERE fetched_at < $1 AND ` + unrelated, ago(receivedFor)},
			{`DELETE FROM ap_host WHERE heard_at < $1 AND answered_at < $1 AND failing_since < $1 AND lease_until < $1 AND NOT EXISTS (SELECT 1 FROM ap_remote r
				WHERE r.institution_id = ap_host.institution_id AND (r.host = ap_host.host OR r.deliver_host = ap_host.host)) AND NOT EXISTS (SELECT 1 FROM ap_delivery d
				WHERE d.institution_id = ap_host.institution_id AND d.host = ap_host.host AND d.state = 'waiting')`, ago(receivedFor)},
		} {
			if _, err := tx.Exec(ctx, old.q, old.before); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	var all []institution.Institution
	if err := s.db.Read(ctx, func(tx *db.Tx) (err error) { all, err = institution.All(ctx, tx); return err }); err != nil {
		return err
	}
	for _, i := range all {
		if err := s.trim(ctx, i.ID, now); err != nil {
			return err
		}
	}
	return nil
}

// trim keeps an institution's tables within their bounds.
func (s *Server) trim(ctx context.Context, institutionID string, now time.Time) error {
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		for _, full := range []struct {
			find, drop string
			most       int
		}{
			{`SELECT at FROM ap_received WHERE institution_id = $1 ORDER BY at DESC LIMIT 1 OFFSET $2`,
				`DELETE FROM ap_received WHERE institution_id = $1 AND at <= $2`, maxReceived},
			{`SELECT fetched_at FROM ap_remote WHERE institution_id = $1 AND ` + unrelated + ` ORDER BY fetched_at DESC LIMIT 1 OFFSET $2`,
				`DELETE FROM ap_remote WHERE institution_id = $1 AND fetched_at <= $2 AND ` + unrelated, maxRemotes},
		} {
			var at int64
			err := tx.QueryRow(ctx, full.find, institutionID, full.most).Scan(&at)
			if errors.Is(err, db.ErrNone) {
				continue
			}
			if err == nil {
				_, err = tx.Exec(ctx, full.drop, institutionID, min(at, db.At(now.Add(-replayFor))))
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}
