package site

import (
	"encoding/xml"
	"time"
)

// Atom (RFC 4287).

type atomDoc struct {
	XMLName   xml.Name    `xml:"feed"`
	NS        string      `xml:"xmlns,attr"`
	Lang      string      `xml:"xml:lang,attr,omitempty"`
	Title     string      `xml:"title"`
	Subtitle  string      `xml:"subtitle,omitempty"`
	ID        string      `xml:"id"`
	Updated   string      `xml:"updated"`
	Author    atomAuthor  `xml:"author"`
	Generator string      `xml:"generator"`
	Links     []atomLink  `xml:"link"`
	Entries   []atomEntry `xml:"entry"`
}

type atomAuthor struct {
	Name string `xml:"name"`
}

type atomLink struct {
	Rel    string `xml:"rel,attr"`
	Type   string `xml:"type,attr,omitempty"`
	Href   string `xml:"href,attr"`
	Length int64  `xml:"length,attr,omitempty"`
	Title  string `xml:"title,attr,omitempty"`
}

type atomEntry struct {
	Lang       string         `xml:"xml:lang,attr,omitempty"`
	Title      string         `xml:"title"`
	ID         string         `xml:"id"`
	Published  string         `xml:"published"`
	Updated    string         `xml:"updated"`
	Author     atomAuthor     `xml:"author"`
	Categories []atomCategory `xml:"category"`
	Links      []atomLink     `xml:"link"`
	Summary    string         `xml:"summary"`
	Content    atomText       `xml:"content"`
}

type atomCategory struct {
	Term  string `xml:"term,attr"`
	Label string `xml:"label,attr"`
}

type atomText struct {
	Type string `xml:"type,attr"`
	Text string `xml:",chardata"`
}

// atom writes the feed as Atom. An empty feed was last updated when nothing was
// said yet: at the beginning of Unix time, since the element is required.
func (f feed) atom() ([]byte, error) {
	doc := atomDoc{NS: "http://www.w3.org/2005/Atom", Lang: f.Lang, Title: visible(f.Title), Subtitle: visible(f.Description), ID: f.ID,
		Updated: f.rfc3339(f.Updated), Author: atomAuthor{visible(f.Author)}, Generator: "Arengo",
		Links: []atomLink{{Rel: "self", Type: "application/atom+xml", Href: f.Self}, {Rel: "alternate", Type: "text/html", Href: f.Home}}}
	for _, u := range f.Hubs {
		doc.Links = append(doc.Links, atomLink{Rel: "hub", Href: u})
	}
	for _, i := range f.Items {
		e := atomEntry{Lang: i.Lang, Title: visible(i.Title), ID: i.id(), Published: f.rfc3339(i.PublishedAt), Updated: f.rfc3339(i.updated()),
			Author: atomAuthor{visible(i.Author)}, Links: []atomLink{{Rel: "alternate", Type: "text/html", Href: i.URL}},
			Summary: visible(i.Summary), Content: atomText{"html", visible(i.HTML)}}
		for _, t := range i.Tags {
			e.Categories = append(e.Categories, atomCategory{visible(t.Tag), visible(t.Label)})
		}
		for _, m := range i.Enclosed {
			e.Links = append(e.Links, atomLink{Rel: "enclosure", Type: m.Type, Href: m.URL, Length: m.Size, Title: visible(m.Alt)})
		}
		doc.Entries = append(doc.Entries, e)
	}
	return document(doc)
}

func (f feed) rfc3339(t time.Time) string {
	if t.IsZero() {
		t = time.Unix(0, 0)
	}
	return t.In(f.Zone).Format(time.RFC3339)
}
