package mailbox

import (
	"regexp"
	"strings"
	"unicode"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/wire"
	"codeberg.org/arengo/arengo/internal/mail/loose"
)

// body gathers the parts of a letter.
type body struct {
	files  []channel.SaidFile
	more   int
	broken bool
}

const (
	maxPart   = 1 << 20             // bytes of one part that are read as text: rich ones begin with their styles
	maxBody   = 4 * channel.MaxSaid // bytes of its text that are kept
	maxInside = 4                   // letters within letters
)

// gather returns the text of a part and of all below it, and keeps its files. Of
// alternatives the best is read; the parts of a mixed letter are all the letter.
func (b *body) gather(p *loose.Part, inside int) string {
	b.broken = b.broken || p.Broken
	switch {
	case p.Kind == "multipart/alternative":
		return b.best(p, inside)
	case len(p.Parts) > 0:
		var texts []string
		for _, c := range p.Parts {
			if text := b.gather(c, inside); strings.TrimSpace(text) != "" {
				texts = append(texts, strings.Trim(text, "\n"))
			}
		}
		return strings.Join(texts, "\n\n")
	case attached(p):
		return b.attach(p, inside)
	}
	return textOf(p)
}

// best reads one of the forms of a text: the plain one, unless it is empty or says
// much less than the rich one, as "your program cannot show this" does.
func (b *body) best(p *loose.Part, inside int) string {
	plain, rich := "", ""
	for _, c := range p.Parts {
		text := b.gather(c, inside)
		if isPlain(c) {
			plain = join(plain, text)
		} else if strings.TrimSpace(text) != "" {
			rich = text // the last is the richest (RFC 2046, 5.1.4)
		}
	}
	if words := len(strings.Fields(plain)); words > 0 && (rich == "" || 3*words >= len(strings.Fields(rich))) {
		return plain
	}
	if rich == "" {
		return plain
	}
	return rich
}

func isPlain(p *loose.Part) bool {
	for len(p.Parts) > 0 {
		p = p.Parts[0]
	}
	return p.Kind == "text/plain" && !attached(p)
}

func join(a, b string) string {
	if strings.TrimSpace(a) == "" {
		return b
	}
	return a + "\n\n" + b
}

// textOf is the text of one part.
func textOf(p *loose.Part) string {
	part := *p
	part.Body = p.Body[:min(len(p.Body), maxPart)]
	text := part.Text()
	switch {
	case p.Kind == "text/html", pageBegins.MatchString(text):
		return plainHTML(text)
	case strings.EqualFold(p.Params["format"], "flowed"):
		text = unflow(text, strings.EqualFold(p.Params["delsp"], "yes"))
	}
	text = strings.NewReplacer("\r\n", "\n", "\r", "\n", "\v", "\n", "\f", "\n", "\u0085", "\n", "\u2028", "\n", "\u2029", "\n\n").Replace(text)
	return text[:min(len(text), maxBody)]
}

// pageBegins is how a page of HTML begins whose type was lost.
var pageBegins = regexp.MustCompile(`(?i)^\s*(<!doctype html|<html[\s>])`)

// unflow joins the lines that a program broke for its own sake (RFC 3676). A line of
// a quotation goes on only in a line of the same depth.
func unflow(text string, deleteSpace bool) string {
	var out []string
	depth, flows := 0, false
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		d := len(line) - len(strings.TrimLeft(line, ">"))
		rest := strings.TrimPrefix(line[d:], " ") // stuffed
		said := strings.TrimSpace(rest) != "" && line != signature
		if flows && d == depth && said {
			out[len(out)-1] += rest
		} else if d > 0 {
			out = append(out, line)
		} else {
			out = append(out, map[bool]string{true: signature, false: rest}[line == signature])
		}
		depth, flows = d, said && strings.HasSuffix(rest, " ")
		if flows && deleteSpace {
			last := &out[len(out)-1]
			*last = strings.TrimSuffix(*last, " ")
		}
	}
	return strings.Join(out, "\n")
}

// attached tells a file from a text that is to be read.
func attached(p *loose.Part) bool {
	isText := p.Kind == "text/plain" || p.Kind == "text/html" || p.Kind == "text/enriched"
	return !isText || p.Disposition() == "attachment" || p.FileName() != ""
}

// attach keeps a file. A letter that was passed on as a file is read too: it is what
// the citizen writes about.
func (b *body) attach(p *loose.Part, inside int) (text string) {
	if inner := p.Inner(); inner != nil && inside < maxInside {
		return b.passed(inner, inside+1)
	}
	if signed := signedText(p); signed != nil && inside < maxInside {
		text = b.gather(loose.Read(signed), inside+1) // and the block is kept: it is the proof
	}
	if len(b.files) >= maxFiles {
		b.more++
		return text
	}
	b.files = append(b.files, channel.SaidFile{Name: fileName(p), ContentType: p.Kind, Size: int64(len(p.Body)), Content: p.Body})
	return text
}

// passed is a letter within the letter, below the lines that say whose it is.
func (b *body) passed(p *loose.Part, inside int) string {
	var lines []string
	for _, name := range []string{"From", "Date", "To", "Subject"} {
		if value := oneLine(p.Header.Text(name), maxSubject); value != "" {
			lines = append(lines, name+": "+value)
		}
	}
	return passedMark + "\n" + strings.Join(lines, "\n") + "\n\n" + b.gather(p, inside)
}

// passedMark stands above a letter within a letter; own knows it as a letter that is
// passed on.
const passedMark = "---------- Forwarded message ----------"

// fileName is a name that may be shown and kept: no folder, no change of the
// direction of writing.
func fileName(p *loose.Part) string {
	name := p.FileName()
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, name)
	if name = oneLine(name, 150); name == "" {
		name = strings.ReplaceAll(p.Kind, "/", " ")
	}
	return name
}

// tidyAll is wire.Tidy for the whole of a letter.
func tidyAll(text string) string {
	return wire.TidyTo(text, channel.MaxWhole)
}
