package vocab

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/language"

	"codeberg.org/arengo/arengo/internal/channel/wire"
)

// Activity is what an actor of another server did, as it says so. Nothing in it is
// proven.
type Activity struct {
	ID    string // may be empty: some servers give their answers none
	Type  string // Create, Follow, …
	Actor string // empty of a request only, where servers leave it to the signature

	// Object is what it acts upon. Where the activity only names it, all but the
	// ID is empty.
	Object  Object
	Objects []string // the ids of all objects: a Flag has several

	Target     string // of a Move: where to
	Instrument string // of a request: the post or collection that it is for
	Text       string // of a Flag: why; of an EmojiReact: the emoji
	To, CC     []string
	Published  time.Time
}

// Object is a post of another server, or an activity within an activity, in plain
// text: no HTML gets past this package.
type Object struct {
	ID, Type     string
	AttributedTo []string // who said it; some servers name the group that it was said in first

	Actor, Object string  // when it is itself an activity: an Undo, an Accept
	Inner         *Object // what that activity holds, where it holds more than an address

	Name    string // title of what is no Note
	Summary string // content warning of a Note
	Text    string // paragraphs parted by an empty line; at most channel.MaxSaid bytes
	Lang    string // BCP 47; empty when unknown

	URL       string // the page that a person reads
	InReplyTo string
	QuoteOf   string
	To, CC    []string
	Published time.Time
	Updated   time.Time
	Sensitive bool

	Attachments []Attachment
	Tags        []Tag // hashtags, mentions and custom emoji
}

// Attachment is a file beside a post.
type Attachment struct {
	URL, MediaType, Alt string
	Width, Height       int
	Link                bool // a page that the post is about, no file
}

// Parse reads an activity. Its errors are ErrTooLarge and ErrMalformed; what is
// merely strange is left out.
func Parse(body []byte, l Limits) (Activity, error) {
	n, err := readObject(body, l)
	if err != nil {
		return Activity{}, err
	}
	a := Activity{
		ID: n.id(), Type: n.kind(), Actor: n.first("actor"),
		Target: n.first("target"), Instrument: n.first("instrument"),
		To:        n.ids("to", l.Addressees),
		CC:        n.ids("cc", l.Addressees),
		Objects:   n.ids("object", l.Tags),
		Published: n.time("published"),
		Text:      n.plain("content", nil),
	}
	switch {
	case a.Type == "":
		return Activity{}, fmt.Errorf("%w: no type", ErrMalformed)
	case a.Actor == "" && a.Type != QuoteRequest && a.Type != FeatureRequest:
		return Activity{}, fmt.Errorf("%w: no actor", ErrMalformed)
	}
	if a.Text == "" { // Misskey's name for the emoji of a Like
		a.Text = oneLine(n.text("_misskey_reaction"))
	}
	switch first := firstOf(n.list("object")).(type) {
	case string:
		a.Object.ID = address(first)
	case map[string]any:
		a.Object = objectOf(first, l)
		if a.Object.Lang == "" {
			a.Object.Lang = n.contextLanguage()
		}
	}
	return a, nil
}

// ParseObject reads a post on its own, as its server gives it when asked.
func ParseObject(body []byte, l Limits) (Object, error) {
	n, err := readObject(body, l)
	if err != nil {
		return Object{}, err
	}
	o := objectOf(n, l)
	if o.Lang == "" {
		o.Lang = n.contextLanguage()
	}
	if o.ID == "" || o.Type == "" {
		return Object{}, fmt.Errorf("%w: no id or type", ErrMalformed)
	}
	return o, nil
}

// IsPublic tells whether everybody may read the post; a private one is for whom it
// names only.
func (o Object) IsPublic() bool {
	return slices.Contains(o.To, Public) || slices.Contains(o.CC, Public)
}

