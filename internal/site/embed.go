package site

import (
	_ "embed" // the script below
	"net/http"
	"net/url"
	"strconv"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

//go:embed embed.js
var embedJS []byte

// embedMost is how many messages another site may show at once.
const embedMost = 20

// embedPage is the list that another site shows in a frame.
type embedPage struct {
	Institution institution.Institution
	Title       string
	More        string // absolute address of the whole list
	Origin      string
	Cards       []card
}

// embed is the latest messages of ?profilo= or ?argomento=, ?n= of them.
func (s *Site) embed(v *visit) (*answer, error) {
	q := v.URL.Query()
	page := embedPage{Institution: v.i, Title: v.i.Name, More: v.url("/"), Origin: v.origin}
	f := filter{limit: 5}
	if text := q.Get("n"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fault.Missing("fault.not_found")
		}
		f.limit = min(n, embedMost)
	}
	if slug := q.Get("profilo"); slug != "" {
		p, err := institution.ProfileBySlug(v.Context(), v.tx, v.i.ID, slug)
		if err != nil {
			return nil, err
		}
		f.profileID, page.Title, page.More = p.ID, p.Name, v.url("/p/"+p.Slug)
	}
	if tag := publishing.TagKey(q.Get("argomento")); tag != "" {
		label, err := tagLabel(v.Context(), v.tx, v.i.ID, tag)
		if err != nil {
			return nil, err
		}
		f.tag, page.Title, page.More = tag, label, v.url("/argomenti/"+url.PathEscape(tag))
	}
	all, err := list(v.Context(), v.tx, v.i.ID, f)
	if err != nil {
		return nil, err
	}
	page.Cards = s.cards(v, all)
	return s.html(v, http.StatusOK, "site-embed", layout.Page{Layout: "embed", Content: page, Title: page.Title, NoIndex: true})
}

// embedScript is the same list for a page that would rather run a script: it
// reads the JSON Feed and draws it in a shadow tree, without cookies.
func (s *Site) embedScript(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=3600")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if web.NotModified(w, r, web.ETag(embedJS), time.Time{}) {
		return nil
	}
	h.Set("Content-Type", "text/javascript; charset=utf-8")
	// A reader who has left is no failure of ours.
	_, _ = w.Write(embedJS)
	return nil
}

// guidePage gives the lines to copy into another site.
type guidePage struct {
	Origin   string
	Name     string
	Profiles []institution.Profile
	Topics   []topic
	Profile  string // chosen
	Tag      string
	N        int
	Script   string
	Frame    string
	Src      string
}

func (s *Site) embedGuide(v *visit) (*answer, error) {
	q := v.URL.Query()
	page := guidePage{Origin: v.origin, Name: v.i.Name, Profiles: v.profiles, N: 5}
	var err error
	if page.Topics, err = s.book.read(v.Context(), v.tx, v.i.ID, 50); err != nil {
		return nil, err
	}
	if n, err := strconv.Atoi(q.Get("n")); err == nil && n >= 1 && n <= embedMost {
		page.N = n
	}
	for _, p := range v.profiles {
		if p.Slug == q.Get("profilo") {
			page.Profile = p.Slug
		}
	}
	for _, t := range page.Topics {
		if t.Tag.Tag == q.Get("argomento") {
			page.Tag = t.Tag.Tag
		}
	}
	choice := url.Values{"n": {strconv.Itoa(page.N)}}
	data := ` data-n="` + strconv.Itoa(page.N) + `"`
	if page.Profile != "" {
		choice.Set("profilo", page.Profile)
		data += ` data-profilo="` + escape(page.Profile) + `"`
	}
	if page.Tag != "" {
		choice.Set("argomento", page.Tag)
		data += ` data-argomento="` + escape(page.Tag) + `"`
	}
	page.Src = "/embed?" + choice.Encode()
	t := s.kit.Printer(v.Request).T
	title := escape(t("site.embed.frame", v.i.Name))
	page.Frame = `<iframe src="` + escape(v.url(page.Src)) + `" title="` + title + `" width="100%" height="480" loading="lazy"></iframe>`
	page.Script = `<script src="` + escape(v.url("/embed.js")) + `"` + data + ` async></script>` + "\n" +
		`<noscript><a href="` + escape(v.url("/")) + `">` + escape(v.i.Name) + `</a></noscript>`
	return s.html(v, http.StatusOK, "site-guide", layout.Page{Content: page, Title: t("site.guide.title"), Description: t("site.guide.lead"), Canonical: v.url("/incorpora"),
		Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}}})
}
