package site

import (
	"bytes"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// perPage is how many messages a list shows at once.
const perPage = 12

// card is a publication in a list, with the profile that says it.
type card struct {
	Publication
	Profile institution.Profile
	Day     string // of an event: "4"
	Month   string // of an event: "mag"
	Moment  string // of an event, in words
	Stamp   string // the same for machines: its start
}

func (s *Site) cards(v *visit, all []Publication) []card {
	out := make([]card, len(all))
	for i, p := range all {
		out[i] = s.card(v, p)
	}
	return out
}

func (s *Site) card(v *visit, p Publication) card {
	c := card{Publication: p, Profile: v.profileByID(p.ProfileID)}
	if p.IsEvent() {
		t := s.kit.Printer(v.Request)
		if words := strings.Fields(t.DateShort(p.EventStart)); len(words) > 1 {
			c.Day, c.Month = words[0], words[1]
		}
		c.Moment = t.Span(p.EventStart, p.EventEnd, p.EventDays)
		c.Stamp = instant(v.i, p.EventStart, p.EventDays)
	}
	return c
}

// capture keeps what the kit renders.
type capture struct {
	header http.Header
	status int
	bytes.Buffer
}

func (c *capture) Header() http.Header    { return c.header }
func (c *capture) WriteHeader(status int) { c.status = status }

// html renders a page of the site.
func (s *Site) html(v *visit, status int, name string, p layout.Page) (*answer, error) {
	if p.Layout == "" {
		p.Layout = layout.Site
	}
	if p.Feeds == nil {
		p.Feeds = feedLinks(s.kit.Printer(v.Request).T, "", v.i.Name)
	}
	c := &capture{header: http.Header{}}
	if err := s.kit.Render(c, v.Request, status, name, p); err != nil {
		return nil, err
	}
	return &answer{status: c.status, kind: c.header.Get("Content-Type"), body: c.Bytes()}, nil
}

// homePage is what the home page shows.
type homePage struct {
	Institution institution.Institution
	Featured    *card
	Latest      []card
	Events      []card
	Profiles    []institution.Profile
	Topics      []topic
	Social      social
}

func (s *Site) home(v *visit) (*answer, error) {
	ctx := v.Context()
	latest, err := list(ctx, v.tx, v.i.ID, filter{limit: 10})
	if err != nil {
		return nil, err
	}
	events, err := list(ctx, v.tx, v.i.ID, filter{events: true, from: v.now, limit: 4})
	if err != nil {
		return nil, err
	}
	page := homePage{Institution: v.i, Events: s.cards(v, events), Profiles: v.profiles}
	if page.Topics, err = s.book.read(ctx, v.tx, v.i.ID, 12); err != nil {
		return nil, err
	}
	// The newest message with a picture opens the page, if it is among the newest.
	for i, p := range latest[:min(3, len(latest))] {
		if p.Cover() != nil {
			c := s.card(v, p)
			page.Featured = &c
			latest = append(latest[:i:i], latest[i+1:]...)
			break
		}
	}
	page.Latest = s.cards(v, latest[:min(9, len(latest))])
	t := s.kit.Printer(v.Request).T
	page.Social = social{Title: v.i.Name, Description: v.i.Motto, URL: v.url("/"), Kind: "website", Site: v.i.Name}
	return s.html(v, http.StatusOK, "site-home", layout.Page{Content: page, Title: t("site.home.title"), Description: v.i.Motto, Canonical: v.url("/")})
}

// listPage is a page of messages.
type listPage struct {
	Title, Lead string
	Institution institution.Institution
	Profile     *institution.Profile
	Avatar      string
	Cards       []card
	Paging      layout.Paging
	FeedBase    string // the feeds are below this path
	Squares     []square
	Empty       string
	Social      social
}

// pageNumber reads ?pagina=N. Fault: NotFound for a page that cannot be.
func pageNumber(r *http.Request) (int, error) {
	text := r.URL.Query().Get("pagina")
	if text == "" {
		return 1, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 100_000 {
		return 0, fault.Missing("fault.not_found")
	}
	return n, nil
}

// paging links the pages of a list around the current one.
func paging(path string, page, total, per int) layout.Paging {
	last := max(1, (total+per-1)/per)
	at := func(n int) string {
		if n == 1 {
			return path
		}
		sep := "?"
		if strings.Contains(path, "?") {
			sep = "&"
		}
		return path + sep + "pagina=" + strconv.Itoa(n)
	}
	var p layout.Paging
	if page > 1 {
		p.Previous = at(page - 1)
	}
	if page < last {
		p.Next = at(page + 1)
	}
	gap := false
	for n := 1; n <= last; n++ {
		if n != 1 && n != last && (n < page-1 || n > page+1) {
			if !gap {
				p.Pages = append(p.Pages, layout.Link{Label: "…"})
			}
			gap = true
			continue
		}
		gap = false
		p.Pages = append(p.Pages, layout.Link{Label: strconv.Itoa(n), URL: at(n), Current: n == page})
	}
	return p
}

// listing fills a page of messages and renders it.
func (s *Site) listing(v *visit, path string, f filter, page listPage) (*answer, error) {
	n, err := pageNumber(v.Request)
	if err != nil {
		return nil, err
	}
	total, err := count(v.Context(), v.tx, v.i.ID, f)
	if err != nil {
		return nil, err
	}
	if n > 1 && (n-1)*perPage >= total {
		return nil, fault.Missing("fault.not_found")
	}
	f.limit, f.offset = perPage, (n-1)*perPage
	all, err := list(v.Context(), v.tx, v.i.ID, f)
	if err != nil {
		return nil, err
	}
	t := s.kit.Printer(v.Request).T
	page.Institution, page.Cards, page.Paging = v.i, s.cards(v, all), paging(path, n, total, perPage)
	full := layout.Page{Content: page, Title: page.Title, Description: page.Lead, Canonical: v.url(path), Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}}}
	if n > 1 {
		full.Canonical = v.url(path + "?pagina=" + strconv.Itoa(n))
	}
	if page.FeedBase != "" {
		full.Feeds = feedLinks(t, page.FeedBase, page.Title)
	}
	page.Social = social{Title: page.Title, Description: page.Lead, URL: full.Canonical, Kind: "website", Site: v.i.Name}
	full.Content = page
	return s.html(v, http.StatusOK, "site-list", full)
}

