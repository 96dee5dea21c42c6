package inbox

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// MaxAnswer bounds an answer's text wherever it goes, in characters.
const MaxAnswer = 20_000

// MaxReason bounds a reason that somebody gives, in characters.
const MaxReason = 2_000

// lines is a text that one of ours typed, or an Invalid fault about the field.
func lines(field, text string, most int) (string, error) {
	text = paragraphs(text, len(text))
	if utf8.RuneCountInString(text) > most {
		return text, fault.InvalidField(field, "fault.field.long", most)
	}
	return text, nil
}

// Draft saves an answer as it is typed, a new one or over d.Rev, the revision the
// person started from. When somebody else saved in between it is a Conflict and
// nothing changes; the Answer returned beside it is what is stored. Saving what is
// stored already is no change; an edit takes back a submission.
// Faults: Invalid, NotFound, Forbidden, Conflict: also when nobody can answer there.
func (in *Inbox) Draft(ctx context.Context, institutionID string, d AnswerDraft) (a Answer, err error) {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return a, err
	}
	if d.Text, err = lines("text", d.Text, MaxAnswer); err != nil {
		return a, err
	}
	if d.ID != "" {
		return in.change(ctx, actor, institutionID, d.ID, "answer.save", func(s *sending) error {
			if s.State == AnswerSent {
				return fault.Clash("inbox.answer.state.sent")
			}
			return s.save(ctx, d)
		})
	}
	now := in.clock()
	return a, in.db.InTx(ctx, func(tx *db.Tx) error {
		s, err := in.begin(ctx, tx, institutionID, d, actor, now)
		if err != nil {
			return err
		}
		a = s.Answer
		return s.put(ctx, "answer.create")
	})
}

// sending is one act on an answer with all that it stands in.
type sending struct {
	*Inbox
	Answer
	tx       *db.Tx
	actor    people.Actor
	now      time.Time
	talk     Conversation
	word     Comment // what it answers
	author   Author
	channel  channel.Channel
	caps     channel.Capabilities
	fourEyes bool
	saved    bool // a new revision
}

// begin prepares a new answer.
func (in *Inbox) begin(ctx context.Context, tx *db.Tx, institutionID string, d AnswerDraft, actor people.Actor, now time.Time) (*sending, error) {
	talk, err := lock(ctx, tx, institutionID, d.ConversationID)
	if err != nil {
		return nil, err
	}
	if d.CommentID == "" {
		if d.CommentID, err = lastWordID(ctx, tx, institutionID, talk.ID); err != nil {
			return nil, err
		}
	}
	s := &sending{Inbox: in, tx: tx, actor: actor, now: now, saved: true, Answer: Answer{
		InstitutionID: institutionID, ID: db.NewID(), ConversationID: talk.ID, CommentID: d.CommentID, State: AnswerDrafted,
		Text: d.Text, Lang: d.Lang, Private: d.Private, Rev: 1, AuthorID: actor.PersonID, EditedBy: actor.PersonID, CreatedAt: now, UpdatedAt: now,
	}}
	if err := s.gather(ctx); err != nil {
		return nil, err
	}
	if key := whyNot(s.talk, s.channel, s.caps, s.word); key != "" {
		return nil, fault.Clash(key)
	}
	if s.Lang == "" {
		s.Lang = s.word.Lang
	}
	s.Private = s.Private || s.word.Private
	s.Hash = s.hash()
	return s, nil
}

// lastWordID is the citizens' last word of a conversation that is still there, or
// empty.
func lastWordID(ctx context.Context, tx *db.Tx, institutionID, id string) (string, error) {
	ids, err := db.All(ctx, tx, db.Col[string], `
		SELECT id FROM comment WHERE institution_id = $1 AND conversation_id = $2 AND NOT ours AND deleted_at = 0 AND hidden_at = 0
		ORDER BY said_at DESC, remote_id DESC LIMIT 1`, institutionID, id)
	if err != nil || len(ids) == 0 {
		return "", err
	}
	return ids[0], nil
}

