package activitypub

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/webfinger"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
)

// Boost is a post of another profile or of a community that a profile of ours
// passed on to its followers.
type Boost struct {
	ID      string
	Actor   string // name of ours
	Address string // of the post
	At      time.Time
}

// Boost passes a post on (Announce): one of another profile of ours, or of anybody
// elsewhere, by its address. Boosting again what is boosted changes nothing. Faults:
// Forbidden, Invalid when nothing there can be boosted, Unavailable when the other
// server does not answer.
func (s *Server) Boost(ctx context.Context, institutionID, name, address string) error {
	if _, err := people.Can(ctx, people.Publish, institutionID); err != nil {
		return err
	}
	var me actor
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		p, err := s.placeByID(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		me, err = s.actorByName(ctx, tx, p, name)
		return err
	})
	if err != nil {
		return err
	}
	target, author, err := s.boostable(ctx, me, strings.TrimSpace(address))
	if err != nil {
		return err
	}
	now := s.clock()
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		// One who presses twice at the same time boosts once: the name lets one after
		// the other.
		if _, err := tx.Exec(ctx, `UPDATE ap_actor SET created_at = created_at WHERE institution_id = $1 AND name = $2`, institutionID, name); err != nil {
			return err
		}
		var before int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM ap_activity WHERE institution_id = $1 AND actor = $2 AND type = 'Announce' AND object = $3 AND undone_at = 0`,
			institutionID, name, target).Scan(&before); err != nil || before > 0 {
			return err
		}
		cc := []string{me.place.followers(name)}
		if author != nil {
			cc = append(cc, author.ID)
		}
		id, err := s.say(ctx, tx, me.place, name, target, true, vocab.Action{Type: vocab.Announce, Object: target, To: []string{vocab.Public}, CC: cc, Published: vocab.At(now)})
		if err != nil {
			return err
		}
		if err := s.toFollowers(ctx, tx, institutionID, name, id); err != nil {
			return err
		}
		if author != nil {
			if err := s.toInbox(ctx, tx, me.place, author.DeliverTo, id); err != nil {
				return err
			}
		}
		if err := s.wake(ctx, tx, institutionID, id); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "activitypub.boost", target, map[string]any{"actor": me.handle()}, now)
	})
}

// boostable finds the post at an address. author is nil for one of ours.
func (s *Server) boostable(ctx context.Context, me actor, address string) (target string, author *remote, err error) {
	wrong := func(err error) error { return fault.InvalidField("address", "activitypub.boost.wrong").Because(err) }
	if strings.HasPrefix(address, me.origin+"/") {
		err := s.db.Read(ctx, func(tx *db.Tx) error {
			var id string
			err := tx.QueryRow(ctx, `
				SELECT id FROM ap_object WHERE institution_id = $1 AND public AND deleted_at = 0 AND reply_to = '' AND (id = $2 OR link = $3) ORDER BY published_at DESC LIMIT 1`,
				me.ID, me.objectID(address), address).Scan(&id)
			if errors.Is(err, db.ErrNone) {
				return wrong(err)
			}
			target = me.object(id)
			return err
		})
		return target, nil, err
	}
	if hostOf(address, me.secure()) == "" {
		return "", nil, wrong(nil)
	}
	body, host, err := s.get(ctx, me.place, address)
	if err != nil {
		return "", nil, s.explain("address", "activitypub.boost.wrong", err)
	}
	o, err := vocab.ParseObject(body, vocab.DefaultLimits())
	by := slices.IndexFunc(o.AttributedTo, func(id string) bool { return hostOf(id, me.secure()) == host })
	if err != nil || !isPost(o.Type) || !o.IsPublic() || hostOf(o.ID, me.secure()) != host || by < 0 {
		return "", nil, wrong(err)
	}
	r, err := s.remote(ctx, me.place, o.AttributedTo[by])
	if err != nil {
		return "", nil, s.explain("address", "activitypub.boost.wrong", err)
	}
	no := false
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		no, err = blocked(ctx, tx, me.ID, r.ID, r.Host, me.name)
		return err
	})
	if err == nil && no {
		err = fault.InvalidField("address", "activitypub.boost.blocked")
	}
	return o.ID, &r, err
}

// explain tells a person why something elsewhere could not be read.
func (s *Server) explain(field, key string, err error) error {
	if errors.Is(err, errGone) || errors.Is(err, errNotTheirs) || errors.Is(err, errUnsigned) || errors.Is(err, webfinger.ErrNotFound) || errors.Is(err, webfinger.ErrHandle) || errors.Is(err, webfinger.ErrAnswer) {
		return fault.InvalidField(field, key).Because(err)
	}
	return fault.InvalidField(field, "activitypub.unreachable").Because(err)
}

// Unboost takes a boost back. Fault: NotFound.
func (s *Server) Unboost(ctx context.Context, institutionID, id string) error {
	if _, err := people.Can(ctx, people.Publish, institutionID); err != nil {
		return err
	}
	now := s.clock()
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		var b Boost
		err := tx.QueryRow(ctx, `UPDATE ap_activity SET undone_at = $3 WHERE institution_id = $1 AND id = $2 AND type = 'Announce' AND undone_at = 0 RETURNING actor, object`,
			institutionID, id, db.At(now)).Scan(&b.Actor, &b.Address)
		if errors.Is(err, db.ErrNone) {
			return fault.Missing("activitypub.boost.missing")
		}
		if err != nil {
			return err
		}
		p, err := s.placeByID(ctx, tx, institutionID)
		if err != nil {
			return err
		}
		undo, err := s.say(ctx, tx, p, b.Actor, p.activity(id), false, vocab.Action{Type: vocab.Undo, To: []string{vocab.Public}, Published: vocab.At(now),
			Object: vocab.Action{ID: p.activity(id), Type: vocab.Announce, Actor: p.actor(b.Actor), Object: b.Address}})
		if err != nil {
			return err
		}
		// What was not sent yet need not be sent; whoever may have it must hear.
		if _, err := tx.Exec(ctx, `
			INSERT INTO ap_delivery (institution_id, host, inbox, activity_id, state, next_at, changed_at)
			SELECT institution_id, host, inbox, $3, 'waiting', CAST($4 AS BIGINT), CAST($4 AS BIGINT) FROM ap_delivery
			WHERE institution_id = $1 AND activity_id = $2 AND state <> 'refused' ON CONFLICT DO NOTHING`, institutionID, id, undo, db.At(now)); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE ap_delivery SET state = 'moot', changed_at = $3 WHERE institution_id = $1 AND activity_id = $2 AND state = 'waiting'`, institutionID, id, db.At(now)); err != nil {
			return err
		}
		if err := s.wake(ctx, tx, institutionID, undo); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "activitypub.unboost", b.Address, nil, now)
	})
}

