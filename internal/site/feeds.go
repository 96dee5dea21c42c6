package site

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/prose"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// feedItems is how many messages a feed holds; feedEvents how many events.
const (
	feedItems  = 50
	feedEvents = 500
	// eventsPast is how long an event stays in a calendar feed after it ended.
	eventsPast = 90 * 24 * time.Hour
)

// feed is a list of messages that leaves the house, in any format.
type feed struct {
	Title, Description string
	Home, Self         string // absolute addresses
	Hubs               []string
	ID                 string // for ever the same
	Lang               string
	Author             string
	Zone               *time.Location
	Updated            time.Time // when anything in it last changed; zero while it is empty
	Items              []item
}

// item is a message in a feed.
type item struct {
	Publication
	URL      string
	Author   string
	HTML     string // with absolute addresses and the pictures
	Enclosed []enclosed
}

// enclosed is a file of a message.
type enclosed struct {
	URL, Type, Alt string
	Size           int64
	Width, Height  int
}

// ID is the message's own identifier, which is a UUID (RFC 9562): the same on
// every host and after every move, so that no reader sees a message twice.
func (i item) id() string { return "urn:uuid:" + i.ID }

// Updated is when the message last changed for its readers.
func (i item) updated() time.Time {
	if i.CorrectedAt.After(i.PublishedAt) {
		return i.CorrectedAt
	}
	return i.PublishedAt
}

// writers are the formats by file name.
func writerOf(name string) (write func(feed) ([]byte, error), kind string, ok bool) {
	switch name {
	case "feed.rss":
		return feed.rss, "application/rss+xml; charset=utf-8", true
	case "feed.atom":
		return feed.atom, "application/atom+xml; charset=utf-8", true
	case "feed.json":
		return feed.json, "application/feed+json; charset=utf-8", true
	case "eventi.ics":
		return feed.calendar, "text/calendar; charset=utf-8", true
	}
	return nil, "", false
}

// siteFeed answers with a feed of all profiles.
func (s *Site) siteFeed(name string) builder {
	return func(v *visit) (*answer, error) {
		t := s.kit.Printer(v.Request).T
		return s.feed(v, name, filter{}, feed{Title: v.i.Name, Description: orElse(v.i.Motto, t("site.news.lead", v.i.Name)), Home: v.url("/"), ID: "urn:uuid:" + v.i.ID})
	}
}

func (s *Site) profileFeed(v *visit) (*answer, error) {
	p, err := institution.ProfileBySlug(v.Context(), v.tx, v.i.ID, v.PathValue("profile"))
	if err != nil {
		return nil, err
	}
	return s.feed(v, v.PathValue("feed"), filter{profileID: p.ID},
		feed{Title: p.Name + " · " + v.i.Name, Description: orElse(p.Bio, p.Name), Home: v.url("/p/" + p.Slug), ID: "urn:uuid:" + p.ID})
}

func (s *Site) topicFeed(v *visit) (*answer, error) {
	tag := publishing.TagKey(v.PathValue("tag"))
	label, err := tagLabel(v.Context(), v.tx, v.i.ID, tag)
	if err != nil {
		return nil, err
	}
	t := s.kit.Printer(v.Request).T
	return s.feed(v, v.PathValue("feed"), filter{tag: tag},
		feed{Title: label + " · " + v.i.Name, Description: t("site.topic.lead", label), Home: v.url("/argomenti/" + url.PathEscape(tag)),
			ID: "urn:uuid:" + topicID(v.i.ID, tag)})
}

// topicID names a topic's feed by a UUID made of the institution's and the tag (RFC
// 9562, 5.5): the same for ever, and nothing has to be stored.
func topicID(institutionID, tag string) string {
	space, err := uuid.Parse(institutionID)
	if err != nil {
		space = uuid.NameSpaceOID // no identifier of ours is otherwise
	}
	return uuid.NewSHA1(space, []byte("argomento:"+tag)).String()
}

// links name the hubs and the feed itself in a header (WebSub, 4), for readers that
// do not open it; empty without a hub.
func (f feed) links() string {
	if len(f.Hubs) == 0 {
		return ""
	}
	var b strings.Builder
	for _, u := range f.Hubs {
		b.WriteString("<" + u + `>; rel="hub", `)
	}
	return b.String() + "<" + f.Self + `>; rel="self"`
}

func orElse(text, other string) string {
	if text != "" {
		return text
	}
	return other
}

func (s *Site) feed(v *visit, name string, f filter, out feed) (*answer, error) {
	write, kind, ok := writerOf(name)
	if !ok {
		return nil, fault.Missing("fault.not_found")
	}
	f.limit = feedItems
	if name == "eventi.ics" {
		f.events, f.from, f.limit = true, v.now.Add(-eventsPast), feedEvents
	}
	all, err := listFull(v.Context(), v.tx, v.i.ID, f)
	if err != nil {
		return nil, err
	}
	modified, err := changed(v.Context(), v.tx, v.i.ID)
	if err != nil {
		return nil, err
	}
	out.Self, out.Lang, out.Author, out.Zone = v.url(v.URL.EscapedPath()), v.i.Locale, v.i.Name, v.i.Location()
	for _, p := range all {
		it := newItem(v, p)
		out.Items = append(out.Items, it)
		if it.updated().After(out.Updated) {
			out.Updated = it.updated()
		}
	}
	if s.hubs != nil && !f.events {
		if out.Hubs, err = s.hubs(v.Context(), v.tx, v.i); err != nil {
			return nil, err
		}
	}
	body, err := write(out)
	if err != nil {
		return nil, err
	}
	return &answer{status: http.StatusOK, kind: kind, body: body, modified: modified, open: true, links: out.links()}, nil
}

func newItem(v *visit, p Publication) item {
	it := item{Publication: p, URL: v.url(p.Path()), Author: orElse(v.profileByID(p.ProfileID).Name, v.i.Name)}
	var html strings.Builder
	html.WriteString(prose.Rebase(string(p.HTML), v.origin))
	for _, m := range p.Media {
		e := enclosed{URL: v.url(m.Original()), Type: m.ContentType, Alt: m.Alt, Size: m.Size, Width: m.Width, Height: m.Height}
		it.Enclosed = append(it.Enclosed, e)
		if strings.HasPrefix(m.ContentType, "image/") {
			html.WriteString(`<figure><img src="` + escape(v.url(m.Src(1200))) + `" alt="` + escape(m.Alt) + `">`)
			if m.Caption != "" {
				html.WriteString("<figcaption>" + escape(m.Caption) + "</figcaption>")
			}
			html.WriteString("</figure>")
		}
	}
	it.HTML = html.String()
	return it
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;", "'", "&#39;").Replace(s)
}

// visible drops the characters that XML 1.0 cannot hold, however they came here.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t', r == '\n', r >= 0x20 && r <= 0xD7FF, r >= 0xE000 && r <= 0xFFFD, r >= 0x10000:
			return r
		}
		return -1
	}, s)
}
