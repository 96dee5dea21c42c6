package inbox

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

const answerColumns = `a.institution_id, a.id, a.conversation_id, a.comment_id, a.state, a.text, a.lang, a.private, a.rev, a.sent_rev, a.author_id, a.edited_by,
	a.submitted_by, a.approved_by, a.approved_hash, a.sent_back, a.moderation_id, a.sent_at, a.out_at, a.created_at, a.updated_at, a.failed_at, a.failed_why`

func scanAnswer(s db.Scanner, more ...any) (a Answer, err error) {
	var sent, out, created, updated, failed int64
	err = s.Scan(append([]any{&a.InstitutionID, &a.ID, &a.ConversationID, &a.CommentID, &a.State, &a.Text, &a.Lang, &a.Private, &a.Rev, &a.SentRev, &a.AuthorID, &a.EditedBy,
		&a.SubmittedBy, &a.ApprovedBy, &a.ApprovedHash, &a.SentBack, &a.ModerationID, &sent, &out, &created, &updated, &failed, &a.FailedWhy}, more...)...)
	a.SentAt, a.OutAt, a.CreatedAt, a.UpdatedAt = db.When(sent), db.When(out), db.When(created), db.When(updated)
	a.FailedAt = db.When(failed)
	a.Hash = a.hash()
	return a, err
}

// hash is of all that an approval is bound to: what is said, to whom, how.
func (a Answer) hash() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{a.CommentID, a.Lang, fmt.Sprint(a.Private), a.Text}, "\x1f")))
	return hex.EncodeToString(sum[:])
}

