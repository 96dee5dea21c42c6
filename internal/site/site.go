package site

import (
	"context"
	"embed"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/licence"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

//go:embed all:templates
var templates embed.FS

// Blobs opens media by content hash; blob.Store is one.
type Blobs interface {
	Open(ctx context.Context, hash string) (content io.ReadSeekCloser, size int64, err error)
}

// Options are what a Site is built from; all are required but Clock, Log, Below,
// Webmention, Activity and Hubs.
type Options struct {
	DB      *db.DB
	Kit     *web.Kit
	Blobs   Blobs
	BaseURL *url.URL // scheme and port by which citizens reach the installation
	Clock   func() time.Time
	Log     *slog.Logger

	// Below is what stands under a message: comments. It is the same for all readers,
	// and whoever changes it makes the institution's version grow.
	Below func(r *http.Request, tx *db.Tx, i institution.Institution, messageID string, now time.Time) (template.HTML, error)
	// Webmention is the path that other sites tell when they link to a message.
	Webmention string
	// Activity is the path, without a final slash, below which the slug of a message
	// leads to its document on the Fediverse.
	Activity string
	// Hubs are the addresses of the WebSub hubs that tell when a feed changes.
	Hubs func(ctx context.Context, tx *db.Tx, i institution.Institution) ([]string, error)
}

// Site answers citizens. Safe for concurrent use.
type Site struct {
	db       *db.DB
	kit      *web.Kit
	blobs    Blobs
	base     *url.URL
	clock    func() time.Time
	log      *slog.Logger
	below    func(r *http.Request, tx *db.Tx, i institution.Institution, messageID string, now time.Time) (template.HTML, error)
	mention  string
	activity string
	hubs     func(context.Context, *db.Tx, institution.Institution) ([]string, error)
	pages    *cache
	versions *versions
	files    *cache
	searches *limit.Gate
	book     topicBook
}

// New builds a Site and adds its templates to the kit.
func New(o Options) (*Site, error) {
	if o.DB == nil || o.Kit == nil || o.Blobs == nil || o.BaseURL == nil {
		return nil, errors.New("site: DB, Kit, Blobs and BaseURL are required")
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if err := o.Kit.AddTemplates(templates); err != nil {
		return nil, err
	}
	return &Site{
		searches: limit.NewGate(limit.Searches.N(), limit.SearchesInAll.N()),
		db:       o.DB, kit: o.Kit, blobs: o.Blobs, base: o.BaseURL, clock: o.Clock, log: o.Log, below: o.Below, mention: o.Webmention, activity: o.Activity, hubs: o.Hubs,
		pages: newCache(cacheBytes), files: newCache(fileBytes), versions: newVersions(o.DB),
	}, nil
}

// Mount registers the site's addresses.
func (s *Site) Mount(mux *http.ServeMux) {
	public := []web.RouteOption{web.WithoutSession(), web.WithoutCompression()}
	for pattern, build := range map[string]builder{
		"GET /{$}":                      s.home,
		"GET /notizie":                  s.news,
		"GET /p/{profile}":              s.profile,
		"GET /p/{profile}/{feed}":       s.profileFeed,
		"GET /m/{slug}":                 s.message,
		"GET /m/{slug}/evento.ics":      s.messageEvent,
		"GET /m/{slug}/foto/{n}":        s.photo,
		"GET /eventi":                   s.events,
		"GET /album":                    s.albums,
		"GET /argomenti":                s.topics,
		"GET /argomenti/{tag}":          s.topic,
		"GET /argomenti/{tag}/{feed}":   s.topicFeed,
		"GET /canali":                   s.channels,
		"GET /incorpora":                s.embedGuide,
		"GET /licenze":                  s.licences,
		"GET /licenze/{name...}":        s.licence,
		"GET /feed.rss":                 s.siteFeed("feed.rss"),
		"GET /feed.atom":                s.siteFeed("feed.atom"),
		"GET /feed.json":                s.siteFeed("feed.json"),
		"GET /eventi.ics":               s.siteFeed("eventi.ics"),
		"GET /sitemap.xml":              s.sitemap,
		"GET /sitemap/{part}":           s.sitemapPart,
		"GET /robots.txt":               s.robots,
		"GET /.well-known/security.txt": s.security,
	} {
		s.kit.Handle(mux, pattern, s.cached(build, public), public...)
	}
	framed := append(slices.Clone(public), web.Embeddable())
	s.kit.Handle(mux, "GET /embed", s.cached(s.embed, framed), framed...)
	s.kit.Handle(mux, "GET /cerca", s.search, web.WithoutSession())
	s.kit.Handle(mux, "GET /embed.js", s.embedScript, web.WithoutSession())
	s.kit.Handle(mux, "GET /media/{hash}/{kind}/{name}", s.media, web.WithoutCompression())
}

// Origin is the scheme and host at which citizens read an institution's site,
// without a final slash: the installation's own address when it belongs to the
// institution or no host does, else the institution's first host.
func Origin(base *url.URL, i institution.Institution) string {
	host := base.Host
	if len(i.Hosts) > 0 && !slices.Contains(i.Hosts, institution.Host(base.Host)) {
		host = i.Hosts[0]
		if port := base.Port(); port != "" {
			host = net.JoinHostPort(host, port)
		}
	}
	return base.Scheme + "://" + host
}

// visit is one request for a public page.
type visit struct {
	*http.Request
	tx       *db.Tx
	i        institution.Institution
	profiles []institution.Profile
	origin   string
	now      time.Time
}

func (v *visit) profileByID(id string) institution.Profile {
	for _, p := range v.profiles {
		if p.ID == id {
			return p
		}
	}
	return institution.Profile{}
}

// url is the absolute address of a path.
func (v *visit) url(path string) string { return v.origin + path }

// Shell fills what surrounds a public page: the institution, its menu, the
// search box. The application's shell calls it for pages of the layouts Site and
// Auto; it leaves alone what a handler has set.
func (s *Site) Shell(r *http.Request, p *layout.Page) {
	i, ok := institution.From(r.Context())
	if !ok {
		return
	}
	t := s.kit.Printer(r).T
	if p.Institution.Name == "" {
		p.Institution = Masthead(i)
	}
	if p.SearchURL == "" {
		p.SearchURL = "/cerca"
	}
	if p.Nav == nil {
		p.Nav = []layout.NavItem{
			{Label: t("site.nav.home"), URL: "/", Current: p.Path == "/"},
			{Label: t("site.nav.news"), URL: "/notizie", Element: "news-category-link"},
			{Label: t("site.nav.events"), URL: "/eventi"},
			{Label: t("site.nav.albums"), URL: "/album"},
			{Label: t("site.nav.topics"), URL: "/argomenti", Element: "all-topics"},
			{Label: t("site.nav.follow"), URL: "/canali"},
			{Label: t("site.nav.newsletter"), URL: "/newsletter"},
		}
		for n := range p.Nav[1:] {
			item := &p.Nav[n+1]
			item.Current = p.Path == item.URL || strings.HasPrefix(p.Path, item.URL+"/")
		}
	}
	if p.Feeds == nil {
		p.Feeds = feedLinks(t, "", i.Name)
	}
}

// Masthead is what a page says about whose it is.
func Masthead(i institution.Institution) layout.Institution {
	m := layout.Institution{Name: i.Name, Tagline: i.Motto, URL: "/", Color: i.Colour,
		Footer: layout.Footer{Accessibility: i.AccessibilityURL, Privacy: i.PrivacyURL, Legal: i.LegalURL, Rules: "/regole"}}
	if licence.Known() {
		m.Footer.Licences = "/licenze"
	}
	for _, line := range []string{i.Address, i.Phone, i.Email} {
		if line != "" {
			m.Footer.Contacts = append(m.Footer.Contacts, line)
		}
	}
	if i.SiteURL != "" {
		label := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(i.SiteURL, "https://"), "http://"), "/")
		m.Footer.Links = append(m.Footer.Links, layout.Link{Label: label, URL: i.SiteURL})
	}
	return m
}

// feedLinks are the feeds announced by a page whose address is prefix.
func feedLinks(t func(string, ...any) string, prefix, title string) []layout.Feed {
	return []layout.Feed{
		{Title: t("site.feed.rss", title), URL: prefix + "/feed.rss", Type: "application/rss+xml"},
		{Title: t("site.feed.atom", title), URL: prefix + "/feed.atom", Type: "application/atom+xml"},
		{Title: t("site.feed.json", title), URL: prefix + "/feed.json", Type: "application/feed+json"},
		{Title: t("site.feed.ics", title), URL: prefix + "/eventi.ics", Type: "text/calendar"},
	}
}
