package inbox

import (
	"context"
	"maps"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
)

// MessageParent begins a Said.Parent that names a message of ours by its own ID
// rather than by a platform's: where comments stand under its page.
const MessageParent = "message:"

// place is what a parent is.
type place struct {
	conversation string // it is said in this conversation
	comment      string // it is this comment
	message      string // it is this message of ours
	delivery     string // by which it went out
}

// place finds what a remote ID is: a comment, an answer or a message of ours. The
// zero place is something we do not know, or not yet.
func (h *hearing) place(ctx context.Context, parent string) (p place, err error) {
	if parent == "" {
		return p, nil
	}
	all, err := db.All(ctx, h.tx, func(s db.Scanner) (p place, err error) {
		err = s.Scan(&p.conversation, &p.comment, &p.message, &p.delivery)
		return p, err
	}, `
		SELECT conversation_id, id, '', '' FROM comment WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3
		UNION ALL
		SELECT coalesce(a.conversation_id, ''), '', CASE WHEN d.kind = 'message' THEN d.message_id ELSE '' END, d.id
		FROM remote_post p JOIN delivery d ON d.institution_id = p.institution_id AND d.id = p.delivery_id
			LEFT JOIN answer a ON a.institution_id = d.institution_id AND a.id = d.message_id
		WHERE p.institution_id = $1 AND p.channel_id = $2 AND p.remote_id = $3
		UNION ALL
		SELECT '', '', id, '' FROM message WHERE institution_id = $1 AND id = $4`,
		h.institution(), h.channel.ID, parent, messageOf(parent))
	if err != nil || len(all) == 0 {
		return p, err
	}
	return all[0], nil
}

func messageOf(parent string) string {
	id, ok := strings.CutPrefix(parent, MessageParent)
	if !ok {
		return ""
	}
	return id
}

// forerunners are what came before what it belongs to.
type forerunners struct {
	conversations    []string // of comments that answer it, oldest first
	reactions, early bool     // whether there are any
}

// before finds what came before remoteID and belongs to it.
func (h *hearing) before(ctx context.Context, remoteID string) (f forerunners, err error) {
	all, err := db.All(ctx, h.tx, db.Col[string], `
		SELECT DISTINCT conversation_id FROM comment WHERE institution_id = $1 AND channel_id = $2 AND parent_id = $3
		UNION ALL SELECT 'reaction' WHERE EXISTS (SELECT 1 FROM reaction WHERE institution_id = $1 AND channel_id = $2 AND target = $3)
		UNION ALL SELECT 'early' WHERE EXISTS (SELECT 1 FROM early WHERE institution_id = $1 AND channel_id = $2 AND parent_id = $3)
		ORDER BY 1`, h.institution(), h.channel.ID, remoteID)
	for _, x := range all {
		switch x {
		case "reaction":
			f.reactions = true
		case "early":
			f.early = true
		default:
			f.conversations = append(f.conversations, x)
		}
	}
	return f, err
}

// adopt puts what came before remoteID, a post of ours, where it belongs: under
// the message, or in the conversation of the answer.
func (h *hearing) adopt(ctx context.Context, remoteID string, at place) error {
	before, err := h.before(ctx, remoteID)
	if err != nil {
		return err
	}
	for _, child := range before.conversations {
		if at.conversation == "" {
			err = h.about(ctx, child, at.message)
		} else {
			err = h.merge(ctx, child, at.conversation)
		}
		if err != nil {
			return err
		}
	}
	if at.message != "" {
		if _, err := h.tx.Exec(ctx, `UPDATE reaction SET message_id = $4 WHERE institution_id = $1 AND channel_id = $2 AND target = $3 AND message_id = ''`,
			h.institution(), h.channel.ID, remoteID, at.message); err != nil {
			return err
		}
	}
	return h.nowDue(ctx, remoteID)
}

// open begins a conversation. Its sums are filled in at the end of the hearing.
func (h *hearing) open(ctx context.Context, s channel.Said, author Author, messageID string) (string, error) {
	id := db.NewID()
	_, err := h.tx.Exec(ctx, `
		INSERT INTO conversation (institution_id, id, number, profile_id, channel_id, platform, message_id, author_id, private, subject, state, first_at, last_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, '', 'open', $10, $10)`,
		h.institution(), id, db.Number(h.institution(), id), h.channel.ProfileID, h.channel.ID, h.channel.Platform, messageID, author.ID, s.Private, db.At(s.At))
	h.opened = append(h.opened, id)
	h.touched[id] = true
	return id, err
}

