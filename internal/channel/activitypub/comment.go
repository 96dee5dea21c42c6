package activitypub

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/db"
)

// posts are the kinds of object that somebody says something with. Lemmy says Page,
// Pleroma's private words are a ChatMessage, PeerTube's a Video.
var posts = []string{vocab.Note, vocab.Article, vocab.Event, "Page", "Question", "Video", "Image", "Audio", "Document", "ChatMessage"}

func isPost(kind string) bool { return slices.Contains(posts, kind) }

// comment hears a post that answers one of ours, or what we heard before, or names
// one of our actors. Nothing else is kept.
func (s *Server) comment(ctx context.Context, tx *db.Tx, in incoming) error {
	o := in.Object
	channelID, err := s.channelFor(ctx, tx, in, o)
	switch {
	case err != nil:
		return err
	case channelID == "":
		return errIdle
	}
	if err := in.owns(o); err != nil {
		return err
	}
	n, err := tx.Change(ctx, `
		INSERT INTO ap_heard (institution_id, object_id, channel_id, actor_id, at) SELECT CAST($1 AS TEXT), CAST($2 AS TEXT), CAST($3 AS TEXT), CAST($4 AS TEXT), CAST($5 AS BIGINT)
		WHERE NOT EXISTS (SELECT 1 FROM ap_received WHERE institution_id = $1 AND activity_id = $6) ON CONFLICT DO NOTHING`,
		in.ID(), o.ID, channelID, in.from.ID, db.At(in.now), takenBackKey(o.ID, in.from.ID))
	if err != nil || n == 0 {
		return err
	}
	said, err := s.said(ctx, tx, in, channel.Comments, o)
	if err != nil {
		return err
	}
	return s.hear(ctx, tx, in.ID(), channelID, []channel.Said{said})
}

// owns refuses a post that is not the sender's own, or that says nothing.
func (in incoming) owns(o vocab.Object) error {
	switch {
	case !isPost(o.Type):
		return unheard("a " + o.Type + " is not heard here")
	case hostOf(o.ID, in.secure()) != in.from.Host:
		return unheard("the post is of another server")
	// A group's server names the group beside the author, or before.
	case len(o.AttributedTo) > 0 && !slices.Contains(o.AttributedTo, in.from.ID):
		return unheard("the post is of another author")
	case o.Type == vocab.Note && o.Text == "" && o.Name != "":
		return unheard("a vote, and there is no poll")
	case wordsOf(o) == "" && len(o.Attachments) == 0:
		return unheard("the post says nothing")
	}
	return nil
}

// channelFor is the channel that a post is for; "" when it is for nobody of ours.
func (s *Server) channelFor(ctx context.Context, tx *db.Tx, in incoming, o vocab.Object) (string, error) {
	for _, id := range []string{o.InReplyTo, o.QuoteOf} {
		ours, ok, err := s.ourObject(ctx, tx, in.place, id)
		if err != nil {
			return "", err
		}
		if ok {
			return s.hearAt(ctx, tx, in.ID(), ours)
		}
	}
	if o.InReplyTo != "" {
		var before string
		if err := one(tx.QueryRow(ctx, `SELECT channel_id FROM ap_heard WHERE institution_id = $1 AND object_id = $2`, in.ID(), o.InReplyTo), &before); err != nil || before != "" {
			return before, err
		}
	}
	for _, address := range in.named(o) {
		_, channelID, err := s.ourActor(ctx, tx, in.place, address)
		if err != nil || channelID != "" {
			return channelID, err
		}
	}
	return "", nil
}

// said is a post as the inbox hears it.
func (s *Server) said(ctx context.Context, tx *db.Tx, in incoming, act channel.Act, o vocab.Object) (channel.Said, error) {
	how := in.reach(o)
	about, err := json.Marshal(refs{in.from.Indexable, how})
	if err != nil {
		return channel.Said{}, err
	}
	said := channel.Said{Act: act, ID: o.ID, URL: o.URL, Author: in.from.author(), Text: in.spoken(wordsOf(o), o), Subject: o.Name, Lang: o.Lang,
		Private: how == few, At: in.when(o.Published), Refs: about}
	if said.Subject == said.Text {
		said.Subject = ""
	}
	if said.Subject == "" {
		said.Subject = o.Summary
	}
	if said.Parent, err = s.parent(ctx, tx, in, o.InReplyTo); err != nil || said.Parent != "" {
		return with(said, o.Attachments), err
	}
	quoted, ok, err := s.ourObject(ctx, tx, in.place, o.QuoteOf)
	if ok {
		said.Parent, said.Quotes = in.object(quoted.ID), true
	}
	return with(said, o.Attachments), err
}

