package count

import (
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/text/unicode/norm"
)

// Unit is what a rule counts.
type Unit int

const (
	Grapheme Unit = iota // what a reader sees as one character (UAX #29, extended clusters)
	Byte                 // UTF-8 bytes
	UTF16                // UTF-16 code units
	Weighted             // weights of X, in characters of Latin text
)

// Rule is how one platform counts. The zero value counts graphemes.
type Rule struct {
	Unit Unit

	// URL is the length of any link whose host ends in a known top-level
	// domain; 0 counts links as they are written.
	URL int

	// BareURLs makes addresses without http:// or https:// links too.
	BareURLs bool

	// ShortMentions counts @user@server as @user.
	ShortMentions bool
}

// DefaultURL is the length of a link on Mastodon, unless the instance says
// otherwise (configuration.statuses.characters_reserved_per_url), and on X.
const DefaultURL = 23

// Mastodon is the rule of Mastodon and the servers that speak its API; url is the
// instance's characters_reserved_per_url, 0 means DefaultURL.
func Mastodon(url int) Rule {
	if url <= 0 {
		url = DefaultURL
	}
	return Rule{Unit: Grapheme, URL: url, ShortMentions: true}
}

// Bluesky is the first of the two rules of Bluesky; see BlueskyLimits.
func Bluesky() Rule { return Rule{Unit: Grapheme} }

// Telegram counts the text that is shown: pass it without markup.
func Telegram() Rule { return Rule{Unit: UTF16} }

// X is the weighted rule of X, for posts and replies.
func X() Rule { return Rule{Unit: Weighted, URL: DefaultURL, BareURLs: true} }

// Threads counts UTF-8 bytes.
func Threads() Rule { return Rule{Unit: Byte} }

// Graphemes is the rule for whatever has no rule of its own.
func Graphemes() Rule { return Rule{Unit: Grapheme} }

// Limit is a rule with the most it allows.
type Limit struct {
	Rule
	Max int
}

// BlueskyLimits are the two limits of a post's text in the lexicon
// app.bsky.feed.post: both must hold.
func BlueskyLimits() []Limit {
	return []Limit{{Rule{Unit: Grapheme}, 300}, {Rule{Unit: Byte}, 3000}}
}

// Fits reports whether text is within all the limits.
func Fits(text string, limits ...Limit) bool {
	for _, l := range limits {
		if Length(l.Rule, text) > l.Max {
			return false
		}
	}
	return true
}

// Length is the length of text as the rule counts it.
func Length(rule Rule, text string) int { return rule.measure(rule.counted(text)) }

// LengthWithWarning is the length of a post with a content warning: the warning
// counts as written, the text by the rule.
func LengthWithWarning(rule Rule, warning, text string) int {
	return rule.measure(warning + rule.counted(text))
}

// counted is the text with links and mentions replaced by what they count as.
func (r Rule) counted(text string) string {
	if r.Unit == Weighted {
		text = norm.NFC.String(text)
	}
	if r.URL == 0 && !r.ShortMentions {
		return text
	}
	var b strings.Builder
	last := 0
	for _, e := range Entities(text) {
		switch {
		case e.Kind == URL && r.URL > 0 && e.Public && (r.BareURLs || !e.Bare):
			b.WriteString(text[last:e.Start])
			b.WriteString(strings.Repeat("x", r.URL))
			last = e.End
		case e.Kind == Mention && r.ShortMentions:
			user, _, _ := strings.Cut(e.Name, "@")
			b.WriteString(text[last : e.Start+1])
			b.WriteString(user)
			last = e.End
		}
	}
	if last == 0 {
		return text
	}
	b.WriteString(text[last:])
	return b.String()
}

func (r Rule) measure(text string) int {
	switch r.Unit {
	case Byte:
		return len(text)
	case UTF16:
		n := 0
		for _, c := range text {
			n += utf16.RuneLen(c)
		}
		return n
	case Weighted:
		return weight(text)
	default:
		return graphemes(text)
	}
}

// graphemes counts clusters; texts of ASCII alone, most of them, need no tables.
func graphemes(text string) int {
	for i := 0; i < len(text); i++ {
		if text[i] >= utf8.RuneSelf {
			return uniseg.GraphemeClusterCount(text)
		}
	}
	return len(text) - strings.Count(text, "\r\n")
}
