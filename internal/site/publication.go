package site

import (
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
)

// Publication is a message as citizens read it.
type Publication struct {
	ID, ProfileID, Slug string
	Kind                string // news, album, event
	Category, Lang      string
	Title, Summary      string
	HTML                template.HTML // sanitised by publishing
	Text                string
	Media               []Media
	Tags                []Tag
	EventStart          time.Time // zero when it announces no event
	EventEnd            time.Time // zero when no end was given; of whole days, the midnight after the last
	EventDays           bool      // the event takes whole days
	Place               string
	Lat, Lon            *float64
	Rev                 int64
	PublishedAt         time.Time
	CorrectedAt         time.Time
	Corrections         []Correction // newest first
	WithdrawnAt         time.Time
	Withdrawal          string
	UpdatedAt           time.Time
}

// Media is one file of a publication.
type Media struct {
	ID          string      `json:"id"`
	Hash        string      `json:"hash"`
	ContentType string      `json:"content_type"`
	Name        string      `json:"name"`
	Alt         string      `json:"alt"`
	Caption     string      `json:"caption"`
	Width       int         `json:"width"`
	Height      int         `json:"height"`
	Size        int64       `json:"size"`
	Renditions  []Rendition `json:"renditions"`
	N           int         `json:"-"` // among the pictures, from 1
}