// Block is somebody whom we neither hear nor write to.
type Block struct {
	Kind   string // domain, actor
	Target string
	Reason string
	At     time.Time
}

// Block closes the door to a server, with all below its domain, or to one actor
// ("@user@host" or an address). Their follows end. Faults: Forbidden, Invalid.
func (s *Server) Block(ctx context.Context, institutionID, whom, reason string) error {
	who, err := people.Can(ctx, people.Configure, institutionID)
	if err != nil {
		return err
	}
	var p place
	if err := s.db.Read(ctx, func(tx *db.Tx) (err error) { p, err = s.placeByID(ctx, tx, institutionID); return err }); err != nil {
		return err
	}
	kind, target, err := s.whom(ctx, p, strings.TrimSpace(whom))
	if err != nil {
		return err
	}
	now := s.clock()
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `INSERT INTO ap_block (institution_id, kind, target, reason, person_id, at) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING`,
			institutionID, kind, target, reason, who.PersonID, db.At(now))
		if err != nil || n == 0 {
			return err
		}
		if err := s.cutOff(ctx, tx, p, kind, target, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "activitypub.block", target, map[string]any{"kind": kind, "reason": reason}, now)
	})
}

// cutOff ends what whoever is blocked has of us: follows, grants, and what waits to
// be sent.
func (s *Server) cutOff(ctx context.Context, tx *db.Tx, p place, kind, target string, now time.Time) error {
	if kind == "actor" {
		if err := s.revoke(ctx, tx, p, `remote_id = $2`, target); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, `DELETE FROM ap_follower WHERE institution_id = $1 AND remote_id = $2`, p.ID, target)
		return err
	}
	hosts, err := db.All(ctx, tx, db.Col[string], `
		SELECT host FROM ap_remote WHERE institution_id = $1 UNION SELECT deliver_host FROM ap_remote WHERE institution_id = $1
		UNION SELECT host FROM ap_delivery WHERE institution_id = $1 AND state = 'waiting'`, p.ID)
	if err != nil {
		return err
	}
	for _, host := range hosts {
		if !under(host, target) {
			continue
		}
		if err := s.revoke(ctx, tx, p, `remote_id IN (SELECT id FROM ap_remote WHERE institution_id = $1 AND host = $2)`, host); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `
			DELETE FROM ap_follower WHERE institution_id = $1 AND remote_id IN (SELECT id FROM ap_remote WHERE institution_id = $1 AND (host = $2 OR deliver_host = $2))`, p.ID, host); err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE ap_delivery SET state = 'moot', changed_at = $3 WHERE institution_id = $1 AND state = 'waiting' AND host = $2`, p.ID, host, db.At(now)); err != nil {
			return err
		}
	}
	return nil
}

// whom reads what was typed: a domain, or an actor.
func (s *Server) whom(ctx context.Context, p place, typed string) (kind, target string, err error) {
	wrong := func(err error) error { return fault.InvalidField("whom", "activitypub.block.whom").Because(err) }
	switch {
	case strings.Contains(typed, "://"):
		if hostOf(typed, p.secure()) == "" || hostOf(typed, p.secure()) == p.host() {
			return "", "", wrong(nil)
		}
		var known bool
		err := s.db.Read(ctx, func(tx *db.Tx) error {
			err := tx.QueryRow(ctx, `SELECT id FROM ap_remote WHERE institution_id = $1 AND (id = $2 OR url = $2) LIMIT 1`, p.ID, typed).Scan(&target)
			if known = err == nil; errors.Is(err, db.ErrNone) {
				return nil
			}
			return err
		})
		if err != nil || known {
			return "actor", target, err
		}
		r, err := s.remote(ctx, p, typed)
		if err != nil {
			return "", "", s.explain("whom", "activitypub.block.whom", err)
		}
		return "actor", r.ID, nil
	case strings.Contains(typed, "@"):
		h, err := webfinger.ParseHandle(typed)
		if err != nil || h.Host == p.host() {
			return "", "", wrong(err)
		}
		err = s.db.Read(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(ctx, `SELECT id FROM ap_remote WHERE institution_id = $1 AND handle = $2 LIMIT 1`, p.ID, h.String()).Scan(&target)
		})
		if err == nil || !errors.Is(err, db.ErrNone) {
			return "actor", target, err
		}
		found, err := webfinger.Client{Do: s.fetch.Do, PlainHTTP: !p.secure()}.Resolve(ctx, h.String())
		if err != nil {
			return "", "", s.explain("whom", "activitypub.block.whom", err)
		}
		return "actor", found.Actor, nil
	}
	host := hostOf("https://"+typed, true)
	if host == "" || strings.ContainsAny(typed, "/?#") || !strings.ContainsAny(host, ".:") || host == p.host() {
		return "", "", wrong(nil)
	}
	return "domain", host, nil
}

// Unblock opens the door again. Who followed must follow again.
func (s *Server) Unblock(ctx context.Context, institutionID, kind, target string) error {
	if _, err := people.Can(ctx, people.Configure, institutionID); err != nil {
		return err
	}
	now := s.clock()
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `DELETE FROM ap_block WHERE institution_id = $1 AND kind = $2 AND target = $3 AND kind IN ('domain', 'actor')`, institutionID, kind, target)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Missing("activitypub.block.missing")
		}
		return audit.Record(ctx, tx, institutionID, "activitypub.unblock", target, map[string]any{"kind": kind}, now)
	})
}

// handled marks a report as seen to. Fault: NotFound.
func (s *Server) handled(ctx context.Context, institutionID, id string) error {
	who, err := people.Can(ctx, people.Configure, institutionID)
	if err != nil {
		return err
	}
	now := s.clock()
	return s.db.InTx(ctx, func(tx *db.Tx) error {
		n, err := tx.Change(ctx, `UPDATE ap_report SET handled_at = $3, handled_by = $4 WHERE institution_id = $1 AND id = $2 AND handled_at = 0`, institutionID, id, db.At(now), who.PersonID)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Missing("activitypub.report.missing")
		}
		return audit.Record(ctx, tx, institutionID, "activitypub.report", id, nil, now)
	})
}
