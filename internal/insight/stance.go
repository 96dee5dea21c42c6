package insight

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/inbox"
)

// Rule says how a verdict was reached.
type Rule string

// The rules, in the order in which they are asked.
const (
	ByWords    Rule = "words"    // phrases of consent or dissent
	ByBoth     Rule = "both"     // of both: neutral
	ByEmoji    Rule = "emoji"    // no such phrase, but emoji
	ByQuestion Rule = "question" // a question mark, or the way questions begin
	ByThanks   Rule = "thanks"   // nothing but thanks
	ByNothing  Rule = "nothing"  // none of these: neutral
)

// Verdict is what the rules make of a text, with the words that led to it.
type Verdict struct {
	Stance inbox.Stance
	Rule   Rule
	Words  []string
}

// maxJudged bounds how much of a text is read, in bytes.
const maxJudged = 4_000

var (
	// notWords are addresses, mentions and hashtags: no opinion of the writer.
	notWords = regexp.MustCompile(`https?://\S+|[@#][\p{L}\p{N}_.@-]+`)
	clauses  = regexp.MustCompile(`[.,;:!?…()\n]+`)
)

// Judge reads what a text says of what it answers. lang is BCP 47, empty when not
// known. It is plain and can be wrong: it knows no irony.
func Judge(text, lang string) Verdict {
	if len(text) > maxJudged {
		text = strings.ToValidUTF8(text[:maxJudged], "")
	}
	text = notWords.ReplaceAllString(text, " ")
	lang = strings.ToLower(lang)
	r := reader{words: words(text), lang: lang, no: negators(lang)}
	against := r.find(opposing(lang), false)
	agree, denied := r.split(agreeing(lang))
	against = append(against, denied...)
	up, down := emoji(text)
	switch {
	case len(agree) > 0 && len(against) > 0, len(agree) > 0 && down > up:
		return Verdict{inbox.Neutral, ByBoth, append(agree, against...)}
	case len(agree) > 0:
		return Verdict{inbox.Agrees, ByWords, agree}
	case len(against) > 0:
		return Verdict{inbox.Against, ByWords, against}
	case up > down:
		return Verdict{Stance: inbox.Agrees, Rule: ByEmoji}
	case down > up:
		return Verdict{Stance: inbox.Against, Rule: ByEmoji}
	case r.asks(text):
		return Verdict{Stance: inbox.Question, Rule: ByQuestion}
	}
	if thanks, _ := r.split(polite(lang)); len(thanks) > 0 {
		return Verdict{inbox.Agrees, ByThanks, thanks}
	}
	return Verdict{Stance: inbox.Neutral, Rule: ByNothing}
}

// Stance is the stance of a comment for the inbox. What answers none of our messages
// can ask, but has nothing to agree with.
func Stance(text, lang, subjectKind string) inbox.Stance {
	v := Judge(text, lang)
	if subjectKind != "message" && v.Stance != inbox.Question {
		return ""
	}
	return v.Stance
}

// words are the words of a text, folded; an empty one stands between two clauses.
func words(text string) (all []string) {
	for i, clause := range clauses.Split(text, -1) {
		if i > 0 {
			all = append(all, "")
		}
		all = append(all, strings.FieldsFunc(fold(clause), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsNumber(r) })...)
	}
	return all
}

// fold is a text in lower case without accents.
func fold(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Mn, r) {
			return -1
		}
		return unicode.ToLower(r)
	}, norm.NFD.String(text))
}

// reader looks for phrases in the words of one text.
type reader struct {
	words []string
	lang  string
	no    map[string]bool
	taken []bool // words that a phrase was found in
}

// reach is how many words before a phrase a negation may stand.
const reach = 4

// find returns the phrases that occur, longest first. A denied one is left out:
// "non sono contrario" is no dissent, and no consent either.
func (r *reader) find(phrases []string, denied bool) (found []string) {
	if r.taken == nil {
		r.taken = make([]bool, len(r.words))
	}
	slices.SortFunc(phrases, func(a, b string) int { return len(strings.Fields(b)) - len(strings.Fields(a)) })
	for _, p := range phrases {
		want := strings.Fields(p)
		for i := 0; i+len(want) <= len(r.words); i++ {
			if !slices.Equal(r.words[i:i+len(want)], want) || slices.Contains(r.taken[i:i+len(want)], true) {
				continue
			}
			for k := range want {
				r.taken[i+k] = true
			}
			if r.denied(i) == denied {
				found = append(found, p)
			}
		}
	}
	return found
}

// split returns the phrases that occur as they are, and those that are denied.
func (r *reader) split(phrases []string) (plain, denied []string) {
	before := slices.Clone(r.taken)
	plain = r.find(slices.Clone(phrases), false)
	r.taken = before
	for _, p := range r.find(slices.Clone(phrases), true) {
		denied = append(denied, "non "+p)
	}
	return plain, denied
}

// denied reports whether a negation stands shortly before a word, in its clause.
func (r *reader) denied(at int) bool {
	for i := at - 1; i >= 0 && i >= at-reach; i-- {
		switch w := r.words[i]; {
		case w == "", w == "ma", w == "pero", w == "but":
			return false
		case r.no[w]:
			return true
		}
	}
	return false
}

// asks reports whether a text asks something.
func (r *reader) asks(text string) bool {
	if strings.ContainsAny(text, "?？") {
		return true
	}
	line := strings.Join(slices.DeleteFunc(slices.Clone(r.words), func(w string) bool { return w == "" }), " ")
	if slices.ContainsFunc(asking(r.lang), func(p string) bool { return strings.Contains(" "+line+" ", " "+p+" ") }) {
		return true
	}
	return slices.ContainsFunc(openers(r.lang), func(p string) bool { return strings.HasPrefix(line+" ", p+" ") })
}

// emoji counts the emoji of consent and dissent; a skin's colour changes nothing.
func emoji(text string) (up, down int) {
	for _, c := range text {
		switch {
		case c < 0x203c:
		case strings.ContainsRune(glad, c):
			up++
		case strings.ContainsRune(angry, c):
			down++
		}
	}
	return up, down
}

// Reaction is what a reaction says. A boost spreads a message and approves nothing by
// itself; an emoji is read as in a text.
func Reaction(reaction string) inbox.Stance {
	switch reaction {
	case channel.Like:
		return inbox.Agrees
	case channel.Boost:
		return inbox.Neutral
	}
	switch up, down := emoji(reaction); {
	case up > down:
		return inbox.Agrees
	case down > up:
		return inbox.Against
	}
	return inbox.Neutral
}
