package pages

import (
	"errors"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/prose"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/web"
)

// maxTyped bounds the text of one form, in bytes: far beyond what a message may
// hold, so that a text pasted by mistake is refused in words and not lost.
const maxTyped = 4 << 20

// filesField is the name of the file field of the editor.
const filesField = "files"

// readTyped reads the editor's form. Files are taken in as they arrive, one after
// the other and never as a whole in memory, and join the list of the message's
// media; a refused one is a fault of the field, and the others stay. What was
// read before a fault comes with it.
func (p *Pages) readTyped(r *http.Request, v visit) (*web.Form, error) {
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data") {
		return p.kit.ReadForm(r)
	}
	form := web.NewForm()
	r.PostForm = form.Values // where web.Redirect looks for the name of the draft
	parts, err := r.MultipartReader()
	if err != nil {
		return form, fault.New(fault.Invalid, "fault.form.unreadable").Because(err)
	}
	left := int64(maxTyped)
	for {
		part, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			return form, nil
		}
		if err != nil {
			return form, p.unreadable(r, err)
		}
		switch {
		case part.FileName() != "":
			err = p.takeFile(r, v, form, part.FileName(), part)
		case part.FormName() == filesField: // a file field left empty
		default:
			left, err = takeText(form, part.FormName(), part, left)
		}
		if err != nil {
			return form, p.unreadable(r, err)
		}
	}
}

// unreadable says why a form did not arrive whole.
func (p *Pages) unreadable(r *http.Request, err error) error {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return fault.New(fault.TooLarge, "fault.form.too_large", p.kit.Printer(r).Bytes(large.Limit)).Because(err)
	case fault.Of(err).Kind != fault.Internal:
		return err
	}
	return fault.New(fault.Invalid, "fault.form.unreadable").Because(err)
}

func takeText(form *web.Form, name string, part io.Reader, left int64) (int64, error) {
	text, err := io.ReadAll(io.LimitReader(part, left+1))
	if err != nil {
		return left, err
	}
	if left -= int64(len(text)); left < 0 {
		return left, fault.New(fault.TooLarge, "message.typed.large", maxTyped>>20)
	}
	if !utf8.Valid(text) {
		form.Add(name, "fault.field.encoding")
	}
	form.Values.Add(name, prose.Clean(string(text)))
	return left, nil
}

// takeFile stores one file. What is wrong with the file itself is told beside the
// field; anything else ends the reading.
func (p *Pages) takeFile(r *http.Request, v visit, form *web.Form, name string, content io.Reader) error {
	m, err := p.desk.Upload(r.Context(), v.institution.ID, name, content)
	var large *http.MaxBytesError
	switch e := fault.Of(err); {
	case err == nil:
		form.Values.Add("media", m.ID)
		return nil
	case errors.As(err, &large):
		return err
	case e.Kind == fault.Invalid || e.Kind == fault.TooLarge:
		form.Add(filesField, "message.files.refused", name, e.Text)
		_, err = io.Copy(io.Discard, content)
		return err
	}
	return err
}

// fill is a form that shows a content.
func fill(c publishing.Content) *web.Form {
	f := web.NewForm("profile", c.ProfileID, "title", c.Title, "body", c.Body, "lang", c.Lang, "category", string(c.Category),
		"tags", strings.Join(c.Tags, ", "))
	for _, m := range c.Media {
		f.Values.Add("media", m.MediaID)
		f.Values.Set("alt-"+m.MediaID, m.Alt)
		f.Values.Set("caption-"+m.MediaID, m.Caption)
	}
	if e := c.Event; e != nil {
		for name, wall := range map[string]string{"event_start": e.Start, "event_end": e.End} {
			day, hour, _ := strings.Cut(wall, "T")
			f.Values.Set(name, day)
			f.Values.Set(name+"_time", hour)
		}
		f.Values.Set("event_where", e.Where)
	}
	if pl := c.Place; pl != nil {
		f.Values.Set("place", formatPoint(*pl))
		f.Values.Set("place_name", pl.Name)
	}
	for _, variant := range c.Variants {
		id := variant.ChannelID
		f.Values.Add("channels", id)
		if !variant.LeftOut {
			f.Values.Add("to", id)
		}
		if variant.Edited {
			f.Values.Set("edited-"+id, "1")
			f.Values.Set("hand-"+id, variant.Text)
		}
		f.Values.Set("warning-"+id, variant.Warning)
	}
	return f
}

