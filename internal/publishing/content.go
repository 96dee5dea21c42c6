package publishing

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/prose"
)

// Limits of what one message may hold.
const (
	MaxTitle       = 200    // characters
	MaxBody        = 50_000 // characters
	MaxAttachments = 60
	MaxAlt         = 1500
	MaxTags        = 12
	MaxTag         = 100 // characters, as MaxCaption, MaxWhere and MaxWarning
	MaxCaption     = 1500
	MaxWhere       = 300 // of an event and of a point on the map
	MaxWarning     = 200
	maxLang        = 35 // RFC 5646, section 4.4.1
)

// Category is what a message is about; a freeze lets some through.
type Category string

// The categories, in the order of the form.
const (
	News      Category = "news"
	Services  Category = "services"
	Roads     Category = "roads"
	School    Category = "school"
	Culture   Category = "culture"
	Sport     Category = "sport"
	Council   Category = "council"
	Emergency Category = "emergency"
)

var categories = []Category{News, Services, Roads, School, Culture, Sport, Council, Emergency}

// Answers is the category of what goes out as an answer to somebody. A message
// has never this one; a freeze may let it through.
const Answers Category = "answers"

// Categories lists all categories of messages.
func Categories() []Category { return slices.Clone(categories) }

// Content is what a message says: all that an approval is bound to.
type Content struct {
	Title     string       `json:"title"`
	Body      string       `json:"body"` // Markdown
	Lang      string       `json:"lang"` // BCP 47
	Category  Category     `json:"category"`
	Tags      []string     `json:"tags,omitempty"` // as typed, without #
	Media     []Attachment `json:"media,omitempty"`
	Event     *Event       `json:"event,omitempty"`
	Place     *Place       `json:"place,omitempty"`
	Variants  []Variant    `json:"variants,omitempty"` // only those a person touched
	ProfileID string       `json:"profile_id"`
}

// Attachment is an uploaded file of a message. A picture has alt text.
type Attachment struct {
	MediaID string `json:"media_id"`
	Alt     string `json:"alt,omitempty"`
	Caption string `json:"caption,omitempty"`
}

// Place is a point on a map, WGS 84 degrees.
type Place struct {
	Name string  `json:"name,omitempty"`
	Lat  float64 `json:"lat"`
	Lon  float64 `json:"lon"`
}

// Variant is a person's choice for one channel; a channel without one gets the
// default text.
type Variant struct {
	ChannelID string `json:"channel_id"`
	LeftOut   bool   `json:"left_out,omitempty"`
	Edited    bool   `json:"edited,omitempty"`  // Text replaces the default
	Text      string `json:"text,omitempty"`    // may hold {link}
	Warning   string `json:"warning,omitempty"` // content warning
}

// Variant returns the choice for a channel, or the zero choice.
func (c Content) Variant(channelID string) Variant {
	for _, v := range c.Variants {
		if v.ChannelID == channelID {
			return v
		}
	}
	return Variant{ChannelID: channelID}
}

// Kind is event, album or news: what the site shows the message as.
func (c Content) Kind() string {
	switch {
	case c.Event != nil:
		return "event"
	case len(c.Media) > 4:
		return "album"
	}
	return "news"
}

// Tidy normalises what was typed: Unicode NFC, no control characters, trimmed,
// tags without # and without repetition. It changes no meaning.
func (c Content) Tidy() Content {
	c.Title = strings.Join(strings.Fields(prose.Clean(c.Title)), " ")
	c.Body = tidyBody(c.Body)
	if c.Lang == "" {
		c.Lang = "it"
	}
	if c.Category == "" {
		c.Category = News
	}
	var tags []string
	seen := map[string]bool{}
	for _, t := range c.Tags {
		t = strings.TrimLeft(strings.Trim(prose.Clean(t), " \t\n,;"), "# ")
		k := TagKey(t)
		if k == "" {
			k = t // it has no word: check says so
		}
		if t != "" && !seen[k] {
			seen[k] = true
			tags = append(tags, t)
		}
	}
	c.Tags = tags
	c.Media = slices.Clone(c.Media)
	for i := range c.Media {
		c.Media[i].Alt = strings.TrimSpace(prose.Clean(c.Media[i].Alt))
		c.Media[i].Caption = strings.TrimSpace(prose.Clean(c.Media[i].Caption))
	}
	c.Variants = slices.DeleteFunc(slices.Clone(c.Variants), func(v Variant) bool {
		return !v.LeftOut && !v.Edited && v.Warning == ""
	})
	for i := range c.Variants {
		c.Variants[i].Text = strings.TrimSpace(prose.Clean(c.Variants[i].Text))
	}
	slices.SortFunc(c.Variants, func(a, b Variant) int { return strings.Compare(a.ChannelID, b.ChannelID) })
	return c
}

// bullet is how word processors, Outlook and phones begin an item of a list that
// is pasted as plain text: a character of their own, with a tab or spaces behind.
var bullet = regexp.MustCompile(`(?m)^([ \t]*)(?:[•‣▪●◦■□○⁃\x{F0B7}\x{F0A7}\x{F0D8}\x{F076}\x{F0FC}][ \t\x{A0}]*|[·o§Øü][ ]*\t[ \t\x{A0}]*|·[ \x{A0}]{2,})`)

