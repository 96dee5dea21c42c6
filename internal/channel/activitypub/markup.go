package activitypub

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	xhtml "golang.org/x/net/html"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/vocab"
	"codeberg.org/arengo/arengo/internal/channel/activitypub/webfinger"
	"codeberg.org/arengo/arengo/internal/prose"
)

// maxTopics is how many hashtags one post has: beyond, servers take it for spam.
const maxTopics = 30

// words writes the HTML of one post, and remembers whom and what it names: a link
// alone is found under no topic and tells nobody.
type words struct {
	actor
	tags  map[string]string // the message's topics, by their hashtag in lower case
	known names

	found []string // hashtags in order, as they are written
	named []person
}

func (a actor) words(tags []string, known names) *words {
	w := &words{actor: a, tags: map[string]string{}, known: known}
	for _, t := range tags {
		if word := channel.Hashtag(t); word != "" {
			w.tags[strings.ToLower(word)] = t
			w.topic(word)
		}
	}
	return w
}

// topic remembers a hashtag.
func (w *words) topic(word string) {
	for _, f := range w.found {
		if strings.EqualFold(f, word) {
			return
		}
	}
	if len(w.found) < maxTopics {
		w.found = append(w.found, word)
	}
}

// topicURL is where our site shows what has the hashtag.
func (w *words) topicURL(word string) string {
	if tag, ok := w.tags[strings.ToLower(word)]; ok {
		return w.tag(strings.ToLower(tag))
	}
	return w.origin + "/cerca?" + url.Values{"q": {word}}.Encode()
}

// topics are the hashtags of what was written.
func (w *words) topics() (all []vocab.Tag) {
	for _, word := range w.found {
		all = append(all, vocab.Hashtag(word, w.topicURL(word)))
	}
	return all
}

// mentions are the people who were named.
func (w *words) mentions() (all []vocab.Tag) {
	for _, p := range w.named {
		all = append(all, vocab.Mention(p.Handle, p.ID))
	}
	return all
}

// titled is the whole text of a message under its title, with when and where it
// takes place if it does, and the link to its page. What an officer wrote for this
// square by hand is taken as it is, as long as it names the title.
func (w *words) titled(p channel.Post, when string) string {
	head := "<p><strong>" + html.EscapeString(p.Title) + "</strong></p>"
	if e := p.Rich.Event; e != nil {
		line := when
		if e.Where != "" {
			line += "<br>" + html.EscapeString(e.Where)
		}
		head += "<p>" + line + "</p>"
	}
	if p.Rich.Written {
		return head + w.html(p.Text)
	}
	var tags []string
	for _, word := range w.found {
		tags = append(tags, "#"+word)
	}
	return head + w.enrich(p.Rich.HTML) + w.html(strings.Join([]string{p.Link, strings.Join(tags, " ")}, "\n\n"))
}

// brief is a short text of several lines.
func (w *words) brief(lines ...string) string { return w.html(strings.Join(lines, "\n\n")) }

// clickable finds the addresses, people and topics in a plain text.
var clickable = regexp.MustCompile(`https?://[^\s<>"]+|@[\p{L}\p{N}_.-]+@[\p{L}\p{N}.-]+(?::\d+)?|#[\p{L}\p{N}_]+`)

// html is a plain text as HTML: its paragraphs, with what can be followed.
func (w *words) html(text string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n\n") {
		if part = strings.TrimFunc(part, unicode.IsSpace); part != "" {
			b.WriteString("<p>" + w.line(part) + "</p>")
		}
	}
	return b.String()
}

func (w *words) line(text string) string {
	var b strings.Builder
	at := 0
	for _, m := range clickable.FindAllStringIndex(text, -1) {
		b.WriteString(lines(text[at:m[0]]))
		at = m[1]
		b.WriteString(w.anchor(text[:m[0]], text[m[0]:m[1]]))
	}
	b.WriteString(lines(text[at:]))
	return b.String()
}

func lines(text string) string { return strings.ReplaceAll(html.EscapeString(text), "\n", "<br>") }

// anchor makes a link of what was found, if it is what it looks like.
func (w *words) anchor(before, found string) string {
	last, _ := utf8.DecodeLastRuneInString(before)
	glued := before != "" && (unicode.IsLetter(last) || unicode.IsNumber(last) || strings.ContainsRune("_&/@#", last))
	switch {
	case found[0] == 'h':
		address := strings.TrimRight(found, ".,;:!?)»”'")
		e := html.EscapeString(address)
		return `<a href="` + e + `" rel="nofollow noopener" target="_blank">` + e + `</a>` + html.EscapeString(found[len(address):])
	case glued: // part of a word, of a mail address, of an entity
	case found[0] == '#':
		// A number is no topic anywhere.
		if word := found[1:]; strings.ContainsFunc(word, unicode.IsLetter) {
			w.topic(word)
			return `<a href="` + html.EscapeString(w.topicURL(word)) + `" class="mention hashtag" rel="tag">#<span>` + html.EscapeString(word) + `</span></a>`
		}
	default:
		handle := strings.TrimRight(found, ".-_")
		if p, ok := w.known.find(handle); ok {
			return w.mention(p) + html.EscapeString(found[len(handle):])
		}
	}
	return html.EscapeString(found)
}

// mention is a link to somebody, in the form in which servers recognise one.
func (w *words) mention(p person) string {
	if len(w.named) < maxMentions {
		w.named = append(w.named, p)
	}
	where := p.URL
	if hostOf(where, false) == "" {
		where = p.ID
	}
	user, _, _ := strings.Cut(strings.TrimPrefix(p.Handle, "@"), "@")
	return `<span class="h-card"><a href="` + html.EscapeString(where) + `" class="u-url mention">@<span>` + html.EscapeString(user) + `</span></a></span>`
}

// enrich makes links absolute in HTML of ours, and people and topics in its texts
// what they are. Within links and code all stays as it is.
func (w *words) enrich(source string) string {
	var b strings.Builder
	inside := 0
	t := xhtml.NewTokenizer(strings.NewReader(source))
	for {
		kind := t.Next()
		if kind == xhtml.ErrorToken {
			return b.String()
		}
		raw := string(t.Raw())
		switch kind {
		case xhtml.TextToken:
			if inside == 0 {
				raw = strings.ReplaceAll(w.line(html.UnescapeString(raw)), "<br>", "\n")
			}
		case xhtml.StartTagToken, xhtml.SelfClosingTagToken:
			if literal(t) {
				inside++
			}
			raw = prose.Rebase(raw, w.origin)
		case xhtml.EndTagToken:
			if literal(t) {
				inside--
			}
		}
		b.WriteString(raw)
	}
}

func literal(t *xhtml.Tokenizer) bool {
	name, _ := t.TagName()
	switch string(name) {
	case "a", "code", "pre":
		return true
	}
	return false
}

// names are whom a text may name, by their handle in lower case.
type names map[string]person

// person is somebody on the Fediverse, as far as a mention needs.
type person struct {
	ID, URL, Handle string
	Inbox           string // where to tell them
}

func (p names) find(handle string) (person, bool) {
	h, err := webfinger.ParseHandle(handle)
	if err != nil {
		return person{}, false
	}
	found, ok := p[strings.ToLower(h.String())]
	return found, ok
}
