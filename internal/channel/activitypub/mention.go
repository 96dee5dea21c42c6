package activitypub

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/webfinger"
	"codeberg.org/arengo/arengo/internal/db"
)

const (
	// maxMentions is how many people one post may name; the others are plain text.
	maxMentions = 20
	// nameFor is how long it is believed whose a name is, and nobodyFor that it is
	// nobody's or that its server cannot be reached.
	nameFor   = 7 * 24 * time.Hour
	nobodyFor = 10 * time.Minute
	// namesIn is how long we look for the people of one post. A message never waits
	// longer for a mention: who was not found by then is plain text in it.
	namesIn = 12 * time.Second
)

// handles are the names of the Fediverse in a post, in lower case, each once.
func handles(p channel.Post) (all []string) {
	texts := []string{p.Text}
	if p.Rich != nil {
		texts = append(texts, p.Rich.HTML)
	}
	seen := map[string]bool{}
	for _, text := range texts {
		for _, found := range clickable.FindAllString(text, -1) {
			if found[0] != '@' {
				continue
			}
			h, err := webfinger.ParseHandle(strings.TrimRight(found, ".-_"))
			if name := strings.ToLower(h.String()); err == nil && !seen[name] && len(all) < maxMentions {
				seen[name] = true
				all = append(all, name)
			}
		}
	}
	return all
}

// lookFor finds out who the people are that a post names, as far as we do not know
// lately. It may be repeated; whoever cannot be found is left out.
func (s *Server) lookFor(ctx context.Context, p place, post channel.Post) error {
	all := handles(post)
	if len(all) == 0 {
		return nil
	}
	now := s.clock()
	fresh := map[string]bool{}
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		for _, h := range all {
			var actorID string
			var at int64
			err := tx.QueryRow(ctx, `SELECT actor_id, at FROM ap_name WHERE institution_id = $1 AND handle = $2`, p.ID, h).Scan(&actorID, &at)
			if err != nil && !errors.Is(err, db.ErrNone) {
				return err
			}
			life := nameFor
			if actorID == "" {
				life = nobodyFor
			}
			fresh[h] = err == nil && now.Sub(db.When(at)) < life
		}
		return nil
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, namesIn)
	defer cancel()
	var found sync.Map
	var g errgroup.Group
	g.SetLimit(4)
	for _, h := range all {
		if !fresh[h] && !strings.HasSuffix(h, "@"+p.host()) {
			g.Go(func() error {
				id, err := s.whois(ctx, p, h)
				if err != nil {
					s.log.InfoContext(ctx, "somebody who is named was not found", "handle", h, "error", err.Error())
				}
				found.Store(h, id)
				return nil
			})
		}
	}
	_ = g.Wait() // none of them fails
	return s.db.InTx(context.WithoutCancel(ctx), func(tx *db.Tx) (err error) {
		found.Range(func(h, id any) bool {
			_, err = tx.Exec(ctx, `
				INSERT INTO ap_name (institution_id, handle, actor_id, at) VALUES ($1, $2, $3, $4)
				ON CONFLICT (institution_id, handle) DO UPDATE SET at = excluded.at,
					actor_id = CASE WHEN excluded.actor_id = '' THEN ap_name.actor_id ELSE excluded.actor_id END`, p.ID, h, id, db.At(now))
			return err == nil
		})
		return err
	})
}

// whois asks a server whose a name is, and the actor itself.
func (s *Server) whois(ctx context.Context, p place, handle string) (id string, err error) {
	found, err := webfinger.Client{Do: s.fetch.Do, PlainHTTP: !p.secure()}.Resolve(ctx, handle)
	if err != nil {
		return "", err
	}
	r, err := s.remote(ctx, p, found.Actor)
	return r.ID, err
}

// mayName are those whom a post names and who want to hear of us: actors of ours, and
// others as we found them.
func (s *Server) mayName(ctx context.Context, tx *db.Tx, me actor, p channel.Post) (names, error) {
	known := names{}
	for _, h := range handles(p) {
		user, host, _ := strings.Cut(strings.TrimPrefix(h, "@"), "@")
		if host == me.host() {
			if _, ok, err := channelOf(ctx, tx, me.ID, user); err != nil || !ok {
				if err != nil {
					return nil, err
				}
				continue
			}
			known[h] = person{ID: me.place.actor(user), URL: me.place.actor(user), Handle: me.place.handle(user)}
			continue
		}
		r, ok, err := remoteWhere(ctx, tx, `id = (SELECT actor_id FROM ap_name WHERE institution_id = $1 AND handle = $2) AND gone_at = 0`, me.ID, h)
		if err != nil {
			return nil, err
		}
		if !ok || r.Inbox == "" {
			continue
		}
		no, err := blocked(ctx, tx, me.ID, r.ID, r.Host, me.name)
		if err != nil {
			return nil, err
		}
		if !no {
			known[h] = person{ID: r.ID, URL: r.URL, Handle: h, Inbox: r.DeliverTo}
		}
	}
	return known, nil
}