// parent is the id under which we know what a post answers.
func (s *Server) parent(ctx context.Context, tx *db.Tx, in incoming, address string) (string, error) {
	o, ok, err := s.ourObject(ctx, tx, in.place, address)
	if ok {
		return in.object(o.ID), err
	}
	return address, err
}

// wordsOf are what a post says: what has only a name says that, with the page that it
// is about.
func wordsOf(o vocab.Object) string {
	if o.Text != "" || o.Name == "" {
		return o.Text
	}
	text := o.Name
	for _, a := range o.Attachments {
		if a.Link {
			text += "\n\n" + a.URL
		}
	}
	return text
}

// spoken is a text without the names at its head, by which servers say whom it is
// for: ours, which goes without saying, and that of whoever else is in the thread.
func (in incoming) spoken(text string, o vocab.Object) string {
	rest := strings.TrimSpace(text)
	for strings.HasPrefix(rest, "@") {
		name, after, _ := strings.Cut(rest, " ")
		if line, below, ok := strings.Cut(name, "\n"); ok {
			name, after = line, below+" "+after
		}
		if !in.mentions(strings.TrimRight(name, ",:;."), o) {
			break
		}
		rest = strings.TrimSpace(after)
	}
	if rest == "" {
		return text // it says nothing but names
	}
	return rest
}

// mentions reports whether a word is a mention, of an actor of ours or of whoever the
// post's tags name.
func (in incoming) mentions(word string, o vocab.Object) bool {
	user, host, _ := strings.Cut(strings.TrimPrefix(word, "@"), "@")
	if user == "" {
		return false
	}
	if strings.EqualFold(host, in.host()) {
		return true
	}
	return slices.ContainsFunc(o.Tags, func(t vocab.Tag) bool {
		named, _, _ := strings.Cut(strings.TrimPrefix(t.Name, "@"), "@")
		return t.Type == "Mention" && strings.EqualFold(named, user)
	})
}

func with(said channel.Said, files []vocab.Attachment) channel.Said {
	for _, a := range files {
		if len(said.Media) == channel.MaxSaidMedia {
			break
		}
		if !a.Link {
			said.Media = append(said.Media, channel.SaidMedia{URL: a.URL, ContentType: a.MediaType, Alt: a.Alt})
		}
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

// edited hears a change. A post that names us only now was not heard before.
func (s *Server) edited(ctx context.Context, tx *db.Tx, in incoming) error {
	channelID, ok, err := in.heard(ctx, tx, in.Object.ID)
	switch {
	case err != nil:
		return err
	case !ok:
		return s.comment(ctx, tx, in)
	}
	if err := in.owns(in.Object); err != nil {
		return err
	}
	said, err := s.said(ctx, tx, in, channel.Edited, in.Object)
	if err != nil {
		return err
	}
	if said.At = in.when(in.Object.Updated); in.Object.Updated.IsZero() {
		said.At = in.now
	}
	return s.hear(ctx, tx, in.ID(), channelID, []channel.Said{said})
}

// takenBackKey is under what it is kept among the received that an actor took back
// something that we do not have: it may still be on its way.
func takenBackKey(objectID, actorID string) string {
	sum := sha256.Sum256([]byte(objectID + "\n" + actorID))
	return "taken back " + hex.EncodeToString(sum[:])
}

func (s *Server) deleted(ctx context.Context, tx *db.Tx, in incoming) error {
	if in.Object.ID == in.from.ID {
		return s.vanished(ctx, tx, in)
	}
	if _, err := tx.Exec(ctx, `DELETE FROM ap_grant WHERE institution_id = $1 AND interacting = $2 AND remote_id = $3`, in.ID(), in.Object.ID, in.from.ID); err != nil {
		return err
	}
	channelID, ok, err := in.heard(ctx, tx, in.Object.ID)
	if err != nil {
		return err
	}
	if !ok {
		if hostOf(in.Object.ID, in.secure()) != in.from.Host {
			return errIdle
		}
		_, err := tx.Exec(ctx, `INSERT INTO ap_received (institution_id, activity_id, actor_id, type, at) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`,
			in.ID(), takenBackKey(in.Object.ID, in.from.ID), in.from.ID, in.Type, db.At(in.now))
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
		`DELETE FROM ap_grant WHERE institution_id = $1 AND remote_id = $2`,
		`DELETE FROM ap_name WHERE institution_id = $1 AND actor_id = $2`,
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
