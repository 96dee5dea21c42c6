package comments

import (
	"context"
	"embed"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
)

//go:embed all:templates
var templates embed.FS

// The bounds of a comment.
const (
	MaxText = 3000 // characters
	maxName = 60
	// linkLife is how long a comment waits for its author's confirmation.
	linkLife = 48 * time.Hour
	// editLife is how long an author may change what was confirmed.
	editLife = 15 * time.Minute
)

// Hear keeps what was said; it is inbox.Inbox.Hear.
type Hear func(ctx context.Context, tx *db.Tx, institutionID, channelID string, said []channel.Said) error

// Fediverse proves who somebody is by letting them sign in on their own server.
// mastodon.Adapter is one.
type Fediverse interface {
	// Register makes us known on a server: the one call that is needed before somebody
	// signs in there. app holds secrets. Its error is a *channel.Error.
	Register(ctx context.Context, host, redirect string) (app []byte, err error)
	// Invite returns where a person signs in, and what Greet will need; pending holds
	// secrets. It calls nobody. Its error is a *channel.Error.
	Invite(app []byte, redirect, state string) (address string, pending []byte, err error)
	// Greet turns the code that came back into who signed in.
	Greet(ctx context.Context, pending []byte, redirect, code string) (channel.Author, error)
}

// Identity is a provider with which citizens may sign in, such as a gateway to
// SPID and CIE.
type Identity struct {
	Name string // on the button: "Accedi con …"
	// Depart sends the browser to the provider; it comes back to next, a path of this
	// site, with the parameter "chi".
	Depart func(w http.ResponseWriter, r *http.Request, next string) error
	// Arrived reads that parameter: who signed in, as the provider names them.
	Arrived func(r *http.Request, who string) (subject, name string, err error)
}

// Options are what Comments are built from. Without Fediverse
// and Identity only a letter confirms; Appeal and Log may be nil.
type Options struct {
	DB        *db.DB
	Kit       *web.Kit
	Bundle    *i18n.Bundle
	Box       *secret.Box
	Sender    mail.Sender
	From      string // address that letters come from
	Clock     func() time.Time
	Log       *slog.Logger
	Address   func(institution.Institution) string // of a site, without a final slash
	Hear      Hear
	Fediverse Fediverse
	Identity  *Identity
	Secure    bool // the site is reached by https: cookies say so
	// Appeal is where the author of hidden words asks for another judgement.
	Appeal func(institutionID, moderationID string) string
}

// Comments are what citizens say under messages. Safe for concurrent use.
type Comments struct {
	o     Options
	jobs  *jobs.Pool
	calls chan struct{} // to the servers of people who sign in, those under way
}

// New builds Comments, adds their pages to the kit and registers their work.
func New(o Options, r *jobs.Registry) (*Comments, error) {
	if o.DB == nil || o.Kit == nil || o.Bundle == nil || o.Box == nil || o.Sender == nil || o.From == "" || o.Clock == nil || o.Address == nil || o.Hear == nil {
		return nil, errors.New("comments: DB, Kit, Bundle, Box, Sender, From, Clock, Address and Hear are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	c := &Comments{o: o, calls: make(chan struct{}, limit.CommentCalls.N())}
	jobs.Handle(r, c.workConfirm)
	jobs.Handle(r, c.workAnnounce)
	jobs.Handle(r, c.workTidy)
	jobs.Every(r, time.Hour, tidy{})
	return c, o.Kit.AddTemplates(templates)
}

// Use gives the pool in which work is enqueued.
func (c *Comments) Use(p *jobs.Pool) { c.jobs = p }

// Mount registers the addresses.
func (c *Comments) Mount(mux *http.ServeMux) {
	public := []web.RouteOption{web.WithoutSession(), web.MaxBody(64 << 10)}
	kit := c.o.Kit
	kit.Handle(mux, "GET /m/{slug}/commenta", c.writePage, public...)
	kit.Handle(mux, "POST /m/{slug}/commenta", c.write, public...)
	kit.Handle(mux, "GET /commenti/inviato", c.sentPage, public...)
	kit.Handle(mux, "GET "+fediversePath, c.fediverseBack, public...)
	kit.Handle(mux, "GET "+identityPath, c.identityBack, public...)
	kit.Handle(mux, "GET /commenti/{link}", c.linkPage, public...)
	kit.Handle(mux, "POST /commenti/{link}", c.linkAct, public...)
	kit.Handle(mux, "GET "+deskPath, c.deskPage)
	kit.Handle(mux, "POST "+deskPath, c.deskSave)
}

// allow counts an attempt. Fault: TooMany.
func (c *Comments) allow(ctx context.Context, tx *db.Tx, now time.Time, spends ...limit.Spend) error {
	wait, err := limit.NewBook(c.o.Box).Take(ctx, tx, now, spends...)
	if err == nil && wait > 0 {
		err = fault.New(fault.TooMany, "comments.too_many")
	}
	return err
}

// refresh makes the pages of an institution's site be made anew.
func refresh(ctx context.Context, tx *db.Tx, institutionID string) error {
	_, err := tx.Exec(ctx, `UPDATE institution SET version = version + 1 WHERE id = $1`, institutionID)
	return err
}

// Changed makes the site show what the inbox did with a conversation: released,
// hidden, forgotten. It is to be called in the same transaction.
func (c *Comments) Changed(ctx context.Context, tx *db.Tx, institutionID, conversationID string) error {
	_, err := tx.Exec(ctx, `UPDATE institution SET version = version + 1 WHERE id = $1
		AND NOT EXISTS (SELECT 1 FROM conversation WHERE institution_id = $1 AND id = $2 AND message_id = '')`, institutionID, conversationID)
	return err
}

// Restored makes a restored backup safe: a letter that the backup saw waiting may
// have left since, so it is not sent by itself, and what nobody had confirmed is
// forgotten, for its link may have been used.
func Restored(ctx context.Context, tx *db.Tx, _ time.Time) error {
	if _, err := tx.Exec(ctx, `UPDATE site_answer SET notice = 'unconfirmed' WHERE notice IN ('waiting', 'attempting')`); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, `DELETE FROM comment_pending`)
	return err
}
