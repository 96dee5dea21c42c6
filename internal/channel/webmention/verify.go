package webmention

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
)

// verify is the job that reads a page which says that it links to ours.
type verify struct {
	InstitutionID string `json:"institution_id"`
	ID            string `json:"id"`
	Rev           int64  `json:"rev"`
}

func (verify) Kind() string { return "webmention.verify" }

// received is a stored webmention.
type received struct {
	institutionID, id, source, target, messageID string
	state, act, authorID                         string
	rev                                          int64
	attempts                                     int
}

func load(ctx context.Context, tx *db.Tx, institutionID, id string) (m received, err error) {
	m.institutionID, m.id = institutionID, id
	err = tx.QueryRow(ctx, `SELECT source, target, message_id, state, act, author_id, rev, attempts FROM webmention WHERE institution_id = $1 AND id = $2`,
		institutionID, id).Scan(&m.source, &m.target, &m.messageID, &m.state, &m.act, &m.authorID, &m.rev, &m.attempts)
	return m, err
}

// workVerify reads the source and follows what it finds. Its result counts only if
// nobody has told us again meanwhile.
func (s *Service) workVerify(ctx context.Context, j verify) error {
	var m received
	err := s.o.DB.Read(ctx, func(tx *db.Tx) (err error) {
		m, err = load(ctx, tx, j.InstitutionID, j.ID)
		return err
	})
	if errors.Is(err, db.ErrNone) || err == nil && m.rev != j.Rev {
		return nil
	}
	if err != nil {
		return err
	}
	found, err := s.look(ctx, m)
	var again *retry
	if errors.As(err, &again) {
		return s.postpone(ctx, m, again)
	}
	return s.settle(ctx, m, found, err)
}

// retry is a failure after which the source is read again.
type retry struct{ code string }

func (r *retry) Error() string { return "read the source again: " + r.code }

// refusal is a failure that stays. gone says that the page was taken back.
type refusal struct {
	code string
	gone bool
}

func (r *refusal) Error() string { return "source refused: " + r.code }

// look reads the source. Errors: *retry, *refusal.
func (s *Service) look(ctx context.Context, m received) (mention, error) {
	resp, err := s.get(ctx, m.source, true)
	if err != nil {
		return mention{}, failed(err)
	}
	switch {
	case resp.StatusCode == http.StatusGone:
		resp.Body.Close()
		return mention{}, &refusal{"gone", true}
	case resp.StatusCode != http.StatusOK:
		resp.Body.Close()
		return mention{}, &refusal{code: fmt.Sprint(resp.StatusCode)}
	}
	found, err := read(resp, m.target)
	switch {
	case errors.Is(err, errNoLink):
		return found, &refusal{"no_link", true}
	case errors.Is(err, errKind):
		return found, &refusal{"kind", true}
	case errors.Is(err, errDeep):
		return found, &refusal{code: "deep"}
	case err != nil:
		return found, failed(err)
	}
	return found, nil
}

// failed tells what a failure of the call means. Who told us decides that we call, so
// that it is not repeated: only a call that never began, for want of a turn, is.
func failed(err error) error {
	name, _ := code(err)
	if errors.Is(err, fetch.ErrBusy) {
		return &retry{name}
	}
	return &refusal{code: name}
}

// postpone waits before the source is read again; after the last time it is
// refused, or stays as it was shown.
func (s *Service) postpone(ctx context.Context, m received, r *retry) error {
	d, more := wait(m.attempts + 1)
	if !more {
		return s.settle(ctx, m, mention{}, &refusal{code: r.code})
	}
	err := s.o.DB.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE webmention SET attempts = attempts + 1, code = $4 WHERE institution_id = $1 AND id = $2 AND rev = $3`,
			m.institutionID, m.id, m.rev, r.code)
		return err
	})
	if err != nil {
		return err
	}
	return jobs.Later(d)
}

// settle tells the inbox what was found and writes it down, in one transaction.
func (s *Service) settle(ctx context.Context, m received, found mention, refused error) error {
	return s.o.DB.InTx(ctx, func(tx *db.Tx) error {
		now := s.o.Clock()
		state, reason := "shown", ""
		var r *refusal
		if errors.As(refused, &r) {
			reason = r.code
			switch {
			case m.state == "shown" && r.gone:
				state = "gone"
			case m.state == "shown":
				state = "shown" // not readable now; what it said was verified
			default:
				state = "refused"
			}
		} else if refused != nil {
			return refused
		}
		act := actOf(found)
		if refused != nil {
			act = m.act
		}
		n, err := tx.Change(ctx, `UPDATE webmention SET state = $4, code = $5, act = $6, author_id = $7, checked_at = $8 WHERE institution_id = $1 AND id = $2 AND rev = $3`,
			m.institutionID, m.id, m.rev, state, reason, act, orElse(found.Author.ID, m.authorID), db.At(now))
		if err != nil || n == 0 {
			return err // told again meanwhile: the other job looks
		}
		said := s.said(m, found, state, refused == nil, now)
		if len(said) == 0 {
			return nil
		}
		ch, err := s.channel(ctx, tx, m, now)
		if err != nil {
			return err
		}
		return s.o.Hear(ctx, tx, m.institutionID, ch.ID, said)
	})
}

func orElse(text, other string) string {
	if text != "" {
		return text
	}
	return other
}

// actOf is how a mention is written down.
func actOf(m mention) string {
	if m.Act == channel.Reacts {
		return m.Reaction
	}
	return string(channel.Comments)
}

// said is what the inbox is told. A page that was a comment and is a like now takes
// back the one and says the other.
func (s *Service) said(m received, found mention, state string, read bool, now time.Time) (out []channel.Said) {
	parent := "message:" + m.messageID
	before := channel.Author{ID: m.authorID}
	if m.state == "shown" && (state == "gone" || read && actOf(found) != m.act) {
		if m.act == string(channel.Comments) {
			out = append(out, channel.Said{Act: channel.Deleted, ID: m.id, Author: before, At: now})
		} else {
			out = append(out, channel.Said{Act: channel.Unreacts, ID: m.id, Parent: parent, Reaction: m.act, Author: before, At: now})
		}
	}
	if !read {
		return out
	}
	now = now.UTC()
	if found.Act == channel.Reacts {
		return append(out, channel.Said{Act: channel.Reacts, ID: m.id, Parent: parent, Reaction: found.Reaction, Author: found.Author, At: now})
	}
	what := channel.Comments
	if m.state == "shown" && m.act == string(channel.Comments) {
		what = channel.Edited
	}
	at := now
	if !found.Published.IsZero() && found.Published.Before(now) && what == channel.Comments {
		at = found.Published
	}
	return append(out, channel.Said{Act: what, ID: m.id, URL: orElse(found.URL, m.source), Parent: parent, Author: found.Author,
		Text: orElse(found.Text, m.source), Lang: found.Lang, Held: true, At: at})
}

// channel is where the pages elsewhere speak to the profile of a message.
func (s *Service) channel(ctx context.Context, tx *db.Tx, m received, now time.Time) (c channel.Channel, err error) {
	i, err := institution.ByID(ctx, tx, m.institutionID)
	if err != nil {
		return c, err
	}
	var profileID string
	if err := tx.QueryRow(ctx, `SELECT profile_id FROM publication WHERE institution_id = $1 AND message_id = $2`, m.institutionID, m.messageID).Scan(&profileID); err != nil {
		return c, err
	}
	a := account()
	a.Handle = s.o.Bundle.For(i.Locale, i.Location()).T("webmention.channel")
	return channel.Ensure(ctx, tx, s.o.Box, i.ID, profileID, channel.Webmention, a, now)
}
