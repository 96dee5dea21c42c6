package pages

import (
	"time"

	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
)

// row is a message in a list.
type row struct {
	URL     string
	Title   string
	Profile string
	Author  string
	Badges  []wording.Badge
	When    time.Time // the moment that matters: due, out, or last change
	Due     bool      // When is a moment to come
	Pics    int
	Note    string // why it is here, when the list does not say
	Danger  bool
}

// lister turns messages into rows with the names that a list needs.
type lister struct {
	printer  *i18n.Printer
	profiles map[string]institution.Profile
	names    map[string]string
	now      time.Time
}

func (l lister) row(m publishing.Message) row {
	r := row{URL: messagePath(m.ID), Title: m.Content.Title, Profile: l.profiles[m.Content.ProfileID].Name, Author: l.names[m.AuthorID],
		Badges: wording.Badges(l.printer, m), When: m.UpdatedAt, Pics: len(m.Content.Media)}
	if r.Title == "" {
		r.Title = l.printer.T("message.untitled")
	}
	switch {
	case m.State == publishing.Out:
		r.When = m.OutAt
	case m.Plan.Set():
		r.When, r.Due = m.Plan.Due.At, m.Plan.Due.At.After(l.now)
	}
	if m.Held != "" {
		r.Note, r.Danger = l.printer.T("message.held."+m.Held), true
	}
	return r
}

func (l lister) rows(ms []publishing.Message) []row {
	out := make([]row, len(ms))
	for i, m := range ms {
		out[i] = l.row(m)
	}
	return out
}