// gather reads what the answer stands in.
func (s *sending) gather(ctx context.Context) (err error) {
	if s.talk, err = Find(ctx, s.tx, s.InstitutionID, s.ConversationID); err != nil {
		return err
	}
	if s.channel, err = channel.ByID(ctx, s.tx, s.InstitutionID, s.talk.ChannelID); err != nil {
		return err
	}
	s.caps = s.channels.Capabilities(s.channel)
	profile, err := institution.ProfileByID(ctx, s.tx, s.InstitutionID, s.talk.ProfileID)
	if err != nil {
		return err
	}
	s.fourEyes = profile.FourEyesAnswers
	s.word, err = CommentByID(ctx, s.tx, s.InstitutionID, s.CommentID)
	if fault.Is(err, fault.NotFound) {
		return nil // reduced, or never there: whyNot says so
	}
	if err != nil {
		return err
	}
	if s.word.ConversationID != s.talk.ID || s.word.Ours {
		return fault.Missing("inbox.comment.missing")
	}
	s.author, err = AuthorByID(ctx, s.tx, s.InstitutionID, s.word.AuthorID)
	return err
}

// change locks an answer, lets do alter it, stores it with its audit record, all
// in one transaction. What it returns is what is stored, also beside an error.
func (in *Inbox) change(ctx context.Context, actor people.Actor, institutionID, id, action string, do func(*sending) error) (a Answer, err error) {
	now := in.clock()
	err = in.db.InTx(ctx, func(tx *db.Tx) error {
		if tx.Engine() == db.Postgres {
			if _, err := tx.Exec(ctx, `SELECT 1 FROM answer WHERE institution_id = $1 AND id = $2 FOR UPDATE`, institutionID, id); err != nil {
				return err
			}
		}
		if a, err = AnswerByID(ctx, tx, institutionID, id); err != nil {
			return err
		}
		s := &sending{Inbox: in, Answer: a, tx: tx, actor: actor, now: now}
		if err := s.gather(ctx); err != nil {
			return err
		}
		if err := do(s); err != nil {
			return err
		}
		if err := s.put(ctx, action); err != nil {
			return err
		}
		a = s.Answer
		return nil
	})
	if errors.Is(err, errSame) {
		err = nil
	}
	return a, err
}

// errSame ends a change that would change nothing, as success.
var errSame = errors.New("nothing to change")

// put stores the answer as it is now, with its record.
func (s *sending) put(ctx context.Context, action string) error {
	s.UpdatedAt = s.now
	if err := putAnswer(ctx, s.tx, s.Answer); err != nil {
		return err
	}
	if s.saved {
		if err := keepAnswerVersion(ctx, s.tx, s.Answer); err != nil {
			return err
		}
	}
	if s.State == AnswerSent && s.SentRev != s.Rev {
		if err := s.hand(ctx); err != nil {
			return err
		}
	}
	if err := audit.Record(ctx, s.tx, s.InstitutionID, action, s.ID, map[string]any{"rev": s.Rev, "hash": s.Hash}, s.now); err != nil {
		return err
	}
	if do, ok := ctx.Value(alongKey{}).(func(context.Context, *db.Tx, Answer) error); ok {
		if err := do(ctx, s.tx, s.Answer); err != nil {
			return err
		}
	}
	return s.tx.Notify(ctx, Topic, s.InstitutionID)
}

type alongKey struct{}

// Along returns a context under which do runs in the transaction of each change of
// an answer, after it: both happen, or neither.
func Along(ctx context.Context, do func(context.Context, *db.Tx, Answer) error) context.Context {
	return context.WithValue(ctx, alongKey{}, do)
}

// save puts what was typed into the answer.
func (s *sending) save(ctx context.Context, d AnswerDraft) error {
	if s.State == AnswerWithdrawn {
		return fault.Clash("inbox.answer.state.withdrawn")
	}
	if d.Rev != s.Rev {
		return fault.Clash("inbox.answer.edited")
	}
	was := s.Hash
	s.Text = d.Text
	if d.Lang != "" {
		s.Lang = d.Lang
	}
	if s.SentRev == 0 { // what is out stays under the same words, for the same eyes
		if d.CommentID != "" && d.CommentID != s.CommentID {
			s.CommentID = d.CommentID
			if err := s.gather(ctx); err != nil {
				return err
			}
			if s.word.ID == "" {
				return fault.Missing("inbox.comment.missing")
			}
		}
		s.Private = d.Private || s.word.Private
	}
	if s.Hash = s.hash(); s.Hash == was {
		return errSame
	}
	s.Rev++
	s.saved = true
	s.EditedBy, s.State, s.SubmittedBy, s.ApprovedBy, s.ApprovedHash = s.actor.PersonID, AnswerDrafted, "", "", ""
	return nil
}

