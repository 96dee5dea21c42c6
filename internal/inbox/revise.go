package inbox

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
)

// maxEarlier bounds the earlier texts that are kept of one comment.
const maxEarlier = 20

// who is the platform's name of who did it, or empty when it was not said.
func who(s channel.Said) string {
	if strings.HasPrefix(s.Author.ID, "said:") {
		return ""
	}
	return s.Author.ID
}

// revise follows a change by the author. Versions may arrive in any order: the
// one that was said last is the text, the others are kept beside it.
func (h *hearing) revise(ctx context.Context, id string, s channel.Said) error {
	c, err := CommentByID(ctx, h.tx, h.institution(), id)
	if err != nil || !c.DeletedAt.IsZero() {
		return err
	}
	author, err := AuthorByID(ctx, h.tx, h.institution(), c.AuthorID)
	if err != nil {
		return err
	}
	if by := who(s); by != "" && by != author.RemoteID {
		h.log.WarnContext(ctx, "somebody else's words were not changed", "comment", id, "by", by)
		return nil
	}
	earlier, err := earlierTexts(ctx, h.tx, h.institution(), id)
	if err != nil {
		return err
	}
	was := c
	earlier, changed := versions(&c, earlier, s, h.now)
	if !changed {
		return nil
	}
	if err := h.keepEarlier(ctx, c, earlier); err != nil {
		return err
	}
	if c.Text != was.Text {
		v, err := Find(ctx, h.tx, h.institution(), c.ConversationID)
		if err != nil {
			return err
		}
		if !c.Ours {
			h.guess(&c, v.MessageID)
		}
		c.Held = c.Held || s.Held && !c.Ours // an approval was of what was read
	}
	if err := putComment(ctx, h.tx, c); err != nil {
		return err
	}
	h.touched[c.ConversationID] = true
	return h.restem(ctx, h.tx, h.institution(), c.ConversationID)
}

// versions puts a text among those that a comment had. Each has the moment from
// which it was shown: SaidAt the first, EditedAt the last.
func versions(c *Comment, earlier []Earlier, s channel.Said, now time.Time) ([]Earlier, bool) {
	latest := c.SaidAt
	if !c.EditedAt.IsZero() {
		latest = c.EditedAt
	}
	if s.Text == c.Text && s.Subject == c.Subject && slices.Equal(s.Media, c.Media) {
		if !s.At.Before(c.SaidAt) {
			return earlier, false
		}
		if c.EditedAt.IsZero() && s.Act == channel.Edited {
			c.EditedAt = c.SaidAt
		}
		c.SaidAt = s.At
		return earlier, true
	}
	knownText := slices.ContainsFunc(earlier, func(e Earlier) bool { return e.Text == s.Text })
	if s.Act == channel.Edited && !knownText && s.At.Equal(c.SaidAt) {
		s.At = now // the platform does not say when it was edited
	}
	switch {
	case s.At.After(latest):
		earlier = append(earlier, Earlier{s.At, c.Text})
		c.Text, c.Subject, c.Media, c.EditedAt = s.Text, s.Subject, s.Media, s.At
		if s.Lang != "" {
			c.Lang = s.Lang
		}
		if s.Refs != nil {
			c.refs = string(s.Refs)
		}
		if s.URL != "" {
			c.URL = s.URL
		}
	case s.At.Before(c.SaidAt):
		earlier = append([]Earlier{{c.SaidAt, s.Text}}, earlier...)
		c.SaidAt, c.EditedAt = s.At, latest
	default:
		i := slices.IndexFunc(earlier, func(e Earlier) bool { return e.Until.After(s.At) })
		begins := s.At.Equal(latest) || s.At.Equal(c.SaidAt) || slices.ContainsFunc(earlier, func(e Earlier) bool { return e.Until.Equal(s.At) })
		if begins || i < 0 {
			return earlier, false // told before
		}
		earlier = slices.Insert(earlier, i, Earlier{s.At, earlier[i].Text})
		earlier[i+1].Text = s.Text
	}
	return earlier, true
}

func earlierTexts(ctx context.Context, tx *db.Tx, institutionID, commentID string) ([]Earlier, error) {
	return db.All(ctx, tx, func(s db.Scanner) (e Earlier, err error) {
		var until int64
		err = s.Scan(&until, &e.Text)
		e.Until = db.When(until)
		return e, err
	}, `SELECT until, text FROM comment_earlier WHERE institution_id = $1 AND comment_id = $2 ORDER BY until`, institutionID, commentID)
}

func (h *hearing) keepEarlier(ctx context.Context, c Comment, all []Earlier) error {
	if err := dropEarlier(ctx, h.tx, c.InstitutionID, c.ID); err != nil {
		return err
	}
	for _, e := range all[max(0, len(all)-maxEarlier):] {
		if _, err := h.tx.Exec(ctx, `INSERT INTO comment_earlier (institution_id, comment_id, until, text) VALUES ($1, $2, $3, $4)`,
			c.InstitutionID, c.ID, db.At(e.Until), e.Text); err != nil {
			return err
		}
	}
	return nil
}

