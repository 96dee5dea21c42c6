package site

import (
	"bytes"
	"encoding/json"
	"time"
)

// JSON Feed 1.1 (jsonfeed.org/version/1.1).

type jsonDoc struct {
	Version     string       `json:"version"`
	Title       string       `json:"title"`
	Home        string       `json:"home_page_url"`
	Self        string       `json:"feed_url"`
	Description string       `json:"description,omitempty"`
	Language    string       `json:"language,omitempty"`
	Authors     []jsonAuthor `json:"authors"`
	Hubs        []jsonHub    `json:"hubs,omitempty"`
	Items       []jsonItem   `json:"items"`
}

type jsonAuthor struct {
	Name string `json:"name"`
}

type jsonHub struct {
	Type string `json:"type"`
	URL  string `json:"url"`
}

type jsonItem struct {
	ID          string       `json:"id"`
	URL         string       `json:"url"`
	Title       string       `json:"title"`
	HTML        string       `json:"content_html"`
	Text        string       `json:"content_text,omitempty"`
	Summary     string       `json:"summary,omitempty"`
	Image       string       `json:"image,omitempty"`
	Published   string       `json:"date_published"`
	Modified    string       `json:"date_modified,omitempty"`
	Authors     []jsonAuthor `json:"authors"`
	Tags        []string     `json:"tags,omitempty"`
	Language    string       `json:"language,omitempty"`
	Attachments []jsonFile   `json:"attachments,omitempty"`
	Event       *jsonEvent   `json:"_event,omitempty"`
}

type jsonFile struct {
	URL   string `json:"url"`
	Type  string `json:"mime_type"`
	Title string `json:"title,omitempty"`
	Size  int64  `json:"size_in_bytes,omitempty"`
}

// jsonEvent is our extension: when what the message announces happens.
type jsonEvent struct {
	Start string `json:"start"` // a moment, or a day of an event that takes whole days
	End   string `json:"end,omitempty"`
	Place string `json:"place,omitempty"`
}

// json writes the feed as JSON Feed.
func (f feed) json() ([]byte, error) {
	doc := jsonDoc{Version: "https://jsonfeed.org/version/1.1", Title: f.Title, Home: f.Home, Self: f.Self, Description: f.Description, Language: f.Lang,
		Authors: []jsonAuthor{{f.Author}}, Items: []jsonItem{}}
	for _, u := range f.Hubs {
		doc.Hubs = append(doc.Hubs, jsonHub{"WebSub", u})
	}
	for _, i := range f.Items {
		e := jsonItem{ID: i.id(), URL: i.URL, Title: i.Title, HTML: i.HTML, Text: i.Text, Summary: i.Summary, Published: f.rfc3339(i.PublishedAt),
			Authors: []jsonAuthor{{i.Author}}, Language: i.Lang}
		if !i.CorrectedAt.IsZero() {
			e.Modified = f.rfc3339(i.CorrectedAt)
		}
		for _, t := range i.Tags {
			e.Tags = append(e.Tags, t.Label)
		}
		for _, m := range i.Enclosed {
			if e.Image == "" && len(m.Type) > 6 && m.Type[:6] == "image/" {
				e.Image = m.URL
			}
			e.Attachments = append(e.Attachments, jsonFile{m.URL, m.Type, m.Alt, m.Size})
		}
		if i.IsEvent() {
			e.Event = i.when(f)
		}
		doc.Items = append(doc.Items, e)
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetIndent("", " ")
	enc.SetEscapeHTML(false)
	err := enc.Encode(doc)
	return b.Bytes(), err
}

func (i item) when(f feed) *jsonEvent {
	e := &jsonEvent{Start: f.rfc3339(i.EventStart), Place: i.Place}
	if !i.EventEnd.IsZero() {
		e.End = f.rfc3339(i.EventEnd)
	}
	if i.EventDays {
		e.Start = i.EventStart.In(f.Zone).Format(time.DateOnly)
		e.End = i.EventEnd.In(f.Zone).AddDate(0, 0, -1).Format(time.DateOnly)
	}
	return e
}
