package activitypub

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/db"
)

// incoming is an activity whose sender is proven.
type incoming struct {
	place
	from remote
	vocab.Activity
	body []byte
	now  time.Time
}

// ID is the institution's.
func (in incoming) ID() string { return in.place.ID }

// act does what an activity asks for. It fails with errIdle when there is nothing to
// do, and with unheard when what it asks of us cannot be done.
func (s *Server) act(ctx context.Context, tx *db.Tx, in incoming) error {
	switch in.Type {
	case vocab.Follow:
		return s.follow(ctx, tx, in)
	case vocab.Undo:
		return s.undo(ctx, tx, in)
	case vocab.Announce:
		if isActivity(in.Object.Type) || isPost(in.Object.Type) {
			return s.passedOn(ctx, tx, in) // a group tells its members what somebody did there
		}
		return s.react(ctx, tx, in)
	case vocab.Like, vocab.EmojiReact, vocab.Dislike:
		return s.react(ctx, tx, in)
	case vocab.Create:
		if in.Object.Type == "" {
			return s.lookUp(ctx, tx, in)
		}
		return s.comment(ctx, tx, in)
	case vocab.Update:
		if isActor(in.Object.Type) || in.Object.ID == in.from.ID || in.Object.Type == "" {
			return s.lookUp(ctx, tx, in)
		}
		return s.edited(ctx, tx, in)
	case vocab.Delete:
		return s.deleted(ctx, tx, in)
	case vocab.Block:
		return s.blockedBy(ctx, tx, in)
	case vocab.Flag:
		return s.reported(ctx, tx, in)
	case vocab.Move:
		return s.lookUp(ctx, tx, in)
	case vocab.QuoteRequest:
		return s.quoteRequest(ctx, tx, in)
	case vocab.FeatureRequest:
		return s.featureRequest(ctx, tx, in)
	case vocab.Accept, vocab.Reject:
		return nil // of a report or an undo of ours: nothing waits for it
	}
	return errIdle
}

func isActor(kind string) bool {
	return slices.Contains([]string{vocab.Person, vocab.Organization, vocab.Service, vocab.Application, vocab.Group}, kind)
}

func isActivity(kind string) bool {
	return readable(kind) || kind == vocab.Undo
}

// reaction is what a reaction of a kind is for the inbox.
func reaction(kind, text string) string {
	switch {
	case kind == vocab.Announce:
		return channel.Boost
	case kind == vocab.Dislike:
		return "👎"
	case text != "" && len(text) <= 100:
		return text
	}
	return channel.Like
}

func (s *Server) react(ctx context.Context, tx *db.Tx, in incoming) error {
	o, ok, err := s.ourObject(ctx, tx, in.place, in.Object.ID)
	switch {
	case err != nil:
		return err
	case !ok:
		return errIdle
	case !o.Deleted.IsZero():
		return unheard("the post was taken back")
	}
	channelID, err := s.hearAt(ctx, tx, in.ID(), o)
	if err != nil {
		return err
	}
	return s.hear(ctx, tx, in.ID(), channelID, []channel.Said{{Act: channel.Reacts, ID: in.Activity.ID, Parent: in.object(o.ID),
		Author: in.from.author(), Reaction: reaction(in.Type, in.Text), At: in.when(in.Published)}})
}

func (s *Server) unreact(ctx context.Context, tx *db.Tx, in incoming, o vocab.Object) error {
	said := channel.Said{Act: channel.Unreacts, ID: o.ID, Parent: o.Object, Author: in.from.author(), Reaction: reaction(o.Type, o.Text), At: in.now}
	target, ok, err := s.ourObject(ctx, tx, in.place, o.Object)
	if err != nil {
		return err
	}
	if ok {
		said.Parent = in.object(target.ID)
		channelID, err := s.hearAt(ctx, tx, in.ID(), target)
		if err != nil {
			return err
		}
		return s.hear(ctx, tx, in.ID(), channelID, []channel.Said{said})
	}
	if o.Object != "" {
		return errIdle // a reaction to somebody else's
	}
	return s.hearEverywhere(ctx, tx, in.ID(), said)
}

// hearAt is the channel to which something about an object is told: that through
// which its actor speaks now, else that through which it was said.
func (s *Server) hearAt(ctx context.Context, tx *db.Tx, institutionID string, o object) (string, error) {
	channelID, ok, err := channelOf(ctx, tx, institutionID, o.Actor)
	if err != nil || ok {
		return channelID, err
	}
	return o.ChannelID, nil
}

// hearEverywhere tells something to all the institution's actors.
func (s *Server) hearEverywhere(ctx context.Context, tx *db.Tx, institutionID string, said channel.Said) error {
	all, err := db.All(ctx, tx, db.Col[string], `SELECT id FROM channel WHERE institution_id = $1 AND platform = 'activitypub' ORDER BY id`, institutionID)
	for _, id := range all {
		if err := s.hear(ctx, tx, institutionID, id, []channel.Said{said}); err != nil {
			return err
		}
	}
	return err
}

// when is a moment that a stranger tells: never in the future.
func (in incoming) when(at time.Time) time.Time {
	if at.IsZero() || at.After(in.now) {
		return in.now
	}
	return at
}

// Reports are bounded: others keep what they wrote, and so many are read by nobody.
const (
	maxReports         = 1000
	maxReportsOfServer = 50
	reportedFor        = 365 * 24 * time.Hour
)

// reported keeps what another server reports about us for the administrator.
func (s *Server) reported(ctx context.Context, tx *db.Tx, in incoming) error {
	var ours []string
	for _, id := range in.Objects {
		if in.actorName(id) != "" || in.objectID(id) != "" {
			ours = append(ours, id)
		}
	}
	if len(ours) == 0 {
		return errIdle
	}
	var all, here int
	if err := tx.QueryRow(ctx, `
		SELECT count(*), count(*) FILTER (WHERE r.host = $2) FROM ap_report p
		LEFT JOIN ap_remote r ON r.institution_id = p.institution_id AND r.id = p.actor_id
		WHERE p.institution_id = $1 AND p.at > $3`, in.ID(), in.from.Host, db.At(in.now.Add(-reportedFor))).Scan(&all, &here); err != nil {
		return err
	}
	if all >= maxReports || here >= maxReportsOfServer {
		return &refusal{http.StatusTooManyRequests, "too many reports"}
	}
	list, err := json.Marshal(ours)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO ap_report (institution_id, id, actor_id, objects, content, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		in.ID(), db.NewID(), in.from.ID, string(list), wire.Cut(in.Text, maxReport), db.At(in.now))
	return err
}

// maxReport bounds what a report says, in bytes.
const maxReport = 4000
