package activitypub

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
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

// act does what an activity asks for. What concerns nobody of ours is left alone.
func (s *Server) act(ctx context.Context, tx *db.Tx, in incoming) error {
	switch in.Type {
	case vocab.Follow:
		return s.follow(ctx, tx, in)
	case vocab.Undo:
		return s.undo(ctx, tx, in)
	case vocab.Like, vocab.EmojiReact, vocab.Announce:
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
	}
	return nil
}

func isActor(kind string) bool {
	return slices.Contains([]string{vocab.Person, vocab.Organization, vocab.Service, vocab.Application, vocab.Group}, kind)
}

// follow is accepted at once: what a public office says is for everybody.
func (s *Server) follow(ctx context.Context, tx *db.Tx, in incoming) error {
	name := in.actorName(in.Object.ID)
	_, ok, err := channelOf(ctx, tx, in.ID(), name)
	if err != nil || !ok || in.from.Inbox == "" {
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
	id, err := s.say(ctx, tx, in.place, name, in.Activity.ID, false, vocab.Action{Type: vocab.Accept, To: []string{in.from.ID},
		Object: vocab.Action{ID: in.Activity.ID, Type: vocab.Follow, Actor: in.from.ID, Object: in.actor(name)}})
	if err != nil {
		return err
	}
	if err := s.toInbox(ctx, tx, in.place, in.from.Inbox, id); err != nil {
		return err
	}
	return s.wake(ctx, tx, in.ID(), id)
}

// ID is the institution's.
func (in incoming) ID() string { return in.place.ID }

// undo takes back what the same actor did.
func (s *Server) undo(ctx context.Context, tx *db.Tx, in incoming) error {
	o := in.Object
	if o.Type == "" {
		// Only the id is given: what it was, we wrote down.
		err := tx.QueryRow(ctx, `SELECT type, actor_id FROM ap_received WHERE institution_id = $1 AND activity_id = $2`, in.ID(), o.ID).Scan(&o.Type, &o.Actor)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	if o.Actor != "" && o.Actor != in.from.ID {
		return nil
	}
	switch o.Type {
	case vocab.Follow:
		_, err := tx.Exec(ctx, `DELETE FROM ap_follower WHERE institution_id = $1 AND remote_id = $2 AND (follow_id = $3 OR actor = $4)`,
			in.ID(), in.from.ID, o.ID, in.actorName(o.Object))
		return err
	case vocab.Like, vocab.EmojiReact, vocab.Announce:
		return s.unreact(ctx, tx, in, o)
	case vocab.Block:
		_, err := tx.Exec(ctx, `DELETE FROM ap_block WHERE institution_id = $1 AND kind = 'us' AND target = $2 AND actor = $3`, in.ID(), in.from.ID, in.actorName(o.Object))
		return err
	}
	return nil
}

// reaction is what a reaction of a kind is for the inbox.
func reaction(kind, text string) string {
	switch {
	case kind == vocab.Announce:
		return channel.Boost
	case text != "" && len(text) <= 100:
		return text
	}
	return channel.Like
}

func (s *Server) react(ctx context.Context, tx *db.Tx, in incoming) error {
	o, ok, err := objectByID(ctx, tx, in.ID(), in.objectID(in.Object.ID))
	if err != nil || !ok || !o.Deleted.IsZero() {
		return err
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
	if target, ok, err := objectByID(ctx, tx, in.ID(), in.objectID(o.Object)); err != nil || ok {
		if err != nil {
			return err
		}
		channelID, err := s.hearAt(ctx, tx, in.ID(), target)
		if err != nil {
			return err
		}
		return s.hear(ctx, tx, in.ID(), channelID, []channel.Said{said})
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

// comment hears a post that answers one of ours, or what we heard before, or names
// one of our actors. Nothing else is kept.
func (s *Server) comment(ctx context.Context, tx *db.Tx, in incoming) error {
	o := in.Object
	if !in.owns(o) {
		return nil
	}
	channelID, err := s.channelFor(ctx, tx, in, o)
	if err != nil || channelID == "" {
		return err
	}
	n, err := tx.Change(ctx, `INSERT INTO ap_heard (institution_id, object_id, channel_id, actor_id, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
		in.ID(), o.ID, channelID, in.from.ID, db.At(in.now))
	if err != nil || n == 0 {
		return err
	}
	return s.hear(ctx, tx, in.ID(), channelID, []channel.Said{in.said(channel.Comments, o)})
}

// owns reports whether a post is the sender's own, and says something.
func (in incoming) owns(o vocab.Object) bool {
	return hostOf(o.ID, in.secure()) == in.from.Host && (o.AttributedTo == in.from.ID || o.AttributedTo == "" && isPost(o.Type)) && isPost(o.Type) &&
		(o.Text != "" || len(o.Attachments) > 0)
}

func isPost(kind string) bool {
	return slices.Contains([]string{vocab.Note, vocab.Article, vocab.Event, "Page", "Question", "Video", "Image", "Audio", "Document"}, kind)
}

// channelFor is the channel that a post is for; "" when it is for nobody of ours.
func (s *Server) channelFor(ctx context.Context, tx *db.Tx, in incoming, o vocab.Object) (string, error) {
	for _, id := range []string{o.InReplyTo, o.QuoteOf} {
		ours, ok, err := objectByID(ctx, tx, in.ID(), in.objectID(id))
		if err != nil {
			return "", err
		}
		if ok {
			return s.hearAt(ctx, tx, in.ID(), ours)
		}
	}
	var before string
	err := tx.QueryRow(ctx, `SELECT channel_id FROM ap_heard WHERE institution_id = $1 AND object_id = $2`, in.ID(), o.InReplyTo).Scan(&before)
	if err == nil || !errors.Is(err, db.ErrNone) {
		return before, err
	}
	for _, name := range in.named(o) {
		channelID, ok, err := channelOf(ctx, tx, in.ID(), name)
		if err != nil || ok {
			return channelID, err
		}
	}
	return "", nil
}

// maxNamed is how many of our actors one post may name and be looked for.
const maxNamed = 10

// named are the names of our actors that a post mentions or is addressed to.
func (in incoming) named(o vocab.Object) (names []string) {
	add := func(address string) {
		if name := in.actorName(address); name != "" && len(names) < maxNamed && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, t := range o.Tags {
		if t.Type == "Mention" {
			add(t.Href)
		}
	}
	for _, list := range [][]string{o.To, o.CC, in.To, in.CC} {
		for _, address := range list {
			add(address)
		}
	}
	return names
}

// refs is what the inbox keeps for us beside a comment.
type refs struct {
	Indexable bool `json:"indexable"` // the author lets what it says be searched
}

// said is a post as the inbox hears it.
func (in incoming) said(act channel.Act, o vocab.Object) channel.Said {
	open := slices.ContainsFunc(slices.Concat(o.To, o.CC, in.To, in.CC), public)
	about, _ := json.Marshal(refs{in.from.Indexable})
	said := channel.Said{Act: act, ID: o.ID, URL: o.URL, Parent: o.InReplyTo, Author: in.from.author(), Text: o.Text, Subject: o.Name, Lang: o.Lang,
		Private: !open, At: in.when(o.Published), Refs: about}
	if said.Subject == "" {
		said.Subject = o.Summary
	}
	if said.Parent == "" && in.objectID(o.QuoteOf) != "" {
		said.Parent, said.Quotes = o.QuoteOf, true
	}
	for _, a := range o.Attachments {
		if len(said.Media) == channel.MaxSaidMedia {
			break
		}
		said.Media = append(said.Media, channel.SaidMedia{URL: a.URL, ContentType: a.MediaType, Alt: a.Alt})
	}
	return said
}

// heard is where something that we heard was told; ok is false when it was not, or
// was said by somebody else.
func (in incoming) heard(ctx context.Context, tx *db.Tx, objectID string) (channelID string, ok bool, err error) {
	err = tx.QueryRow(ctx, `SELECT channel_id FROM ap_heard WHERE institution_id = $1 AND object_id = $2 AND actor_id = $3`, in.ID(), objectID, in.from.ID).Scan(&channelID)
	if errors.Is(err, db.ErrNone) {
		return "", false, nil
	}
	return channelID, err == nil, err
}

func (s *Server) edited(ctx context.Context, tx *db.Tx, in incoming) error {
	channelID, ok, err := in.heard(ctx, tx, in.Object.ID)
	if err != nil || !ok || !in.owns(in.Object) {
		return err
	}
	said := in.said(channel.Edited, in.Object)
	if said.At = in.when(in.Object.Updated); in.Object.Updated.IsZero() {
		said.At = in.now
	}
	return s.hear(ctx, tx, in.ID(), channelID, []channel.Said{said})
}

func (s *Server) deleted(ctx context.Context, tx *db.Tx, in incoming) error {
	if in.Object.ID == in.from.ID {
		return s.vanished(ctx, tx, in)
	}
	channelID, ok, err := in.heard(ctx, tx, in.Object.ID)
	if err != nil || !ok {
		return err
	}
	return s.hear(ctx, tx, in.ID(), channelID, []channel.Said{{Act: channel.Deleted, ID: in.Object.ID, Author: in.from.author(), At: in.now}})
}

// vanished follows an actor that is no more: nothing of theirs stays.
func (s *Server) vanished(ctx context.Context, tx *db.Tx, in incoming) error {
	if err := s.hearEverywhere(ctx, tx, in.ID(), channel.Said{Act: channel.Vanished, Author: channel.Author{ID: in.from.ID}, At: in.now}); err != nil {
		return err
	}
	for _, q := range []string{
		`DELETE FROM ap_follower WHERE institution_id = $1 AND remote_id = $2`,
		`DELETE FROM ap_heard WHERE institution_id = $1 AND actor_id = $2`,
	} {
		if _, err := tx.Exec(ctx, q, in.ID(), in.from.ID); err != nil {
			return err
		}
	}
	// The key stays until the row is tidied away: what they still send can be proven.
	_, err := tx.Exec(ctx, `UPDATE ap_remote SET gone_at = $3, handle = '', name = '', url = '', avatar = '' WHERE institution_id = $1 AND id = $2`,
		in.ID(), in.from.ID, db.At(in.now))
	return err
}

// blockedBy honours that somebody wants nothing more from one of our actors.
func (s *Server) blockedBy(ctx context.Context, tx *db.Tx, in incoming) error {
	name := in.actorName(in.Object.ID)
	if _, ok, err := channelOf(ctx, tx, in.ID(), name); err != nil || !ok {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM ap_follower WHERE institution_id = $1 AND actor = $2 AND remote_id = $3`, in.ID(), name, in.from.ID); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `INSERT INTO ap_block (institution_id, kind, target, actor, at) VALUES ($1, 'us', $2, $3, $4) ON CONFLICT DO NOTHING`,
		in.ID(), in.from.ID, name, db.At(in.now))
	return err
}

// reported keeps what another server reports about us for the administrator.
func (s *Server) reported(ctx context.Context, tx *db.Tx, in incoming) error {
	var ours []string
	for _, id := range in.Objects {
		if in.actorName(id) != "" || in.objectID(id) != "" {
			ours = append(ours, id)
		}
	}
	if len(ours) == 0 {
		return nil
	}
	list, err := json.Marshal(ours)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, `INSERT INTO ap_report (institution_id, id, actor_id, objects, content, at) VALUES ($1, $2, $3, $4, $5, $6)`,
		in.ID(), db.NewID(), in.from.ID, string(list), in.Text, db.At(in.now))
	return err
}
