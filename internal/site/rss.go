package site

import (
	"encoding/xml"
	"strings"
	"time"
)

// RSS 2.0 (rssboard.org/rss-specification) with Atom's self link, content:encoded
// and Media RSS, which are what readers understand.

type rssDoc struct {
	XMLName xml.Name   `xml:"rss"`
	Version string     `xml:"version,attr"`
	Atom    string     `xml:"xmlns:atom,attr"`
	Content string     `xml:"xmlns:content,attr"`
	DC      string     `xml:"xmlns:dc,attr"`
	Media   string     `xml:"xmlns:media,attr"`
	Channel rssChannel `xml:"channel"`
}

type rssChannel struct {
	Title       string     `xml:"title"`
	Link        string     `xml:"link"`
	Description string     `xml:"description"`
	Language    string     `xml:"language,omitempty"`
	Built       string     `xml:"lastBuildDate,omitempty"`
	Generator   string     `xml:"generator"`
	Links       []atomLink `xml:"atom:link"`
	Items       []rssEntry `xml:"item"`
}

type rssEntry struct {
	Title       string         `xml:"title"`
	Link        string         `xml:"link"`
	GUID        rssGUID        `xml:"guid"`
	Published   string         `xml:"pubDate"`
	Author      string         `xml:"dc:creator"`
	Categories  []string       `xml:"category"`
	Description string         `xml:"description"`
	HTML        cdata          `xml:"content:encoded"`
	Enclosure   *rssEnclosure  `xml:"enclosure"`
	Media       []mediaContent `xml:"media:content"`
}

type rssGUID struct {
	Permanent bool   `xml:"isPermaLink,attr"`
	ID        string `xml:",chardata"`
}

type rssEnclosure struct {
	URL    string `xml:"url,attr"`
	Length int64  `xml:"length,attr"`
	Type   string `xml:"type,attr"`
}

type mediaContent struct {
	URL    string `xml:"url,attr"`
	Type   string `xml:"type,attr"`
	Medium string `xml:"medium,attr"`
	Size   int64  `xml:"fileSize,attr,omitempty"`
	Width  int    `xml:"width,attr,omitempty"`
	Height int    `xml:"height,attr,omitempty"`
	About  string `xml:"media:description,omitempty"`
}

type cdata struct {
	Text string `xml:",chardata"`
}

// rss writes the feed as RSS 2.0. An item's description is HTML there (rssboard.org,
// "description"): a text that is none is escaped once more, else readers lose "<5". RSS knows one enclosure for an item: the first
// file; all are in media:content.
func (f feed) rss() ([]byte, error) {
	doc := rssDoc{
		Version: "2.0", Atom: "http://www.w3.org/2005/Atom", Content: "http://purl.org/rss/1.0/modules/content/",
		DC: "http://purl.org/dc/elements/1.1/", Media: "http://search.yahoo.com/mrss/",
		Channel: rssChannel{Title: visible(f.Title), Link: f.Home, Description: visible(f.Description), Language: f.Lang, Generator: "Arengo",
			Built: f.rfc822(f.Updated), Links: []atomLink{{Rel: "self", Type: "application/rss+xml", Href: f.Self}}},
	}
	for _, u := range f.Hubs {
		doc.Channel.Links = append(doc.Channel.Links, atomLink{Rel: "hub", Href: u})
	}
	for _, i := range f.Items {
		e := rssEntry{Title: visible(i.Title), Link: i.URL, GUID: rssGUID{false, i.id()}, Published: f.rfc822(i.PublishedAt), Author: visible(i.Author),
			Description: escape(visible(i.Summary)), HTML: cdata{visible(i.HTML)}}
		for _, t := range i.Tags {
			e.Categories = append(e.Categories, visible(t.Label))
		}
		for n, m := range i.Enclosed {
			if n == 0 {
				e.Enclosure = &rssEnclosure{m.URL, m.Size, m.Type}
			}
			medium, _, _ := strings.Cut(m.Type, "/")
			if medium != "image" && medium != "video" {
				medium = "document"
			}
			e.Media = append(e.Media, mediaContent{URL: m.URL, Type: m.Type, Medium: medium, Size: m.Size, Width: m.Width, Height: m.Height, About: visible(m.Alt)})
		}
		doc.Channel.Items = append(doc.Channel.Items, e)
	}
	return document(doc)
}

// rfc822 is a date as RSS wants it, in the institution's zone.
func (f feed) rfc822(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(f.Zone).Format(time.RFC1123Z)
}

func document(v any) ([]byte, error) {
	body, err := xml.MarshalIndent(v, "", " ")
	if err != nil {
		return nil, err
	}
	return append([]byte(xml.Header), append(body, '\n')...), nil
}