// numbered is the same for a numbered list: the number and a tab.
var numbered = regexp.MustCompile(`(?m)^([ ]*\d{1,3}[.)])[ ]*\t[ \t\x{A0}]*`)

// tidyBody makes of what was pasted as plain text what a person would have typed:
// the bullets of other programs are lists. All words stay.
func tidyBody(body string) string {
	body = bullet.ReplaceAllString(prose.Clean(body), "$1- ")
	return strings.TrimSpace(numbered.ReplaceAllString(body, "$1 "))
}

// tagOther is what a tag's key leaves out; a sign that makes another word of the one
// beside it (C++, C#, R&D) stays.
var (
	tagAlone = regexp.MustCompile(`(?:^|\s)[+#&%€]+(?:\s|$)`)
	tagOther = regexp.MustCompile(`^#+|[^\p{L}\p{N}+#&%€]+`)
	tagWord  = regexp.MustCompile(`[\p{L}\p{N}]`)
)

// TagKey is the form of a tag used in addresses and comparisons: "Bilancio
// Partecipativo" and "#bilanciopartecipativo" are one. It is empty for a tag
// without a letter or a figure.
func TagKey(label string) string {
	if !tagWord.MatchString(label) {
		return ""
	}
	return strings.ToLower(tagOther.ReplaceAllString(tagAlone.ReplaceAllString(norm.NFC.String(label), " "), ""))
}

// Hash is the SHA-256 of the whole content, to which an approval is bound.
func (c Content) Hash() string { return hashJSON(c) }

// TextHash is of what a citizen reads: equal texts are warned about as
// duplicates, whatever their pictures.
func (c Content) TextHash() string {
	return hashJSON([]string{strings.ToLower(c.Title), strings.ToLower(strings.Join(strings.Fields(c.Body), " ")), c.ProfileID})
}

func hashJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // plain strings and numbers: cannot happen
	}
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// check returns what forbids saving, even as a draft: only what is beyond any
// limit, since half-written text must be kept.
func (c Content) check() error {
	var f fault.Fields
	if n := utf8.RuneCountInString(c.Title); n > MaxTitle {
		f.Add("title", "message.title.long", n, MaxTitle)
	}
	if n := utf8.RuneCountInString(c.Body); n > MaxBody {
		f.Add("body", "message.body.long", n, MaxBody)
	}
	if len(c.Media) > MaxAttachments {
		f.Add("media", "message.media.many", MaxAttachments)
	}
	if len(c.Tags) > MaxTags {
		f.Add("tags", "message.tags.many", MaxTags)
	}
	for _, t := range c.Tags {
		switch {
		case TagKey(t) == "":
			f.Add("tags", "message.tags.wordless", t)
		case utf8.RuneCountInString(t) > MaxTag:
			f.Add("tags", "message.tags.long", MaxTag)
		}
	}
	c.checkLabels(&f)
	if !slices.Contains(categories, c.Category) {
		f.Add("category", "message.category.unknown")
	}
	if p := c.Place; p != nil && (p.Lat < -90 || p.Lat > 90 || p.Lon < -180 || p.Lon > 180 || p.Lat != p.Lat || p.Lon != p.Lon) {
		f.Add("place", "message.place.range")
	}
	return f.Err()
}

// checkLabels bounds the short texts around the text: each of them goes out to every
// reader, calendar and channel. Alternative texts are bounded when they are ready.
func (c Content) checkLabels(f *fault.Fields) {
	long := func(field, text string, most int) {
		if utf8.RuneCountInString(text) > most {
			f.Add(field, "fault.field.long", most)
		}
	}
	if c.Event != nil {
		long("event_where", c.Event.Where, MaxWhere)
	}
	if c.Place != nil {
		long("place_name", c.Place.Name, MaxWhere)
	}
	for _, m := range c.Media {
		long("caption-"+m.MediaID, m.Caption, MaxCaption)
	}
	for i, v := range c.Variants {
		long(fmt.Sprintf("variants.%d.text", i), v.Text, MaxBody)
		long(fmt.Sprintf("variants.%d.warning", i), v.Warning, MaxWarning)
	}
	// A language that nobody has heard of may be well formed, and stays.
	var unheard language.ValueError
	if _, err := language.Parse(c.Lang); len(c.Lang) > maxLang || c.Lang != "" && err != nil && !errors.As(err, &unheard) {
		f.Add("lang", "message.lang.form")
	}
}

// ready returns what forbids submitting. files are the uploaded files by identifier.
func (c Content) ready(files map[string]Media, loc *time.Location) error {
	var f fault.Fields
	if c.Title == "" {
		f.Add("title", "message.title.missing")
	}
	if c.Body == "" {
		f.Add("body", "message.body.missing")
	}
	for i, m := range c.Media {
		switch file, known := files[m.MediaID]; {
		case !known:
			f.Add("media", "message.media.missing", i+1)
		case file.IsImage() && m.Alt == "":
			f.Add("alt-"+m.MediaID, "message.alt.missing", i+1)
		case utf8.RuneCountInString(m.Alt) > MaxAlt:
			f.Add("alt-"+m.MediaID, "message.alt.long", i+1, MaxAlt)
		}
	}
	if c.Event != nil {
		c.Event.span(loc, &f)
	}
	return f.Err()
}
