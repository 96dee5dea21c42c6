package inbox

import (
	"context"
	"errors"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// moderate is the job that does on the platform what was decided here.
type moderate struct {
	InstitutionID string `json:"institution_id"`
	ModerationID  string `json:"moderation_id"`
}

// Kind names the work for ever.
func (moderate) Kind() string { return "inbox.moderate" }

// workModerate hides, shows or reports a comment on its platform. It may run more
// than once; what was decided otherwise meanwhile is left alone. Why it failed
// stays in the log until it succeeds.
func (in *Inbox) workModerate(ctx context.Context, j moderate) error {
	var l Moderation
	var word Comment
	var author Author
	var ch channel.Channel
	err := in.db.Read(ctx, func(tx *db.Tx) (err error) {
		if l, err = ModerationByID(ctx, tx, j.InstitutionID, j.ModerationID); err != nil {
			return err
		}
		if word, err = CommentByID(ctx, tx, j.InstitutionID, l.CommentID); err != nil {
			return err
		}
		if author, err = AuthorByID(ctx, tx, j.InstitutionID, word.AuthorID); err != nil {
			return err
		}
		ch, err = channel.ByID(ctx, tx, j.InstitutionID, word.ChannelID)
		return err
	})
	if fault.Is(err, fault.NotFound) {
		return nil // the words are no longer kept: nothing is left to be done about them
	}
	if err != nil || !word.DeletedAt.IsZero() || l.Act == ActHide && word.HiddenAt.IsZero() || l.Act == ActUnhide && !word.HiddenAt.IsZero() {
		return err
	}
	done := in.moderateThere(ctx, l, ch, word.reply(author))
	code := ""
	if done != nil {
		code = channel.AsError(done).Code
	}
	err = in.db.InTx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `UPDATE moderation SET remote_error = $3 WHERE institution_id = $1 AND id = $2`, l.InstitutionID, l.ID, code); err != nil {
			return err
		}
		return tx.Notify(ctx, Topic, l.InstitutionID)
	})
	if e := (*channel.Error)(nil); errors.As(done, &e) && (e.Class == channel.Refused || e.Class == channel.Revoked) {
		return err // trying again would not help; the log says so
	}
	return errors.Join(err, done)
}

func (in *Inbox) moderateThere(ctx context.Context, l Moderation, ch channel.Channel, r channel.Reply) error {
	moderator, ok := in.channels.Adapter(ch.Platform).(channel.Moderator)
	if !ok {
		return &channel.Error{Class: channel.Refused, Code: channel.CodeCannotHide}
	}
	if !ch.State.Usable() {
		return &channel.Error{Class: channel.Revoked, Code: channel.CodeSignIn}
	}
	_, account, err := in.channels.Open(ch)
	if err != nil {
		return err
	}
	switch l.Act {
	case ActHide:
		return moderator.Hide(ctx, account, r)
	case ActUnhide:
		return moderator.Unhide(ctx, account, r)
	}
	reason := l.Rule
	if l.Reason != "" {
		reason += ": " + l.Reason
	}
	return moderator.Report(ctx, account, r, reason)
}

const moderationColumns = `institution_id, id, conversation_id, comment_id, action, rule, reason, text, author, person_id, at, warning, warned_at,
	appeal, appealed_at, outcome, decided_by, decided_at, remote_error`

func scanModeration(s db.Scanner) (l Moderation, err error) {
	var at, warned, appealed, decided int64
	err = s.Scan(&l.InstitutionID, &l.ID, &l.ConversationID, &l.CommentID, &l.Act, &l.Rule, &l.Reason, &l.Text, &l.Author, &l.PersonID, &at, &l.Warning, &warned,
		&l.Appeal, &appealed, &l.Outcome, &l.DecidedBy, &decided, &l.RemoteError)
	l.At, l.WarnedAt, l.AppealedAt, l.DecidedAt = db.When(at), db.When(warned), db.When(appealed), db.When(decided)
	return l, err
}

// ModerationByID returns an entry of the moderation log. Fault: NotFound.
func ModerationByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Moderation, error) {
	l, err := scanModeration(tx.QueryRow(ctx, `SELECT `+moderationColumns+` FROM moderation WHERE institution_id = $1 AND id = $2`, institutionID, id))
	if errors.Is(err, db.ErrNone) {
		return l, fault.Missing("inbox.moderation.missing")
	}
	return l, err
}

// ModerationLog lists the log, newest first; before is the ID of the last entry of
// the page before, limit 0 is 50.
func ModerationLog(ctx context.Context, tx *db.Tx, institutionID, before string, limit int) ([]Moderation, error) {
	if limit <= 0 {
		limit = 50
	}
	return db.All(ctx, tx, scanModeration, `
		SELECT `+moderationColumns+` FROM moderation WHERE institution_id = $1 AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3`,
		institutionID, before, min(limit, MaxList))
}

// ModerationsOf lists what was done about the words of a conversation, oldest
// first.
func ModerationsOf(ctx context.Context, tx *db.Tx, institutionID, conversationID string) ([]Moderation, error) {
	return db.All(ctx, tx, scanModeration, `
		SELECT `+moderationColumns+` FROM moderation WHERE institution_id = $1 AND conversation_id = $2 ORDER BY id`, institutionID, conversationID)
}