// Names tells whether the post is addressed to an actor or mentions it.
func (o Object) Names(actor string) bool {
	return slices.Contains(o.To, actor) || slices.Contains(o.CC, actor) ||
		slices.ContainsFunc(o.Tags, func(t Tag) bool { return t.Type == "Mention" && t.Href == actor })
}

func readObject(body []byte, l Limits) (node, error) {
	if !isObject(body) && len(body) <= l.Bytes {
		return nil, fmt.Errorf("%w: no object", ErrMalformed)
	}
	return read(body, l)
}

func firstOf(list []any) any {
	if len(list) == 0 {
		return nil
	}
	return list[0]
}

func objectOf(n node, l Limits) Object {
	o := Object{
		ID: n.id(), Type: n.kind(),
		AttributedTo: n.ids("attributedTo", l.Attachments),
		Actor:        n.first("actor"),
		Object:       n.first("object"),
		URL:          n.page("url"),
		InReplyTo:    n.first("inReplyTo"),
		To:           n.ids("to", l.Addressees),
		CC:           n.ids("cc", l.Addressees),
		Published:    n.time("published"),
		Updated:      n.time("updated"),
		Sensitive:    n.flag("sensitive"),
		Tags:         tagsOf(n, l.Tags),
		Attachments:  attachmentsOf(n, l.Attachments),
	}
	if o.URL == "" {
		o.URL = o.ID
	}
	if inner := n.object("object"); inner != nil {
		o.Inner = new(objectOf(inner, l)) // as deep as Limits.Depth
	}
	for _, key := range []string{"quote", "quoteUrl", "quoteUri", "_misskey_quote"} {
		if o.QuoteOf == "" {
			o.QuoteOf = n.first(key)
		}
	}
	if o.QuoteOf == "" {
		o.QuoteOf = n.linked()
	}
	o.Name = oneLine(n.plain("name", nil))
	o.Summary = oneLine(n.plain("summary", nil))
	o.Text = n.plain("content", o.Tags)
	if o.Text == "" {
		o.Text = n.source()
	}
	if options := n.options(); options != "" {
		o.Text = wire.Tidy(o.Text + "\n\n" + options)
	}
	_, lang := n.said("content")
	o.Lang = lang
	if o.Lang == "" {
		o.Lang = languageTag(n.text("inLanguage"))
	}
	return o
}

// linked is the post that a tag of type Link quotes (FEP-e232): the first one that
// is a document of this kind.
func (n node) linked() string {
	for _, v := range n.list("tag") {
		m, ok := v.(map[string]any)
		if !ok || node(m).kind() != "Link" {
			continue
		}
		kind := node(m).text("mediaType")
		if strings.HasPrefix(kind, ContentType) || strings.HasPrefix(kind, "application/ld+json") && strings.Contains(kind, "activitystreams") {
			if href := address(node(m).text("href")); href != "" {
				return href
			}
		}
	}
	return ""
}

// source is what a post without content was written as, where that says anything.
func (n node) source() string {
	if text := wire.Tidy(n.text("_misskey_content")); text != "" {
		return text
	}
	if src := n.object("source"); src != nil {
		return wire.Tidy(src.text("content"))
	}
	return ""
}

// said is a text and its language. Where there is only a map, Italian comes first.
func (n node) said(key string) (text, lang string) {
	text = n.text(key)
	languages, _ := n[key+"Map"].(map[string]any)
	var tags []string
	for tag, v := range languages {
		if _, ok := v.(string); ok {
			tags = append(tags, tag)
		}
	}
	slices.SortFunc(tags, func(a, b string) int {
		if a, b := strings.HasPrefix(a, "it"), strings.HasPrefix(b, "it"); a != b {
			if a {
				return -1
			}
			return 1
		}
		return strings.Compare(a, b)
	})
	for _, tag := range tags {
		if v, _ := languages[tag].(string); text == "" || clean(v) == text {
			return clean(v), languageTag(tag)
		}
	}
	if len(tags) == 1 {
		lang = languageTag(tags[0])
	}
	return text, lang
}

