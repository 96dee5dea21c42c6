package app

import (
	"errors"
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/api"
	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/channel/activitypub"
	"codeberg.org/arengo/arengo/internal/channel/webmention"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	inboxrest "codeberg.org/arengo/arengo/internal/inbox/rest"
	"codeberg.org/arengo/arengo/internal/insight"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/board"
	"codeberg.org/arengo/arengo/internal/publishing/pages"
	"codeberg.org/arengo/arengo/internal/publishing/rest"
	"codeberg.org/arengo/arengo/internal/site"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// openKit makes the kit of pages and what says who asks.
func (a *App) openKit() (err error) {
	proxies, err := prefixes(a.Config.TrustedProxies)
	if err != nil {
		return err
	}
	a.Auth, err = auth.New(auth.Options{
		DB: a.DB, Box: a.Box, Bundle: a.bundle, BaseURL: a.base, Now: a.Clock, Mail: a.letters(), OIDC: a.oidc(), Demo: a.Config.Demo,
	})
	if err != nil {
		return err
	}
	a.hosts = institution.NewResolver(a.DB, a.Clock)
	a.Web, err = web.New(web.Options{
		Bundle: a.bundle, Log: a.Log, BaseURL: a.base, Sessions: auth.NewSessions(a.DB, a.Clock), TrustedProxies: proxies, Now: a.Clock,
		Shell: a.shell, Place: place, Around: a.Auth.Identify, Still: a.Auth.Still, SignIn: "/accesso",
	})
	return err
}

// openPages joins what answers requests.
func (a *App) openPages() error {
	mux := http.NewServeMux()
	a.Web.Mount(mux)
	if err := a.mountDomains(mux); err != nil {
		return err
	}
	a.Web.Handle(mux, "GET /healthz", a.health, web.WithoutSession())
	a.Web.Handle(mux, "GET /readyz", a.ready, web.WithoutSession())
	mux.Handle("GET /metrics", a.measured())
	a.handler = a.hosts.Around(a.Site.Kept(a.Web.Wrap(mux)))
	return nil
}

func (a *App) mountDomains(mux *http.ServeMux) (err error) {
	if err := a.Auth.Mount(a.Web, mux); err != nil {
		return err
	}
	staff := a.Auth.People()
	err = errors.Join(staff.Mount(mux), institution.Mount(a.Web, mux, a.DB, a.hosts), audit.Mount(a.Web, mux, a.DB))
	if err != nil {
		return err
	}
	if a.Site, err = site.New(site.Options{DB: a.DB, Kit: a.Web, Blobs: a.Blobs, BaseURL: a.base, Clock: a.Clock, Log: a.Log,
		Below: a.Comments.Below, Hubs: a.Hub.Hubs, Webmention: webmention.Path, Activity: activitypub.MessagePath}); err != nil {
		return err
	}
	a.Site.Mount(mux)
	a.Newsletter.Mount(mux)
	upload := int64(a.Config.MaxUploadMB) << 20
	written, err := pages.New(pages.Options{Kit: a.Web, Desk: a.Desk, DB: a.DB, Channels: a.Channels, Clock: a.Clock, Stream: board.Stream, MaxUpload: upload + 20<<20})
	if err != nil {
		return err
	}
	written.Mount(mux)
	times, err := board.New(board.Options{Kit: a.Web, Desk: a.Desk, DB: a.DB, Channels: a.Channels, Clock: a.Clock, Address: a.Address})
	if err != nil {
		return err
	}
	times.Mount(mux)
	if err := a.mountInbox(mux); err != nil {
		return err
	}
	a.API = api.New(api.Options{DB: a.DB, Web: a.Web, Mux: mux, Authenticate: a.Auth.Authenticate, Allow: a.Auth.AllowToken, BaseURL: a.base, Version: Version})
	rest.Register(a.API, rest.Options{DB: a.DB, Desk: a.Desk, Channels: a.Channels, Clock: a.Clock, MaxUpload: upload})
	inboxrest.Register(a.API, inboxrest.Options{DB: a.DB, Inbox: a.Inbox, Clock: a.Clock, Due: office.Due, Rules: a.Policy.Rules})
	insight.Register(a.API)
	return a.API.Mount()
}

// oidc is the configured identity provider; nil without one.
func (a *App) oidc() *auth.OIDC {
	c := a.Config.OIDC
	if c.Issuer == "" {
		return nil
	}
	return &auth.OIDC{Issuer: c.Issuer, ClientID: c.ClientID, ClientSecret: c.ClientSecret, Name: c.Name, Staff: c.Staff, Client: a.fetch.HTTPClient()}
}

// place is the language and zone of the institution that a request is for.
func place(r *http.Request) (lang string, loc *time.Location) {
	if i, ok := institution.From(r.Context()); ok {
		return i.Locale, i.Location()
	}
	return "it", nil
}

// menu is the desk's menu: what each entry needs, in order. Sections have
// headings in the catalogue.
var menu = []struct {
	key, path, icon, section string
	action                   people.Action
}{
	{"nav.home", "/redazione", "it-pa", "", people.See},
	{"nav.conversations", "/redazione/conversazioni", "it-comment", "nav.section.answer", people.See},
	{"nav.letters", "/redazione/lettere", "it-box", "", people.See},
	{"nav.requests", "/redazione/richieste", "it-exchange-circle", "", people.See},
	{"nav.moderation", "/redazione/moderazione", "it-flag", "", people.Moderate},
	{"nav.canned", "/redazione/risposte-pronte", "it-copy", "", people.Answer},
	{"nav.messages", "/redazione/messaggi", "it-files", "nav.section.write", people.See},
	{"nav.calendar", "/redazione/calendario", "it-calendar", "", people.See},
	{"nav.queue", "/redazione/coda", "it-clock", "", people.Configure},
	{"nav.board", "/redazione/consegne", "it-upload", "nav.section.out", people.See},
	{"nav.tasks", "/redazione/compiti", "it-check-circle", "", people.See},
	{"nav.freeze", "/redazione/blocco", "it-locked", "", people.Freeze},
	{"nav.channels", "/redazione/canali", "it-share", "nav.section.squares", people.Configure},
	{"nav.sources", "/redazione/fonti", "it-hearing", "", people.Configure},
	{"nav.fediverse", "/redazione/fediverso", "it-star-outline", "", people.Configure},
	{"nav.comments", "/redazione/commenti", "it-note", "", people.Configure},
	{"nav.websub", "/redazione/websub", "it-rss", "", people.Configure},
	{"nav.subscribers", "/redazione/iscritti", "it-mail", "", people.Configure},
	{"nav.offices", "/redazione/uffici", "it-inbox", "nav.section.house", people.Configure},
	{"nav.policy", "/redazione/regole", "it-bookmark", "", people.See},
	{"nav.people", "/redazione/persone", "it-user", "", people.Staff},
	{"nav.institution", "/redazione/ente", "it-settings", "", people.Configure},
	{"nav.audit", "/redazione/registro", "it-list", "", people.Staff},
	{"nav.webhooks", "/redazione/webhook", "it-plug", "", people.Staff},
	{"nav.tokens", "/redazione/token", "it-code-circle", "", people.Staff},
}

// shell fills what surrounds every page: whose it is, who reads it, the menu.
func (a *App) shell(r *http.Request, p *layout.Page) {
	ctx := r.Context()
	p.Demo = a.Config.Demo
	i, ok := institution.From(ctx)
	if !ok {
		return
	}
	who, signedIn := auth.Who(ctx)
	a.Auth.Dress(r, p)
	desk := p.Layout == "" || p.Layout == layout.Desk || p.Layout == layout.Auto && signedIn
	if !desk {
		a.Site.Shell(r, p)
		return
	}
	p.Institution = site.Masthead(i)
	if signedIn {
		a.deskShell(r, p, i, who)
	}
}

// deskShell is the menu, with what waits behind each entry, and the banner of a freeze.
func (a *App) deskShell(r *http.Request, p *layout.Page, i institution.Institution, who auth.Identity) {
	t := a.Web.Printer(r)
	section := ""
	for _, m := range menu {
		if m.section != "" {
			section = m.section
		}
		if !who.May(m.action) {
			continue
		}
		item := layout.NavItem{Label: t.T(m.key), URL: m.path, Icon: m.icon,
			Current: p.Path == m.path || m.path != "/redazione" && strings.HasPrefix(p.Path, m.path+"/")}
		if section != "" {
			item.Section, section = t.T(section), ""
		}
		p.Nav = append(p.Nav, item)
	}
	// A page without its banner is better than no page.
	_ = a.DB.Read(r.Context(), func(tx *db.Tx) error {
		waiting, err := inbox.CountWaiting(r.Context(), tx, i.ID)
		if err != nil {
			return err
		}
		held, err := inbox.CountHeld(r.Context(), tx, i.ID)
		if err != nil {
			return err
		}
		for n := range p.Nav {
			switch p.Nav[n].URL {
			case "/redazione/conversazioni":
				p.Nav[n].Count = waiting
			case "/redazione/lettere":
				p.Nav[n].Count = held
			}
		}
		f, frozen, err := publishing.CurrentFreeze(r.Context(), tx, i.ID)
		if err == nil && frozen {
			p.Banner = &layout.Banner{Kind: layout.Warning, Text: t.T("nav.frozen", f.Reason), Link: layout.Link{Label: t.T("nav.frozen.open"), URL: "/redazione/blocco"}}
		}
		if err == nil && p.Banner == nil {
			p.Banner, err = a.warning(r.Context(), tx, r, i.ID, who)
		}
		return err
	})
}
