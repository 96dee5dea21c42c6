package webmention

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/charset"
	"willnorris.com/go/microformats"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/prose"
)

// maxDepth bounds how deep the elements of a page may be nested; real ones stay
// below fifty.
const maxDepth = 256

// maxExcerpt is how much of a page's words is kept, in characters: enough to judge
// it. The page itself is one click away.
const maxExcerpt = 600

var (
	errNoLink = errors.New("the page does not link to ours")
	errKind   = errors.New("the page is no text")
	errDeep   = errors.New("the page is nested too deep")
)

// mention is what a page says about one of ours.
type mention struct {
	Act       channel.Act // Comments or Reacts
	Reaction  string
	Author    channel.Author
	Text      string
	Lang      string
	URL       string // where the author says it is
	Published time.Time
}

// read finds in an answer the link to target and what is said beside it. Errors:
// errNoLink, errKind, errDeep, and those of fetch.
func read(resp *http.Response, target string) (m mention, err error) {
	defer resp.Body.Close()
	kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if err != nil {
		kind = "text/html"
	}
	base := resp.Request.URL
	switch kind {
	case "text/html", "application/xhtml+xml":
	case "text/plain":
		return plain(resp.Body, base, target)
	default:
		return m, errKind
	}
	doc, err := document(resp)
	if err != nil {
		return m, err
	}
	return parse(doc, base, target)
}

// document reads a page of HTML in whatever encoding it says it has. Errors: errDeep,
// and those of fetch.
func document(resp *http.Response) (*html.Node, error) {
	// All of it first, so that a fault of the network is not taken for one of the page.
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	r, err := charset.NewReader(bytes.NewReader(body), resp.Header.Get("Content-Type"))
	if err != nil {
		r = bytes.NewReader(body) // nothing to read in it; an empty page is a page
	}
	doc, err := html.Parse(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errDeep, err)
	}
	return doc, nil
}

// plain reads a page of plain text.
func plain(r io.Reader, base *url.URL, target string) (mention, error) {
	body, err := io.ReadAll(r)
	if err != nil {
		return mention{}, err
	}
	text := strings.ToValidUTF8(string(body), "")
	if !slices.Contains(strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(" \t\r\n<>\"'()", c) }), target) {
		return mention{}, errNoLink
	}
	return mention{Act: channel.Comments, Author: host(base), Text: excerpt(text), URL: base.String()}, nil
}

// parse reads a document that was at base.
func parse(doc *html.Node, base *url.URL, target string) (m mention, err error) {
	if depth(doc) > maxDepth {
		return m, errDeep
	}
	title, lang, links := survey(doc, base, target)
	if !links {
		return m, errNoLink
	}
	m = mention{Act: channel.Comments, Author: host(base), Text: title, Lang: lang, URL: base.String()}
	if e := entry(microformats.ParseNode(doc, base), target); e != nil {
		m.fill(e, base, target)
	}
	m.Text = excerpt(m.Text)
	return m, nil
}

// depth is how deep a document is nested, found without recursion.
func depth(doc *html.Node) (deepest int) {
	at := 0
	for n := doc; n != nil; {
		deepest = max(deepest, at)
		switch {
		case n.FirstChild != nil:
			n, at = n.FirstChild, at+1
		default:
			for n != nil && n.NextSibling == nil {
				n, at = n.Parent, at-1
			}
			if n != nil {
				n = n.NextSibling
			}
		}
	}
	return deepest
}

// linking are the attributes by which an element refers to another page.
func linking(name string) []string {
	switch name {
	case "a", "area", "link":
		return []string{"href"}
	case "img", "video", "audio", "source", "iframe", "embed", "track":
		return []string{"src"}
	case "blockquote", "q", "ins", "del":
		return []string{"cite"}
	case "object":
		return []string{"data"}
	}
	return nil
}

// survey finds a document's title and language and whether it links to target.
func survey(doc *html.Node, base *url.URL, target string) (title, lang string, links bool) {
	based := false
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		switch n.Data {
		case "html":
			lang = attr(n, "lang")
		case "base":
			if u, err := base.Parse(attr(n, "href")); err == nil && !based {
				base, based = u, true
			}
		case "title":
			if title == "" && n.FirstChild != nil {
				title = n.FirstChild.Data
			}
		}
		for _, name := range linking(n.Data) {
			links = links || same(base, attr(n, name), target)
		}
	}
	return title, lang, links
}

// same reports whether a reference on a page leads to target. A fragment names a
// place on the same page.
func same(base *url.URL, ref, target string) bool {
	if ref == "" {
		return false
	}
	u, err := base.Parse(strings.TrimSpace(ref))
	if err != nil {
		return false
	}
	u.Fragment = ""
	return u.String() == target
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Namespace == "" && a.Key == name {
			return a.Val
		}
	}
	return ""
}

// replies are the properties of an h-entry that say what it is to another page.
func replies() []string { return []string{"like-of", "repost-of", "in-reply-to", "bookmark-of"} }

