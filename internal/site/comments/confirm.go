package comments

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
)

// contact is how an author is told of an answer; it is stored encrypted.
type contact struct {
	Email string `json:"e,omitempty"`
	Link  string `json:"l"`
}

func contactPurpose(institutionID, id string) string {
	return "site.contact/" + institutionID + "/" + id
}

// about is the name under which the inbox knows one of our messages.
func about(messageID string) string { return "message:" + messageID }

// Confirm tells the inbox the comment of a link, once. Faults: NotFound for a link
// that is not known or was used, Conflict when the message takes no comments any
// more or nobody has signed in.
func (c *Comments) Confirm(ctx context.Context, i institution.Institution, link string) error {
	now := c.o.Clock()
	return c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		d, err := c.takeDraft(ctx, tx, i.ID, link, now)
		if err != nil {
			return err
		}
		if !d.Proven() {
			return fault.Clash("comments.signin.missing")
		}
		m, err := subjectByID(ctx, tx, i.ID, d.MessageID)
		if err != nil {
			return err
		}
		s, err := settingOf(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		if err := s.takes(m, now); err != nil {
			return err
		}
		return c.tell(ctx, tx, i, m, s, d, link, now)
	})
}

// tell hands a confirmed comment to the inbox and keeps what only the site knows.
func (c *Comments) tell(ctx context.Context, tx *db.Tx, i institution.Institution, m subject, s Setting, d draft, link string, now time.Time) error {
	ch, err := c.channel(ctx, tx, i, m.ProfileID, now)
	if err != nil {
		return err
	}
	author := c.author(i.ID, d)
	held, err := holds(ctx, tx, s, i.ID, author.ID)
	if err != nil {
		return err
	}
	id := db.NewID()
	said := channel.Said{Act: channel.Comments, ID: id, URL: c.o.Address(i) + m.Path() + "#" + anchor(id), Parent: d.ParentID,
		Author: author, Text: d.Text, Lang: d.Lang, Held: held, At: now}
	if said.Parent == "" {
		said.Parent = about(m.ID)
	}
	sealed, err := json.Marshal(contact{Email: d.Email, Link: link})
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `
		INSERT INTO site_comment (institution_id, id, message_id, channel_id, link_hash, contact, locale, confirmed_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		i.ID, id, m.ID, ch.ID, hashLink(link), c.o.Box.Seal(contactPurpose(i.ID, id), string(sealed)), d.Lang, db.At(now)); err != nil {
		return err
	}
	if err := c.o.Hear(ctx, tx, i.ID, ch.ID, []channel.Said{said}); err != nil {
		return err
	}
	return refresh(ctx, tx, i.ID)
}

// channel is the site as a square of a profile; it is made when the first comment
// comes.
func (c *Comments) channel(ctx context.Context, tx *db.Tx, i institution.Institution, profileID string, now time.Time) (channel.Channel, error) {
	p, err := institution.ProfileByID(ctx, tx, i.ID, profileID)
	if err != nil {
		return channel.Channel{}, err
	}
	return channel.Ensure(ctx, tx, c.o.Box, i.ID, p.ID, channel.OnSite, c.account(i, p), now)
}

// holds reports whether what an author says waits for approval.
func holds(ctx context.Context, tx *db.Tx, s Setting, institutionID, authorID string) (bool, error) {
	if s.Hold == HoldAll {
		return true, nil
	}
	var known int
	err := tx.QueryRow(ctx, `
		SELECT count(*) FROM author JOIN comment ON comment.institution_id = author.institution_id AND comment.author_id = author.id
		WHERE author.institution_id = $1 AND author.platform = 'site' AND author.remote_id = $2 AND author.blocked_at = 0
			AND NOT comment.held AND comment.hidden_at = 0 AND comment.deleted_at = 0`, institutionID, authorID).Scan(&known)
	return known == 0, err
}

// mine is a confirmed comment as its author sees it.
type mine struct {
	ID, CommentID, ChannelID, AuthorID, Name string
	Text, Lang, contact                      string
	ConfirmedAt                              time.Time
	Held, Hidden, Gone                       bool
	Rule, Reason, ModerationID               string // why it is hidden
	Subject                                  subject
	Answers                                  []Entry // ours, also where others cannot read them
}

// mineByLink finds the comment of a link. Fault: NotFound.
func mineByLink(ctx context.Context, tx *db.Tx, institutionID, link string) (m mine, err error) {
	var messageID string
	var confirmed int64
	err = tx.QueryRow(ctx, `SELECT id, message_id, channel_id, contact, locale, confirmed_at FROM site_comment WHERE institution_id = $1 AND link_hash = $2`,
		institutionID, hashLink(link)).Scan(&m.ID, &messageID, &m.ChannelID, &m.contact, &m.Lang, &confirmed)
	if errors.Is(err, db.ErrNone) {
		return m, fault.Missing("comments.link.bad")
	}
	if err != nil {
		return m, err
	}
	m.ConfirmedAt = db.When(confirmed)
	var deleted, hidden int64
	err = tx.QueryRow(ctx, `
		SELECT comment.id, comment.text, comment.held, comment.hidden_at, comment.deleted_at, author.remote_id, author.name
		FROM comment JOIN author ON author.institution_id = comment.institution_id AND author.id = comment.author_id
		WHERE comment.institution_id = $1 AND comment.channel_id = $2 AND comment.remote_id = $3`, institutionID, m.ChannelID, m.ID).
		Scan(&m.CommentID, &m.Text, &m.Held, &hidden, &deleted, &m.AuthorID, &m.Name)
	if errors.Is(err, db.ErrNone) {
		m.Gone, err = true, nil
	}
	m.Hidden, m.Gone = hidden > 0, m.Gone || deleted > 0
	if err != nil {
		return m, err
	}
	err = tx.QueryRow(ctx, `SELECT id, rule, reason FROM moderation WHERE institution_id = $1 AND comment_id = $2 AND action IN ('hide', 'refuse')
		ORDER BY at DESC LIMIT 1`, institutionID, m.CommentID).Scan(&m.ModerationID, &m.Rule, &m.Reason)
	if err != nil && !errors.Is(err, db.ErrNone) {
		return m, err
	}
	m.Subject, err = subjectByID(ctx, tx, institutionID, messageID)
	if fault.Is(err, fault.NotFound) {
		err = nil // withdrawn since; the author may still delete the comment
	}
	if err != nil {
		return m, err
	}
	m.Answers, err = answersTo(ctx, tx, institutionID, m.ID)
	return m, err
}

// Refused reports whether it was not approved, or hidden later.
func (m mine) Refused() bool { return m.Hidden }

// editable says whether its author may change it now. What others read already is
// changed only where nobody would have had to approve it. Fault: Conflict.
func (m mine) editable(s Setting, known bool, now time.Time) error {
	switch {
	case m.Gone:
		return fault.Clash("comments.gone")
	case m.Hidden:
		return fault.Clash("comments.edit.hidden")
	case now.After(m.ConfirmedAt.Add(editLife)):
		return fault.Clash("comments.edit.late")
	case !m.Held && !known && s.Hold == HoldNew, !m.Held && s.Hold == HoldAll:
		return fault.Clash("comments.edit.approved")
	}
	return nil
}

// Edit changes the comment of a link. Faults: NotFound, Invalid, Conflict when it
// is too late.
func (c *Comments) Edit(ctx context.Context, i institution.Institution, link, text string) error {
	now := c.o.Clock()
	return c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		m, err := mineByLink(ctx, tx, i.ID, link)
		if err != nil {
			return err
		}
		s, err := settingOf(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		waits, err := holds(ctx, tx, s, i.ID, m.AuthorID)
		if err != nil {
			return err
		}
		if err := m.editable(s, !waits, now); err != nil {
			return err
		}
		said := channel.Said{Act: channel.Edited, ID: m.ID, Text: text, Lang: m.Lang, Held: m.Held, At: now, Author: channel.Author{ID: m.AuthorID, Name: m.Name}}
		if err := c.o.Hear(ctx, tx, i.ID, m.ChannelID, []channel.Said{said}); err != nil {
			return err
		}
		return refresh(ctx, tx, i.ID)
	})
}

// Delete takes the comment of a link back, with the address of its author.
// Repeating it changes nothing. Fault: NotFound.
func (c *Comments) Delete(ctx context.Context, i institution.Institution, link string) error {
	now := c.o.Clock()
	return c.o.DB.InTx(ctx, func(tx *db.Tx) error {
		m, err := mineByLink(ctx, tx, i.ID, link)
		if err != nil {
			return err
		}
		if _, err := tx.Exec(ctx, `UPDATE site_comment SET contact = '' WHERE institution_id = $1 AND id = $2`, i.ID, m.ID); err != nil || m.Gone {
			return err
		}
		said := channel.Said{Act: channel.Deleted, ID: m.ID, At: now, Author: channel.Author{ID: m.AuthorID, Name: m.Name}}
		if err := c.o.Hear(ctx, tx, i.ID, m.ChannelID, []channel.Said{said}); err != nil {
			return err
		}
		return refresh(ctx, tx, i.ID)
	})
}
