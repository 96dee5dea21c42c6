package inbox

import (
	"context"
	"log/slog"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/mail"
)

// Ledger is where answers are entered in order to go out: publishing.Desk.
type Ledger interface {
	// Carry enters a delivery for something of kind, once.
	Carry(ctx context.Context, tx *db.Tx, institutionID, kind, id, channelID string, rev int64, now time.Time) error
	// Recarry asks for the copies to be brought to a newer revision.
	Recarry(ctx context.Context, tx *db.Tx, institutionID, id string, rev int64, now time.Time) error
	// TakeBack asks for the copies to be taken back.
	TakeBack(ctx context.Context, tx *db.Tx, institutionID, id string, now time.Time) error
}

// AnAnswer is the kind under which answers are entered in the ledger.
const AnAnswer = "answer"

// Topic is the db.Notice that says that a conversation of an institution changed.
const Topic = "conversation"

// Inbox is where conversations are kept and answered.
type Inbox struct {
	db       *db.DB
	jobs     *jobs.Pool
	channels *channel.Switchboard
	ledger   Ledger
	clock    func() time.Time
	log      *slog.Logger
	address  func(institution.Institution) string
	stance   func(text, lang, subjectKind string) Stance
	opened   func(ctx context.Context, tx *db.Tx, c Conversation, first Comment) error
	heard    func(ctx context.Context, tx *db.Tx, c Conversation, word Comment) error
	appeal   func(ctx context.Context, tx *db.Tx, institutionID, moderationID string) (string, error)
	changed  func(ctx context.Context, tx *db.Tx, institutionID, conversationID, what string) error
	reported func(ctx context.Context, tx *db.Tx, r mail.Report, now time.Time) (int, error)
	files    blob.Store
}

// Options for an inbox. The functions may be nil.
type Options struct {
	DB       *db.DB
	Channels *channel.Switchboard
	Desk     Ledger
	Clock    func() time.Time
	Log      *slog.Logger
	// Address returns the base URL of an institution's site, without a final slash.
	Address func(institution.Institution) string
	// Stance guesses what a text says of what it answers; subjectKind is "message",
	// or empty when it answers none of our messages.
	Stance func(text, lang, subjectKind string) Stance

	// Opened is told of each new conversation with its first comment, before Heard.
	Opened func(ctx context.Context, tx *db.Tx, c Conversation, first Comment) error
	// Heard is told of each new comment of a citizen. Where a fresh answer is now
	// wanted in a conversation that had been answered or closed, c.DueAt is zero:
	// the old deadline was that of the old question.
	Heard func(ctx context.Context, tx *db.Tx, c Conversation, word Comment) error
	// Appeal is the sentence that tells somebody who is warned where to ask for
	// another judgement.
	Appeal func(ctx context.Context, tx *db.Tx, institutionID, moderationID string) (string, error)
	// Reported is told of reports about letters that are no answers, and returns how
	// many of them it knew: newsletter.Reported.
	Reported func(ctx context.Context, tx *db.Tx, r mail.Report, now time.Time) (int, error)
	// Files keeps what comes with letters. Only KeepFiles, OpenFile and Retention need it.
	Files blob.Store
	// Changed is told of each act, by the word its Event has.
	Changed func(ctx context.Context, tx *db.Tx, institutionID, conversationID, what string) error
}

// New returns an inbox and registers its background work.
func New(o Options, r *jobs.Registry) *Inbox {
	in := &Inbox{db: o.DB, channels: o.Channels, ledger: o.Desk, clock: o.Clock, log: o.Log, address: o.Address,
		stance: o.Stance, opened: o.Opened, heard: o.Heard, appeal: o.Appeal, changed: o.Changed,
		reported: o.Reported, files: o.Files}
	if in.stance == nil {
		in.stance = func(string, string, string) Stance { return "" }
	}
	jobs.Handle(r, in.workModerate)
	jobs.Handle(r, in.workCatchUp)
	jobs.Every(r, catchUpEvery, catchUp{})
	return in
}

// Use gives the inbox the pool in which it enqueues its work.
func (in *Inbox) Use(p *jobs.Pool) { in.jobs = p }