func dropEarlier(ctx context.Context, tx *db.Tx, institutionID, commentID string) error {
	_, err := tx.Exec(ctx, `DELETE FROM comment_earlier WHERE institution_id = $1 AND comment_id = $2`, institutionID, commentID)
	return err
}

// keepGone remembers what was taken back, so that it stays away however late it
// arrives.
func (h *hearing) keepGone(ctx context.Context, channelID, kind, remoteID, by string, at time.Time) error {
	_, err := h.tx.Exec(ctx, `
		INSERT INTO gone AS g (institution_id, channel_id, kind, remote_id, author_id, at, kept_at) VALUES ($1, $2, $3, $4, $5, $6, $7)
		ON CONFLICT (institution_id, channel_id, kind, remote_id) DO UPDATE SET
			at = CASE WHEN excluded.at > g.at THEN excluded.at ELSE g.at END, kept_at = excluded.kept_at,
			author_id = CASE WHEN excluded.author_id = '' THEN '' ELSE g.author_id END`,
		h.institution(), channelID, kind, remoteID, by, db.At(at), db.At(h.now))
	return err
}

// deleted follows a deletion by the author: the words go, a trace stays.
func (h *hearing) deleted(ctx context.Context, s channel.Said) error {
	if err := h.keepGone(ctx, h.channel.ID, "comment", s.ID, who(s), s.At); err != nil {
		return err
	}
	for _, drop := range []string{
		`DELETE FROM early WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3`,
		`DELETE FROM reaction WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3`,
	} {
		if _, err := h.tx.Exec(ctx, drop, h.institution(), h.channel.ID, s.ID); err != nil {
			return err
		}
	}
	c, err := scanComment(h.tx.QueryRow(ctx, `SELECT `+commentColumns+` FROM comment m WHERE m.institution_id = $1 AND m.channel_id = $2 AND m.remote_id = $3`,
		h.institution(), h.channel.ID, s.ID))
	if errors.Is(err, db.ErrNone) {
		return nil
	}
	if err != nil || !c.DeletedAt.IsZero() {
		return err
	}
	if by := who(s); by != "" {
		author, err := AuthorByID(ctx, h.tx, h.institution(), c.AuthorID)
		if err != nil {
			return err
		}
		if author.RemoteID != by {
			h.log.WarnContext(ctx, "somebody else's words were not deleted", "comment", c.ID, "by", by)
			return nil
		}
	}
	return h.erase(ctx, c)
}

// erase takes the words of a comment away and keeps its place in the thread.
func (h *hearing) erase(ctx context.Context, c Comment) error {
	if err := eraseWords(ctx, h.tx, c, h.now); err != nil {
		return err
	}
	h.fresh = slices.DeleteFunc(h.fresh, func(f Comment) bool { return f.ID == c.ID })
	h.touched[c.ConversationID] = true
	// Of whom we keep no word we need no name. Not every square tells that an account is
	// gone: this is how it ends there, too.
	if _, err := h.tx.Exec(ctx, `
		UPDATE author SET handle = '', name = '', url = '', avatar = '' WHERE institution_id = $1 AND id = $2
			AND NOT EXISTS (SELECT 1 FROM comment WHERE institution_id = $1 AND author_id = $2 AND deleted_at = 0)
			AND NOT EXISTS (SELECT 1 FROM reaction WHERE institution_id = $1 AND author_id = $2)`, h.institution(), c.AuthorID); err != nil {
		return err
	}
	return h.restem(ctx, h.tx, h.institution(), c.ConversationID)
}

func eraseWords(ctx context.Context, tx *db.Tx, c Comment, now time.Time) error {
	c.Text, c.Whole, c.Subject, c.URL, c.refs, c.Media, c.Held = "", "", "", "", "", nil, false
	if c.DeletedAt.IsZero() {
		c.DeletedAt = now
	}
	if err := dropEarlier(ctx, tx, c.InstitutionID, c.ID); err != nil {
		return err
	}
	if err := dropFiles(ctx, tx, c.InstitutionID, c.ChannelID, c.RemoteID); err != nil {
		return err
	}
	return putComment(ctx, tx, c)
}

// vanished follows the end of an account: all that it said goes, and who it was.
func (h *hearing) vanished(ctx context.Context, s channel.Said) error {
	if err := h.keepGone(ctx, everywhere(h.channel.Platform), "author", s.Author.ID, "", s.At); err != nil {
		return err
	}
	var id string
	err := h.tx.QueryRow(ctx, `SELECT id FROM author WHERE institution_id = $1 AND platform = $2 AND remote_id = $3`,
		h.institution(), h.channel.Platform, s.Author.ID).Scan(&id)
	if errors.Is(err, db.ErrNone) {
		return nil
	}
	if err != nil {
		return err
	}
	touched, err := h.forget(ctx, h.tx, h.institution(), id, h.now)
	for _, conversation := range touched {
		h.touched[conversation] = true
	}
	h.fresh = slices.DeleteFunc(h.fresh, func(f Comment) bool { return f.AuthorID == id })
	return err
}
