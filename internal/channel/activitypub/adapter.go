package activitypub

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
)

// Adapter makes a profile's actor a channel. It holds no state.
type Adapter struct{ s *Server }

var (
	_ channel.Adapter   = (*Adapter)(nil)
	_ channel.Resident  = (*Adapter)(nil)
	_ channel.Moderator = (*Adapter)(nil)
)

// Adapter returns the server as a channel.
func (s *Server) Adapter() *Adapter { return &Adapter{s} }

// Platform is channel.ActivityPub.
func (*Adapter) Platform() channel.Platform { return channel.ActivityPub }

// Our own limits: ActivityPub has none, and other servers show at least so much.
// Sixteen pictures are what Mastodon takes from others (MediaAttachments over
// ActivityPub, 4.3); it shrinks what is larger than 3840 × 2160.
const (
	maxText   = 10_000 // graphemes
	maxImages = 16
	maxAlt    = 1500
)

// Capabilities are the same for every account.
func (*Adapter) Capabilities(channel.Account) channel.Capabilities {
	return channel.Capabilities{
		Source: "https://docs.joinmastodon.org/spec/activitypub/", Read: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Text: count.Graphemes(), MaxText: maxText, MaxAlt: maxAlt,
		Images: maxImages, ImageBytes: 8 << 20, ImageSide: 2048, ImageTypes: []string{"image/jpeg", "image/png", "image/gif", "image/webp"},
		Videos: 4, VideoBytes: 200 << 20, VideoTypes: []string{"video/mp4", "video/webm", "video/quicktime"},
		Mixed: true, Edit: true, Withdraw: true, ReadBack: true, KeyLife: channel.ForEver, Answers: true, Whispers: true, Handles: true, ShowsURL: true,
	}
}

// ConnectFields asks for the name in the actor's address; by default it is that of
// the profile's page.
func (*Adapter) ConnectFields() []channel.ConnectField {
	return []channel.ConnectField{{Name: "name", Optional: true}}
}

// Test proves that the key can be read.
func (a *Adapter) Test(ctx context.Context, acc channel.Account) (channel.Health, error) {
	me, err := a.actor(ctx, acc)
	if err != nil {
		return channel.Health{}, err
	}
	if _, err := a.s.signer(me); err != nil {
		return channel.Health{}, channel.Classify(err, channel.Transient)
	}
	return channel.Health{Limits: json.RawMessage(`{}`), Handle: me.handle(), URL: me.id()}, nil
}

func (a *Adapter) actor(ctx context.Context, acc channel.Account) (me actor, err error) {
	err = a.s.db.Read(ctx, func(tx *db.Tx) (err error) {
		me, err = a.s.actorByChannel(ctx, tx, acc.ID)
		return err
	})
	if err != nil {
		return me, channel.Classify(err, channel.Transient)
	}
	return me, nil
}

// Prepare checks the post and learns who the people are that it names and, of an
// answer, where its reader's inbox is.
func (a *Adapter) Prepare(ctx context.Context, acc channel.Account, p channel.Post, prior channel.Progress, _ func(channel.Progress) error) (channel.Progress, error) {
	if err := check(p); err != nil {
		return prior, err
	}
	me, err := a.actor(ctx, acc)
	if err != nil {
		return prior, err
	}
	if err := a.s.lookFor(ctx, me.place, p); err != nil {
		return prior, channel.Classify(err, channel.Transient)
	}
	if p.To == nil {
		return prior, nil
	}
	r, err := a.s.remote(ctx, me.place, p.To.Author.ID)
	switch {
	case errors.Is(err, errGone), err == nil && r.Inbox == "":
		return prior, &channel.Error{Class: channel.Refused, Code: channel.CodeGone, Err: err}
	case errors.Is(err, errNotTheirs):
		return prior, &channel.Error{Class: channel.Refused, Code: channel.CodeNotFound, Err: err}
	case err != nil:
		return prior, &channel.Error{Class: channel.Transient, Code: channel.CodeUnreachable, Err: err}
	}
	return prior, nil
}

