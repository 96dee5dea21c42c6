package site

import (
	"time"

	"codeberg.org/arengo/arengo/internal/institution"
)

// social is what a page says of itself to those who make previews of it
// (OpenGraph, Twitter card).
type social struct {
	Title, Description, URL, Site, Kind string
	Image, ImageAlt                     string
	Width, Height                       int
	Lang                                string
	Published, Modified                 time.Time
	Tags                                []Tag
}

func (s *Site) socialOf(v *visit, p Publication) social {
	o := social{Title: p.Title, Description: p.Summary, URL: v.url(p.Path()), Site: v.i.Name, Kind: "article", Lang: p.Lang,
		Published: p.PublishedAt, Modified: p.CorrectedAt, Tags: p.Tags}
	if m := p.Cover(); m != nil {
		r := m.at(1200)
		o.Image, o.ImageAlt, o.Width, o.Height = v.url(mediaPath(r.Hash, r.Kind, m.Name)), m.Alt, r.Width, r.Height
	}
	return o
}

// linked describes the message in the words of schema.org, for search engines:
// always a NewsArticle, and an Event or an ImageGallery when it is one.
func (s *Site) linked(v *visit, c card) []any {
	publisher := organisation(v, v.i)
	article := map[string]any{
		"@context": "https://schema.org", "@type": "NewsArticle", "@id": v.url(c.Path()), "url": v.url(c.Path()), "mainEntityOfPage": v.url(c.Path()),
		"headline": c.Title, "description": c.Summary, "inLanguage": c.Lang, "datePublished": stamp(v.i, c.PublishedAt), "dateModified": stamp(v.i, c.PublishedAt),
		"publisher": publisher, "author": publisher, "isAccessibleForFree": true,
	}
	if !c.CorrectedAt.IsZero() {
		article["dateModified"] = stamp(v.i, c.CorrectedAt)
	}
	var tags []string
	for _, t := range c.Tags {
		tags = append(tags, t.Label)
	}
	if tags != nil {
		article["keywords"] = tags
	}
	images := images(v, c.Publication)
	if images != nil {
		article["image"] = images
	}
	all := []any{article}
	if c.IsEvent() {
		all = append(all, event(v, c, publisher, images))
	}
	if c.Kind == "album" {
		all = append(all, map[string]any{"@context": "https://schema.org", "@type": "ImageGallery", "name": c.Title, "url": v.url(c.Path()), "image": images, "publisher": publisher})
	}
	return all
}

func organisation(v *visit, i institution.Institution) map[string]any {
	o := map[string]any{"@type": "GovernmentOrganization", "name": i.Name, "url": v.url("/")}
	if i.SiteURL != "" {
		o["sameAs"] = i.SiteURL
	}
	return o
}

func images(v *visit, p Publication) []any {
	var out []any
	for _, m := range p.Pictures() {
		r := m.at(1200)
		image := map[string]any{"@type": "ImageObject", "contentUrl": v.url(mediaPath(r.Hash, r.Kind, m.Name)), "description": m.Alt}
		if m.Caption != "" {
			image["caption"] = m.Caption
		}
		if r.Width > 0 {
			image["width"], image["height"] = r.Width, r.Height
		}
		out = append(out, image)
	}
	return out
}

func event(v *visit, c card, organiser map[string]any, images []any) map[string]any {
	e := map[string]any{
		"@context": "https://schema.org", "@type": "Event", "name": c.Title, "description": c.Summary, "url": v.url(c.Path()), "inLanguage": c.Lang,
		"startDate": instant(v.i, c.EventStart, c.EventDays), "eventStatus": "https://schema.org/EventScheduled", "organizer": organiser,
		"eventAttendanceMode": "https://schema.org/OfflineEventAttendanceMode",
	}
	if end := ended(v.i, c.Publication); end != "" {
		e["endDate"] = end
	}
	if images != nil {
		e["image"] = images
	}
	place := map[string]any{"@type": "Place", "name": c.Place, "address": v.i.Name}
	if c.Place == "" {
		place["name"] = v.i.Name
	}
	if c.HasMap() {
		place["geo"] = map[string]any{"@type": "GeoCoordinates", "latitude": *c.Lat, "longitude": *c.Lon}
	}
	e["location"] = place
	return e
}

// instant is when an event begins or ends: a day, or a moment of one.
func instant(i institution.Institution, t time.Time, days bool) string {
	if days {
		return t.In(i.Location()).Format(time.DateOnly)
	}
	return stamp(i, t)
}

// ended is when an event ends, or its last day; empty when nobody said.
func ended(i institution.Institution, p Publication) string {
	switch {
	case p.EventEnd.IsZero():
		return ""
	case p.EventDays:
		return instant(i, p.EventEnd.In(i.Location()).AddDate(0, 0, -1), true)
	}
	return stamp(i, p.EventEnd)
}

// stamp is a moment with the offset of the institution's zone.
func stamp(i institution.Institution, t time.Time) string {
	return t.In(i.Location()).Format(time.RFC3339)
}
