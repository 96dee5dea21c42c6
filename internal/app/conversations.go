package app

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/channel/webmention"
	"codeberg.org/arengo/arengo/internal/channel/webpush"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/listen"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	inboxpages "codeberg.org/arengo/arengo/internal/inbox/pages"
	"codeberg.org/arengo/arengo/internal/insight"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/newsletter"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/board"
	"codeberg.org/arengo/arengo/internal/site/comments"
	"codeberg.org/arengo/arengo/internal/site/policy"
	"codeberg.org/arengo/arengo/internal/site/websub"
	"codeberg.org/arengo/arengo/internal/webhook"
)

// openNative makes the channels that need no platform in between. What they hear
// goes to the inbox, which is made after them, since answers go through them.
func (a *App) openNative(r *jobs.Registry) (err error) {
	a.Fediverse, err = activitypub.New(activitypub.Options{
		DB: a.DB, Kit: a.Web, Bundle: a.bundle, Box: a.Box, Fetch: a.fetch, Clock: a.Clock, Log: a.Log, Address: a.Address, Hear: a.hear, Version: Version,
	}, r)
	if err != nil {
		return err
	}
	a.Notices, err = webpush.New(webpush.Options{
		DB: a.DB, Kit: a.Web, Box: a.Box, Fetch: a.fetch, Clock: a.Clock, Log: a.Log, Contact: a.from().Addr, Address: a.Address,
		TagKey: publishing.TagKey, Lease: a.Config.Lease, AllowLoopback: a.Config.Demo,
	}, r)
	if err != nil {
		return err
	}
	a.onSite = comments.NewSquare()
	a.Mentions, err = webmention.New(webmention.Options{
		DB: a.DB, Kit: a.Web, Bundle: a.bundle, Box: a.Box, Fetch: a.fetch, Clock: a.Clock, Log: a.Log, Address: a.Address, Hear: a.hear,
	}, r)
	if err != nil {
		return err
	}
	a.Hub, err = websub.New(websub.Options{
		DB: a.DB, Kit: a.Web, Box: a.Box, Fetch: a.fetch, Clock: a.Clock, Log: a.Log, Address: a.Address, Content: a.feed,
	}, r)
	return err
}

// hear is the inbox's ear, for whoever is made before it.
func (a *App) hear(ctx context.Context, tx *db.Tx, institutionID, channelID string, said []channel.Said) error {
	return a.Inbox.Hear(ctx, tx, institutionID, channelID, said)
}

