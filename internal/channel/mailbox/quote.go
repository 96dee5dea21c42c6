package mailbox

import (
	"regexp"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/net/html"

	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/mail/loose"
)

// signature begins what a mail program adds below each letter (RFC 3676, 4.3).
const signature = "-- "

const (
	maxSignature = 10 // lines; what is longer is no signature
	maxHeading   = 8  // lines of the header that stands above a quoted letter
)

// own is what the writer of a letter wrote: without the letters quoted in an answer
// and without the signature. What is passed on stays whole, as does a letter that
// would be left with nothing; in doubt a line stays, since the reader can pass over
// what is too much and cannot know of what is missing. domain is the institution's: an
// answer quotes what the institution wrote; what others wrote is passed on.
func own(text string, answer bool, domain string) string {
	q := quotes{lines: strings.Split(strings.ReplaceAll(text, "\r\n", "\n"), "\n"), answer: answer, domain: domain, intro: intro()}
	for q.at < len(q.lines) && !q.step() {
		q.at++
	}
	if !saysSomething(q.kept) {
		return text
	}
	return strings.Join(q.kept, "\n")
}

// quotes is a text on its way through own.
type quotes struct {
	lines  []string
	at     int
	answer bool // the letter answers another one
	domain string
	intro  *regexp.Regexp
	kept   []string
}

// step looks at one line. It returns true when the rest is decided.
func (q *quotes) step() (done bool) {
	line := strings.TrimRight(q.lines[q.at], " \t")
	bare := strings.TrimSpace(line)
	switch {
	case forwards(bare):
		q.kept = append(q.kept, q.lines[q.at:]...)
		return true
	case q.lines[q.at] == signature && q.signs():
		q.at = q.signEnd()
	case strings.HasPrefix(bare, ">"):
		q.block(false)
	case q.answer && (original(bare) || heading(q.lines[q.at:])):
		if q.passesOn() {
			q.kept = append(q.kept, q.lines[q.at:]...)
			return true
		}
		q.dropRule()
		return true
	case q.answer && ruled(bare) && q.at+1 < len(q.lines) && heading(q.lines[q.at+1:]):
		// the line is drawn above it
	case q.introduced():
		if n, _ := q.introLines(q.at); q.ofOthers(q.lines[q.at : q.at+n]) {
			q.kept = append(q.kept, q.lines[q.at:]...)
			return true
		}
		return q.dropIntroduced()
	default:
		q.kept = append(q.kept, line)
	}
	return false
}

// block passes over lines that are quoted, or keeps them: a citizen may begin a line
// with ">20.000 euro".
func (q *quotes) block(introduced bool) {
	begin := q.at
	for q.at+1 < len(q.lines) && strings.HasPrefix(strings.TrimSpace(q.lines[q.at+1]), ">") {
		q.at++
	}
	all := q.lines[begin : q.at+1]
	compares := !slices.ContainsFunc(all, func(line string) bool { return !comparison.MatchString(strings.TrimSpace(line)) })
	if introduced || q.answer && !compares {
		return
	}
	for _, line := range all {
		q.kept = append(q.kept, strings.TrimRight(line, " \t"))
	}
}

// comparison is a line that says "more than".
var comparison = regexp.MustCompile(`^>=?[ ]?[€$]?[ ]?\d`)

// passesOn reports whether the letter that begins here is passed on, not answered:
// somebody else wrote it, or the writer says so.
func (q *quotes) passesOn() bool {
	for i, line := range q.lines[q.at:min(q.at+3, len(q.lines))] {
		if begins(line, headingFrom()...) {
			return q.ofOthers(q.lines[q.at+i : q.at+i+1])
		}
	}
	return q.handsOn()
}

// ofOthers reports whether lines that introduce a letter name somebody else than the
// institution as its writer; where they name no address, what was written above tells.
func (q *quotes) ofOthers(lines []string) bool {
	_, domain, ok := strings.Cut(strings.ToLower(loose.FirstAddress(strings.Join(lines, " ")).Addr), "@")
	if ok && q.domain != "" {
		return !within(domain, q.domain)
	}
	return q.handsOn()
}

func (q *quotes) handsOn() bool { return handsOn.MatchString(strings.Join(q.kept, "\n")) }

// handsOn is how people say that they pass a letter on.
var handsOn = regexp.MustCompile(`(?i)\b(inoltr(o|iamo|are|ato|ata|i)|ti giro|vi giro|giro (la|il|a|per)|forwarding|i forward|forwarded|(leite|leiten) .{0,60}weiter|weitergeleitet|je (vous )?transf(è|e)r|posredujem|passo (la|il) )`)