// content reads a form. What cannot be read is a fault of the form, and left out
// of the content; form.Err tells.
func content(f *web.Form) publishing.Content {
	c := publishing.Content{ProfileID: f.String("profile"), Title: f.String("title"), Body: f.Values.Get("body"), Lang: f.String("lang"),
		Category: publishing.Category(f.String("category")), Tags: splitTags(f.String("tags"))}
	for _, id := range f.Strings("media") {
		c.Media = append(c.Media, publishing.Attachment{MediaID: id, Alt: f.String("alt-" + id), Caption: f.String("caption-" + id)})
	}
	c.Event = event(f)
	c.Place = place(f)
	to := f.Strings("to")
	for _, id := range f.Strings("channels") {
		c.Variants = append(c.Variants, publishing.Variant{ChannelID: id, LeftOut: !slices.Contains(to, id),
			Edited: f.Bool("edited-" + id), Text: f.Values.Get("hand-" + id), Warning: f.String("warning-" + id)})
	}
	return c
}

// event reads when and where something happens. Without an hour it takes the whole
// day; an end that has only an hour is on the day of the start.
func event(f *web.Form) *publishing.Event {
	wall := func(name, day string) string {
		if typed := f.String(name); typed != "" {
			day = typed
		}
		hour := f.String(name + "_time")
		if hour == "" {
			return f.String(name) // a whole day, or a moment as older pages send it
		}
		return day + "T" + hour
	}
	e := publishing.Event{Start: wall("event_start", ""), Where: f.String("event_where")}
	day, _, _ := strings.Cut(e.Start, "T")
	e.End = wall("event_end", day)
	if e == (publishing.Event{}) {
		return nil
	}
	return &e
}

func place(f *web.Form) *publishing.Place {
	point, name := f.String("place"), f.String("place_name")
	switch {
	case point == "" && name == "":
		return nil
	case point == "":
		f.Add("place", "message.place.point_missing")
		return nil
	}
	lat, lon, ok := parsePoint(point)
	if !ok {
		f.Add("place", "message.place.form")
		return nil
	}
	return &publishing.Place{Name: name, Lat: lat, Lon: lon}
}

// tagBegins is a # before a word, as in a post; that of "C#" is part of the word.
var tagBegins = regexp.MustCompile(`(^|[\s,;])#+`)

// splitTags parts tags typed with commas, or with # as in a post.
func splitTags(text string) []string {
	var tags []string
	for _, t := range strings.FieldsFunc(tagBegins.ReplaceAllString(text, ","), func(c rune) bool { return c == ',' || c == ';' || c == '\n' }) {
		if t = strings.TrimSpace(t); t != "" {
			tags = append(tags, t)
		}
	}
	return tags
}

// rearrange does what a button of the media list asks: up, down, remove.
func rearrange(f *web.Form, what, id string) {
	media := f.Values["media"]
	at := slices.Index(media, id)
	switch {
	case at < 0:
	case what == "remove":
		f.Values["media"] = slices.Delete(media, at, at+1)
	case what == "up" && at > 0:
		media[at-1], media[at] = media[at], media[at-1]
	case what == "down" && at+1 < len(media):
		media[at+1], media[at] = media[at], media[at+1]
	}
}

// take copies what is stored over what was typed, for one part of the form.
func take(f, stored *web.Form, part string) {
	belongs := func(name string) bool {
		switch part {
		case "media":
			return name == "media" || strings.HasPrefix(name, "alt-") || strings.HasPrefix(name, "caption-")
		case "event", "place":
			return strings.HasPrefix(name, part)
		case "variants":
			return name == "to" || name == "channels" || strings.HasPrefix(name, "edited-") || strings.HasPrefix(name, "hand-") || strings.HasPrefix(name, "warning-")
		}
		return name == part
	}
	f.Values = merge(f.Values, stored.Values, belongs)
}

func merge(typed, stored url.Values, belongs func(string) bool) url.Values {
	out := url.Values{}
	for name, values := range typed {
		if !belongs(name) {
			out[name] = values
		}
	}
	for name, values := range stored {
		if belongs(name) {
			out[name] = slices.Clone(values)
		}
	}
	return out
}

// rev is the revision that the person started from; 0 for none.
func rev(f *web.Form) int64 {
	n, err := strconv.ParseInt(f.String("rev"), 10, 64)
	if err != nil {
		return 0
	}
	return n
}