// openInbox makes the inbox, and what brings to it and takes from it.
func (a *App) openInbox(r *jobs.Registry) (err error) {
	a.Inbox = inbox.New(inbox.Options{
		DB: a.DB, Channels: a.Channels, Desk: a.Desk, Clock: a.Clock, Log: a.Log, Address: a.Address, Stance: insight.Stance,
		Opened: func(ctx context.Context, tx *db.Tx, c inbox.Conversation, first inbox.Comment) error {
			if err := a.Offices.Route(ctx, tx, c, first); err != nil {
				return err
			}
			return a.Hooks.Opened(ctx, tx, c.InstitutionID, c.ID)
		},
		Heard: func(ctx context.Context, tx *db.Tx, c inbox.Conversation, word inbox.Comment) error {
			return a.Offices.Heard(ctx, tx, c, word)
		},
		Appeal:   a.whereToAppeal,
		Reported: newsletter.Reported,
		Files:    a.Blobs,
		Changed:  a.conversationChanged(),
	}, r)
	a.Desk.Carries(inbox.AnAnswer, a.Inbox)
	a.Sources = listen.New(listen.Options{DB: a.DB, Channels: a.Channels, Hear: a.Inbox.Hear, Keep: a.Inbox.KeepFiles, Clock: a.Clock, Log: a.Log}, r)
	a.Offices, err = office.New(office.Options{
		DB: a.DB, Kit: a.Web, Bundle: a.bundle, Log: a.Log, Clock: a.Clock, Mail: a.letters(), Address: a.Address,
		Assign: a.Inbox.AssignTx, Note: a.Inbox.NoteTx, Draft: a.draftOfOffice, Guess: a.guess,
	}, r)
	if err != nil {
		return err
	}
	a.Comments, err = comments.New(comments.Options{
		DB: a.DB, Kit: a.Web, Bundle: a.bundle, Box: a.Box, Sender: a.Mail, From: a.from().Addr, Clock: a.Clock, Log: a.Log, Address: a.Address, Hear: a.Inbox.Hear,
		Fediverse: a.mastodon, Identity: a.citizens(), Secure: a.base.Scheme == "https",
		Appeal: func(institutionID, moderationID string) string {
			return a.Policy.AppealPath(institutionID, moderationID)
		},
	}, r)
	if err != nil {
		return err
	}
	a.onSite.Serve(a.Comments)
	a.Policy, err = policy.New(policy.Options{
		DB: a.DB, Kit: a.Web, Bundle: a.bundle, Box: a.Box, Clock: a.Clock, Appeal: a.Inbox.Appeal,
		Decide: func(ctx context.Context, institutionID, moderationID string, overturned bool) error {
			outcome := inbox.Upheld
			if overturned {
				outcome = inbox.Overturned
			}
			_, err := a.Inbox.Decide(ctx, institutionID, moderationID, outcome)
			return err
		},
	})
	if err != nil {
		return err
	}
	a.Hooks, err = webhook.New(webhook.Options{
		DB: a.DB, Kit: a.Web, Box: a.Box, Fetch: a.fetch, Clock: a.Clock, Log: a.Log, Address: a.Address, AllowLoopback: a.Config.Demo,
	}, r)
	if err != nil {
		return err
	}
	a.Insight, err = insight.New(insight.Options{DB: a.DB, Kit: a.Web, Clock: a.Clock, Stream: board.Stream}, r)
	a.Desk.AfterPublish(a.Hub.AfterPublish)
	a.Desk.AfterPublish(a.Mentions.AfterPublish)
	return err
}

// citizens lets who comments be known by the configured identity provider; nil
// without one, or when it knows only the staff.
func (a *App) citizens() *comments.Identity {
	if a.Auth.Provider() == "" || a.Config.OIDC.Staff {
		return nil
	}
	return &comments.Identity{Name: a.Auth.Provider(), Depart: a.Auth.DepartCitizen,
		Arrived: func(r *http.Request, who string) (subject, name string, err error) {
			c, err := a.Auth.ReadCitizen(r, who)
			return c.Subject, c.Name, err
		}}
}

// useInbox gives the pool to all that work in the background.
func (a *App) useInbox() {
	a.Fediverse.Use(a.Jobs)
	a.Notices.Use(a.Jobs)
	a.Hub.Use(a.Jobs)
	a.Mentions.Use(a.Jobs)
	a.Inbox.Use(a.Jobs)
	a.Sources.Use(a.Jobs)
	a.Offices.Use(a.Jobs)
	a.Comments.Use(a.Jobs)
	a.Hooks.Use(a.Jobs)
}

// mountInbox registers the addresses of conversations, for citizens and staff.
func (a *App) mountInbox(mux *http.ServeMux) (err error) {
	a.Answering, err = inboxpages.New(inboxpages.Options{
		Kit: a.Web, Inbox: a.Inbox, DB: a.DB, Clock: a.Clock, Stream: board.Stream, Address: a.Address, Due: office.Due, Rules: a.Policy.Rules, Why: insight.Why,
	})
	if err != nil {
		return err
	}
	a.Answering.Mount(mux)
	sources, err := listen.NewPages(a.Web, a.Sources)
	if err != nil {
		return err
	}
	sources.Mount(mux)
	a.Offices.Mount(mux)
	a.Comments.Mount(mux)
	a.Policy.Mount(mux)
	a.Fediverse.Mount(mux)
	a.Notices.Mount(mux)
	a.Hub.Mount(mux)
	a.Mentions.Mount(mux)
	a.Insight.Mount(mux)
	a.Hooks.Mount(mux)
	return nil
}

