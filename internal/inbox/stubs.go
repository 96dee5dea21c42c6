package inbox

import (
	"context"
	"errors"
	"io"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/publishing"
)

var errSoon = errors.New("being written")

const reduceEvery = time.Hour

type reduce struct{}

func (reduce) Kind() string { return "inbox.reduce" }

type moderate struct{ InstitutionID, ModerationID string }

func (moderate) Kind() string { return "inbox.moderate" }

func (in *Inbox) workReduce(ctx context.Context, _ reduce) error     { return errSoon }
func (in *Inbox) workModerate(ctx context.Context, _ moderate) error { return errSoon }

func (in *Inbox) Assign(ctx context.Context, institutionID string, ids []string, to To) error {
	return errSoon
}
func (in *Inbox) AssignTx(ctx context.Context, tx *db.Tx, institutionID, id string, to To, now time.Time) error {
	return errSoon
}
func (in *Inbox) Close(ctx context.Context, institutionID string, ids []string) error { return errSoon }
func (in *Inbox) Reopen(ctx context.Context, institutionID string, ids []string) error {
	return errSoon
}
func (in *Inbox) Note(ctx context.Context, institutionID, id, text string) (Note, error) {
	return Note{}, errSoon
}

// NoteTx keeps what an office wrote through a link.
func (in *Inbox) NoteTx(ctx context.Context, tx *db.Tx, institutionID string, n Note, now time.Time) (Note, error) {
	return Note{}, errSoon
}
func (in *Inbox) SetStance(ctx context.Context, institutionID, commentID string, s Stance) error {
	return errSoon
}

func (in *Inbox) Draft(ctx context.Context, institutionID string, d AnswerDraft) (Answer, error) {
	return Answer{}, errSoon
}
func (in *Inbox) Submit(ctx context.Context, institutionID, id string) (Answer, error) {
	return Answer{}, errSoon
}
func (in *Inbox) Approve(ctx context.Context, institutionID, id, hash string) (Answer, error) {
	return Answer{}, errSoon
}
func (in *Inbox) SendBack(ctx context.Context, institutionID, id, why string) (Answer, error) {
	return Answer{}, errSoon
}
func (in *Inbox) Send(ctx context.Context, institutionID, id string) (Answer, error) {
	return Answer{}, errSoon
}

// Correct saves a new revision of an answer that was sent, and brings it out.
func (in *Inbox) Correct(ctx context.Context, institutionID, id string, rev int64, text string) (Answer, error) {
	return Answer{}, errSoon
}
func (in *Inbox) Withdraw(ctx context.Context, institutionID, id string) (Answer, error) {
	return Answer{}, errSoon
}
func (in *Inbox) CheckAnswer(ctx context.Context, tx *db.Tx, institutionID string, d AnswerDraft) (AnswerCheck, error) {
	return AnswerCheck{}, errSoon
}

func (in *Inbox) Outgoing(ctx context.Context, tx *db.Tx, institutionID, id string, rev int64) (channel.Post, error) {
	return channel.Post{}, errSoon
}
func (in *Inbox) Settled(ctx context.Context, tx *db.Tx, del publishing.Delivery) error {
	return errSoon
}

func (in *Inbox) Release(ctx context.Context, institutionID, commentID string) error { return errSoon }
func (in *Inbox) Refuse(ctx context.Context, institutionID, commentID, rule, reason string) (Moderation, error) {
	return Moderation{}, errSoon
}
func (in *Inbox) Hide(ctx context.Context, institutionID, commentID, rule, reason, warning string) (Moderation, error) {
	return Moderation{}, errSoon
}
func (in *Inbox) Unhide(ctx context.Context, institutionID, commentID, reason string) (Moderation, error) {
	return Moderation{}, errSoon
}
func (in *Inbox) Report(ctx context.Context, institutionID, commentID, rule, reason string) (Moderation, error) {
	return Moderation{}, errSoon
}
func (in *Inbox) Block(ctx context.Context, institutionID, authorID, rule, reason string) (Moderation, error) {
	return Moderation{}, errSoon
}
func (in *Inbox) Unblock(ctx context.Context, institutionID, authorID, reason string) (Moderation, error) {
	return Moderation{}, errSoon
}
func (in *Inbox) Appeal(ctx context.Context, tx *db.Tx, institutionID, moderationID, text string) error {
	return errSoon
}
func (in *Inbox) Decide(ctx context.Context, institutionID, moderationID string, o Outcome) (Moderation, error) {
	return Moderation{}, errSoon
}

// ModerationLog lists the log, newest first; before is the ID of the last one shown.
func ModerationLog(ctx context.Context, tx *db.Tx, institutionID, before string, limit int) ([]Moderation, error) {
	return nil, errSoon
}
func ModerationByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Moderation, error) {
	return Moderation{}, errSoon
}

func (in *Inbox) Forget(ctx context.Context, institutionID, authorID string) error { return errSoon }
func (in *Inbox) Export(ctx context.Context, institutionID, authorID string, w io.Writer) error {
	return errSoon
}
