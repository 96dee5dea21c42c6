package pages

import (
	"net/http"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// conflict is what somebody else saved while this person was writing.
type conflict struct {
	By    string
	At    time.Time
	Parts []changedPart
}

// changedPart is one part of a message that reads otherwise in two contents.
type changedPart struct {
	Part          string // of the form: title, body, media…
	Label         string
	Before, After string
	Pieces        []piece
}

// readConflict compares what was typed with what is stored now.
func (p *Pages) readConflict(r *http.Request, v visit, page *editorPage) error {
	var m publishing.Message
	var names map[string]string
	var labels labels
	typed := content(page.Form)
	err := p.db.Read(r.Context(), func(tx *db.Tx) (err error) {
		if m, err = publishing.ByID(r.Context(), tx, v.institution.ID, page.ID); err != nil {
			return err
		}
		if names, err = people.Names(r.Context(), tx, v.institution.ID); err != nil {
			return err
		}
		labels, err = p.labels(r, tx, v, m.Content, typed)
		return err
	})
	if err != nil {
		return err
	}
	page.Rev = m.Rev
	page.Conflict = &conflict{By: names[m.EditedBy], At: m.UpdatedAt, Parts: labels.compare(m.Content.Tidy(), typed.Tidy())}
	return nil
}

// labels say in words what a content holds.
type labels struct {
	printer  *i18n.Printer
	profiles map[string]string
	channels map[string]string
	files    map[string]publishing.Media
}

// compare lists the parts in which two contents differ, in the order of the form.
func (l labels) compare(a, b publishing.Content) (out []changedPart) {
	for _, part := range []struct {
		name string
		text func(publishing.Content) string
	}{
		{"profile", func(c publishing.Content) string { return l.profiles[c.ProfileID] }},
		{"title", func(c publishing.Content) string { return c.Title }},
		{"body", func(c publishing.Content) string { return c.Body }},
		{"lang", func(c publishing.Content) string { return l.printer.T("message.lang." + c.Lang) }},
		{"category", func(c publishing.Content) string { return l.printer.T("category." + string(c.Category)) }},
		{"tags", func(c publishing.Content) string { return strings.Join(c.Tags, ", ") }},
		{"media", l.media},
		{"event", l.event},
		{"place", l.place},
		{"variants", l.variants},
	} {
		before, after := part.text(a), part.text(b)
		if before != after {
			out = append(out, changedPart{Part: part.name, Label: l.printer.T("message.part." + part.name),
				Before: before, After: after, Pieces: diff(before, after)})
		}
	}
	return out
}

func (l labels) media(c publishing.Content) string {
	lines := make([]string, len(c.Media))
	for i, a := range c.Media {
		lines[i] = l.printer.T("message.part.file", i+1, l.files[a.MediaID].Name)
		for _, text := range []string{a.Alt, a.Caption} {
			if text != "" {
				lines[i] += " · " + text
			}
		}
	}
	return strings.Join(lines, "\n")
}

func (l labels) event(c publishing.Content) string {
	if c.Event == nil {
		return ""
	}
	return strings.TrimSpace(strings.Join([]string{c.Event.Start, c.Event.End, c.Event.Where}, " · "))
}

func (l labels) place(c publishing.Content) string {
	if c.Place == nil {
		return ""
	}
	return strings.TrimSpace(c.Place.Name + " " + formatPoint(*c.Place))
}

func (l labels) variants(c publishing.Content) string {
	var lines []string
	for _, v := range c.Variants {
		name := l.channels[v.ChannelID]
		switch {
		case v.LeftOut:
			lines = append(lines, l.printer.T("message.part.left_out", name))
		case v.Edited:
			lines = append(lines, l.printer.T("message.part.by_hand", name)+" "+v.Text)
		}
		if v.Warning != "" {
			lines = append(lines, l.printer.T("message.part.warning", name)+" "+v.Warning)
		}
	}
	return strings.Join(lines, "\n")
}