func (s *Site) news(v *visit) (*answer, error) {
	t := s.kit.Printer(v.Request).T
	return s.listing(v, "/notizie", filter{}, listPage{Title: t("site.nav.news"), Lead: t("site.news.lead", v.i.Name), Empty: t("site.empty.messages")})
}

func (s *Site) profile(v *visit) (*answer, error) {
	p, err := institution.ProfileBySlug(v.Context(), v.tx, v.i.ID, v.PathValue("profile"))
	if err != nil {
		return nil, err
	}
	page := listPage{Title: p.Name, Lead: p.Bio, Profile: &p, FeedBase: "/p/" + p.Slug, Empty: s.kit.Printer(v.Request).T("site.empty.profile")}
	if p.AvatarHash != "" {
		page.Avatar = mediaPath(p.AvatarHash, "ritratto", p.Slug)
	}
	all, err := squares(v.Context(), v.tx, v.i.ID)
	if err != nil {
		return nil, err
	}
	for _, q := range all {
		if q.ProfileID == p.ID {
			page.Squares = append(page.Squares, q)
		}
	}
	return s.listing(v, "/p/"+p.Slug, filter{profileID: p.ID}, page)
}

func (s *Site) albums(v *visit) (*answer, error) {
	t := s.kit.Printer(v.Request).T
	return s.listing(v, "/album", filter{kind: "album"}, listPage{Title: t("site.nav.albums"), Lead: t("site.albums.lead"), Empty: t("site.empty.albums")})
}

func (s *Site) topic(v *visit) (*answer, error) {
	asked := v.PathValue("tag")
	tag := publishing.TagKey(asked)
	label, err := tagLabel(v.Context(), v.tx, v.i.ID, tag)
	if err != nil {
		return nil, err
	}
	t := s.kit.Printer(v.Request).T
	path := "/argomenti/" + url.PathEscape(tag)
	return s.listing(v, path, filter{tag: tag}, listPage{Title: label, Lead: t("site.topic.lead", label), FeedBase: path})
}

// topicsPage lists all topics.
type topicsPage struct{ Topics []topic }

func (s *Site) topics(v *visit) (*answer, error) {
	all, err := s.book.read(v.Context(), v.tx, v.i.ID, maxTopics)
	if err != nil {
		return nil, err
	}
	t := s.kit.Printer(v.Request).T
	return s.html(v, http.StatusOK, "site-topics", layout.Page{Content: topicsPage{all}, Title: t("site.nav.topics"), Canonical: v.url("/argomenti"),
		Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}}})
}

// channelsPage says where the institution can be followed.
type channelsPage struct {
	Institution institution.Institution
	Profiles    []followed
}

type followed struct {
	institution.Profile
	Squares []square
}

func (s *Site) channels(v *visit) (*answer, error) {
	all, err := squares(v.Context(), v.tx, v.i.ID)
	if err != nil {
		return nil, err
	}
	page := channelsPage{Institution: v.i}
	for _, p := range v.profiles {
		f := followed{Profile: p}
		for _, q := range all {
			if q.ProfileID == p.ID {
				f.Squares = append(f.Squares, q)
			}
		}
		page.Profiles = append(page.Profiles, f)
	}
	t := s.kit.Printer(v.Request).T
	return s.html(v, http.StatusOK, "site-channels", layout.Page{Content: page, Title: t("site.channels.title"), Description: t("site.channels.lead", v.i.Name), Canonical: v.url("/canali"),
		Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}}})
}