// ready checks that the answer can go out where it is asked for, as it is.
func (s *sending) ready() error {
	if key := whyNot(s.talk, s.channel, s.caps, s.word); key != "" {
		return fault.Clash(key)
	}
	return s.fits("text")
}

// fits checks that the channel takes the text. Fault: Invalid about the field.
func (s *sending) fits(field string) error {
	if strings.TrimSpace(s.Text) == "" {
		return fault.InvalidField(field, "fault.field.missing")
	}
	for _, p := range checkText(s.Text, s.channel.Platform, s.author, s.caps).Problems {
		if p.Blocking {
			return fault.InvalidField(field, p.Key, p.Args...)
		}
	}
	return nil
}

// Submit asks for approval; where the profile wants none, the answer goes out.
// Faults: Invalid, NotFound, Forbidden, Conflict.
func (in *Inbox) Submit(ctx context.Context, institutionID, id string) (Answer, error) {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return Answer{}, err
	}
	return in.change(ctx, actor, institutionID, id, "answer.submit", func(s *sending) error {
		switch s.State {
		case AnswerDrafted:
		case AnswerSubmitted:
			return errSame
		default:
			return fault.Clash("inbox.answer.state.not_draft")
		}
		return s.submit(ctx)
	})
}

func (s *sending) submit(ctx context.Context) error {
	if err := s.ready(); err != nil {
		return err
	}
	s.SubmittedBy, s.SentBack = s.actor.PersonID, ""
	if !s.fourEyes {
		s.State = AnswerSent
		return nil
	}
	s.State = AnswerSubmitted
	return s.happened(ctx, s.tx, s.InstitutionID, s.ConversationID, EventSubmitted, s.ID, s.actor.PersonID, s.now)
}

// Send lets an answer go out without anybody's approval. Fault: Conflict where the
// profile demands one; and those of Submit.
func (in *Inbox) Send(ctx context.Context, institutionID, id string) (Answer, error) {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return Answer{}, err
	}
	return in.change(ctx, actor, institutionID, id, "answer.send", func(s *sending) error {
		switch {
		case s.State == AnswerSent:
			return errSame
		case s.State == AnswerWithdrawn:
			return fault.Clash("inbox.answer.state.withdrawn")
		case s.fourEyes:
			return fault.Clash("inbox.answer.needs_approval")
		}
		return s.submit(ctx)
	})
}

// Approve lets a submitted answer go out as it is. hash is of the text the approver
// read; when it is no longer the same, it is a Conflict. Who wrote, edited or
// submitted it does not approve it: Forbidden.
func (in *Inbox) Approve(ctx context.Context, institutionID, id, hash string) (Answer, error) {
	actor, err := people.Can(ctx, people.Approve, institutionID)
	if err != nil {
		return Answer{}, err
	}
	return in.change(ctx, actor, institutionID, id, "answer.approve", func(s *sending) error {
		if err := s.Answer.ApprovableBy(actor.PersonID, s.fourEyes); err != nil {
			return err
		}
		if hash != s.Hash {
			return fault.Clash("inbox.answer.approve.changed")
		}
		if err := s.ready(); err != nil {
			return err
		}
		s.State, s.ApprovedBy, s.ApprovedHash = AnswerSent, actor.PersonID, s.Hash
		return nil
	})
}

// ApprovableBy says why a person may not approve the answer, or nil. fourEyes is
// what the profile demands.
func (a Answer) ApprovableBy(personID string, fourEyes bool) error {
	switch {
	case a.State != AnswerSubmitted:
		return fault.Clash("inbox.answer.state.not_submitted")
	case fourEyes && (personID == a.AuthorID || personID == a.EditedBy || personID == a.SubmittedBy):
		return fault.Refused("inbox.answer.approve.own")
	}
	return nil
}