// signs reports whether a signature begins: a few short lines to the end of the
// letter, or to a letter quoted below, which say nothing to be answered.
func (q *quotes) signs() bool {
	end := q.signEnd()
	said := 0
	for _, line := range q.lines[q.at+1 : end+1] {
		line = strings.TrimSpace(line)
		if line == "" {
			continue
		}
		if said++; said > maxSignature || len(line) > 120 || strings.ContainsRune(line, '?') || strings.HasSuffix(line, ".") && len(strings.Fields(line)) > 4 {
			return false
		}
	}
	return true
}

// signEnd is the last line of the signature that begins here.
func (q *quotes) signEnd() int {
	for i := q.at + 1; i < len(q.lines); i++ {
		bare := strings.TrimSpace(q.lines[i])
		if strings.HasPrefix(bare, ">") || forwards(bare) || original(bare) || heading(q.lines[i:]) || q.introduces(i) {
			return i - 1
		}
	}
	return len(q.lines) - 1
}

// dropRule takes away the line of dashes above a quoted letter.
func (q *quotes) dropRule() {
	for n := len(q.kept); n > 0; n = len(q.kept) {
		if last := strings.TrimSpace(q.kept[n-1]); last != "" && !ruled(last) {
			return
		}
		q.kept = q.kept[:n-1]
	}
}

// ruled reports whether a line is drawn, not written.
func ruled(line string) bool { return len(line) >= 8 && strings.Trim(line, "_-=*") == "" }

// intro is what mail programs write above a letter that they quote.
func intro() *regexp.Regexp {
	return regexp.MustCompile(`(?i)^(-+ ?)?(` +
		`((il|in data|gio\.|data:) ?(giorno )?.{4,250}(ha|hanno) scritto( quanto segue)?\s?:)|` +
		`(.{2,120} (ha|hanno) scritto (il|in data) .{4,120}:)|` +
		`((on|at) .{4,250}wrote\s?:)|(.{2,120} wrote on .{4,120}:)|` +
		`(le .{4,250}a (é|e)crit\s?:)|(.{2,120} a (é|e)crit le .{4,120}:)|` +
		`((am|gesendet:) .{4,250}(schrieb|hat geschrieben).{0,200}:)|(.{2,120} schrieb am .{4,120}:)|` +
		`((dne|v|oseba) .{4,250}(je napisal|je oseba|napisal\(a\)|napisala?)\s?.{0,200}:)|` +
		`(el .{4,250}escribió\s?:))( ?-+)?$`)
}

// dated is what an introduction written by a program holds: a day and an hour, or an
// address.
var dated = regexp.MustCompile(`\d{1,2}[:.]\d{2}|\d{4}|<[^<>@\s]+@[^<>@\s]+>`)

// introduces reports whether an introduction stands at a line, alone or over up to
// three, and how many it takes.
func (q *quotes) introduces(i int) bool { _, ok := q.introLines(i); return ok }

func (q *quotes) introLines(i int) (n int, ok bool) {
	text := ""
	for n = 1; n <= 3 && i+n <= len(q.lines); n++ {
		line := strings.TrimSpace(q.lines[i+n-1])
		if line == "" || strings.HasPrefix(line, ">") || len(text)+len(line) > 500 {
			return 0, false
		}
		text = strings.TrimSpace(text + " " + line)
		if q.intro.MatchString(text) {
			return n, true
		}
	}
	return 0, false
}

// introduced reports whether a letter is quoted from here on: an introduction, and
// below it what is quoted, or nothing; or, in an answer, one that a program wrote.
func (q *quotes) introduced() bool {
	n, ok := q.introLines(q.at)
	if !ok {
		return false
	}
	for _, l := range q.lines[q.at+n:] {
		if l = strings.TrimSpace(l); l != "" {
			return strings.HasPrefix(l, ">") || q.answer && q.byProgram(n)
		}
	}
	return q.answer || q.byProgram(n)
}

func (q *quotes) byProgram(n int) bool {
	return dated.MatchString(strings.Join(q.lines[q.at:q.at+n], " "))
}

// dropIntroduced passes over the introduction and what it introduces.
func (q *quotes) dropIntroduced() (done bool) {
	n, _ := q.introLines(q.at)
	q.at += n - 1
	for i := q.at + 1; i < len(q.lines); i++ {
		switch bare := strings.TrimSpace(q.lines[i]); {
		case bare == "":
		case strings.HasPrefix(bare, ">"):
			q.at = i
			q.block(true)
			return false
		default:
			return true // quoted without a mark: it goes on to the end
		}
	}
	return true
}

// saysSomething reports whether a letter or digit is left.
func saysSomething(lines []string) bool {
	return strings.IndexFunc(strings.Join(lines, ""), func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) >= 0
}