// plain is a text without its HTML.
func (n node) plain(key string, tags []Tag) string {
	text, _ := n.said(key)
	if m := n.text("mediaType"); key != "content" || m == "" || strings.HasPrefix(m, "text/html") {
		return Text(text, tags)
	}
	return wire.Tidy(text)
}

// contextLanguage is the language that some servers state for a whole document.
func (n node) contextLanguage() string {
	for _, v := range n.list("@context") {
		if m, ok := v.(map[string]any); ok {
			if lang := languageTag(node(m).text("@language")); lang != "" {
				return lang
			}
		}
	}
	return ""
}

// languageTag returns a tag that is one, in its usual form.
func languageTag(s string) string {
	if s == "" || len(s) > 35 {
		return ""
	}
	t, err := language.Parse(s)
	if err != nil || t == language.Und {
		return ""
	}
	return t.String()
}

// options are the answers that a poll offers, one on each line.
func (n node) options() string {
	const most = 20
	var lines []string
	for _, key := range []string{"oneOf", "anyOf"} {
		for _, v := range n.list(key) {
			if m, ok := v.(map[string]any); ok && len(lines) < most {
				if name := oneLine(node(m).plain("name", nil)); name != "" {
					lines = append(lines, "– "+name)
				}
			}
		}
	}
	return strings.Join(lines, "\n")
}

func tagsOf(n node, most int) []Tag {
	var tags []Tag
	for _, v := range n.list("tag") {
		m, ok := v.(map[string]any)
		if !ok || len(tags) == most {
			continue
		}
		t := node(m)
		tag := Tag{Type: t.kind(), Href: address(t.text("href")), Name: oneLine(Text(t.text("name"), nil))}
		if tag.Type != "" && (tag.Href != "" || tag.Name != "") {
			tags = append(tags, tag)
		}
	}
	return tags
}

func attachmentsOf(n node, most int) []Attachment {
	var all []Attachment
	for _, v := range append(slices.Clip(n.list("attachment")), n.list("image")...) {
		m, ok := v.(map[string]any)
		if !ok || len(all) == most {
			continue
		}
		a := node(m)
		file := Attachment{URL: a.page("url"), MediaType: oneLine(a.text("mediaType")), Width: a.number("width"), Height: a.number("height")}
		if file.URL == "" {
			file.URL = address(a.text("href"))
		}
		file.Link = a.kind() == "Link"
		if file.Alt = wire.Cut(Text(a.text("name"), nil), maxAlt); file.Alt == "" {
			file.Alt = wire.Cut(Text(a.text("summary"), nil), maxAlt)
		}
		if file.URL == "" || slices.ContainsFunc(all, func(b Attachment) bool { return b.URL == file.URL }) {
			continue
		}
		all = append(all, file)
	}
	return all
}

// maxAlt bounds the alternative text of a file, in bytes.
const maxAlt = 5000

// oneLine makes a name of a text: no line ends, at most maxName bytes.
func oneLine(s string) string {
	return wire.Cut(strings.Join(strings.Fields(s), " "), maxName)
}

// maxGlance is the size up to which a body is looked into before it is proven.
const maxGlance = 32 << 10

// Glance is what a body says to be, without reading it whole: its type, and its
// actor where it names one. kind is empty when it is no activity; a large body is
// believed to be one.
func Glance(body []byte) (kind, actor string) {
	switch {
	case !isObject(body):
		return "", ""
	case len(body) > maxGlance:
		return "?", ""
	case measure(body, DefaultLimits()) != nil:
		return "", ""
	}
	var n struct {
		Type  any `json:"type"`
		Kind  any `json:"@type"`
		Actor any `json:"actor"`
	}
	if json.Unmarshal(body, &n) != nil {
		return "", ""
	}
	seen := node{"type": n.Type, "@type": n.Kind, "actor": n.Actor}
	return seen.kind(), seen.first("actor")
}
