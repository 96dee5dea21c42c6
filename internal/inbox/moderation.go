package inbox

import (
	"context"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/people"
)

// moderating is one act of moderation.
type moderating struct {
	*Inbox
	tx    *db.Tx
	actor people.Actor
	now   time.Time
	word  Comment
	by    Author
}

// onComment runs an act of moderation on a comment of somebody outside, in one
// transaction.
func (in *Inbox) onComment(ctx context.Context, institutionID, commentID string, do func(*moderating) error) error {
	actor, err := people.Can(ctx, people.Moderate, institutionID)
	if err != nil {
		return err
	}
	now := in.clock()
	return in.db.InTx(ctx, func(tx *db.Tx) error {
		word, err := CommentByID(ctx, tx, institutionID, commentID)
		if err != nil {
			return err
		}
		if _, err := lock(ctx, tx, institutionID, word.ConversationID); err != nil {
			return err
		}
		if word, err = CommentByID(ctx, tx, institutionID, commentID); err != nil {
			return err
		}
		if word.Ours {
			return fault.Clash("inbox.moderation.ours")
		}
		by, err := AuthorByID(ctx, tx, institutionID, word.AuthorID)
		if err != nil {
			return err
		}
		m := &moderating{in, tx, actor, now, word, by}
		if err := do(m); err != nil {
			return err
		}
		if err := putComment(ctx, tx, m.word); err != nil {
			return err
		}
		return in.sumUp(ctx, tx, institutionID, m.word.ConversationID, now)
	})
}

// because checks the rule and the reason of an act: nobody's words are taken away
// without naming the rule of the policy that they broke.
func because(rule, reason string) (string, string, error) {
	var f fault.Fields
	rule = line(rule, maxLine)
	if rule == "" {
		f.Add("rule", "inbox.moderation.rule")
	}
	reason, err := lines("reason", reason, MaxReason)
	if err != nil {
		f.Add("reason", "fault.field.long", MaxReason)
	}
	return rule, reason, f.Err()
}

// record writes an act into the moderation log, with the words and the author as
// they are now, and into the history.
func (m *moderating) record(ctx context.Context, act ModerationAct, event, rule, reason string) (Moderation, error) {
	l := Moderation{InstitutionID: m.word.InstitutionID, ID: db.NewID(), ConversationID: m.word.ConversationID, CommentID: m.word.ID, Act: act,
		Rule: rule, Reason: reason, Text: m.word.Text, Author: m.by.title(), PersonID: m.actor.PersonID, At: m.now}
	return l, m.write(ctx, l, event, m.word.ID)
}