// passedOn reports whether a subject says that a letter is passed on.
func passedOn(subject string) bool {
	subject = strings.ToLower(strings.TrimSpace(subject))
	for _, mark := range []string{"fwd:", "fw:", "i:", "inoltra:", "inoltro:", "inoltrato:", "wg:", "wtr:", "weitergeleitet:", "tr:", "transf:", "rv:", "pd:", "posr:", "vs:"} {
		if strings.HasPrefix(subject, mark) {
			return true
		}
	}
	return false
}

// forwards reports whether a line begins a letter that is passed on.
func forwards(line string) bool {
	text := strings.ToLower(strings.Trim(line, "-_=*> "))
	switch strings.TrimSuffix(text, ":") {
	case "begin forwarded message", "inizio messaggio inoltrato", "anfang der weitergeleiteten nachricht", "anfang der weitergeleiteten e-mail", "début du message réexpédié", "début du message transféré":
		return true
	}
	if !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "__") && !strings.HasPrefix(line, "==") {
		return false
	}
	switch strings.TrimSuffix(text, ":") {
	case "messaggio inoltrato", "messaggio inoltrato / forwarded message", "forwarded message", "forwarded mail", "weitergeleitete nachricht", "message transféré", "message transmis", "posredovano sporočilo", "messaggio inoltrato originale":
		return true
	}
	return false
}

// original reports whether a line parts an answer from the letter below it.
func original(line string) bool {
	if !strings.HasPrefix(line, "--") && !strings.HasPrefix(line, "__") && !strings.HasPrefix(line, "==") {
		return false
	}
	switch strings.ToLower(strings.Trim(line, "-_= ")) {
	case "messaggio originale", "messaggio originario", "original message", "original-nachricht", "ursprüngliche nachricht", "originalnachricht", "message d'origine", "message d’origine", "message original", "izvirno sporočilo", "reply message", "original email":
		return true
	}
	return false
}

// heading reports whether lines begin with the header that some programs write above
// a quoted letter: "Da: … Inviato: … A: … Oggetto: …".
func heading(lines []string) bool {
	if !begins(lines[0], headingFrom()...) {
		return false
	}
	found := 0
	for _, line := range lines[1:min(len(lines), maxHeading)] {
		if begins(line, "inviato:", "inviata:", "data:", "a:", "cc:", "oggetto:", "sent:", "date:", "to:", "subject:", "gesendet:", "datum:", "an:", "betreff:",
			"envoyé:", "envoyé :", "date :", "à:", "à :", "objet:", "objet :", "poslano:", "za:", "zadeva:") {
			found++
		}
	}
	return found >= 2
}

// headingFrom is how the first line of such a header begins.
func headingFrom() []string { return []string{"da:", "from:", "von:", "de:", "de :", "od:"} }

// begins reports whether a line begins with one of the names, whatever marks make
// them bold.
func begins(line string, names ...string) bool {
	line = strings.ToLower(strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(line), "*", ""), "\u00a0", " "))
	for _, name := range names {
		if strings.HasPrefix(line, name) {
			return true
		}
	}
	return false
}

// plainHTML is wire.Plain with a ">" before each line of what is quoted, as mail
// programs mark it in a plain text, and before no other: an indented paragraph is the
// writer's own, and would be passed over in an answer.
func plainHTML(page string) string {
	var out []string
	var segment strings.Builder
	depth := 0
	var open []bool // of each blockquote: is it a quotation
	flush := func() {
		if text := wire.Plain(segment.String()); text != "" {
			if depth > 0 {
				mark := strings.Repeat(">", depth) + " "
				text = mark + strings.ReplaceAll(text, "\n", "\n"+mark)
			}
			out = append(out, text)
		}
		segment.Reset()
	}
	t := html.NewTokenizer(strings.NewReader(page))
	for kind := t.Next(); kind != html.ErrorToken; kind = t.Next() {
		raw := string(t.Raw())
		name, more := t.TagName()
		if string(name) == "blockquote" && kind == html.StartTagToken {
			quotes := more && quotation(t)
			if quotes {
				flush()
				depth++
			}
			open = append(open, quotes)
			raw = "<p>"
		} else if string(name) == "blockquote" && kind == html.EndTagToken && len(open) > 0 {
			if open[len(open)-1] {
				flush()
				depth--
			}
			open, raw = open[:len(open)-1], "</p>"
		}
		segment.WriteString(raw)
	}
	flush()
	return strings.Join(out, "\n\n")
}

// quotation tells a blockquote that a mail program made of another letter.
func quotation(t *html.Tokenizer) bool {
	for {
		key, value, more := t.TagAttr()
		v := strings.ToLower(string(value))
		switch string(key) {
		case "type":
			if v == "cite" {
				return true
			}
		case "class":
			if strings.Contains(v, "quote") {
				return true
			}
		case "style":
			if strings.Contains(v, "border-left") {
				return true
			}
		case "cite":
			return true
		}
		if !more {
			return false
		}
	}
}
