package office

import (
	"context"
	"embed"
	"log/slog"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

// Options are what offices are built from; all are required.
type Options struct {
	DB     *db.DB
	Kit    *web.Kit
	Bundle *i18n.Bundle
	Log    *slog.Logger
	Clock  func() time.Time
	// Mail stores a letter in the transaction that caused it; it is sent once.
	Mail auth.Mailer
	// Address returns the base URL of an institution's site, without a final slash.
	Address func(institution.Institution) string
	// Assign gives a conversation to an office: inbox.Inbox.AssignTx.
	Assign func(ctx context.Context, tx *db.Tx, institutionID, conversationID string, to inbox.To, now time.Time) error
	// Note keeps what an office wrote: inbox.Inbox.NoteTx.
	Note func(ctx context.Context, tx *db.Tx, institutionID string, n inbox.Note, now time.Time) (inbox.Note, error)
	// Draft makes the draft of a message as the context's actor and calls linked in
	// the same transaction: publishing.Desk.Create under publishing.Along.
	Draft func(ctx context.Context, institutionID string, d Draft, linked func(ctx context.Context, tx *db.Tx, messageID string) error) error
	// Guess counts a try at a link that does not exist, from a network; false when
	// there were too many.
	Guess func(ctx context.Context, from limit.Network, now time.Time) (bool, error)
}

// Draft is what becomes a message.
type Draft struct{ ProfileID, Title, Body string }

// Offices is where conversations find their office. Safe for concurrent use.
type Offices struct {
	Options
	jobs *jobs.Pool
}

// New returns the offices, registers their background work and their templates. It
// fails when a template is broken.
func New(o Options, r *jobs.Registry) (*Offices, error) {
	of := &Offices{Options: o}
	jobs.Handle(r, of.workWatch)
	jobs.Every(r, watchEvery, watch{})
	jobs.Handle(r, of.workDraft)
	return of, o.Kit.AddTemplates(templates)
}

// Use gives the offices the pool in which they enqueue their work.
func (o *Offices) Use(p *jobs.Pool) { o.jobs = p }
