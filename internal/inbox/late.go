package inbox

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
)

// catchUp is the job that looks after replies that were faster than our own
// record: a platform shows a post, somebody answers, and only then do we learn how
// the post is called there.
type catchUp struct{}

// Kind names the work for ever.
func (catchUp) Kind() string { return "inbox.catch_up" }

const (
	catchUpEvery = 2 * time.Minute
	// catchUpFor is how long after a delivery replies are looked for: longer than a
	// node can be down between the two steps of it.
	catchUpFor = 6 * time.Hour
)

func (in *Inbox) workCatchUp(ctx context.Context, _ catchUp) error {
	now := in.clock()
	var all []institution.Institution
	err := in.db.Read(ctx, func(tx *db.Tx) (err error) { all, err = institution.All(ctx, tx); return err })
	for _, i := range all {
		err = errors.Join(err, in.catchUpOne(ctx, i.ID, now))
	}
	return err
}

// loose is a post of ours under which something waits that does not know it.
type loose struct{ channel, remote, delivery, message string }

func (in *Inbox) catchUpOne(ctx context.Context, institutionID string, now time.Time) error {
	var found []loose
	err := in.db.Read(ctx, func(tx *db.Tx) (err error) {
		found, err = db.All(ctx, tx, func(s db.Scanner) (l loose, err error) {
			err = s.Scan(&l.channel, &l.remote, &l.delivery, &l.message)
			return l, err
		}, `
			SELECT p.channel_id, p.remote_id, d.id, d.message_id
			FROM delivery d JOIN remote_post p ON p.institution_id = d.institution_id AND p.delivery_id = d.id
			WHERE d.institution_id = $1 AND d.state = 'out' AND d.updated_at > $2 AND d.kind = 'message' AND (
				EXISTS (SELECT 1 FROM comment m JOIN conversation c ON c.institution_id = m.institution_id AND c.id = m.conversation_id
					WHERE m.institution_id = $1 AND m.channel_id = p.channel_id AND m.parent_id = p.remote_id AND c.message_id = '')
				OR EXISTS (SELECT 1 FROM reaction r WHERE r.institution_id = $1 AND r.channel_id = p.channel_id AND r.target = p.remote_id AND r.message_id = '')
				OR EXISTS (SELECT 1 FROM early e WHERE e.institution_id = $1 AND e.channel_id = p.channel_id AND e.parent_id = p.remote_id))`,
			institutionID, db.At(now.Add(-catchUpFor)))
		return err
	})
	for _, l := range found {
		err = errors.Join(err, in.db.InTx(ctx, func(tx *db.Tx) error {
			ch, err := channel.ByID(ctx, tx, institutionID, l.channel)
			if err != nil {
				return err
			}
			h, err := in.hearing(ctx, tx, ch)
			if err == nil {
				err = h.alone(ctx)
			}
			if err != nil {
				return err
			}
			if err := h.adopt(ctx, l.remote, place{message: l.message, delivery: l.delivery}); err != nil {
				return err
			}
			return h.finish(ctx)
		}))
	}
	return err
}
