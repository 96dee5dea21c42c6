package channel

import (
	"sort"
	"strings"
	"unicode"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/prose"
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
		return join(cut(head, gap+link, limits), link)
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
	if body := shorter(s, func(body string) bool { return fits(head, body, link, tags) }); body != "" {
		return join(head, body, link, tags)
	}
	// Not even the first sentence fits: cut it between words, if words remain.
	tail := gap + join(link, tags)
	if text := cut(join(head, firstSentence(s)), tail, limits); strings.HasPrefix(text, head+gap) {
		if words, wasCut := strings.CutSuffix(text, "…"); wasCut {
			text = prose.Unhung(words, s.Lang) + "…"
		}
		if strings.HasPrefix(text, head+gap) {
			return join(text, link, tags)
		}
	}
	return join(head, link, tags)
}

// cut shortens a text so that the tail still fits behind it.
func cut(text, tail string, limits []count.Limit) string {
	room := make([]count.Limit, len(limits))
	for i, l := range limits {
		room[i] = count.Limit{Rule: l.Rule, Max: max(0, l.Max-count.Length(l.Rule, tail))}
	}
	return count.Fit(text, "…", room...)
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

// more says that the text goes on behind the link.
const more = "[…]"

// shorter is the longest beginning of a text that fits and still ends well: at a
// paragraph, a line or a sentence. It is empty when none does.
func shorter(s Source, fits func(string) bool) string {
	ends := prose.Ends(s.Body, s.Lang)
	beginning := func(i int) string {
		body, rest := s.Body[:ends[i]], strings.TrimLeft(s.Body[ends[i]:], " ")
		switch {
		case strings.HasPrefix(rest, gap):
			return body + gap + more
		case strings.HasPrefix(rest, "\n"):
			return body + "\n" + more
		}
		return body + " " + more
	}
	// Lengths grow with the end, but for what a cut makes of a link: look below, too.
	for n := sort.Search(len(ends), func(i int) bool { return !fits(beginning(i)) }); n > 0; n-- {
		if text := beginning(n - 1); fits(text) {
			return text
		}
	}
	return ""
}

func firstSentence(s Source) string {
	if ends := prose.Ends(s.Body, s.Lang); len(ends) > 0 {
		return s.Body[:ends[0]]
	}
	return s.Body
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
// "BilancioPartecipativo". It is empty for a tag that would be no link anywhere
// ("2026") or another word ("C++", "R&D", "C#").
func Hashtag(tag string) string {
	tag = strings.ReplaceAll(tag, " & ", " ")
	if strings.ContainsFunc(tag, func(r rune) bool { return !isWord(r) && !between(r) }) || !strings.ContainsFunc(tag, unicode.IsLetter) {
		return ""
	}
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

// between are the characters that part the words of a tag and say nothing else.
func between(r rune) bool {
	return unicode.IsSpace(r) || unicode.In(r, unicode.Pd, unicode.M, unicode.Cf, unicode.So, unicode.Sk) || strings.ContainsRune("'’.,:;()«»“”\"/", r)
}
