package comments

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// maxAnswer bounds an answer on the site, in graphemes. It is ours.
const maxAnswer = 5000

// Square is the site as a square: the ledger hands it our answers to comments. It
// holds no state.
type Square struct{ c *Comments }

var (
	_ channel.Adapter  = (*Square)(nil)
	_ channel.Resident = (*Square)(nil)
)

// NewSquare returns a square without its comments: the switchboard is made before
// them. Serve gives it them.
func NewSquare() *Square { return &Square{} }

// Serve makes the square answer under these comments. It is called once, before
// any delivery.
func (s *Square) Serve(c *Comments) { s.c = c }

// Platform is channel.OnSite.
func (*Square) Platform() channel.Platform { return channel.OnSite }

// Capabilities are the same for every profile.
func (*Square) Capabilities(channel.Account) channel.Capabilities {
	return channel.Capabilities{
		Source: "https://codeberg.org/arengo/arengo", Read: time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
		Text: count.Graphemes(), MaxText: maxAnswer, Edit: true, Withdraw: true, ReadBack: true, KeyLife: channel.ForEver, Answers: true, NoPosts: true,
	}
}

// ConnectFields lists nothing: the channel is made when the first comment comes.
func (*Square) ConnectFields() []channel.ConnectField { return nil }

// Connect cannot know for which profile: see ConnectFor.
func (*Square) Connect(context.Context, map[string]string) (channel.Account, error) {
	return channel.Account{}, &channel.Error{Class: channel.Refused, Code: channel.CodeRefused}
}

// ConnectFor is the account of a profile on its own site. Nobody needs to ask for it:
// it is made when the first comment comes.
func (s *Square) ConnectFor(ctx context.Context, w channel.Wish, _ map[string]string) (a channel.Account, err error) {
	err = s.c.o.DB.Read(ctx, func(tx *db.Tx) error {
		i, err := institution.ByID(ctx, tx, w.InstitutionID)
		if err != nil {
			return err
		}
		p, err := institution.ProfileByID(ctx, tx, i.ID, w.ProfileID)
		a = s.c.account(i, p)
		return err
	})
	if err != nil {
		return a, channel.Classify(err, channel.Transient)
	}
	return a, nil
}

// account is the site as a square of a profile.
func (c *Comments) account(i institution.Institution, p institution.Profile) channel.Account {
	return channel.Account{Server: "local", Handle: c.o.Bundle.For(i.Locale, i.Location()).T("comments.channel"), URL: c.o.Address(i) + "/p/" + p.Slug, Secret: json.RawMessage(`{}`)}
}

// Test proves that the database of the comments answers.
func (s *Square) Test(ctx context.Context, a channel.Account) (channel.Health, error) {
	if err := s.c.o.DB.Ping(ctx); err != nil {
		return channel.Health{}, channel.Classify(err, channel.Transient)
	}
	return channel.Health{Handle: a.Handle, URL: a.URL}, nil
}

// Prepare checks the answer; there is nothing to upload.
func (s *Square) Prepare(_ context.Context, _ channel.Account, p channel.Post, prior channel.Progress, _ func(channel.Progress) error) (channel.Progress, error) {
	return prior, check(p)
}

func check(p channel.Post) error {
	switch {
	case p.To == nil:
		return &channel.Error{Class: channel.Refused, Code: channel.CodeRefused, Detail: "only answers"}
	case count.Length(count.Graphemes(), p.Text) > maxAnswer:
		return &channel.Error{Class: channel.Refused, Code: channel.CodeTooLong}
	}
	return nil
}

// place is where an answer stands.
type place struct {
	i       institution.Institution
	message subject
	contact bool // there is somebody to write to
}

// find is the place of an answer to a comment. Error: Refused with CodeGone when
// the comment or the message is there no more.
func (s *Square) find(ctx context.Context, tx *db.Tx, channelID, commentID string) (w place, err error) {
	gone := &channel.Error{Class: channel.Refused, Code: channel.CodeGone}
	var institutionID, messageID, sealed string
	err = tx.QueryRow(ctx, `
		SELECT site_comment.institution_id, site_comment.message_id, site_comment.contact FROM site_comment
		JOIN comment ON comment.institution_id = site_comment.institution_id AND comment.channel_id = site_comment.channel_id AND comment.remote_id = site_comment.id
		WHERE site_comment.channel_id = $1 AND site_comment.id = $2 AND comment.deleted_at = 0`, channelID, commentID).Scan(&institutionID, &messageID, &sealed)
	if errors.Is(err, db.ErrNone) {
		return w, gone
	}
	if err != nil {
		return w, err
	}
	if w.i, err = institution.ByID(ctx, tx, institutionID); err != nil {
		return w, err
	}
	w.contact = sealed != ""
	w.message, err = subjectByID(ctx, tx, institutionID, messageID)
	if fault.Is(err, fault.NotFound) {
		return w, gone
	}
	return w, err
}