func check(p channel.Post) error {
	if count.Length(count.Graphemes(), p.Text) > maxText {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeTooLong}
	}
	return nil
}

// Finalize stores the object, its Create and all that must be sent, in one
// transaction keyed by the post.
func (a *Adapter) Finalize(ctx context.Context, acc channel.Account, p channel.Post, _ channel.Progress) (remote channel.Remote, err error) {
	if err := check(p); err != nil {
		return remote, err
	}
	err = a.s.db.InTx(ctx, func(tx *db.Tx) error {
		me, err := a.s.actorByChannel(ctx, tx, acc.ID)
		if err != nil {
			return err
		}
		remote, err = a.s.create(ctx, tx, me, p)
		return err
	})
	if err != nil {
		// A commit whose answer was lost may have happened.
		return channel.Remote{}, channel.Classify(err, channel.Unknown)
	}
	return remote, nil
}

func (s *Server) create(ctx context.Context, tx *db.Tx, me actor, p channel.Post) (remote channel.Remote, err error) {
	now := s.clock()
	published := now
	if p.Rich != nil && !p.Rich.Published.IsZero() {
		published = p.Rich.Published
	}
	known, err := s.mayName(ctx, tx, me, p)
	if err != nil {
		return remote, err
	}
	doc := me.document(p, known, published, time.Time{})
	o := object{ID: p.Key, Actor: me.name, ChannelID: me.channel.ID, Link: p.Link, ReplyTo: doc.InReplyTo, Public: slices.ContainsFunc(slices.Concat(doc.To, doc.CC), public), Published: published}
	if o.Body, err = plain(doc); err != nil {
		return remote, err
	}
	remote = channel.Remote{ID: doc.ID, URL: doc.URL}
	if fresh, err := keepObject(ctx, tx, me.ID, o); err != nil || !fresh {
		return remote, err
	}
	inbox := ""
	if p.To != nil {
		if inbox, err = s.inboxFor(ctx, tx, me, p.To.Author.ID, !o.Public); err != nil {
			return remote, err
		}
	}
	// What only answers somebody is found under what it answers, not in the outbox
	// of announcements; servers know both from the addresses.
	id, err := s.say(ctx, tx, me.place, me.name, doc.ID, o.Public, vocab.Action{Type: vocab.Create, Object: o.Body, To: doc.To, CC: doc.CC, Published: vocab.At(now)})
	if err != nil {
		return remote, err
	}
	if o.Public {
		if err := s.toFollowers(ctx, tx, me.ID, me.name, id); err != nil {
			return remote, err
		}
	}
	if err := s.toInbox(ctx, tx, me.place, inbox, id); err != nil {
		return remote, err
	}
	if err := s.toNamed(ctx, tx, me, doc, known, id); err != nil {
		return remote, err
	}
	return remote, s.wake(ctx, tx, me.ID, id)
}

// toNamed tells those whom a post names, if they may read it.
func (s *Server) toNamed(ctx context.Context, tx *db.Tx, me actor, doc vocab.Post, known names, activityID string) error {
	for _, p := range known {
		if slices.Contains(doc.CC, p.ID) {
			if err := s.toInbox(ctx, tx, me.place, p.Inbox, activityID); err != nil {
				return err
			}
		}
	}
	return nil
}

// inboxFor is where to write to somebody: what is for one reader only goes to that
// reader's own inbox. It fails with a *channel.Error of class Refused when they, or
// we, do not want it.
func (s *Server) inboxFor(ctx context.Context, tx *db.Tx, me actor, id string, private bool) (string, error) {
	r, ok, err := knownRemote(ctx, tx, me.ID, id)
	switch {
	case err != nil:
		return "", err
	case !ok:
		return "", &channel.Error{Class: channel.Transient, Code: channel.CodeNotFound, Detail: id}
	case !r.Gone.IsZero():
		return "", &channel.Error{Class: channel.Refused, Code: channel.CodeGone, Detail: id}
	}
	no, err := blocked(ctx, tx, me.ID, r.ID, r.Host, me.name)
	if err != nil {
		return "", err
	}
	if no {
		return "", &channel.Error{Class: channel.Refused, Code: channel.CodeForbidden, Detail: id}
	}
	if private {
		return r.Inbox, nil
	}
	return r.DeliverTo, nil
}