// AnswerByID returns an answer without its delivery. Fault: NotFound.
func AnswerByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Answer, error) {
	a, err := scanAnswer(tx.QueryRow(ctx, `SELECT `+answerColumns+` FROM answer a WHERE a.institution_id = $1 AND a.id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return a, fault.Missing("inbox.answer.missing")
	}
	return a, err
}

func putAnswer(ctx context.Context, tx *db.Tx, a Answer) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO answer (institution_id, id, conversation_id, comment_id, state, text, lang, private, rev, sent_rev, author_id, edited_by,
			submitted_by, approved_by, approved_hash, sent_back, moderation_id, sent_at, out_at, created_at, updated_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21)
		ON CONFLICT (institution_id, id) DO UPDATE SET comment_id = excluded.comment_id, state = excluded.state, text = excluded.text, lang = excluded.lang,
			private = excluded.private, rev = excluded.rev, sent_rev = excluded.sent_rev, edited_by = excluded.edited_by, submitted_by = excluded.submitted_by,
			approved_by = excluded.approved_by, approved_hash = excluded.approved_hash, sent_back = excluded.sent_back, sent_at = excluded.sent_at,
			out_at = excluded.out_at, updated_at = excluded.updated_at`,
		a.InstitutionID, a.ID, a.ConversationID, a.CommentID, a.State, a.Text, a.Lang, a.Private, a.Rev, a.SentRev, a.AuthorID, a.EditedBy,
		a.SubmittedBy, a.ApprovedBy, a.ApprovedHash, a.SentBack, a.ModerationID, db.At(a.SentAt), db.At(a.OutAt), db.At(a.CreatedAt), db.At(a.UpdatedAt))
	return err
}

// keepAnswerVersion stores the text of the answer's revision: for good when it is
// sent, else until it is old (Retention).
func keepAnswerVersion(ctx context.Context, tx *db.Tx, a Answer) error {
	_, err := tx.Exec(ctx, `INSERT INTO answer_version (institution_id, answer_id, rev, text, lang, private, person_id, at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		a.InstitutionID, a.ID, a.Rev, a.Text, a.Lang, a.Private, a.EditedBy, db.At(a.UpdatedAt))
	return err
}

// AnswerVersion is one saved revision of an answer.
type AnswerVersion struct {
	Rev      int64
	Text     string
	Lang     string
	Private  bool
	PersonID string
	At       time.Time
}

// AnswerVersions lists an answer's revisions, newest first.
func AnswerVersions(ctx context.Context, tx *db.Tx, institutionID, id string) ([]AnswerVersion, error) {
	return db.All(ctx, tx, scanAnswerVersion, `
		SELECT rev, text, lang, private, person_id, at FROM answer_version WHERE institution_id = $1 AND answer_id = $2 ORDER BY rev DESC`, institutionID, id)
}

func scanAnswerVersion(s db.Scanner) (v AnswerVersion, err error) {
	var at int64
	err = s.Scan(&v.Rev, &v.Text, &v.Lang, &v.Private, &v.PersonID, &at)
	v.At = db.When(at)
	return v, err
}

// Answers lists the answers of a conversation, oldest first, each with its
// delivery and the reactions to it.
func Answers(ctx context.Context, tx *db.Tx, institutionID, conversationID string) ([]Answer, error) {
	all, err := db.All(ctx, tx, scanCarried, `
		SELECT `+answerColumns+`, coalesce(d.id, ''), coalesce(d.channel_id, ''), coalesce(d.state, ''), coalesce(d.rev, 0), coalesce(d.out_rev, 0), coalesce(d.withdraw, FALSE),
			coalesce(d.due_at, 0), coalesce(d.next_at, 0), coalesce(d.attempts, 0), coalesce(d.remote_id, ''), coalesce(d.remote_url, ''),
			coalesce(d.error_class, ''), coalesce(d.error_code, ''), coalesce(d.error_detail, ''), coalesce(d.attempted_at, 0), coalesce(d.out_at, 0), coalesce(d.updated_at, 0)
		FROM answer a LEFT JOIN delivery d ON d.institution_id = a.institution_id AND d.message_id = a.id AND d.kind = 'answer'
		WHERE a.institution_id = $1 AND a.conversation_id = $2 ORDER BY a.created_at, a.id`, institutionID, conversationID)
	if err != nil {
		return nil, err
	}
	type count struct {
		delivery string
		Reaction
	}
	reactions, err := db.All(ctx, tx, func(s db.Scanner) (c count, err error) {
		err = s.Scan(&c.delivery, &c.Reaction.Reaction, &c.N)
		return c, err
	}, `
		SELECT p.delivery_id, r.reaction, count(DISTINCT r.author_id) FROM answer a
			JOIN delivery d ON d.institution_id = a.institution_id AND d.message_id = a.id AND d.kind = 'answer'
			JOIN remote_post p ON p.institution_id = d.institution_id AND p.delivery_id = d.id
			JOIN reaction r ON r.institution_id = p.institution_id AND r.channel_id = p.channel_id AND r.target = p.remote_id
		WHERE a.institution_id = $1 AND a.conversation_id = $2
		GROUP BY p.delivery_id, r.reaction ORDER BY 3 DESC, 2`, institutionID, conversationID)
	for _, r := range reactions {
		for i := range all {
			if all[i].Delivery.ID == r.delivery {
				all[i].Reactions = append(all[i].Reactions, r.Reaction)
			}
		}
	}
	return all, err
}

func scanCarried(s db.Scanner) (Answer, error) {
	var due, next, attempted, out, updated int64
	var d Answer
	del := &d.Delivery
	a, err := scanAnswer(s, &del.ID, &del.ChannelID, &del.State, &del.Rev, &del.OutRev, &del.Withdraw, &due, &next, &del.Attempts, &del.Remote.ID, &del.Remote.URL,
		&del.Class, &del.Code, &del.Detail, &attempted, &out, &updated)
	a.Delivery = *del
	if a.Delivery.ID == "" {
		return a, err
	}
	a.Delivery.InstitutionID, a.Delivery.Kind, a.Delivery.MessageID = a.InstitutionID, AnAnswer, a.ID
	a.Delivery.DueAt, a.Delivery.NextAt, a.Delivery.AttemptedAt = db.When(due), db.When(next), db.When(attempted)
	a.Delivery.OutAt, a.Delivery.UpdatedAt = db.When(out), db.When(updated)
	return a, err
}

// answerGone says that what was to be answered is no longer there.
func answerGone() error {
	return &channel.Error{Class: channel.Refused, Code: channel.CodeAnswerGone}
}

func missingNote() error { return fault.Missing("inbox.note.missing") }