func (s *Square) remote(w place, key string) channel.Remote {
	return channel.Remote{ID: key, URL: s.c.o.Address(w.i) + w.message.Path() + "#" + anchor(key)}
}

// Finalize puts the answer under its comment and has the commenter told. Both are
// one transaction, keyed by the post: repeating it changes nothing.
func (s *Square) Finalize(ctx context.Context, a channel.Account, p channel.Post, _ channel.Progress) (r channel.Remote, err error) {
	if err := check(p); err != nil {
		return r, err
	}
	err = s.c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		w, err := s.find(ctx, tx, a.ID, p.To.ID)
		if err != nil {
			return err
		}
		r = s.remote(w, p.Key)
		notice := "none"
		if w.contact {
			notice = "waiting"
		}
		n, err := tx.Change(ctx, `
			INSERT INTO site_answer (institution_id, id, channel_id, comment_id, text, lang, at, notice) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
			ON CONFLICT (institution_id, id) DO NOTHING`, w.i.ID, p.Key, a.ID, p.To.ID, p.Text, p.Lang, db.At(s.c.o.Clock()), notice)
		if err != nil || n == 0 {
			return err
		}
		if w.contact {
			if err := s.c.jobs.Enqueue(ctx, tx, announce{w.i.ID, p.Key}, jobs.When{Queue: jobs.Letters}); err != nil {
				return err
			}
		}
		return refresh(ctx, tx, w.i.ID)
	})
	if err != nil {
		// A commit whose answer was lost may have happened.
		return channel.Remote{}, channel.Classify(err, channel.Unknown)
	}
	return r, nil
}

// Find reads our own table: what is not in it is not on the page.
func (s *Square) Find(ctx context.Context, a channel.Account, p channel.Post, _ channel.Progress) (r channel.Remote, found bool, err error) {
	err = s.c.o.DB.Read(ctx, func(tx *db.Tx) error {
		var commentID string
		err := tx.QueryRow(ctx, `SELECT comment_id FROM site_answer WHERE channel_id = $1 AND id = $2 AND withdrawn_at = 0`, a.ID, p.Key).Scan(&commentID)
		if errors.Is(err, db.ErrNone) {
			return nil
		}
		if err != nil {
			return err
		}
		w, err := s.find(ctx, tx, a.ID, commentID)
		r, found = s.remote(w, p.Key), err == nil
		return err
	})
	if err != nil {
		return channel.Remote{}, false, channel.Classify(err, channel.Transient)
	}
	return r, found, nil
}

// Edit changes the words of an answer; the page says that it was changed.
func (s *Square) Edit(ctx context.Context, a channel.Account, p channel.Post, r channel.Remote) (channel.Remote, error) {
	if count.Length(count.Graphemes(), p.Text) > maxAnswer {
		return r, &channel.Error{Class: channel.Refused, Code: channel.CodeTooLong}
	}
	return r, s.change(ctx, a, r, channel.CodeGone, `
		UPDATE site_answer SET edited_at = CASE WHEN text = $3 THEN edited_at ELSE $4 END, text = $3
		WHERE channel_id = $1 AND id = $2 AND withdrawn_at = 0 RETURNING institution_id`, p.Text)
}

// Withdraw takes an answer off the page. The row stays, so that a late repetition
// of Finalize does not bring it back.
func (s *Square) Withdraw(ctx context.Context, a channel.Account, r channel.Remote) error {
	return s.change(ctx, a, r, "", `
		UPDATE site_answer SET withdrawn_at = $4, text = $3, notice = CASE WHEN notice = 'waiting' THEN 'none' ELSE notice END
		WHERE channel_id = $1 AND id = $2 AND withdrawn_at = 0 RETURNING institution_id`, "")
}

// change updates an answer and has its page made anew. missing is the code of the
// error when there is no answer; empty: that is no error.
func (s *Square) change(ctx context.Context, a channel.Account, r channel.Remote, missing, q, text string) error {
	err := s.c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		var institutionID string
		err := tx.QueryRow(ctx, q, a.ID, r.ID, text, db.At(s.c.o.Clock())).Scan(&institutionID)
		switch {
		case errors.Is(err, db.ErrNone) && missing == "":
			return nil
		case errors.Is(err, db.ErrNone):
			return &channel.Error{Class: channel.Refused, Code: missing}
		case err != nil:
			return err
		}
		return refresh(ctx, tx, institutionID)
	})
	if err != nil {
		return channel.Classify(err, channel.Transient)
	}
	return nil
}