// about says which message a conversation is about, once that is known.
func (h *hearing) about(ctx context.Context, id, messageID string) error {
	if messageID == "" {
		return nil
	}
	h.touched[id] = true
	_, err := h.tx.Exec(ctx, `UPDATE conversation SET message_id = $3 WHERE institution_id = $1 AND id = $2 AND message_id = ''`, h.institution(), id, messageID)
	return err
}

// merge joins a conversation to another one, of which it turned out to be part.
// Whatever was done in either stays; who has it, and until when, is taken over
// where the other has nobody.
func (h *hearing) merge(ctx context.Context, from, into string) error {
	from, into = h.current(from), h.current(into)
	if from == into {
		return nil
	}
	for _, move := range []string{
		`UPDATE comment SET conversation_id = $3 WHERE institution_id = $1 AND conversation_id = $2`,
		`UPDATE answer SET conversation_id = $3 WHERE institution_id = $1 AND conversation_id = $2`,
		`UPDATE note SET conversation_id = $3 WHERE institution_id = $1 AND conversation_id = $2`,
		`UPDATE conversation_event SET conversation_id = $3 WHERE institution_id = $1 AND conversation_id = $2`,
		`UPDATE moderation SET conversation_id = $3 WHERE institution_id = $1 AND conversation_id = $2`,
		`UPDATE conversation_alias SET into_id = $3 WHERE institution_id = $1 AND into_id = $2`,
		`INSERT INTO conversation_alias (institution_id, id, into_id) VALUES ($1, $2, $3)`,
		`UPDATE conversation AS v SET message_id = CASE WHEN v.message_id = '' THEN f.message_id ELSE v.message_id END,
				state = CASE WHEN f.state = 'open' THEN 'open' ELSE v.state END,
				closed_at = CASE WHEN f.state = 'open' THEN 0 ELSE v.closed_at END,
				due_at = CASE WHEN v.due_at = 0 THEN f.due_at ELSE v.due_at END,
				office_id = CASE WHEN v.office_id = '' THEN f.office_id ELSE v.office_id END,
				person_id = CASE WHEN v.person_id = '' THEN f.person_id ELSE v.person_id END,
				assigned_at = CASE WHEN v.assigned_at = 0 THEN f.assigned_at ELSE v.assigned_at END
			FROM conversation f WHERE v.institution_id = $1 AND v.id = $3 AND f.institution_id = $1 AND f.id = $2`,
	} {
		if _, err := h.tx.Exec(ctx, move, h.institution(), from, into); err != nil {
			return err
		}
	}
	if _, err := h.tx.Exec(ctx, `
		INSERT INTO conversation_word (word, conversation) SELECT word, $2 FROM conversation_word WHERE conversation = $1 ON CONFLICT DO NOTHING`,
		db.Number(h.institution(), from), db.Number(h.institution(), into)); err != nil {
		return err
	}
	if _, err := h.tx.Exec(ctx, `DELETE FROM conversation WHERE institution_id = $1 AND id = $2`, h.institution(), from); err != nil {
		return err
	}
	h.into[from] = into
	h.touched[into] = true
	if slices.Contains(h.opened, from) {
		return nil // nobody has seen it
	}
	return h.happened(ctx, h.tx, h.institution(), into, EventMerged, from, "", h.now)
}

// wakes opens a conversation that was closed, because its citizen spoke again, and
// ends the deadline of a question that was answered before.
func (h *hearing) wakes(ctx context.Context, id string) error {
	if h.returned[id] || slices.Contains(h.opened, id) {
		return nil // it is open, and its citizen waits
	}
	h.returned[id] = true
	v, err := Find(ctx, h.tx, h.institution(), id)
	if err != nil || v.Waiting && v.State == Open {
		return err
	}
	if _, err := h.tx.Exec(ctx, `
		UPDATE conversation SET state = 'open', closed_at = 0, due_at = 0, reminded_at = 0, alarmed_at = 0 WHERE institution_id = $1 AND id = $2`,
		h.institution(), id); err != nil {
		return err
	}
	if v.State == Open {
		return nil
	}
	return h.happened(ctx, h.tx, h.institution(), id, EventReturned, "", "", h.now)
}

func sortedKeys(m map[string]bool) []string { return slices.Sorted(maps.Keys(m)) }
