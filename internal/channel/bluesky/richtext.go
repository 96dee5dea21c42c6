package bluesky

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/prose"
)

// facet marks a part of a text (lexicon app.bsky.richtext.facet). Offsets are
// bytes of the UTF-8 text, half open.
type facet struct {
	Index    byteSlice `json:"index"`
	Features []feature `json:"features"`
}

type byteSlice struct {
	Start int `json:"byteStart"`
	End   int `json:"byteEnd"`
}

type feature struct {
	Type string `json:"$type"`
	URI  string `json:"uri,omitempty"` // of a link
	Tag  string `json:"tag,omitempty"` // without #
	DID  string `json:"did,omitempty"` // of who is mentioned
}

const (
	linkFeature    = "app.bsky.richtext.facet#link"
	tagFeature     = "app.bsky.richtext.facet#tag"
	mentionFeature = "app.bsky.richtext.facet#mention"
)

// The limits of a tag, in the same lexicon.
const (
	maxTagGraphemes = 64
	maxTagBytes     = 640
)

// maxURI is the longest address that the lexicons' format uri takes, in bytes.
const maxURI = 8 << 10

// richText is a text as it is published, with its facets.
type richText struct {
	Text   string
	Facets []facet
}

// rich makes the published text of a plain one: links lose their scheme and the
// end of a long path, as Bluesky's own app writes them, and keep the whole
// address in their facet; hashtags and known handles become facets. dids are the
// accounts of the handles that are mentioned; a handle that is not among them
// stays plain text. What looks like a host without www. or a path is a link only if
// it is ours.
func rich(text string, dids map[string]string, ours string) richText {
	text = clean(text)
	var b strings.Builder
	var facets []facet
	last := 0
	mark := func(e count.Entity, shown string, f feature) {
		b.WriteString(text[last:e.Start])
		start := b.Len()
		b.WriteString(shown)
		last = e.End
		facets = append(facets, facet{byteSlice{start, b.Len()}, []feature{f}})
	}
	for _, e := range count.Entities(text) {
		written := text[e.Start:e.End]
		switch e.Kind {
		case count.URL:
			if len(e.Name) > maxURI || !e.Meant() && e.Host() != ours {
				continue
			}
			shown := written
			if !e.Bare {
				shown = shortLink(written)
			}
			mark(e, shown, feature{Type: linkFeature, URI: e.Name})
		case count.Hashtag:
			if len(e.Name) <= maxTagBytes && uniseg.GraphemeClusterCount(e.Name) <= maxTagGraphemes {
				mark(e, written, feature{Type: tagFeature, Tag: e.Name})
			}
		case count.Mention:
			if did := dids[strings.ToLower(e.Name)]; did != "" {
				mark(e, written, feature{Type: mentionFeature, DID: did})
			}
		}
	}
	b.WriteString(text[last:])
	return richText{b.String(), facets}
}

// told is a text of somebody with where its links lead: Bluesky's own app shows only
// the beginning of an address, or other words.
func told(text string, facets []facet) string {
	facets = slices.Clone(facets)
	slices.SortStableFunc(facets, func(a, b facet) int { return a.Index.Start - b.Index.Start })
	var b strings.Builder
	last := 0
	for _, f := range facets {
		from, to := f.Index.Start, f.Index.End
		if from < last || to <= from || to > len(text) || !utf8.RuneStart(text[from]) || to < len(text) && !utf8.RuneStart(text[to]) {
			continue
		}
		for _, x := range f.Features {
			if x.Type == linkFeature && (strings.HasPrefix(x.URI, "https://") || strings.HasPrefix(x.URI, "http://")) && len(x.URI) <= maxURI {
				b.WriteString(text[last:from])
				b.WriteString(prose.Link(text[from:to], x.URI))
				last = to
				break
			}
		}
	}
	b.WriteString(text[last:])
	return b.String()
}

// mentioned lists the handles that a text mentions, each once.
func mentioned(text string) []string {
	var handles []string
	seen := map[string]bool{}
	for _, e := range count.Entities(clean(text)) {
		// @name is nobody here, and @name@server is of another network.
		if h := strings.ToLower(e.Name); e.Kind == count.Mention && validHandle(h) && !seen[h] {
			seen[h] = true
			handles = append(handles, h)
		}
	}
	return handles
}

// clean takes out what no reader shows: bytes that are no UTF-8, and control
// characters but the end of a line.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return -1
		}
		return r
	}, prose.Lines(strings.ToValidUTF8(text, "\uFFFD")))
}

// The longest path shown of a link, in characters. What is cut is in the facet.
const (
	longPath  = 28
	shownPath = 25
)

// shortLink is how a link is shown: host and the beginning of its path. The host
// is never touched, so that a reader sees where it leads and no reader warns of a
// text that differs from its address.
func shortLink(link string) string {
	_, rest, ok := strings.Cut(link, "://")
	if !ok || rest == "" {
		return link
	}
	host, path := rest, ""
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		host, path = rest[:i], rest[i:]
	}
	if path == "/" {
		path = ""
	}
	if uniseg.GraphemeClusterCount(path) > longPath {
		path = cutPath(path)
	}
	return host + path
}

// cutPath keeps the first characters of a path, and never half of one, be it
// written as it is or as %C3%A0.
func cutPath(path string) string {
	end, state := 0, -1
	for rest, n := path, 0; n < shownPath && rest != ""; n++ {
		var cluster string
		cluster, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		end += len(cluster)
	}
	kept := path[:end]
	if i := strings.LastIndexByte(kept, '%'); i >= 0 && i > len(kept)-3 {
		kept = kept[:i]
	}
	if strings.HasPrefix(path[len(kept):], "%") {
		for len(kept) >= 3 && kept[len(kept)-3] == '%' {
			kept = kept[:len(kept)-3]
		}
	}
	return kept + "…"
}