// Rendition is a smaller copy of a picture.
type Rendition struct {
	Kind        string `json:"kind"`
	Hash        string `json:"hash"`
	ContentType string `json:"content_type"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
}

// Tag is a topic: the key in addresses, and what was typed.
type Tag struct {
	Tag   string `json:"tag"`
	Label string `json:"label"`
}

// Correction is what changed after a message went out.
type Correction struct {
	At      int64    `json:"at"` // µs UTC
	Note    string   `json:"note"`
	Changes []Change `json:"changes"`
}

// Change is one thing that read otherwise before.
type Change struct {
	Field  string `json:"field"` // title, body, event, place, media
	Before string `json:"before"`
	After  string `json:"after"`
}

// When is the moment of the correction.
func (c Correction) When() time.Time { return db.When(c.At) }

// Path is the permanent address of the message.
func (p Publication) Path() string { return "/m/" + url.PathEscape(p.Slug) }

// IsEvent reports whether the message announces something that happens.
func (p Publication) IsEvent() bool { return !p.EventStart.IsZero() }

// Ends is when lists no longer show the event as one that comes: without a given
// end, two hours after it began. Nobody is told that it ends then.
func (p Publication) Ends() time.Time {
	if p.EventEnd.IsZero() {
		return p.EventStart.Add(2 * time.Hour)
	}
	return p.EventEnd
}

// Pictures are the photographs among the files, in order.
func (p Publication) Pictures() []Media {
	all := p.of("image/")
	for i := range all {
		all[i].N = i + 1
	}
	return all
}

// Videos are the videos among the files.
func (p Publication) Videos() []Media { return p.of("video/") }

// Documents are all other files.
func (p Publication) Documents() []Media {
	return slices.DeleteFunc(slices.Clone(p.Media), func(m Media) bool {
		return strings.HasPrefix(m.ContentType, "image/") || strings.HasPrefix(m.ContentType, "video/")
	})
}

func (p Publication) of(prefix string) []Media {
	return slices.DeleteFunc(slices.Clone(p.Media), func(m Media) bool { return !strings.HasPrefix(m.ContentType, prefix) })
}

// Cover is the first photograph, or nil.
func (p Publication) Cover() *Media {
	for i := range p.Media {
		if strings.HasPrefix(p.Media[i].ContentType, "image/") {
			return &p.Media[i]
		}
	}
	return nil
}

// HasMap reports whether the place has coordinates.
func (p Publication) HasMap() bool { return p.Lat != nil && p.Lon != nil }

// Coordinates are written as people copy them: "45.59210, 9.07420".
func (p Publication) Coordinates() string {
	if !p.HasMap() {
		return ""
	}
	return fmt.Sprintf("%.5f, %.5f", *p.Lat, *p.Lon)
}

// MapURL leads to the place on OpenStreetMap.
func (p Publication) MapURL() string {
	if !p.HasMap() {
		return ""
	}
	return fmt.Sprintf("https://www.openstreetmap.org/?mlat=%.5f&mlon=%.5f#map=17/%.5f/%.5f", *p.Lat, *p.Lon, *p.Lat, *p.Lon)
}

func mediaPath(hash, kind, name string) string {
	if name == "" {
		name = "file"
	}
	return "/media/" + hash + "/" + url.PathEscape(kind) + "/" + url.PathEscape(name)
}

// Original is the address of the file as it was uploaded, without metadata.
func (m Media) Original() string { return mediaPath(m.Hash, "originale", m.Name) }

// copies are the file's pictures by width, smallest first, the original last.
func (m Media) copies() []Rendition {
	all := slices.DeleteFunc(slices.Clone(m.Renditions), func(r Rendition) bool {
		return !strings.HasPrefix(r.ContentType, "image/") || r.Width == 0 || r.Width >= m.Width && m.Width > 0
	})
	slices.SortFunc(all, func(a, b Rendition) int { return a.Width - b.Width })
	if len(all) == 0 || m.Width > 0 && m.Width <= 2560 {
		all = append(all, Rendition{Kind: "originale", Hash: m.Hash, ContentType: m.ContentType, Width: m.Width, Height: m.Height})
	}
	return all
}

// at is the smallest copy at least as wide as asked, else the widest.
func (m Media) at(width int) Rendition {
	all := m.copies()
	for _, r := range all {
		if r.Width >= width {
			return r
		}
	}
	return all[len(all)-1]
}

// Src is the address of the copy to show about so many pixels wide.
func (m Media) Src(width int) string {
	r := m.at(width)
	return mediaPath(r.Hash, r.Kind, m.Name)
}

// SrcSet offers the copies to the browser; empty when there is only one.
func (m Media) SrcSet() string {
	var set []string
	for _, r := range m.copies() {
		if r.Width > 0 {
			set = append(set, mediaPath(r.Hash, r.Kind, m.Name)+" "+strconv.Itoa(r.Width)+"w")
		}
	}
	if len(set) < 2 {
		return ""
	}
	return strings.Join(set, ", ")
}

// Title is what to call the file in a list of documents.
func (m Media) Title() string {
	switch {
	case m.Caption != "":
		return m.Caption
	case m.Alt != "":
		return m.Alt
	}
	return m.Name
}

// Format is the file's format in capitals: "PDF".
func (m Media) Format() string {
	switch m.ContentType {
	case "application/pdf":
		return "PDF"
	case "application/vnd.oasis.opendocument.text":
		return "ODT"
	case "application/vnd.openxmlformats-officedocument.wordprocessingml.document":
		return "DOCX"
	}
	_, sub, _ := strings.Cut(m.ContentType, "/")
	return strings.ToUpper(sub)
}

const shortColumns = `message_id, profile_id, slug, kind, category, lang, title, summary, media, tags, event_start, event_end, event_days,
	place, lat, lon, rev, published_at, corrected_at, withdrawn_at, withdrawal, updated_at`

const fullColumns = shortColumns + `, body_html, body_text, corrections`

func scanShort(s db.Scanner) (Publication, error) { return scanWith(s, false) }
func scanFull(s db.Scanner) (Publication, error)  { return scanWith(s, true) }

// scanWith reads shortColumns, or fullColumns.
func scanWith(s db.Scanner, full bool) (p Publication, err error) {
	var media, tags, html, corrections string
	var start, end, published, corrected, withdrawn, updated int64
	dest := []any{&p.ID, &p.ProfileID, &p.Slug, &p.Kind, &p.Category, &p.Lang, &p.Title, &p.Summary, &media, &tags, &start, &end, &p.EventDays,
		&p.Place, &p.Lat, &p.Lon, &p.Rev, &published, &corrected, &withdrawn, &p.Withdrawal, &updated}
	if full {
		dest = append(dest, &html, &p.Text, &corrections)
	}
	if err := s.Scan(dest...); err != nil {
		return p, err
	}
	p.EventStart, p.EventEnd, p.PublishedAt, p.CorrectedAt = db.When(start), db.When(end), db.When(published), db.When(corrected)
	p.WithdrawnAt, p.UpdatedAt, p.HTML = db.When(withdrawn), db.When(updated), template.HTML(html)
	for _, part := range []struct {
		text string
		into any
	}{{media, &p.Media}, {tags, &p.Tags}, {corrections, &p.Corrections}} {
		if part.text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(part.text), part.into); err != nil {
			return p, fmt.Errorf("publication %s: %w", p.ID, err)
		}
	}
	return p, nil
}