// Find reads our own table: what is not in it was never said.
func (a *Adapter) Find(ctx context.Context, acc channel.Account, p channel.Post, _ channel.Progress) (r channel.Remote, found bool, err error) {
	err = a.s.db.Read(ctx, func(tx *db.Tx) error {
		me, err := a.s.actorByChannel(ctx, tx, acc.ID)
		if err != nil {
			return err
		}
		o, ok, err := objectByID(ctx, tx, me.ID, p.Key)
		found = ok
		r = channel.Remote{ID: me.object(o.ID), URL: o.Link}
		if r.URL == "" {
			r.URL = r.ID
		}
		return err
	})
	if err != nil || !found {
		r = channel.Remote{}
	}
	if err != nil {
		return r, false, channel.Classify(err, channel.Transient)
	}
	return r, found, nil
}

// Edit stores what the post says now and tells everybody who may have got it.
func (a *Adapter) Edit(ctx context.Context, acc channel.Account, p channel.Post, r channel.Remote) (channel.Remote, error) {
	if err := check(p); err != nil {
		return r, err
	}
	if me, err := a.actor(ctx, acc); err == nil {
		if err := a.s.lookFor(ctx, me.place, p); err != nil {
			return r, channel.Classify(err, channel.Transient)
		}
	}
	err := a.s.db.InTx(ctx, func(tx *db.Tx) error {
		me, err := a.s.actorByChannel(ctx, tx, acc.ID)
		if err != nil {
			return err
		}
		o, err := mine(ctx, tx, me, r)
		if err != nil {
			return err
		}
		p.Key = o.ID
		known, err := a.s.mayName(ctx, tx, me, p)
		if err != nil {
			return err
		}
		same := me.document(p, known, o.Published, o.Updated)
		if body, err := plain(same); err != nil || string(body) == string(o.Body) {
			return err
		}
		return a.s.update(ctx, tx, me, p, known, o)
	})
	if err != nil {
		return r, channel.Classify(err, channel.Transient)
	}
	return channel.Remote{ID: r.ID, URL: r.URL}, nil
}

