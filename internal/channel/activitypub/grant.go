package activitypub

import (
	"context"
	"errors"
	"net/http"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// What we say to everybody may be shown by everybody, within their own posts and in
// their collections (vocab.OpenPolicy, vocab.ActorPolicy). Servers that ask first
// show it only with a grant of ours that they can read, so a grant is a row with an
// address, and ends when the row does.

// maxGrants is how many grants the actors of one server may hold.
const maxGrants = 10_000

// quoteRequest grants that a post of ours is shown within one of the sender's
// (FEP-044f). What is not for everybody is not granted.
func (s *Server) quoteRequest(ctx context.Context, tx *db.Tx, in incoming) error {
	o, ok, err := s.ourObject(ctx, tx, in.place, in.Object.ID)
	if err != nil {
		return err
	}
	switch {
	case !ok || !o.Deleted.IsZero():
		return unheard("there is no such post of ours")
	case hostOf(in.Instrument, in.secure()) != in.from.Host:
		return unheard("the post that quotes is not the sender's")
	}
	if !o.Public {
		return s.replyTo(ctx, tx, in, o.Actor, vocab.Action{Type: vocab.Reject})
	}
	return s.grant(ctx, tx, in, "quote", o.Actor, in.object(o.ID))
}

// featureRequest grants that an actor of ours is put into a collection of the
// sender's (FEP-7aa9).
func (s *Server) featureRequest(ctx context.Context, tx *db.Tx, in incoming) error {
	name, _, err := s.ourActor(ctx, tx, in.place, in.Object.ID)
	switch {
	case err != nil:
		return err
	case name == "":
		return unheard("there is no such actor of ours")
	case hostOf(in.Instrument, in.secure()) != in.from.Host:
		return unheard("the collection is not the sender's")
	}
	return s.grant(ctx, tx, in, "feature", name, in.actor(name))
}

// grant keeps a grant and says where it is. Who asks again gets the same one.
func (s *Server) grant(ctx context.Context, tx *db.Tx, in incoming, kind, name, object string) error {
	var held int
	if err := tx.QueryRow(ctx, `
		SELECT count(*) FROM (SELECT 1 FROM ap_grant g JOIN ap_remote r ON r.institution_id = g.institution_id AND r.id = g.remote_id
			WHERE g.institution_id = $1 AND r.host = $2 LIMIT $3) held`, in.ID(), in.from.Host, maxGrants).Scan(&held); err != nil {
		return err
	}
	if held >= maxGrants {
		return unheard("no more grants for this server")
	}
	var id string
	if err := tx.QueryRow(ctx, `
		INSERT INTO ap_grant (institution_id, id, kind, actor, object, interacting, remote_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (institution_id, object, interacting) DO UPDATE SET remote_id = excluded.remote_id RETURNING id`,
		in.ID(), db.NewID(), kind, name, object, in.Instrument, in.from.ID, db.At(in.now)).Scan(&id); err != nil {
		return err
	}
	return s.replyTo(ctx, tx, in, name, vocab.Action{Type: vocab.Accept, Result: in.place.grant(id)})
}

// replyTo answers a request of the sender in an actor's name, repeating what was
// asked: some servers keep no record of it.
func (s *Server) replyTo(ctx context.Context, tx *db.Tx, in incoming, name string, a vocab.Action) error {
	a.To = []string{in.from.ID}
	a.Object = vocab.Action{ID: in.Activity.ID, Type: in.Type, Actor: in.from.ID, Object: in.Object.ID, Instrument: in.Instrument}
	id, err := s.say(ctx, tx, in.place, name, in.Activity.ID, false, a)
	if err != nil {
		return err
	}
	if err := s.toInbox(ctx, tx, in.place, in.from.Inbox, id); err != nil {
		return err
	}
	return s.wake(ctx, tx, in.ID(), id)
}

// showGrant is a grant that still stands, of an actor that is still there.
func (s *Server) showGrant(w http.ResponseWriter, r *http.Request, p place) error {
	ctx := r.Context()
	var kind, name string
	g := vocab.Grant{ID: p.grant(r.PathValue("id"))}
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		err := tx.QueryRow(ctx, `SELECT kind, actor, object, interacting FROM ap_grant WHERE institution_id = $1 AND id = $2`, p.ID, r.PathValue("id")).
			Scan(&kind, &name, &g.Target, &g.Object)
		if errors.Is(err, db.ErrNone) {
			return fault.Missing("activitypub.object.missing")
		}
		if err != nil {
			return err
		}
		_, err = s.actorByName(ctx, tx, p, name)
		return err
	})
	if err != nil {
		return err
	}
	g.Feature, g.AttributedTo = kind == "feature", p.actor(name)
	return show(w, r, http.StatusOK, g)
}

// revoke ends the grants that a condition chooses, and tells those who hold them.
func (s *Server) revoke(ctx context.Context, tx *db.Tx, p place, where string, arg string) error {
	type held struct{ id, actor, remote string }
	all, err := db.All(ctx, tx, func(r db.Scanner) (h held, err error) { err = r.Scan(&h.id, &h.actor, &h.remote); return h, err },
		`DELETE FROM ap_grant WHERE institution_id = $1 AND `+where+` RETURNING id, actor, remote_id`, p.ID, arg)
	if err != nil {
		return err
	}
	for _, h := range all {
		r, known, err := knownRemote(ctx, tx, p.ID, h.remote)
		if err != nil {
			return err
		}
		if !known || !r.Gone.IsZero() {
			continue
		}
		id, err := s.say(ctx, tx, p, h.actor, p.grant(h.id), false, vocab.Action{Type: vocab.Delete, Object: p.grant(h.id), To: []string{vocab.Public}, Published: vocab.At(s.clock())})
		if err != nil {
			return err
		}
		if err := s.toInbox(ctx, tx, p, r.DeliverTo, id); err != nil {
			return err
		}
		if err := s.wake(ctx, tx, p.ID, id); err != nil {
			return err
		}
	}
	return nil
}
