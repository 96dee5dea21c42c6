package activitypub

import (
	"context"
	"errors"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
)

// Followers are bounded: each is an inbox that we write to. A server by a number far
// above what the largest one has of one town, whoever owns a domain by the number of
// servers below it, and all together.
const (
	maxFollowersOfServer = 20_000
	maxServersOfSite     = 100
	maxFollowers         = 100_000
)

// follow is accepted at once: what a public office says is for everybody.
func (s *Server) follow(ctx context.Context, tx *db.Tx, in incoming) error {
	name, _, err := s.ourActor(ctx, tx, in.place, in.Object.ID)
	switch {
	case err != nil:
		return err
	case name == "":
		return errIdle
	case in.from.Inbox == "":
		return unheard("the follower has no inbox on a server of its own")
	}
	if err := s.room(ctx, tx, in); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO ap_follower (institution_id, actor, remote_id, follow_id, at) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (institution_id, actor, remote_id) DO UPDATE SET follow_id = excluded.follow_id`,
		in.ID(), name, in.from.ID, in.Activity.ID, db.At(in.now)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM ap_block WHERE institution_id = $1 AND kind = 'us' AND target = $2 AND actor = $3`, in.ID(), in.from.ID, name); err != nil {
		return err
	}
	return s.replyTo(ctx, tx, in, name, vocab.Action{Type: vocab.Accept})
}

// crowd is how many follow an institution, as we counted a moment ago.
type crowd struct {
	at       time.Time
	all      int
	byServer map[string]int
	bySite   map[string]int // servers
}

// crowdFor is how long a count is believed. What this node adds is counted at once.
const crowdFor = 30 * time.Second

// crowds keeps the counts of the institutions.
type crowds struct {
	mu sync.Mutex
	by map[string]*crowd
}

// room refuses followers beyond the bounds.
func (s *Server) room(ctx context.Context, tx *db.Tx, in incoming) error {
	s.crowds.mu.Lock()
	c := s.crowds.by[in.ID()]
	s.crowds.mu.Unlock()
	if c == nil || in.now.Sub(c.at) > crowdFor || in.now.Before(c.at) {
		var err error
		if c, err = countCrowd(ctx, tx, in.ID(), in.now); err != nil {
			return err
		}
	}
	s.crowds.mu.Lock()
	defer s.crowds.mu.Unlock()
	if s.crowds.by == nil {
		s.crowds.by = map[string]*crowd{}
	}
	s.crowds.by[in.ID()] = c
	here, domain := c.byServer[in.from.Host], site(in.from.Host)
	if c.all >= s.limits.Followers || here >= maxFollowersOfServer || here == 0 && c.bySite[domain] >= maxServersOfSite {
		return unheard("no more followers from there")
	}
	c.all++
	c.byServer[in.from.Host]++
	if here == 0 {
		c.bySite[domain]++
	}
	return nil
}

func countCrowd(ctx context.Context, tx *db.Tx, institutionID string, now time.Time) (*crowd, error) {
	c := &crowd{at: now, byServer: map[string]int{}, bySite: map[string]int{}}
	type server struct {
		host string
		n    int
	}
	all, err := db.All(ctx, tx, func(r db.Scanner) (x server, err error) { err = r.Scan(&x.host, &x.n); return x, err }, `
		SELECT r.host, count(*) FROM ap_follower f JOIN ap_remote r ON r.institution_id = f.institution_id AND r.id = f.remote_id
		WHERE f.institution_id = $1 GROUP BY r.host`, institutionID)
	for _, x := range all {
		c.all += x.n
		c.byServer[x.host] = x.n
		c.bySite[site(x.host)]++
	}
	return c, err
}

// undo takes back what the same actor did.
func (s *Server) undo(ctx context.Context, tx *db.Tx, in incoming) error {
	o := in.Object
	if o.Type == "" {
		// Only the id is given: what it was, we wrote down.
		err := tx.QueryRow(ctx, `SELECT type, actor_id FROM ap_received WHERE institution_id = $1 AND activity_id = $2`, in.ID(), o.ID).Scan(&o.Type, &o.Actor)
		if errors.Is(err, db.ErrNone) {
			return errIdle
		}
		if err != nil {
			return err
		}
	}
	if o.Actor != "" && o.Actor != in.from.ID {
		return unheard("what another did is not undone")
	}
	switch o.Type {
	case vocab.Follow:
		name, _, err := s.ourActor(ctx, tx, in.place, o.Object)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, `DELETE FROM ap_follower WHERE institution_id = $1 AND remote_id = $2 AND (follow_id = $3 OR actor = $4)`, in.ID(), in.from.ID, o.ID, name)
		return err
	case vocab.Like, vocab.EmojiReact, vocab.Announce, vocab.Dislike:
		return s.unreact(ctx, tx, in, o)
	case vocab.Block:
		_, err := tx.Exec(ctx, `DELETE FROM ap_block WHERE institution_id = $1 AND kind = 'us' AND target = $2 AND actor = $3`, in.ID(), in.from.ID, in.actorName(o.Object))
		return err
	}
	return errIdle
}

// blockedBy honours that somebody wants nothing more from one of our actors.
func (s *Server) blockedBy(ctx context.Context, tx *db.Tx, in incoming) error {
	name, _, err := s.ourActor(ctx, tx, in.place, in.Object.ID)
	switch {
	case err != nil:
		return err
	case name == "":
		return errIdle
	}
	if _, err := tx.Exec(ctx, `DELETE FROM ap_follower WHERE institution_id = $1 AND actor = $2 AND remote_id = $3`, in.ID(), name, in.from.ID); err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO ap_block (institution_id, kind, target, actor, at) VALUES ($1, 'us', $2, $3, $4) ON CONFLICT DO NOTHING`,
		in.ID(), in.from.ID, name, db.At(in.now))
	return err
}
