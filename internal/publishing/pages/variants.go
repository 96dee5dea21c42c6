package pages

import (
	"context"
	"html/template"
	"net/http"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/publishing/wording"
	"codeberg.org/arengo/arengo/internal/web"
)

// linkMark stands for the address of the message's page in a text written by hand.
const linkMark = "{link}"

// variants is how a message will look everywhere.
type variants struct {
	Form     *web.Form
	Site     siteLook
	Channels []channelLook
	Blocked  []string // channels that would refuse their variant
	Focus    string   // the control that takes the focus: "hand-ID", "follow-ID"
	OOB      bool     // the looks alone, each to go to its place
	Quiet    bool     // the summary is what it was: a screen reader need not say it again
}

// Mark tells one summary from another.
func (v variants) Mark() string { return strings.Join(v.Blocked, "|") }

// siteLook is the message as its own page shows it.
type siteLook struct {
	Title    string
	Profile  string
	Category string
	Lang     string
	HTML     template.HTML
	Media    []publishing.Attachment
	Files    map[string]publishing.Media
	Start    time.Time
	End      time.Time
	Days     bool
	Where    string
	Place    *publishing.Place
	Tags     []string
}

// Mute are the tags that become a hashtag nowhere.
func (s siteLook) Mute() (out []string) {
	for _, t := range s.Tags {
		if channel.Hashtag(t) == "" {
			out = append(out, t)
		}
	}
	return out
}

// Pictures are the pictures among the files, with their texts.
func (s siteLook) Pictures() (out []publishing.Attachment) {
	for _, a := range s.Media {
		if f, ok := s.Files[a.MediaID]; ok && f.IsImage() {
			out = append(out, a)
		}
	}
	return out
}

// Others are the videos and documents.
func (s siteLook) Others() (out []publishing.Media) {
	for _, a := range s.Media {
		if f, ok := s.Files[a.MediaID]; ok && !f.IsImage() {
			out = append(out, f)
		}
	}
	return out
}

// channelLook is one channel's variant, and what a person chose for it.
type channelLook struct {
	ID, Name, Handle string
	Platform         wording.Platform
	On               bool // goes out here
	Edited           bool
	KnowsWarning     bool
	Warning          string
	Text             string
	Card             *channel.Card
	Have, Most       int
	Media            []publishing.Media
	Left             int
	Problems         []problem
	State            wording.Badge // of a channel that is not well
	OOB              bool
}

// Over reports whether the text is longer than the channel takes.
func (c channelLook) Over() bool { return c.Most > 0 && c.Have > c.Most }

type problem struct {
	Text     string
	Blocking bool
}

// looks prepares how a content will look everywhere. id is of the stored message,
// "" for a new one.
func (p *Pages) looks(ctx context.Context, printer *i18n.Printer, v visit, id string, c publishing.Content, files map[string]publishing.Media) (variants, error) {
	c = c.Tidy()
	site, err := p.siteLook(printer, v, c, files)
	if err != nil {
		return variants{}, err
	}
	previews, err := p.desk.Previews(ctx, v.institution, id, c)
	if err != nil {
		return variants{}, err
	}
	all := variants{Site: site}
	for _, pre := range previews {
		look := channelLook{
			ID: pre.Channel.ID, Name: pre.Channel.Name, Handle: pre.Channel.Handle, Platform: wording.PlatformOf(printer, pre.Channel.Platform),
			On: !pre.Choice.LeftOut, Edited: pre.Choice.Edited, Warning: pre.Choice.Warning, KnowsWarning: wording.KnowsWarning(pre.Channel.Platform),
			Text: pre.Text, Card: pre.Card, Have: pre.Have, Most: pre.Most, Media: pre.Media, Left: pre.Left,
		}
		for _, pr := range pre.Problems {
			look.Problems = append(look.Problems, problem{printer.T(pr.Key, pr.Args...), pr.Blocking})
		}
		if s := pre.Channel.State; s != channel.Connected {
			look.State = wording.Badge{Label: printer.T("message.channel." + string(s)), Kind: web.Warning, Icon: "it-warning-circle"}
		}
		if look.On && pre.Blocked() {
			all.Blocked = append(all.Blocked, look.Name)
		}
		all.Channels = append(all.Channels, look)
	}
	return all, nil
}

func (p *Pages) siteLook(printer *i18n.Printer, v visit, c publishing.Content, files map[string]publishing.Media) (siteLook, error) {
	html, err := p.writing.HTML(c.Body)
	if err != nil {
		return siteLook{}, err
	}
	// The sanitiser of package publishing made it; the site shows the same.
	s := siteLook{Title: c.Title, Category: printer.T("category." + string(c.Category)), Lang: c.Lang, HTML: template.HTML(html),
		Media: c.Media, Files: files, Place: c.Place, Tags: c.Tags}
	if e := c.Event; e != nil {
		s.Where = e.Where
		if span, known := e.Span(v.loc); known {
			s.Start, s.End, s.Days = span.Start, span.End, span.Days
		}
	}
	return s, nil
}

// preview answers htmx with how the typed text will look: only the looks while
// somebody types, the whole region with its controls when a control of it was
// used or the profile changed. It stores nothing and refuses nothing.
func (p *Pages) preview(w http.ResponseWriter, r *http.Request, v visit) error {
	form, err := p.kit.ReadForm(r)
	if err != nil {
		return err
	}
	focus := chooseVariant(form, form.String("do"))
	c := content(form)
	files, err := p.filesOf(r.Context(), v, c)
	if err != nil {
		return err
	}
	all, err := p.looks(r.Context(), p.kit.Printer(r), v, form.String("id"), c, files)
	if err != nil {
		return err
	}
	all.write(form, focus)
	if r.Header.Get("HX-Target") == "variants" {
		return p.kit.RenderFragment(w, r, http.StatusOK, "publishing/editor", "variants", all)
	}
	all.OOB = true
	all.Quiet = form.Values.Has("_look") && form.Values.Get("_look") == all.Mark()
	for i := range all.Channels {
		all.Channels[i].OOB = true
	}
	return p.kit.RenderFragment(w, r, http.StatusOK, "publishing/editor", "looks", all)
}

// chooseVariant does what a button of a variant asks, and says which control the
// person continues with. "hand" writes the variant by hand from now on, starting
// from the text as it is (see write); "follow" makes it follow the original again.
func chooseVariant(form *web.Form, do string) (focus string) {
	what, id, _ := strings.Cut(do, ":")
	switch what {
	case "hand":
		form.Values.Del("edited-" + id)
		return "hand-" + id
	case "follow":
		form.Values.Del("edited-" + id)
		form.Values.Del("hand-" + id)
		return "follow-" + id
	}
	return ""
}

// write gives the form what the region's controls show: each channel, whether it
// is used, and for the variant that is now to be written by hand its text.
func (v *variants) write(form *web.Form, focus string) {
	v.Form, v.Focus = form, focus
	for i := range v.Channels {
		c := &v.Channels[i]
		if !slices.Contains(form.Values["channels"], c.ID) {
			form.Values.Add("channels", c.ID)
			form.Values.Add("to", c.ID)
		}
		if focus == "hand-"+c.ID && c.Card != nil {
			c.Edited = true
			form.Values.Set("edited-"+c.ID, "1")
			form.Values.Set("hand-"+c.ID, strings.ReplaceAll(c.Text, c.Card.URL, linkMark))
		}
	}
}
