package activitypub

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// An activity may reach us by somebody else than its actor: a server that forwards
// what was said under a post of its people (ActivityPub, 7.1.2), or a group that
// tells its members what one of them did (Announce). The sender's signature says
// nothing about it. So nothing of it is believed: the origin is asked, by a worker,
// and what the origin says is believed, even where it says something else.

// forwardable reports whether servers forward such an activity: what is said, not
// what is thought of it.
func forwardable(kind string) bool {
	return slices.Contains([]string{vocab.Create, vocab.Update, vocab.Delete}, kind)
}

// readable reports whether an activity can be asked for at its origin: of what is
// undone or followed nothing can be read there.
func readable(kind string) bool {
	return forwardable(kind) || slices.Contains([]string{vocab.Like, vocab.Dislike, vocab.EmojiReact, vocab.Announce}, kind)
}

// maxForwarded is how many activities may wait that one server forwarded: each makes
// us ask another one.
const maxForwarded = 50

// forwarded leaves to a worker what somebody else than its actor sent, when it is
// about us or about something that we heard.
func (s *Server) forwarded(ctx context.Context, tx *db.Tx, in incoming) error {
	var known int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM ap_heard WHERE institution_id = $1 AND object_id IN ($2, $3)`, in.ID(), in.Object.ID, in.Object.InReplyTo).Scan(&known); err != nil {
		return err
	}
	if known == 0 && !in.concerns() {
		return errIdle
	}
	no, err := blocked(ctx, tx, in.ID(), in.Actor, hostOf(in.Actor, in.secure()), "")
	if err != nil {
		return err
	}
	if no {
		return &refusal{403, "its actor is blocked"}
	}
	var waiting int
	if err := tx.QueryRow(ctx, `
		SELECT count(*) FROM ap_received WHERE institution_id = $1 AND actor_id = $2 AND body <> '' AND at > $3`,
		in.ID(), in.from.ID, db.At(in.now.Add(-missingFor))).Scan(&waiting); err != nil {
		return err
	}
	if waiting >= maxForwarded {
		return &refusal{429, "too much was forwarded"}
	}
	return s.later(ctx, tx, in)
}

// passedOn is an Announce that holds what it is about: the same, a group between.
func (s *Server) passedOn(ctx context.Context, tx *db.Tx, in incoming) error {
	if o, ok, err := s.ourObject(ctx, tx, in.place, in.Object.ID); err != nil || ok {
		if err != nil {
			return err
		}
		in.Object = vocab.Object{ID: in.object(o.ID)}
		return s.react(ctx, tx, in) // a boost of ours
	}
	inner := in.unwrapped()
	if inner.Actor == "" || hostOf(inner.Activity.ID, in.secure()) != hostOf(inner.Actor, in.secure()) {
		return errIdle
	}
	if !readable(inner.Type) {
		return unheard("a " + inner.Type + " cannot be passed on")
	}
	// What is kept is the Announce: it is unwrapped again by the worker.
	var known int
	if err := tx.QueryRow(ctx, `SELECT count(*) FROM ap_heard WHERE institution_id = $1 AND object_id IN ($2, $3)`, in.ID(), inner.Object.ID, inner.Object.InReplyTo).Scan(&known); err != nil {
		return err
	}
	if known == 0 && !inner.concerns() {
		return errIdle
	}
	return s.forwarded(ctx, tx, in)
}

// unwrapped is what an Announce passes on, as if it had been sent by itself.
func (in incoming) unwrapped() incoming {
	o := in.Object
	switch {
	case isActivity(o.Type):
		in.Activity = vocab.Activity{ID: o.ID, Type: o.Type, Actor: o.Actor, Object: vocab.Object{ID: o.Object}, To: o.To, CC: o.CC, Text: o.Text, Published: o.Published}
		if o.Inner != nil {
			in.Object = *o.Inner
		}
	case isPost(o.Type) && len(o.AttributedTo) > 0:
		in.Activity = vocab.Activity{ID: o.ID, Type: vocab.Create, Actor: o.AttributedTo[len(o.AttributedTo)-1], Object: o, To: o.To, CC: o.CC}
	}
	return in
}

// later keeps an activity for a worker.
func (s *Server) later(ctx context.Context, tx *db.Tx, in incoming) error {
	if _, err := tx.Exec(ctx, `UPDATE ap_received SET body = $3 WHERE institution_id = $1 AND activity_id = $2`, in.ID(), in.Activity.ID, strings.ToValidUTF8(string(in.body), "\uFFFD")); err != nil {
		return err
	}
	return s.pool.Enqueue(ctx, tx, followUp{in.ID(), in.Activity.ID}, jobs.When{Queue: jobs.Errand})
}

// believe asks the origin of an activity that somebody else sent us.
func (s *Server) believe(ctx context.Context, in *incoming) (func(*db.Tx) error, error) {
	origin := hostOf(in.Actor, in.secure())
	switch in.Type {
	case vocab.Create, vocab.Update:
		return s.believePost(ctx, in, origin)
	case vocab.Delete:
		return s.believeGone(ctx, in, origin)
	}
	// A reaction is believed when its own address says the same.
	body, host, err := s.get(ctx, in.place, in.Activity.ID)
	if err != nil {
		return nil, err
	}
	a, err := vocab.Parse(body, vocab.DefaultLimits())
	if err != nil || host != origin || a.ID != in.Activity.ID || a.Type != in.Type || a.Actor != in.Actor || a.Object.ID != in.Object.ID {
		return nil, fmt.Errorf("%w: %.200q", errNotTheirs, in.Activity.ID)
	}
	if in.from, err = s.remote(ctx, in.place, a.Actor); err != nil {
		return nil, err
	}
	in.Activity = a
	return func(tx *db.Tx) error { return s.react(ctx, tx, *in) }, nil
}

func (s *Server) believePost(ctx context.Context, in *incoming, origin string) (func(*db.Tx) error, error) {
	body, host, err := s.get(ctx, in.place, in.Object.ID)
	if err != nil {
		return nil, err
	}
	o, err := vocab.ParseObject(body, vocab.DefaultLimits())
	if err != nil || host != origin || o.ID != in.Object.ID {
		return nil, fmt.Errorf("%w: %.200q", errNotTheirs, in.Object.ID)
	}
	i := slices.IndexFunc(o.AttributedTo, func(id string) bool { return id == in.Actor })
	if i < 0 {
		if i = slices.IndexFunc(o.AttributedTo, func(id string) bool { return hostOf(id, in.secure()) == origin }); i < 0 {
			return nil, fmt.Errorf("%w: %.200q is nobody's there", errNotTheirs, o.ID)
		}
	}
	if in.from, err = s.remote(ctx, in.place, o.AttributedTo[i]); err != nil {
		return nil, err
	}
	in.Object = o
	return func(tx *db.Tx) error {
		no, err := blocked(ctx, tx, in.ID(), in.from.ID, in.from.Host, "")
		if err != nil || no {
			return err
		}
		if in.Type == vocab.Update {
			return s.edited(ctx, tx, *in)
		}
		return s.comment(ctx, tx, *in)
	}, nil
}

// believeGone follows a deletion when nothing is at the address any more.
func (s *Server) believeGone(ctx context.Context, in *incoming, origin string) (func(*db.Tx) error, error) {
	if hostOf(in.Object.ID, in.secure()) != origin {
		return nil, fmt.Errorf("%w: %.200q", errNotTheirs, in.Object.ID)
	}
	body, _, err := s.get(ctx, in.place, in.Object.ID)
	if err == nil {
		if o, err := vocab.ParseObject(body, vocab.DefaultLimits()); err != nil || o.Type != "Tombstone" {
			return nil, fmt.Errorf("%w: %.200q is still there", errNotTheirs, in.Object.ID)
		}
	} else if !errors.Is(err, errGone) {
		return nil, err
	}
	return func(tx *db.Tx) error {
		if err := tx.QueryRow(ctx, `SELECT actor_id FROM ap_heard WHERE institution_id = $1 AND object_id = $2`, in.ID(), in.Object.ID).Scan(&in.from.ID); err != nil {
			if errors.Is(err, db.ErrNone) {
				return nil
			}
			return err
		}
		in.from = remote{ID: in.from.ID, Host: origin}
		return s.deleted(ctx, tx, *in)
	}, nil
}
