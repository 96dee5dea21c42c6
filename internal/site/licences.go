package site

import (
	"net/http"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/licence"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// licencesPage lists what the program is made of.
type licencesPage struct{ Groups []licenceGroup }

type licenceGroup struct {
	Kind string
	All  []licence.Component
}

// components are those of the program. Fault: NotFound, when it was compiled without
// them; then no page leads here.
func components() ([]licence.Component, error) {
	all, err := licence.All()
	if err == nil && len(all) == 0 {
		err = fault.Missing("fault.not_found")
	}
	return all, err
}

func (s *Site) licences(v *visit) (*answer, error) {
	all, err := components()
	if err != nil {
		return nil, err
	}
	var page licencesPage
	for _, c := range all { // each kind stands together
		if n := len(page.Groups); n == 0 || page.Groups[n-1].Kind != c.Kind {
			page.Groups = append(page.Groups, licenceGroup{Kind: c.Kind})
		}
		g := &page.Groups[len(page.Groups)-1]
		g.All = append(g.All, c)
	}
	t := s.kit.Printer(v.Request).T
	return s.html(v, http.StatusOK, "site-licences", layout.Page{Content: page, Title: t("site.licences.title"), Canonical: v.url("/licenze"),
		Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}}})
}

func (s *Site) licence(v *visit) (*answer, error) {
	all, err := components()
	if err != nil {
		return nil, err
	}
	some := licence.Named(all, v.PathValue("name"))
	if len(some) == 0 {
		return nil, fault.Missing("fault.not_found")
	}
	t := s.kit.Printer(v.Request).T
	return s.html(v, http.StatusOK, "site-licence", layout.Page{Content: some[0], Title: some[0].Name, Canonical: v.url("/licenze/" + some[0].Name),
		Crumbs: []layout.Link{{Label: t("site.nav.home"), URL: "/"}, {Label: t("site.licences.title"), URL: "/licenze"}}})
}