// SendBack returns a submitted answer to who wrote it, with a reason.
func (in *Inbox) SendBack(ctx context.Context, institutionID, id, why string) (Answer, error) {
	actor, err := people.Can(ctx, people.Approve, institutionID)
	if err != nil {
		return Answer{}, err
	}
	if why, err = lines("why", why, MaxReason); err != nil {
		return Answer{}, err
	}
	if why == "" {
		return Answer{}, fault.InvalidField("why", "inbox.answer.send_back.why")
	}
	return in.change(ctx, actor, institutionID, id, "answer.send_back", func(s *sending) error {
		if s.State != AnswerSubmitted {
			return fault.Clash("inbox.answer.state.not_submitted")
		}
		s.State, s.SentBack = AnswerDrafted, why
		return s.happened(ctx, s.tx, s.InstitutionID, s.ConversationID, EventSentBack, s.ID, actor.PersonID, s.now)
	})
}

// Correct saves a new text of an answer that was sent, over the revision rev, and
// brings it out; where the profile demands it, after somebody's approval.
// Faults: Invalid, NotFound, Forbidden, Conflict: also where the channel lets nobody
// change what is out.
func (in *Inbox) Correct(ctx context.Context, institutionID, id string, rev int64, text string) (a Answer, err error) {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return a, err
	}
	if text, err = lines("text", text, MaxAnswer); err != nil {
		return a, err
	}
	return in.change(ctx, actor, institutionID, id, "answer.correct", func(s *sending) error {
		switch {
		case s.SentRev == 0:
			return fault.Clash("inbox.answer.state.not_sent")
		case !s.caps.Edit && !s.OutAt.IsZero():
			return fault.Clash("inbox.answer.correct.channel")
		}
		if err := s.save(ctx, AnswerDraft{Text: text, Rev: rev}); err != nil {
			return err
		}
		return s.submit(ctx)
	})
}

// Withdraw ends an answer: a draft is put away, one that was sent is taken back
// from where it is. Faults: NotFound, Forbidden.
func (in *Inbox) Withdraw(ctx context.Context, institutionID, id string) (Answer, error) {
	actor, err := people.Can(ctx, people.Answer, institutionID)
	if err != nil {
		return Answer{}, err
	}
	return in.change(ctx, actor, institutionID, id, "answer.withdraw", func(s *sending) error {
		if s.State == AnswerWithdrawn {
			return errSame
		}
		s.State = AnswerWithdrawn
		if s.SentRev == 0 {
			return nil
		}
		s.OutAt = time.Time{}
		if err := putAnswer(ctx, s.tx, s.Answer); err != nil {
			return err
		}
		if err := s.ledger.TakeBack(ctx, s.tx, institutionID, id, s.now); err != nil {
			return err
		}
		if err := s.sumUp(ctx, s.tx, institutionID, s.ConversationID, s.now); err != nil {
			return err
		}
		return s.happened(ctx, s.tx, institutionID, s.ConversationID, EventWithdrawn, id, actor.PersonID, s.now)
	})
}

// CheckAnswer says how a text stands on the channel where it would go, before
// anything is saved. d needs the conversation or the answer's ID, and the text.
// Faults: NotFound.
func (in *Inbox) CheckAnswer(ctx context.Context, tx *db.Tx, institutionID string, d AnswerDraft) (c AnswerCheck, err error) {
	s := &sending{Inbox: in, tx: tx, Answer: Answer{InstitutionID: institutionID, ConversationID: d.ConversationID, CommentID: d.CommentID}}
	if d.ID != "" {
		if s.Answer, err = AnswerByID(ctx, tx, institutionID, d.ID); err != nil {
			return c, err
		}
	}
	talk, err := Find(ctx, tx, institutionID, s.ConversationID)
	if err != nil {
		return c, err
	}
	if s.ConversationID = talk.ID; s.CommentID == "" {
		if s.CommentID, err = lastWordID(ctx, tx, institutionID, talk.ID); err != nil {
			return c, err
		}
	}
	if err := s.gather(ctx); err != nil {
		return c, err
	}
	return checkText(d.Text, s.channel.Platform, s.author, s.caps), nil
}

// checkText counts a text as its channel will, with the mention that the adapter
// puts before it where only who is named is told (Mastodon's API).
func checkText(text string, platform channel.Platform, author Author, caps channel.Capabilities) (c AnswerCheck) {
	text = paragraphs(text, len(text))
	if platform == channel.Mastodon && author.Handle != "" {
		c.Prefix = author.Handle + " "
	}
	post := channel.Post{Text: c.Prefix + text}
	c.Have, c.Most = channel.Length(post, caps)
	if text == "" {
		c.Problems = channel.Check(channel.Post{}, caps)
		return c
	}
	c.Problems = channel.Check(post, caps)
	return c
}
