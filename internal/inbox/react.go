package inbox

import (
	"context"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
)

// reactionKey names a reaction that has no ID of its own.
func reactionKey(s channel.Said) string {
	return identifier(s.Parent + "\x1f" + s.Author.ID + "\x1f" + s.Reaction)
}

// reacts counts a reaction, once for each author, target and kind. Our own are not
// counted.
func (h *hearing) reacts(ctx context.Context, s channel.Said) error {
	if s.Ours || h.isOwn(s.Author) {
		return nil
	}
	at, err := h.place(ctx, s.Parent)
	if err == nil && at.message == "" { // its comment may be arriving
		if err = h.alone(ctx); err == nil {
			at, err = h.place(ctx, s.Parent)
		}
	}
	if err != nil {
		return err
	}
	// One's own reactions come one after the other, so that none is taken back before
	// it is counted.
	if err := h.serial(ctx, "reaction "+h.institution()+" "+s.Author.ID); err != nil {
		return err
	}
	var gone bool
	err = h.tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM gone WHERE institution_id = $1 AND (
			channel_id = $2 AND kind = 'reaction' AND remote_id = $3 AND $3 <> ''
			OR channel_id = $2 AND kind = 'reaction' AND remote_id = $4 AND at >= $5
			OR channel_id = $2 AND kind = 'comment' AND remote_id = $3 AND $3 <> ''
			OR channel_id = $6 AND kind = 'author' AND remote_id = $7 AND at >= $5))`,
		h.institution(), h.channel.ID, s.ID, reactionKey(s), db.At(s.At), everywhere(h.channel.Platform), s.Author.ID).Scan(&gone)
	if err != nil || gone {
		return err
	}
	author, err := h.author(ctx, s.Author)
	if err != nil {
		return err
	}
	if !author.BlockedAt.IsZero() {
		h.dropped++
		return nil
	}
	_, err = h.tx.Exec(ctx, `
		INSERT INTO reaction AS r (institution_id, channel_id, target, author_id, reaction, remote_id, message_id, comment_id, at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (institution_id, channel_id, target, author_id, reaction) DO UPDATE SET
			remote_id = CASE WHEN excluded.at > r.at THEN excluded.remote_id ELSE r.remote_id END,
			at = CASE WHEN excluded.at > r.at THEN excluded.at ELSE r.at END`,
		h.institution(), h.channel.ID, s.Parent, author.ID, s.Reaction, s.ID, at.message, at.comment, db.At(s.At))
	return err
}

// unreacts takes a reaction back: by its ID, or by author, target and kind.
func (h *hearing) unreacts(ctx context.Context, s channel.Said) error {
	if err := h.serial(ctx, "reaction "+h.institution()+" "+s.Author.ID); err != nil {
		return err
	}
	if s.ID != "" {
		if err := h.keepGone(ctx, h.channel.ID, "reaction", s.ID, "", s.At); err != nil {
			return err
		}
		_, err := h.tx.Exec(ctx, `
			DELETE FROM reaction WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3
				AND ($4 = '' OR author_id = (SELECT id FROM author WHERE institution_id = $1 AND platform = $5 AND remote_id = $4))`,
			h.institution(), h.channel.ID, s.ID, who(s), h.channel.Platform)
		if err != nil {
			return err
		}
	}
	if s.Parent == "" || s.Reaction == "" || who(s) == "" {
		return nil
	}
	if s.ID == "" {
		if err := h.keepGone(ctx, h.channel.ID, "reaction", reactionKey(s), "", s.At); err != nil {
			return err
		}
	}
	_, err := h.tx.Exec(ctx, `
		DELETE FROM reaction WHERE institution_id = $1 AND channel_id = $2 AND target = $3 AND reaction = $4 AND at <= $5
			AND author_id = (SELECT id FROM author WHERE institution_id = $1 AND platform = $6 AND remote_id = $7)
			AND ($8 = '' OR remote_id = '')`,
		h.institution(), h.channel.ID, s.Parent, s.Reaction, db.At(s.At), h.channel.Platform, s.Author.ID, s.ID)
	return err
}
