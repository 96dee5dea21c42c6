package activitypub

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
)

// followUp is the job that ends an activity for which something must be read
// elsewhere first.
type followUp struct {
	InstitutionID string `json:"institution_id"`
	ActivityID    string `json:"activity_id"`
}

func (followUp) Kind() string { return "activitypub.follow_up" }

// lookUp leaves an activity to a worker. Only what may concern us is kept.
func (s *Server) lookUp(ctx context.Context, tx *db.Tx, in incoming) error {
	if in.Type == vocab.Move || in.Type == vocab.Update {
		var known int
		if err := tx.QueryRow(ctx, `
			SELECT (SELECT count(*) FROM ap_follower WHERE institution_id = $1 AND remote_id = $2) + (SELECT count(*) FROM ap_heard WHERE institution_id = $1 AND actor_id = $2)`,
			in.ID(), in.from.ID).Scan(&known); err != nil {
			return err
		}
		if known == 0 {
			return errIdle
		}
	}
	return s.later(ctx, tx, in)
}

// workFollowUp reads what is missing and does the rest. An error is tried again
// later; what will never be had is given up.
func (s *Server) workFollowUp(ctx context.Context, j followUp) error {
	in, err := s.pending(ctx, j)
	if err != nil || in == nil {
		return err
	}
	var more func(tx *db.Tx) error
	switch {
	case in.Actor != in.from.ID:
		more, err = s.believe(ctx, in)
	case in.Type == vocab.Announce:
		*in = in.unwrapped()
		more, err = s.believe(ctx, in)
	case in.Type == vocab.Create, in.Type == vocab.Update:
		more, err = s.lookUpObject(ctx, in)
	case in.Type == vocab.Move:
		more, err = s.lookUpTarget(ctx, in)
	}
	switch {
	case errors.Is(err, errGone), errors.Is(err, errNotTheirs), errors.Is(err, errUnsigned):
		s.log.InfoContext(ctx, "an activity was left alone", "activity", j.ActivityID, "why", err.Error())
		more = nil
	case err != nil:
		return err
	}
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `UPDATE ap_received SET body = '' WHERE institution_id = $1 AND activity_id = $2 AND body <> ''`, j.InstitutionID, j.ActivityID)
		if err != nil || n == 0 || more == nil {
			return err
		}
		var no *refusal
		if err := more(tx); err != nil && !errors.Is(err, errIdle) && !errors.As(err, &no) {
			return err
		}
		return nil
	})
}

// pending reads an activity that waits; nil when it no longer does.
func (s *Server) pending(ctx context.Context, j followUp) (in *incoming, err error) {
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		var actorID, body string
		err := tx.QueryRow(ctx, `SELECT actor_id, body FROM ap_received WHERE institution_id = $1 AND activity_id = $2`, j.InstitutionID, j.ActivityID).Scan(&actorID, &body)
		if errors.Is(err, db.ErrNone) || err == nil && body == "" {
			return nil
		}
		if err != nil {
			return err
		}
		p, err := s.placeByID(ctx, tx, j.InstitutionID)
		if err != nil {
			return err
		}
		from, known, err := knownRemote(ctx, tx, j.InstitutionID, actorID)
		if err != nil || !known {
			return err
		}
		a, err := vocab.Parse([]byte(body), vocab.DefaultLimits())
		if err != nil {
			return fmt.Errorf("activity %s: %w", j.ActivityID, err)
		}
		if a.Actor == "" {
			a.Actor = from.ID
		}
		a.ID = j.ActivityID
		in = &incoming{p, from, a, []byte(body), s.clock()}
		return nil
	})
	return in, err
}

// lookUpObject reads the post that a Create or Update only names, or the actor that
// changed.
func (s *Server) lookUpObject(ctx context.Context, in *incoming) (func(*db.Tx) error, error) {
	if in.Object.ID == in.from.ID || isActor(in.Object.Type) {
		_, err := s.loadActor(ctx, in.place, in.from.ID)
		return nil, err
	}
	body, host, err := s.get(ctx, in.place, in.Object.ID)
	if err != nil {
		return nil, err
	}
	o, err := vocab.ParseObject(body, vocab.DefaultLimits())
	if err != nil || host != in.from.Host {
		return nil, fmt.Errorf("%w: %.200q", errNotTheirs, in.Object.ID)
	}
	in.Object = o
	return func(tx *db.Tx) error {
		if in.Type == vocab.Update {
			return s.edited(ctx, tx, *in)
		}
		return s.comment(ctx, tx, *in)
	}, nil
}

// lookUpTarget follows somebody who moves, when both places say so: the old one by
// its signed Move, the new one by naming the old one as its own (alsoKnownAs).
func (s *Server) lookUpTarget(ctx context.Context, in *incoming) (func(*db.Tx) error, error) {
	if in.Object.ID != in.from.ID || in.Target == "" || in.Target == in.from.ID {
		return nil, fmt.Errorf("%w: moves somebody else", errNotTheirs)
	}
	body, host, err := s.get(ctx, in.place, in.Target)
	if err != nil {
		return nil, err
	}
	peer, err := vocab.ParseActor(body, vocab.DefaultLimits())
	if err != nil || peer.ID != in.Target || hostOf(peer.ID, in.secure()) != host || !slices.Contains(peer.AlsoKnownAs, in.from.ID) {
		return nil, fmt.Errorf("%w: %.200q does not call itself %.200q", errNotTheirs, in.Target, in.from.ID)
	}
	to := s.remoteOf(in.place, peer)
	return func(tx *db.Tx) error {
		no, err := blocked(ctx, tx, in.ID(), to.ID, to.Host, "")
		if err != nil {
			return err
		}
		if err := keepRemote(ctx, tx, in.ID(), to); err != nil {
			return err
		}
		if !no {
			if _, err := tx.Exec(ctx, `
				INSERT INTO ap_follower (institution_id, actor, remote_id, follow_id, at)
				SELECT institution_id, actor, $3, follow_id, at FROM ap_follower WHERE institution_id = $1 AND remote_id = $2 ON CONFLICT DO NOTHING`,
				in.ID(), in.from.ID, to.ID); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, `DELETE FROM ap_follower WHERE institution_id = $1 AND remote_id = $2`, in.ID(), in.from.ID)
		return err
	}, nil
}
