package channel

import (
	"strings"

	"codeberg.org/arengo/arengo/count"
)

// Source is what a message says, in plain text, before it is adapted.
type Source struct {
	Title string
	Body  string // paragraphs parted by an empty line
	Link  string // permanent address on the site
	Tags  []string
	Event string // when and where, in one line; empty when it is no event
	Lang  string
	Media int // files that will stand beside the text
	Left  int // files that the channel does not take; they are behind the link
}

// Limits are all that a text must keep, beside so many files.
func (c Capabilities) limits(media int) (out []count.Limit) {
	if n := c.Limit(media); n > 0 {
		out = append(out, count.Limit{Rule: c.Text, Max: n})
	}
	if c.MaxBytes > 0 {
		out = append(out, count.Limit{Rule: count.Rule{Unit: count.Byte}, Max: c.MaxBytes})
	}
	return out
}

// Limit is the most that a text may count to beside so many files; 0 is no limit.
func (c Capabilities) Limit(media int) int {
	if media > 0 && c.Caption > 0 {
		return c.Caption
	}
	return c.MaxText
}

// Compose is the text that a channel gets when nobody writes one by hand: the
// title, when and where, the text as far as it fits, the link, and as many
// hashtags as there is room for. The title is cut only when it alone is too
// long; the link never.
func Compose(s Source, c Capabilities) string {
	limits := c.limits(s.Media)
	fits := func(parts ...string) bool { return count.Fits(join(parts...), limits...) }

	head := join(s.Title, s.Event)
	link := s.Link
	if len(limits) == 0 {
		return join(head, s.Body, link, hashtags(s.Tags))
	}
	if !fits(head, link) {
		head = s.Title
	}
	if !fits(head, link) {
		return count.Fit(head, "…"+gap+link, limits...)
	}
	tags := ""
	for n := len(s.Tags); n > 0; n-- {
		// A line of hashtags must leave room for some of the text, too.
		if t := hashtags(s.Tags[:n]); fits(head, summaryRoom(s.Body), link, t) {
			tags = t
			break
		}
	}
	if fits(head, s.Body, link, tags) {
		return join(head, s.Body, link, tags)
	}
	for _, body := range shorter(s.Body) {
		if fits(head, body, link, tags) {
			return join(head, body, link, tags)
		}
	}
	// Not even the first sentence fits: cut it between words.
	first := shorter(s.Body)
	if len(first) > 0 {
		tail := "…" + gap + link
		if tags != "" {
			tail += gap + tags
		}
		text := count.Fit(join(head, first[len(first)-1]), tail, limits...)
		if strings.HasPrefix(text, head+gap) {
			return text
		}
	}
	return join(head, link, tags)
}

// gap parts the blocks of a text.
const gap = "\n\n"

func join(parts ...string) string {
	var out []string
	for _, p := range parts {
		if p = strings.TrimSpace(p); p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, gap)
}

// summaryRoom stands for the least of a text worth showing: its first words.
func summaryRoom(body string) string {
	words := strings.Fields(body)
	if len(words) > 12 {
		words = words[:12]
	}
	return strings.Join(words, " ")
}

// shorter lists ever shorter beginnings of a text that still end well: at a
// paragraph, then at a sentence.
func shorter(body string) (out []string) {
	paragraphs := strings.Split(body, gap)
	for n := len(paragraphs) - 1; n > 0; n-- {
		out = append(out, strings.Join(paragraphs[:n], gap)+gap+"[…]")
	}
	first := paragraphs[0]
	for i := len(first) - 2; i > 0; i-- {
		if (first[i] == '.' || first[i] == '!' || first[i] == '?') && first[i+1] == ' ' {
			out = append(out, first[:i+1]+" […]")
		}
	}
	return append(out, first)
}

// hashtags is the line of tags: "#Biblioteca #Estate2026". A tag of several words
// becomes one word with capitals, which a screen reader reads word by word.
func hashtags(tags []string) string {
	out := make([]string, 0, len(tags))
	for _, t := range tags {
		if h := Hashtag(t); h != "" {
			out = append(out, "#"+h)
		}
	}
	return strings.Join(out, " ")
}

// Hashtag is a tag as one word, without #: "bilancio partecipativo" →
// "BilancioPartecipativo".
func Hashtag(tag string) string {
	words := strings.FieldsFunc(tag, func(r rune) bool { return !isWord(r) })
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	var b strings.Builder
	for _, w := range words {
		r := []rune(w)
		b.WriteString(strings.ToUpper(string(r[0])) + string(r[1:]))
	}
	return b.String()
}
