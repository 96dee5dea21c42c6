package activitypub

import (
	"context"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/web"
)

// changes is the job that tells the followers' servers of a profile's new name,
// portrait or key.
type changes struct{}

func (changes) Kind() string { return "activitypub.changes" }

// changesEvery is how long a new name may take to be told. Who edits a profile does
// it in several steps: they are told together.
const changesEvery = 10 * time.Minute

func (s *Server) workChanges(ctx context.Context, _ changes) error {
	var all []actor
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		towns, err := institution.All(ctx, tx)
		if err != nil {
			return err
		}
		for _, i := range towns {
			p, err := s.placeByID(ctx, tx, i.ID)
			if err != nil {
				return err
			}
			some, err := s.actors(ctx, tx, p)
			if err != nil {
				return err
			}
			all = append(all, some...)
		}
		return nil
	})
	for _, a := range all {
		if err := s.tellChange(ctx, a); err != nil {
			return err
		}
	}
	return err
}

// tellChange sends the actor's document to its followers, if it is another one than
// they were told of. The first one they read by themselves.
func (s *Server) tellChange(ctx context.Context, a actor) error {
	doc, err := s.actorDocument(ctx, a)
	if err != nil {
		// A key that cannot be read keeps this actor silent, not the others.
		s.log.WarnContext(ctx, "an actor cannot be described", "actor", a.handle(), "error", err.Error())
		return nil
	}
	body, err := plain(doc)
	if err != nil {
		return err
	}
	digest := web.ETag(body)
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		var before string
		err := tx.QueryRow(ctx, `SELECT told FROM ap_actor WHERE institution_id = $1 AND name = $2`, a.ID, a.name).Scan(&before)
		if err != nil || before == digest {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE ap_actor SET told = $3 WHERE institution_id = $1 AND name = $2`, a.ID, a.name, digest); err != nil || before == "" {
			return err
		}
		id, err := s.say(ctx, tx, a.place, a.name, a.id(), false, vocab.Action{Type: vocab.Update, Object: doc, To: []string{vocab.Public}, CC: []string{a.place.followers(a.name)}, Published: vocab.At(s.clock())})
		if err != nil {
			return err
		}
		if err := s.toFollowers(ctx, tx, a.ID, a.name, id); err != nil {
			return err
		}
		return s.wake(ctx, tx, a.ID, id)
	})
}