func (m *moderating) write(ctx context.Context, l Moderation, event, about string) error {
	_, err := m.tx.Exec(ctx, `
		INSERT INTO moderation (institution_id, id, conversation_id, comment_id, action, rule, reason, text, author, person_id, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		l.InstitutionID, l.ID, l.ConversationID, l.CommentID, l.Act, l.Rule, l.Reason, l.Text, l.Author, l.PersonID, db.At(l.At))
	if err != nil {
		return err
	}
	if err := m.happened(ctx, m.tx, l.InstitutionID, l.ConversationID, event, about, m.actor.PersonID, m.now); err != nil {
		return err
	}
	return audit.Record(ctx, m.tx, l.InstitutionID, "moderation."+string(l.Act), about, map[string]string{"moderation": l.ID, "rule": l.Rule}, m.now)
}

// title is who an author is, in one line of the log.
func (a Author) title() string {
	switch {
	case a.Name == "":
		return a.Handle
	case a.Handle == "" || a.Handle == a.Name:
		return a.Name
	}
	return a.Name + " (" + a.Handle + ")"
}

// Release lets others see a comment that waited for our approval.
func (in *Inbox) Release(ctx context.Context, institutionID, commentID string) error {
	return in.onComment(ctx, institutionID, commentID, func(m *moderating) error {
		if !m.word.Held {
			return nil
		}
		m.word.Held = false
		if err := m.happened(ctx, m.tx, institutionID, m.word.ConversationID, EventReleased, commentID, m.actor.PersonID, m.now); err != nil {
			return err
		}
		return audit.Record(ctx, m.tx, institutionID, "moderation.release", commentID, nil, m.now)
	})
}

// Refuse keeps a comment that waited for our approval from ever being seen.
// Faults: Invalid without a rule, NotFound, Conflict when it does not wait.
func (in *Inbox) Refuse(ctx context.Context, institutionID, commentID, rule, reason string) (l Moderation, err error) {
	if rule, reason, err = because(rule, reason); err != nil {
		return l, err
	}
	return l, in.onComment(ctx, institutionID, commentID, func(m *moderating) error {
		if !m.word.Held {
			return fault.Clash("inbox.moderation.not_held")
		}
		m.word.Held, m.word.HiddenAt = false, m.now
		l, err = m.record(ctx, ActRefuse, EventRefused, rule, reason)
		return err
	})
}

// Hide takes a comment from others' sight, here and, where the platform lets us,
// there. A warning is sent to its author as an answer, by the rules of answers.
// Faults: Invalid without a rule or with a warning that cannot reach anybody,
// NotFound, Conflict when it is hidden already.
func (in *Inbox) Hide(ctx context.Context, institutionID, commentID, rule, reason, warning string) (l Moderation, err error) {
	if rule, reason, err = because(rule, reason); err != nil {
		return l, err
	}
	if warning, err = lines("warning", warning, MaxAnswer); err != nil {
		return l, err
	}
	return l, in.onComment(ctx, institutionID, commentID, func(m *moderating) error {
		if !m.word.HiddenAt.IsZero() {
			return fault.Clash("inbox.moderation.hidden")
		}
		if l, err = m.record(ctx, ActHide, EventHidden, rule, reason); err != nil {
			return err
		}
		if warning != "" {
			if err := m.warn(ctx, &l, warning); err != nil {
				return err
			}
		}
		m.word.HiddenAt, m.word.Held = m.now, false
		return m.there(ctx, l)
	})
}

// warn answers the comment with a warning, for its author's eyes where the channel
// can, and says where to ask for another judgement. It goes out, or waits for
// approval, as any answer does.
func (m *moderating) warn(ctx context.Context, l *Moderation, text string) error {
	whole := text
	if m.appeal != nil {
		where, err := m.appeal(ctx, m.tx, l.InstitutionID, l.ID)
		if err != nil {
			return err
		}
		whole += "\n\n" + where
	}
	c, err := channel.ByID(ctx, m.tx, l.InstitutionID, m.word.ChannelID)
	if err != nil {
		return err
	}
	s, err := m.begin(ctx, m.tx, l.InstitutionID, AnswerDraft{ConversationID: l.ConversationID, CommentID: l.CommentID, Text: whole,
		Private: m.channels.Capabilities(c).Whispers}, m.actor, m.now)
	if fault.Is(err, fault.Conflict) {
		return fault.InvalidField("warning", fault.Of(err).Text.Key)
	}
	if err != nil {
		return err
	}
	s.ModerationID = l.ID
	if err := s.fits("warning"); err != nil {
		return err
	}
	if err := s.submit(ctx); err != nil {
		return err
	}
	if err := s.put(ctx, "answer.create"); err != nil {
		return err
	}
	l.Warning = text
	_, err = m.tx.Exec(ctx, `UPDATE moderation SET warning = $3 WHERE institution_id = $1 AND id = $2`, l.InstitutionID, l.ID, text)
	return err
}

// Unhide gives a hidden comment back to others' sight.
func (in *Inbox) Unhide(ctx context.Context, institutionID, commentID, reason string) (l Moderation, err error) {
	if reason, err = lines("reason", reason, MaxReason); err != nil {
		return l, err
	}
	return l, in.onComment(ctx, institutionID, commentID, func(m *moderating) error {
		if m.word.HiddenAt.IsZero() {
			return fault.Clash("inbox.moderation.not_hidden")
		}
		l, err = m.unhide(ctx, reason)
		return err
	})
}

func (m *moderating) unhide(ctx context.Context, reason string) (Moderation, error) {
	m.word.HiddenAt = time.Time{}
	l, err := m.record(ctx, ActUnhide, EventUnhidden, "", reason)
	if err != nil {
		return l, err
	}
	return l, m.there(ctx, l)
}

// Report tells the platform of words that broke a rule.
func (in *Inbox) Report(ctx context.Context, institutionID, commentID, rule, reason string) (l Moderation, err error) {
	if rule, reason, err = because(rule, reason); err != nil {
		return l, err
	}
	return l, in.onComment(ctx, institutionID, commentID, func(m *moderating) error {
		ch, err := channel.ByID(ctx, m.tx, institutionID, m.word.ChannelID)
		if err != nil {
			return err
		}
		if _, ok := in.channels.Adapter(ch.Platform).(channel.Moderator); !ok {
			return fault.Clash("inbox.moderation.report.nobody")
		}
		if l, err = m.record(ctx, ActReport, EventReported, rule, reason); err != nil {
			return err
		}
		return m.enqueue(ctx, l)
	})
}

// Block leaves out all that an author says from now on. What was said stays.
// Faults: Invalid without a rule, NotFound, Conflict when blocked already.
func (in *Inbox) Block(ctx context.Context, institutionID, authorID, rule, reason string) (l Moderation, err error) {
	if rule, reason, err = because(rule, reason); err != nil {
		return l, err
	}
	return in.onAuthor(ctx, institutionID, authorID, ActBlock, rule, reason)
}

// Unblock hears an author again.
func (in *Inbox) Unblock(ctx context.Context, institutionID, authorID, reason string) (l Moderation, err error) {
	if reason, err = lines("reason", reason, MaxReason); err != nil {
		return l, err
	}
	return in.onAuthor(ctx, institutionID, authorID, ActUnblock, "", reason)
}

func (in *Inbox) onAuthor(ctx context.Context, institutionID, authorID string, act ModerationAct, rule, reason string) (l Moderation, err error) {
	actor, err := people.Can(ctx, people.Moderate, institutionID)
	if err != nil {
		return l, err
	}
	now := in.clock()
	return l, in.db.InTx(ctx, func(tx *db.Tx) error {
		m := &moderating{Inbox: in, tx: tx, actor: actor, now: now}
		l, err = m.block(ctx, institutionID, authorID, act, rule, reason)
		return err
	})
}

// block stores whether an author is heard.
func (m *moderating) block(ctx context.Context, institutionID, authorID string, act ModerationAct, rule, reason string) (l Moderation, err error) {
	if m.by, err = AuthorByID(ctx, m.tx, institutionID, authorID); err != nil {
		return l, err
	}
	at, event := m.now, EventBlocked
	if act == ActUnblock {
		at, event = time.Time{}, EventUnblocked
	}
	n, err := m.tx.Change(ctx, `UPDATE author SET blocked_at = $3 WHERE institution_id = $1 AND id = $2 AND (blocked_at > 0) <> (CAST($3 AS BIGINT) > 0)`, institutionID, authorID, db.At(at))
	if err != nil {
		return l, err
	}
	if n == 0 {
		return l, fault.Clash("inbox.moderation.same")
	}
	m.word, err = scanComment(m.tx.QueryRow(ctx, `
		SELECT `+commentColumns+` FROM comment m WHERE m.institution_id = $1 AND m.author_id = $2 ORDER BY m.said_at DESC LIMIT 1`, institutionID, authorID))
	if err != nil && !errors.Is(err, db.ErrNone) {
		return l, err
	}
	l = Moderation{InstitutionID: institutionID, ID: db.NewID(), ConversationID: m.word.ConversationID, CommentID: m.word.ID, Act: act,
		Rule: rule, Reason: reason, Text: m.word.Text, Author: m.by.title(), PersonID: m.actor.PersonID, At: m.now}
	return l, m.write(ctx, l, event, authorID)
}

// Appeal keeps what the author of words that were moderated says against it, once.
// Faults: Invalid, NotFound, Conflict.
func (in *Inbox) Appeal(ctx context.Context, tx *db.Tx, institutionID, moderationID, text string) error {
	text, err := lines("text", text, MaxReason)
	if err != nil {
		return err
	}
	if text == "" {
		return fault.InvalidField("text", "fault.field.missing")
	}
	l, err := ModerationByID(ctx, tx, institutionID, moderationID)
	if err != nil {
		return err
	}
	if l.Act == ActUnhide || l.Act == ActUnblock {
		return fault.Missing("inbox.moderation.missing")
	}
	now := in.clock()
	n, err := tx.Change(ctx, `UPDATE moderation SET appeal = $3, appealed_at = $4 WHERE institution_id = $1 AND id = $2 AND appealed_at = 0`, institutionID, moderationID, text, db.At(now))
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.Clash("inbox.moderation.appealed")
	}
	if err := in.happened(ctx, tx, institutionID, l.ConversationID, EventAppealed, moderationID, "", now); err != nil {
		return err
	}
	return audit.Record(ctx, tx, institutionID, "moderation.appeal", moderationID, nil, now)
}

// Decide ends an appeal; when it was right, what was done is undone.
// Faults: Invalid, NotFound, Conflict when nothing is to be decided.
func (in *Inbox) Decide(ctx context.Context, institutionID, moderationID string, o Outcome) (l Moderation, err error) {
	actor, err := people.Can(ctx, people.Moderate, institutionID)
	if err != nil {
		return l, err
	}
	if o != Upheld && o != Overturned {
		return l, fault.InvalidField("outcome", "inbox.moderation.outcome")
	}
	now := in.clock()
	return l, in.db.InTx(ctx, func(tx *db.Tx) error {
		if l, err = ModerationByID(ctx, tx, institutionID, moderationID); err != nil {
			return err
		}
		n, err := tx.Change(ctx, `
			UPDATE moderation SET outcome = $3, decided_by = $4, decided_at = $5 WHERE institution_id = $1 AND id = $2 AND appealed_at > 0 AND decided_at = 0`,
			institutionID, moderationID, o, actor.PersonID, db.At(now))
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.Clash("inbox.moderation.nothing_to_decide")
		}
		l.Outcome, l.DecidedBy, l.DecidedAt = o, actor.PersonID, now
		if o == Overturned {
			if err := in.undo(ctx, tx, l, actor, now); err != nil {
				return err
			}
		}
		if err := in.happened(ctx, tx, institutionID, l.ConversationID, EventDecided, moderationID, actor.PersonID, now); err != nil {
			return err
		}
		return audit.Record(ctx, tx, institutionID, "moderation.decide", moderationID, map[string]string{"outcome": string(o)}, now)
	})
}

// undo takes back what an act of moderation did, as far as it still stands.
func (in *Inbox) undo(ctx context.Context, tx *db.Tx, l Moderation, actor people.Actor, now time.Time) error {
	m := &moderating{Inbox: in, tx: tx, actor: actor, now: now}
	word, err := CommentByID(ctx, tx, l.InstitutionID, l.CommentID)
	if fault.Is(err, fault.NotFound) {
		return nil // the words are no longer kept
	}
	if err != nil {
		return err
	}
	switch l.Act {
	case ActBlock:
		_, err := m.block(ctx, l.InstitutionID, word.AuthorID, ActUnblock, "", "")
		if fault.Is(err, fault.Conflict) {
			return nil
		}
		return err
	case ActHide, ActRefuse:
		if m.word = word; word.HiddenAt.IsZero() {
			return nil
		}
		if m.by, err = AuthorByID(ctx, tx, l.InstitutionID, word.AuthorID); err != nil {
			return err
		}
		if _, err := m.unhide(ctx, ""); err != nil {
			return err
		}
		if err := putComment(ctx, tx, m.word); err != nil {
			return err
		}
		return in.sumUp(ctx, tx, l.InstitutionID, l.ConversationID, now)
	}
	return nil
}

// there asks for the act to be done on the platform too, where others see the
// comment by the platform and not by us.
func (m *moderating) there(ctx context.Context, l Moderation) error {
	ch, err := channel.ByID(ctx, m.tx, l.InstitutionID, m.word.ChannelID)
	if err != nil {
		return err
	}
	if ch.Platform == channel.OnSite || ch.Platform == channel.Webmention || ch.Platform == channel.Mailbox || m.word.Private {
		return nil
	}
	return m.enqueue(ctx, l)
}

func (m *moderating) enqueue(ctx context.Context, l Moderation) error {
	return m.jobs.Enqueue(ctx, m.tx, moderate{l.InstitutionID, l.ID}, jobs.When{Queue: jobs.Errand})
}
