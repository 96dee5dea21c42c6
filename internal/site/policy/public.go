package policy

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// Addresses.
const (
	publicPath   = "/regole"
	appealPath   = "/ricorso"
	deskPath     = "/redazione/regole"
	internalPath = "/redazione/regole/interne"
	logPath      = "/redazione/moderazione"
)

// writing turns Markdown into what a page shows.
type writing struct{ *publishing.Writing }

func newWriting() writing { return writing{publishing.NewWriting()} }

// section is a part of a text, ready to be shown.
type section struct {
	Name  string // of the heading in the catalogue
	HTML  template.HTML
	Rules []string // of the section on what may not be said
}

func (w writing) sections(v Version) (out []section, err error) {
	for _, h := range v.Kind.Headings() {
		html, err := w.HTML(v.Content.Sections[h])
		if err != nil {
			return nil, fmt.Errorf("policy %s: %w", h, err)
		}
		s := section{Name: string(v.Kind) + "." + h, HTML: template.HTML(html)} //nolint:gosec // sanitised by publishing
		if h == forbidden {
			s.Rules = v.Content.Rules
		}
		out = append(out, s)
	}
	return out, nil
}

// shown is a text on its page.
type shown struct {
	Version     Version
	Sections    []section
	Others      []Version // the other versions, newest first
	Newest      bool
	Institution institution.Institution
	MayEdit     bool
}

// publicPage shows the external text to citizens, or an older version of it.
func (p *Policy) publicPage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	i, err := institution.Of(ctx)
	if err != nil {
		return err
	}
	page := shown{Institution: i, Newest: true}
	err = p.o.DB.Read(ctx, func(tx *db.Tx) error {
		if page.Version, err = p.current(ctx, tx, i, External); err != nil {
			return err
		}
		if asked := r.PathValue("version"); asked != "" {
			n, err := strconv.ParseInt(asked, 10, 64)
			if err != nil || strconv.FormatInt(n, 10) != asked {
				return fault.Missing("policy.version.missing")
			}
			newest := page.Version.Version
			if page.Version, err = version(ctx, tx, i.ID, External, n); err != nil {
				return err
			}
			page.Newest = n == newest
		}
		all, err := versions(ctx, tx, i.ID, External)
		for _, v := range all {
			if v.Version != page.Version.Version {
				page.Others = append(page.Others, v)
			}
		}
		return err
	})
	if err != nil {
		return err
	}
	if page.Sections, err = p.writing.sections(page.Version); err != nil {
		return err
	}
	t := p.o.Kit.Printer(r).T
	return p.o.Kit.Render(w, r, http.StatusOK, "site-policy", layout.Page{Layout: layout.Site, Content: page, Title: t("policy.title"), NoIndex: !page.Newest,
		Description: t("policy.lead", i.Name), Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}}})
}

// internalPage shows the internal text to everybody who works here.
func (p *Policy) internalPage(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	i, err := institution.Of(ctx)
	if err != nil {
		return err
	}
	actor, err := people.Can(ctx, people.See, i.ID)
	if err != nil {
		return err
	}
	page := shown{Institution: i, Newest: true, MayEdit: actor.May(people.Configure)}
	if err := p.o.DB.Read(ctx, func(tx *db.Tx) error {
		page.Version, err = p.current(ctx, tx, i, Internal)
		return err
	}); err != nil {
		return err
	}
	if page.Sections, err = p.writing.sections(page.Version); err != nil {
		return err
	}
	return p.o.Kit.Render(w, r, http.StatusOK, "policy-internal", layout.Page{Content: page, Title: p.o.Kit.Printer(r).T("policy.internal.title")})
}