func (s *Server) update(ctx context.Context, tx *db.Tx, me actor, p channel.Post, known names, o object) error {
	now := s.clock()
	doc := me.document(p, known, o.Published, now)
	body, err := plain(doc)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE ap_object SET body = $3, link = $4, updated_at = $5 WHERE institution_id = $1 AND id = $2`,
		me.ID, o.ID, string(body), p.Link, db.At(now)); err != nil {
		return err
	}
	id, err := s.say(ctx, tx, me.place, me.name, doc.ID, false, vocab.Action{Type: vocab.Update, Object: body, To: doc.To, CC: doc.CC, Published: vocab.At(now)})
	if err != nil {
		return err
	}
	if err := s.toNamed(ctx, tx, me, doc, known, id); err != nil {
		return err
	}
	return s.spread(ctx, tx, me, o, id)
}

// mine is the object of ours that a remote copy is. It fails with a *channel.Error.
func mine(ctx context.Context, tx *db.Tx, me actor, r channel.Remote) (object, error) {
	o, ok, err := objectByID(ctx, tx, me.ID, me.objectID(r.ID))
	switch {
	case err != nil:
		return o, err
	case !ok || o.Actor != me.name:
		return o, &channel.Error{Class: channel.Refused, Code: channel.CodeNotFound, Detail: r.ID}
	case !o.Deleted.IsZero():
		return o, &channel.Error{Class: channel.Refused, Code: channel.CodeGone}
	}
	return o, nil
}

// spread sends an activity about an object to all who may have got it, and, if it
// is for everybody, to those who follow now.
func (s *Server) spread(ctx context.Context, tx *db.Tx, me actor, o object, activityID string) error {
	if err := s.toHolders(ctx, tx, me.ID, me.object(o.ID), activityID); err != nil {
		return err
	}
	if o.Public {
		if err := s.toFollowers(ctx, tx, me.ID, me.name, activityID); err != nil {
			return err
		}
	}
	return s.wake(ctx, tx, me.ID, activityID)
}

// Withdraw leaves a Tombstone and tells everybody who may have got the object.
// What still waits to be sent about it is not sent any more.
func (a *Adapter) Withdraw(ctx context.Context, acc channel.Account, r channel.Remote) error {
	err := a.s.db.InTx(ctx, func(tx *db.Tx) error {
		me, err := a.s.actorByChannel(ctx, tx, acc.ID)
		if err != nil {
			return err
		}
		o, err := mine(ctx, tx, me, r)
		if e := (*channel.Error)(nil); errors.As(err, &e) && e.Class == channel.Refused {
			return nil // gone already
		}
		if err != nil {
			return err
		}
		return a.s.remove(ctx, tx, me, o)
	})
	if err != nil {
		return channel.Classify(err, channel.Transient)
	}
	return nil
}

func (s *Server) remove(ctx context.Context, tx *db.Tx, me actor, o object) error {
	now := s.clock()
	var was struct{ Type string }
	if err := json.Unmarshal(o.Body, &was); err != nil {
		return fmt.Errorf("object %s: %w", o.ID, err)
	}
	grave, err := plain(vocab.Tombstone{ID: me.object(o.ID), FormerType: was.Type, Deleted: vocab.At(now)})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE ap_object SET body = $3, deleted_at = $4 WHERE institution_id = $1 AND id = $2`, me.ID, o.ID, string(grave), db.At(now)); err != nil {
		return err
	}
	if err := s.moot(ctx, tx, me.ID, me.object(o.ID)); err != nil {
		return err
	}
	if err := s.revoke(ctx, tx, me.place, `object = $2`, me.object(o.ID)); err != nil {
		return err
	}
	// Everybody may know that it is gone; who got it is not said.
	id, err := s.say(ctx, tx, me.place, me.name, me.object(o.ID), false,
		vocab.Action{Type: vocab.Delete, Object: grave, To: []string{vocab.Public}, Published: vocab.At(now)})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `UPDATE ap_activity SET undone_at = $3 WHERE institution_id = $1 AND object = $2 AND type IN ('Create', 'Update')`,
		me.ID, me.object(o.ID), db.At(now)); err != nil {
		return err
	}
	return s.spread(ctx, tx, me, o, id)
}

// Hide changes nothing elsewhere: what others said stays on their servers. The
// inbox no longer shows it on our site.
func (*Adapter) Hide(context.Context, channel.Account, channel.Reply) error { return nil }

// Unhide undoes Hide.
func (*Adapter) Unhide(context.Context, channel.Account, channel.Reply) error { return nil }

// Report tells the administrators of the author's server (Flag). It is signed by
// the institution, so that it does not say which of our people reports.
func (a *Adapter) Report(ctx context.Context, acc channel.Account, r channel.Reply, reason string) error {
	me, err := a.actor(ctx, acc)
	if err != nil {
		return err
	}
	if _, err := a.s.remote(ctx, me.place, r.Author.ID); err != nil {
		return channel.Classify(err, channel.Transient)
	}
	err = a.s.db.InTx(ctx, func(tx *db.Tx) error {
		var before int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM ap_activity WHERE institution_id = $1 AND type = 'Flag' AND object = $2`, me.ID, r.ID).Scan(&before); err != nil || before > 0 {
			return err
		}
		to, ok, err := knownRemote(ctx, tx, me.ID, r.Author.ID)
		if err != nil || !ok {
			return err
		}
		id, err := a.s.say(ctx, tx, me.place, "", r.ID, false, vocab.Action{Type: vocab.Flag, Object: []string{r.Author.ID, r.ID}, Content: reason, To: []string{r.Author.ID}})
		if err != nil {
			return err
		}
		if err := a.s.toInbox(ctx, tx, me.place, to.DeliverTo, id); err != nil {
			return err
		}
		return a.s.wake(ctx, tx, me.ID, id)
	})
	if err != nil {
		return channel.Classify(err, channel.Transient)
	}
	return nil
}