// conversationChanged is what else follows from an act on a conversation.
func (a *App) conversationChanged() func(ctx context.Context, tx *db.Tx, institutionID, conversationID, what string) error {
	mentioned := inboxpages.TellMentioned(a.tellMentioned)
	return func(ctx context.Context, tx *db.Tx, institutionID, conversationID, what string) error {
		if err := mentioned(ctx, tx, institutionID, conversationID, what); err != nil {
			return err
		}
		if err := a.Offices.Changed(ctx, tx, institutionID, conversationID, what); err != nil {
			return err
		}
		if what == inbox.EventAnswered {
			if err := a.Hooks.Answered(ctx, tx, institutionID, conversationID); err != nil {
				return err
			}
		}
		return a.Comments.Changed(ctx, tx, institutionID, conversationID)
	}
}

// whereToAppeal tells the author of moderated words where to ask for another
// judgement.
func (a *App) whereToAppeal(ctx context.Context, tx *db.Tx, institutionID, moderationID string) (string, error) {
	i, err := institution.ByID(ctx, tx, institutionID)
	if err != nil {
		return "", err
	}
	return a.bundle.For(i.Locale, i.Location()).T("inbox.appeal.where", a.Address(i)+a.Policy.AppealPath(i.ID, moderationID)), nil
}

// tellMentioned writes to a colleague who was named in a note.
func (a *App) tellMentioned(ctx context.Context, tx *db.Tx, m inboxpages.Mention) error {
	i, err := institution.ByID(ctx, tx, m.InstitutionID)
	if err != nil {
		return err
	}
	p := a.bundle.For(m.To.Locale, i.Location())
	return a.letters().SendMail(ctx, tx, auth.Mail{
		To: m.To.Email, Name: m.To.Name, Subject: p.T("inbox.mention.subject", m.By, m.Subject),
		Text: p.T("inbox.mention.text", m.To.Name, m.By, m.Text, a.Address(i)+"/redazione/conversazioni/"+m.ConversationID),
	})
}

// draftOfOffice makes a draft of what an office wrote.
func (a *App) draftOfOffice(ctx context.Context, institutionID string, d office.Draft, linked func(ctx context.Context, tx *db.Tx, messageID string) error) error {
	ctx = publishing.Along(ctx, func(ctx context.Context, tx *db.Tx, m publishing.Message) error { return linked(ctx, tx, m.ID) })
	_, err := a.Desk.Create(ctx, institutionID, publishing.Content{ProfileID: d.ProfileID, Title: d.Title, Body: d.Body})
	return err
}

// guess counts a try at a link that does not exist.
func (a *App) guess(ctx context.Context, from limit.Network, now time.Time) (ok bool, err error) {
	err = a.DB.InTx(ctx, func(tx *db.Tx) error {
		wait, err := limit.NewBook(a.Box).Take(ctx, tx, now, limit.OfficeLinks.From(from))
		ok = wait == 0
		return err
	})
	return ok, err
}

// feed reads a feed of an institution's site as a subscriber would.
func (a *App) feed(ctx context.Context, i institution.Institution, path string) (c websub.Content, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, a.Address(i)+path, nil)
	if err != nil {
		return c, err
	}
	r.RequestURI = path
	page := &kept{header: http.Header{}, status: http.StatusOK}
	a.handler.ServeHTTP(page, r)
	if page.status != http.StatusOK {
		return c, fault.Missing("websub.topic.missing").Because(fmt.Errorf("%s answers %d", path, page.status))
	}
	return websub.Content{Kind: page.header.Get("Content-Type"), Body: page.body.Bytes()}, nil
}

// kept is a page that nobody but ourselves asked for.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }
