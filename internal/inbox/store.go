package inbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// conversationColumns are read by scanConversation; c is the table's name in the
// query.
const conversationColumns = `c.institution_id, c.id, c.profile_id, c.channel_id, c.platform, c.message_id, c.author_id, c.private, c.subject, c.state,
	c.waiting, c.comments, c.office_id, c.person_id, c.assigned_at, c.due_at, c.reminded_at, c.alarmed_at, c.first_at, c.last_at,
	c.answered_at, c.closed_at, c.reduced_at, c.version`

func scanConversation(s db.Scanner, more ...any) (c Conversation, err error) {
	var assigned, due, reminded, alarmed, first, last, answered, closed, reduced int64
	err = s.Scan(append([]any{&c.InstitutionID, &c.ID, &c.ProfileID, &c.ChannelID, &c.Platform, &c.MessageID, &c.AuthorID, &c.Private, &c.Subject, &c.State,
		&c.Waiting, &c.Comments, &c.OfficeID, &c.PersonID, &assigned, &due, &reminded, &alarmed, &first, &last,
		&answered, &closed, &reduced, &c.Version}, more...)...)
	c.AssignedAt, c.DueAt, c.RemindedAt, c.AlarmedAt = db.When(assigned), db.When(due), db.When(reminded), db.When(alarmed)
	c.FirstAt, c.LastAt, c.AnsweredAt, c.ClosedAt, c.ReducedAt = db.When(first), db.When(last), db.When(answered), db.When(closed), db.When(reduced)
	return c, err
}

// Find returns a conversation, by its ID or by that of one that was joined to
// it. Fault: NotFound.
func Find(ctx context.Context, tx *db.Tx, institutionID, id string) (Conversation, error) {
	c, err := scanConversation(tx.QueryRow(ctx, `
		SELECT `+conversationColumns+` FROM conversation c
		WHERE c.institution_id = $1 AND c.id = coalesce((SELECT into_id FROM conversation_alias WHERE institution_id = $1 AND id = $2), $2)`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return c, fault.Missing("inbox.missing")
	}
	return c, err
}

// lock is Find for a transaction that will change the conversation: on PostgreSQL
// it waits for another one that does. On SQLite there is one writer at a time.
func lock(ctx context.Context, tx *db.Tx, institutionID, id string) (Conversation, error) {
	if tx.Engine() == db.Postgres {
		if _, err := tx.Exec(ctx, `
			SELECT 1 FROM conversation WHERE institution_id = $1
				AND id = coalesce((SELECT into_id FROM conversation_alias WHERE institution_id = $1 AND id = $2), $2) FOR UPDATE`, institutionID, id); err != nil {
			return Conversation{}, err
		}
	}
	return Find(ctx, tx, institutionID, id)
}

const commentColumns = `m.institution_id, m.id, m.conversation_id, m.channel_id, m.remote_id, m.parent_id, m.url, m.author_id, m.ours, m.quotes, m.private,
	m.subject, m.text, m.whole, m.lang, m.media, m.refs, m.stance, m.stance_by, m.said_at, m.received_at, m.edited_at, m.deleted_at, m.held, m.hidden_at`

func scanComment(s db.Scanner) (c Comment, err error) {
	var media string
	var said, received, edited, deleted, hidden int64
	err = s.Scan(&c.InstitutionID, &c.ID, &c.ConversationID, &c.ChannelID, &c.RemoteID, &c.ParentID, &c.URL, &c.AuthorID, &c.Ours, &c.Quotes, &c.Private,
		&c.Subject, &c.Text, &c.Whole, &c.Lang, &media, &c.refs, &c.Stance, &c.StanceBy, &said, &received, &edited, &deleted, &c.Held, &hidden)
	if err != nil {
		return c, err
	}
	c.SaidAt, c.ReceivedAt, c.EditedAt, c.DeletedAt, c.HiddenAt = db.When(said), db.When(received), db.When(edited), db.When(deleted), db.When(hidden)
	if err := json.Unmarshal([]byte(media), &c.Media); err != nil {
		return c, fmt.Errorf("media of comment %s: %w", c.ID, err)
	}
	return c, nil
}

// CommentByID returns a comment. Fault: NotFound.
func CommentByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Comment, error) {
	c, err := scanComment(tx.QueryRow(ctx, `SELECT `+commentColumns+` FROM comment m WHERE m.institution_id = $1 AND m.id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return c, fault.Missing("inbox.comment.missing")
	}
	return c, err
}

func putComment(ctx context.Context, tx *db.Tx, c Comment) error {
	media, err := json.Marshal(c.Media)
	if err != nil {
		return err
	}
	if len(c.Media) == 0 {
		media = []byte("[]")
	}
	_, err = tx.Exec(ctx, `
		INSERT INTO comment (institution_id, id, conversation_id, channel_id, remote_id, parent_id, url, author_id, ours, quotes, private,
			subject, text, lang, media, refs, stance, stance_by, said_at, received_at, edited_at, deleted_at, held, hidden_at, whole)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24, $25)
		ON CONFLICT (institution_id, id) DO UPDATE SET text = excluded.text, subject = excluded.subject, lang = excluded.lang, media = excluded.media,
			url = excluded.url, refs = excluded.refs, stance = excluded.stance, stance_by = excluded.stance_by, said_at = excluded.said_at,
			edited_at = excluded.edited_at, deleted_at = excluded.deleted_at, held = excluded.held, hidden_at = excluded.hidden_at, whole = excluded.whole`,
		c.InstitutionID, c.ID, c.ConversationID, c.ChannelID, c.RemoteID, c.ParentID, c.URL, c.AuthorID, c.Ours, c.Quotes, c.Private,
		c.Subject, c.Text, c.Lang, string(media), c.refs, c.Stance, c.StanceBy, db.At(c.SaidAt), db.At(c.ReceivedAt), db.At(c.EditedAt), db.At(c.DeletedAt), c.Held, db.At(c.HiddenAt), c.Whole)
	return err
}

const authorColumns = `a.id, a.platform, a.remote_id, a.handle, a.name, a.url, a.avatar, a.blocked_at`

func scanAuthor(s db.Scanner) (a Author, err error) {
	var blocked int64
	err = s.Scan(&a.ID, &a.Platform, &a.RemoteID, &a.Handle, &a.Name, &a.URL, &a.Avatar, &blocked)
	a.BlockedAt = db.When(blocked)
	return a, err
}

// AuthorByID returns somebody outside. Fault: NotFound.
func AuthorByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Author, error) {
	a, err := scanAuthor(tx.QueryRow(ctx, `SELECT `+authorColumns+` FROM author a WHERE a.institution_id = $1 AND a.id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return a, fault.Missing("inbox.author.missing")
	}
	return a, err
}

// reply is what an answer to the comment answers, as its adapter needs it.
func (c Comment) reply(a Author) channel.Reply {
	r := channel.Reply{ID: c.RemoteID, URL: c.URL, Private: c.Private, Subject: c.Subject,
		Author: channel.Author{ID: a.RemoteID, Handle: a.Handle, Name: a.Name, URL: a.URL, Avatar: a.Avatar}}
	if c.refs != "" {
		r.Refs = json.RawMessage(c.refs)
	}
	return r
}