// entry is the h-entry that is about target, else the page's first one.
func entry(data *microformats.Data, target string) (first *microformats.Microformat) {
	queue := slices.Clone(data.Items)
	for seen := 0; len(queue) > 0 && seen < 1000; seen++ {
		e := queue[0]
		queue = append(queue[1:], e.Children...)
		if !slices.Contains(e.Type, "h-entry") {
			continue
		}
		if first == nil {
			first = e
		}
		for _, name := range replies() {
			if refers(e, name, target) {
				return e
			}
		}
	}
	return first
}

// refers reports whether a property of an entry names target.
func refers(e *microformats.Microformat, name, target string) bool {
	return slices.ContainsFunc(e.Properties[name], func(v any) bool {
		found := valueOf(v, "url")
		address, _, _ := strings.Cut(found, "#")
		return address == target
	})
}

// fill takes over what an entry says of itself.
func (m *mention) fill(e *microformats.Microformat, base *url.URL, target string) {
	switch {
	case refers(e, "like-of", target):
		m.Act, m.Reaction = channel.Reacts, channel.Like
	case refers(e, "repost-of", target):
		m.Act, m.Reaction = channel.Reacts, channel.Boost
	}
	for _, name := range []string{"content", "summary", "name"} {
		if text := strings.TrimSpace(said(e, name, base, target)); text != "" {
			m.Text = text
			break
		}
	}
	if u, ok := webAddress(first(e, "url", "value")); ok && u.Host == base.Host {
		m.URL = u.String()
	}
	if at, err := time.Parse(time.RFC3339, first(e, "published", "value")); err == nil {
		m.Published = at
	}
	m.by(e, base)
}

// by takes over who wrote an entry. An author's page may be elsewhere, but who it
// is depends on this page alone: anybody can claim another's name.
func (m *mention) by(e *microformats.Microformat, base *url.URL) {
	if len(e.Properties["author"]) == 0 {
		return
	}
	card, ok := e.Properties["author"][0].(*microformats.Microformat)
	if !ok {
		if name, isText := e.Properties["author"][0].(string); isText && name != "" && !strings.HasPrefix(name, "http") {
			m.Author.Name = name
		}
		return
	}
	if name := first(card, "name", "value"); name != "" {
		m.Author.Name = name
	}
	if u, ok := webAddress(first(card, "url", "value")); ok {
		m.Author.URL = u.String()
		if u.Host == base.Host {
			m.Author.ID = u.String()
		}
	}
	if u, ok := webAddress(first(card, "photo", "value")); ok {
		m.Author.Avatar = u.String()
	}
}

// first is the first value of a property.
func first(e *microformats.Microformat, name, want string) string {
	if all := e.Properties[name]; len(all) > 0 {
		return valueOf(all[0], want)
	}
	return ""
}

// said is a property as a reader of the page sees it: its HTML read where there is
// one, since the parser's own text glues cells and drops where links lead.
func said(e *microformats.Microformat, name string, base *url.URL, target string) string {
	if all := e.Properties[name]; len(all) > 0 {
		if v, ok := all[0].(map[string]string); ok && v["html"] != "" {
			ours := func(a prose.Anchor) string { // that it is about our page is known
				if address, _, _ := strings.Cut(a.Href, "#"); address == target {
					return a.Shown
				}
				return ""
			}
			return prose.Reader{Base: base.Scheme + "://" + base.Host, Most: maxPage, Name: ours}.Plain(v["html"])
		}
	}
	return first(e, name, "value")
}

// valueOf reads a property's value, whichever of the parser's forms it has.
func valueOf(v any, want string) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]string:
		return v["value"]
	case *microformats.Microformat:
		if u := first(v, want, want); want != "value" && u != "" {
			return u
		}
		return v.Value
	}
	return ""
}

// host is the author of a page that names none.
func host(base *url.URL) channel.Author {
	home := fmt.Sprintf("%s://%s/", base.Scheme, base.Host)
	return channel.Author{ID: home, Name: base.Hostname(), URL: home}
}

// excerpt is the start of a text, cut between words.
func excerpt(text string) string {
	var paragraphs []string
	for _, p := range strings.Split(prose.Lines(text), "\n\n") {
		var lines []string
		for line := range strings.SplitSeq(p, "\n") {
			if line = strings.Join(strings.Fields(line), " "); line != "" {
				lines = append(lines, line)
			}
		}
		if len(lines) > 0 {
			paragraphs = append(paragraphs, strings.Join(lines, "\n"))
		}
	}
	text = strings.Join(paragraphs, "\n\n")
	if utf8.RuneCountInString(text) <= maxExcerpt {
		return text
	}
	cut := string([]rune(text)[:maxExcerpt-1])
	if i := strings.LastIndexAny(cut, " \n"); i > len(cut)/2 {
		cut = cut[:i]
	}
	return cut + "…"
}
