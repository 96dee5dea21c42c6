package newsletter

import (
	"context"
	"crypto/rand"
	"embed"
	"errors"
	"fmt"
	htmltemplate "html/template"
	"log/slog"
	"net/url"
	"strings"
	"text/template"
	"time"

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

//go:embed letters
var letterFiles embed.FS

// Options are what a List is built from; all are required but Log and Bounces.
type Options struct {
	DB     *db.DB
	Kit    *web.Kit
	Bundle *i18n.Bundle
	Box    *secret.Box
	Sender mail.Sender
	Clock  func() time.Time
	Log    *slog.Logger
	From   string // address in the From of every letter
	// Bounces is where letters go back to when they cannot be delivered; empty: From.
	Bounces string
	// Lease is how long the sending of a worker that died is left alone; 0: two
	// minutes. A worker that lives renews it, however long a letter takes.
	Lease time.Duration
	// Address returns the base URL of an institution's site, without a final slash.
	Address func(institution.Institution) string
}

// List is the newsletter of every institution. Safe for concurrent use.
type List struct {
	db      *db.DB
	kit     *web.Kit
	bundle  *i18n.Bundle
	box     *secret.Box
	sender  mail.Sender
	bulk    mail.Bulk // the same
	clock   func() time.Time
	log     *slog.Logger
	from    string
	bounces string
	address func(institution.Institution) string
	jobs    *jobs.Pool
	text    *template.Template
	html    *htmltemplate.Template
	lease   time.Duration
}

// New builds a List, adds its pages to the kit and registers its work.
func New(o Options, r *jobs.Registry) (*List, error) {
	if o.DB == nil || o.Kit == nil || o.Bundle == nil || o.Box == nil || o.Sender == nil || o.Clock == nil || o.Address == nil || o.From == "" {
		return nil, errors.New("newsletter: DB, Kit, Bundle, Box, Sender, Clock, Address and From are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Lease == 0 {
		o.Lease = 2 * time.Minute
	}
	l := &List{db: o.DB, kit: o.Kit, bundle: o.Bundle, box: o.Box, sender: o.Sender, bulk: mail.InBulk(o.Sender), clock: o.Clock, log: o.Log,
		from: o.From, bounces: o.Bounces, address: o.Address, lease: o.Lease}
	var err error
	if l.text, err = template.ParseFS(letterFiles, "letters/*.txt"); err != nil {
		return nil, fmt.Errorf("newsletter: %w", err)
	}
	if l.html, err = htmltemplate.ParseFS(letterFiles, "letters/*.html"); err != nil {
		return nil, fmt.Errorf("newsletter: %w", err)
	}
	if err := o.Kit.AddTemplates(templates); err != nil {
		return nil, err
	}
	jobs.Handle(r, l.workConfirm)
	jobs.Handle(r, l.workSend)
	jobs.Handle(r, l.workTick)
	jobs.Every(r, tickEvery, tick{})
	return l, nil
}

// Use gives the list the pool in which it enqueues its work.
func (l *List) Use(p *jobs.Pool) { l.jobs = p }

// confirm is the job that sends a confirmation letter. Everything in it is
// sealed; it ends with the link.
type confirm struct {
	InstitutionID string `json:"institution_id"`
	Sealed        string `json:"sealed"`
}

func (confirm) Kind() string { return "newsletter.confirm" }

// Subscribe sends a confirmation link to an address, whether it is subscribed
// already or not; nothing else is kept. Faults: Invalid, TooMany for the network.
func (l *List) Subscribe(ctx context.Context, i institution.Institution, u Subscriber, from limit.Network) error {
	now := l.clock()
	email, err := mail.NormalAddress("email", u.Email)
	if err != nil {
		return err
	}
	// The standard lets a mailbox tell capitals apart; no server in use does.
	email = strings.ToLower(email)
	sealed, err := l.sealAsked(i.ID, asked{Email: email, Locale: u.Locale, Cadence: u.Cadence, Scopes: u.Scopes, Nonce: rand.Text(), Expires: db.At(now.Add(linkLife))})
	if err != nil {
		return err
	}
	return l.db.InTx(ctx, func(tx *db.Tx) error {
		limits := limit.NewBook(l.box)
		if wait, err := limits.Take(ctx, tx, now, limit.Newsletter.From(from)); err != nil {
			return err
		} else if wait > 0 {
			return fault.New(fault.TooMany, "newsletter.too_many")
		}
		// An address that is asked for again and again gets no more letters; who asks
		// does not learn it.
		if wait, err := limits.Take(ctx, tx, now, limit.NewsletterAddress.Of(email)); err != nil || wait > 0 {
			return err
		}
		return l.jobs.Enqueue(ctx, tx, confirm{i.ID, sealed}, jobs.When{Queue: jobs.Letters})
	})
}

// workConfirm sends the confirmation letter. It may arrive twice after a crash:
// the link works once.
func (l *List) workConfirm(ctx context.Context, j confirm) error {
	now := l.clock()
	a, err := l.openAsked(j.InstitutionID, j.Sealed, now)
	if err != nil {
		return jobs.Never(err)
	}
	var i institution.Institution
	if err := l.db.Read(ctx, func(tx *db.Tx) error {
		i, err = institution.ByID(ctx, tx, j.InstitutionID)
		return err
	}); err != nil {
		return err
	}
	letter, err := l.confirmation(i, a, l.address(i)+"/newsletter/conferma/"+url.PathEscape(j.Sealed), now)
	if err != nil {
		return err
	}
	switch r := l.sender.Send(ctx, letter); r.Outcome {
	case mail.Sent, mail.Unknown:
		return nil
	case mail.Refused:
		if r.Ours {
			return errors.New("the mail server refuses our letters")
		}
		return jobs.Never(errors.Join(errors.New("the mail server refuses the address"), r.Err))
	}
	return errors.New("the mail server defers the letter")
}

// Confirm makes a subscription that was asked for an active one. Faults: NotFound
// for a bad or old link, Conflict for one that was used.
func (l *List) Confirm(ctx context.Context, institutionID, sealed string) (token string, err error) {
	now := l.clock()
	a, err := l.openAsked(institutionID, sealed, now)
	if err != nil {
		return "", err
	}
	err = l.db.InTx(ctx, func(tx *db.Tx) error {
		if err := useLink(ctx, tx, institutionID, a, now); err != nil {
			return err
		}
		u, err := save(ctx, tx, institutionID, Subscriber{Email: a.Email, Locale: a.Locale, Cadence: a.Cadence, Scopes: a.Scopes}, now)
		token = l.token(institutionID, u.ID)
		return err
	})
	return token, err
}

// Unsubscribe ends the subscription that a token belongs to, for good. Repeating
// it changes nothing. Fault: NotFound for a token that is not ours.
func (l *List) Unsubscribe(ctx context.Context, institutionID, token string) error {
	id, err := l.holder(institutionID, token)
	if err != nil {
		return err
	}
	return l.db.InTx(ctx, func(tx *db.Tx) error { return forget(ctx, tx, institutionID, id, l.clock()) })
}