// messagePage is the permanent page of a message.
type messagePage struct {
	card
	Institution   institution.Institution
	Before, After *Publication
	Corrected     []corrected
	Share         []layout.Link
	Gallery       bool // several pictures: shown as an album
	Social        social
	LD            []any
	Below         template.HTML // what citizens say of it
	Webmention    string        // where other sites tell that they link here
	Activity      string        // what servers of the Fediverse read instead of the page
}

// corrected is a correction with its texts parted into what stayed and what changed.
type corrected struct {
	Correction
	Diffs []diff
}

func (s *Site) message(v *visit) (*answer, error) {
	p, err := bySlug(v.Context(), v.tx, v.i.ID, v.PathValue("slug"))
	if err != nil {
		return nil, err
	}
	t := s.kit.Printer(v.Request).T
	home := layout.Link{Label: t("site.nav.home"), URL: "/"}
	if !p.WithdrawnAt.IsZero() {
		return s.html(v, http.StatusGone, "site-withdrawn", layout.Page{Content: p, Title: p.Title, NoIndex: true, Crumbs: []layout.Link{home}})
	}
	page := messagePage{card: s.card(v, p), Institution: v.i, Gallery: len(p.Pictures()) > 1}
	if page.Before, page.After, err = neighbours(v.Context(), v.tx, v.i.ID, p); err != nil {
		return nil, err
	}
	for _, c := range p.Corrections {
		page.Corrected = append(page.Corrected, corrected{c, diffs(c.Changes)})
	}
	page.Share = share(v.url(p.Path()), p.Title)
	page.Social = s.socialOf(v, p)
	page.LD = s.linked(v, page.card)
	page.Webmention = s.mention
	if federated, err := publishing.GoesTo(v.Context(), v.tx, v.i.ID, p.ID, channel.ActivityPub); err != nil {
		return nil, err
	} else if federated && s.activity != "" {
		page.Activity = s.activity + "/" + url.PathEscape(p.Slug)
	}
	if s.below != nil {
		if page.Below, err = s.below(v.Request, v.tx, v.i, p.ID, v.now); err != nil {
			return nil, err
		}
	}
	crumbs := []layout.Link{home}
	if page.Profile.ID != "" {
		crumbs = append(crumbs, layout.Link{Label: page.Profile.Name, URL: "/p/" + page.Profile.Slug})
	}
	a, err := s.html(v, http.StatusOK, "site-message", layout.Page{Content: page, Title: p.Title, Description: p.Summary, Canonical: v.url(p.Path()), Crumbs: crumbs})
	if err == nil && s.mention != "" {
		a.links = "<" + s.mention + `>; rel="webmention"`
	}
	return a, err
}

// share are plain links: they tell the platforms nothing until somebody opens one.
func share(address, title string) []layout.Link {
	u, text := url.QueryEscape(address), url.QueryEscape(title)
	both := url.QueryEscape(title + " " + address)
	return []layout.Link{
		{Label: "E-mail", URL: "mailto:?subject=" + url.PathEscape(title) + "&body=" + url.PathEscape(address)},
		{Label: "WhatsApp", URL: "https://wa.me/?text=" + both},
		{Label: "Telegram", URL: "https://t.me/share/url?url=" + u + "&text=" + text},
		{Label: "Bluesky", URL: "https://bsky.app/intent/compose?text=" + both},
		{Label: "Facebook", URL: "https://www.facebook.com/sharer/sharer.php?u=" + u},
	}
}

// photoPage shows one picture of a message as large as the window allows.
type photoPage struct {
	Publication
	Picture      Media
	N, Total     int
	Before, Next string
}

func (s *Site) photo(v *visit) (*answer, error) {
	p, err := bySlug(v.Context(), v.tx, v.i.ID, v.PathValue("slug"))
	if err != nil {
		return nil, err
	}
	pictures := p.Pictures()
	n, err := strconv.Atoi(v.PathValue("n"))
	if err != nil || n < 1 || n > len(pictures) || strconv.Itoa(n) != v.PathValue("n") {
		return nil, fault.Missing("site.photo.missing")
	}
	page := photoPage{Publication: p, Picture: pictures[n-1], N: n, Total: len(pictures)}
	at := func(n int) string { return fmt.Sprintf("%s/foto/%d", p.Path(), n) }
	if n > 1 {
		page.Before = at(n - 1)
	}
	if n < len(pictures) {
		page.Next = at(n + 1)
	}
	t := s.kit.Printer(v.Request).T
	return s.html(v, http.StatusOK, "site-photo", layout.Page{Content: page, Title: t("site.photo.title", n, len(pictures), p.Title), Canonical: v.url(at(n)), NoIndex: true,
		Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}, {Label: p.Title, URL: p.Path()}}})
}
