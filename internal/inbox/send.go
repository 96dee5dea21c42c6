package inbox

import (
	"context"
	"errors"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// hand gives the newest revision of an answer to the ledger.
func (s *sending) hand(ctx context.Context) (err error) {
	first := s.SentRev == 0
	if s.SentRev = s.Rev; first {
		s.SentAt = s.now
	}
	if err := putAnswer(ctx, s.tx, s.Answer); err != nil {
		return err
	}
	if _, err := s.tx.Exec(ctx, `UPDATE answer_version SET sent = TRUE WHERE institution_id = $1 AND answer_id = $2 AND rev = $3`, s.InstitutionID, s.ID, s.Rev); err != nil {
		return err
	}
	if first {
		err = s.ledger.Carry(ctx, s.tx, s.InstitutionID, AnAnswer, s.ID, s.talk.ChannelID, s.Rev, s.now)
	} else {
		err = s.ledger.Recarry(ctx, s.tx, s.InstitutionID, s.ID, s.Rev, s.now)
	}
	if e := (*channel.Error)(nil); errors.As(err, &e) && e.Code == channel.CodeAnswerGone {
		return fault.Clash("inbox.answer.why.gone")
	}
	if err != nil {
		return err
	}
	return s.happened(ctx, s.tx, s.InstitutionID, s.ConversationID, EventSent, s.ID, s.actor.PersonID, s.now)
}

// Outgoing returns a revision of an answer, ready to go: publishing.Carrier. The
// mention that some platforms need is put before the text by the adapter. Where
// what it answers is gone, the error is a channel.Error with CodeAnswerGone.
func (in *Inbox) Outgoing(ctx context.Context, tx *db.Tx, institutionID, id string, rev int64) (p channel.Post, err error) {
	a, err := AnswerByID(ctx, tx, institutionID, id)
	if err != nil {
		return p, err
	}
	v, err := scanAnswerVersion(tx.QueryRow(ctx, `
		SELECT rev, text, lang, private, person_id, at FROM answer_version WHERE institution_id = $1 AND answer_id = $2 AND rev = $3`, institutionID, id, rev))
	if err != nil {
		return p, err
	}
	talk, err := Find(ctx, tx, institutionID, a.ConversationID)
	if err != nil {
		return p, err
	}
	p = channel.Post{Title: talk.Subject, Text: v.Text, Lang: v.Lang}
	if p.Title == "" {
		p.Title = excerpt(v.Text, maxSubject)
	}
	if p.Lang == "" {
		inst, err := institution.ByID(ctx, tx, institutionID)
		if err != nil {
			return p, err
		}
		p.Lang = inst.Locale
	}
	word, err := CommentByID(ctx, tx, institutionID, a.CommentID)
	if fault.Is(err, fault.NotFound) || err == nil && !word.DeletedAt.IsZero() {
		return p, answerGone()
	}
	if err != nil {
		return p, err
	}
	author, err := AuthorByID(ctx, tx, institutionID, word.AuthorID)
	if err != nil {
		return p, err
	}
	r := word.reply(author)
	r.Private = v.Private || word.Private
	p.To = &r
	r.Root, err = threadRoot(ctx, tx, talk, word)
	return p, err
}

// threadRoot is the remote ID of the first post of the thread in which a comment
// stands, or empty when that is the comment itself.
func threadRoot(ctx context.Context, tx *db.Tx, talk Conversation, word Comment) (string, error) {
	type link struct{ id, parent string }
	links, err := db.All(ctx, tx, func(s db.Scanner) (l link, err error) { err = s.Scan(&l.id, &l.parent); return l, err }, `
		SELECT remote_id, parent_id FROM comment WHERE institution_id = $1 AND conversation_id = $2 AND parent_id <> ''
		UNION ALL
		SELECT p.remote_id, m.remote_id FROM answer a
			JOIN delivery d ON d.institution_id = a.institution_id AND d.message_id = a.id AND d.kind = 'answer'
			JOIN remote_post p ON p.institution_id = d.institution_id AND p.delivery_id = d.id
			JOIN comment m ON m.institution_id = a.institution_id AND m.id = a.comment_id
		WHERE a.institution_id = $1 AND a.conversation_id = $2`, talk.InstitutionID, talk.ID)
	if err != nil {
		return "", err
	}
	parents := make(map[string]string, len(links))
	for _, l := range links {
		parents[l.id] = l.parent
	}
	root := word.RemoteID
	for range len(links) {
		up := parents[root]
		if up == "" || strings.HasPrefix(up, MessageParent) {
			break
		}
		root = up
	}
	if root == word.RemoteID {
		return "", nil
	}
	return root, nil
}

// Settled is told by the ledger where an answer's delivery stands:
// publishing.Carrier. It may be told the same more than once.
func (in *Inbox) Settled(ctx context.Context, tx *db.Tx, del publishing.Delivery) error {
	a, err := AnswerByID(ctx, tx, del.InstitutionID, del.MessageID)
	if err != nil {
		return err
	}
	now := in.clock()
	switch del.State {
	case publishing.Delivered:
		if a.State != AnswerWithdrawn && a.OutAt.IsZero() {
			if err := in.isOut(ctx, tx, a, del, now); err != nil {
				return err
			}
		}
	case publishing.Refused, publishing.Unconfirmed, publishing.GivenUp:
		if err := in.unsent(ctx, tx, a, now); err != nil {
			return err
		}
	}
	return tx.Notify(ctx, Topic, del.InstitutionID)
}

// isOut records that an answer is where it was asked for.
func (in *Inbox) isOut(ctx context.Context, tx *db.Tx, a Answer, del publishing.Delivery, now time.Time) error {
	out := del.OutAt
	if out.IsZero() {
		out = now
	}
	if _, err := tx.Exec(ctx, `UPDATE answer SET out_at = $3 WHERE institution_id = $1 AND id = $2`, a.InstitutionID, a.ID, db.At(out)); err != nil {
		return err
	}
	if a.ModerationID != "" {
		if _, err := tx.Exec(ctx, `UPDATE moderation SET warned_at = $3 WHERE institution_id = $1 AND id = $2 AND warned_at = 0`, a.InstitutionID, a.ModerationID, db.At(out)); err != nil {
			return err
		}
	}
	ch, err := channel.ByID(ctx, tx, a.InstitutionID, del.ChannelID)
	if err != nil {
		return err
	}
	if err := in.happened(ctx, tx, a.InstitutionID, a.ConversationID, EventAnswered, a.ID, "", now); err != nil {
		return err
	}
	h, err := in.hearing(ctx, tx, ch)
	if err == nil {
		err = h.alone(ctx)
	}
	if err != nil {
		return err
	}
	h.touched[a.ConversationID] = true
	for _, remoteID := range strings.Split(del.Remote.ID, ",") {
		if remoteID == "" {
			continue
		}
		if err := h.ownEcho(ctx, remoteID); err != nil {
			return err
		}
		if err := h.adopt(ctx, remoteID, place{conversation: a.ConversationID, delivery: del.ID}); err != nil {
			return err
		}
	}
	return h.finish(ctx)
}

// ownEcho drops the echo of an answer that was heard before we knew its name.
func (h *hearing) ownEcho(ctx context.Context, remoteID string) error {
	for _, drop := range []string{
		`DELETE FROM comment WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3 AND ours`,
		`DELETE FROM early WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3`,
	} {
		if _, err := h.tx.Exec(ctx, drop, h.institution(), h.channel.ID, remoteID); err != nil {
			return err
		}
	}
	return nil
}

// unsent records that an answer did not reach its channel, once for each time.
func (in *Inbox) unsent(ctx context.Context, tx *db.Tx, a Answer, now time.Time) error {
	last, err := db.All(ctx, tx, db.Col[string], `
		SELECT what FROM conversation_event WHERE institution_id = $1 AND conversation_id = $2 AND detail = $3 ORDER BY at DESC, id DESC LIMIT 1`,
		a.InstitutionID, a.ConversationID, a.ID)
	if err != nil || len(last) == 1 && last[0] == EventUnsent {
		return err
	}
	return in.happened(ctx, tx, a.InstitutionID, a.ConversationID, EventUnsent, a.ID, "", now)
}

var _ publishing.Carrier = (*Inbox)(nil)
