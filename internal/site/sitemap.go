package site

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// perSitemap is how many messages one sitemap lists; beyond, there is an index
// (sitemaps.org allows 50,000 in 50 MB: smaller files are read more often).
const perSitemap = 5000

type urlset struct {
	XMLName xml.Name   `xml:"urlset"`
	NS      string     `xml:"xmlns,attr"`
	URLs    []siteAddr `xml:"url"`
}

type sitemapIndex struct {
	XMLName xml.Name   `xml:"sitemapindex"`
	NS      string     `xml:"xmlns,attr"`
	Maps    []siteAddr `xml:"sitemap"`
}

type siteAddr struct {
	Loc     string `xml:"loc"`
	LastMod string `xml:"lastmod,omitempty"`
}

const sitemapNS = "http://www.sitemaps.org/schemas/sitemap/0.9"

func (s *Site) sitemap(v *visit) (*answer, error) {
	n, err := count(v.Context(), v.tx, v.i.ID, filter{})
	if err != nil {
		return nil, err
	}
	if n <= perSitemap {
		return s.sitemapOf(v, 1)
	}
	index := sitemapIndex{NS: sitemapNS}
	for part := 1; (part-1)*perSitemap < n; part++ {
		index.Maps = append(index.Maps, siteAddr{Loc: v.url(fmt.Sprintf("/sitemap/%d.xml", part))})
	}
	return sitemapAnswer(index)
}

func (s *Site) sitemapPart(v *visit) (*answer, error) {
	text, xml := strings.CutSuffix(v.PathValue("part"), ".xml")
	part, err := strconv.Atoi(text)
	if err != nil || !xml || part < 1 || part > 1000 || strconv.Itoa(part) != text {
		return nil, fault.Missing("fault.not_found")
	}
	return s.sitemapOf(v, part)
}

func (s *Site) sitemapOf(v *visit, part int) (*answer, error) {
	set := urlset{NS: sitemapNS}
	if part == 1 {
		for _, path := range []string{"/", "/notizie", "/eventi", "/album", "/argomenti", "/canali", "/newsletter"} {
			set.URLs = append(set.URLs, siteAddr{Loc: v.url(path)})
		}
		for _, p := range v.profiles {
			set.URLs = append(set.URLs, siteAddr{Loc: v.url("/p/" + p.Slug)})
		}
	}
	all, err := addresses(v.Context(), v.tx, v.i.ID, perSitemap, (part-1)*perSitemap)
	if err != nil {
		return nil, err
	}
	if len(all) == 0 && part > 1 {
		return nil, fault.Missing("fault.not_found")
	}
	for _, a := range all {
		set.URLs = append(set.URLs, siteAddr{Loc: v.url("/m/" + url.PathEscape(a.slug)), LastMod: stamp(v.i, db.When(a.updated))})
	}
	return sitemapAnswer(set)
}

func sitemapAnswer(doc any) (*answer, error) {
	body, err := document(doc)
	return &answer{status: http.StatusOK, kind: "application/xml; charset=utf-8", body: body}, err
}

// security says to whom somebody who found a hole may write (RFC 9116). It expires,
// as it must, half a year ahead; a page that is kept is made anew long before.
func (s *Site) security(v *visit) (*answer, error) {
	if v.i.Email == "" {
		return nil, fault.Missing("fault.not_found")
	}
	text := "Contact: mailto:" + v.i.Email + "\nExpires: " + v.now.AddDate(0, 6, 0).UTC().Format(time.RFC3339) +
		"\nPreferred-Languages: it, en\nCanonical: " + v.url("/.well-known/security.txt") + "\n"
	return &answer{status: http.StatusOK, kind: "text/plain; charset=utf-8", body: []byte(text)}, nil
}

func (s *Site) robots(v *visit) (*answer, error) {
	text := "User-agent: *\nDisallow: /redazione/\nDisallow: /accesso\nDisallow: /api/\nDisallow: /cerca\nDisallow: /newsletter/\nDisallow: /embed\n\nSitemap: " + v.url("/sitemap.xml") + "\n"
	return &answer{status: http.StatusOK, kind: "text/plain; charset=utf-8", body: []byte(text)}, nil
}
