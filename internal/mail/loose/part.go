package loose

import (
	"bytes"
	"regexp"
	"strings"
)

const (
	maxParts = 200 // of one letter
	maxDepth = 20  // of parts in parts
)

// Part is a letter, or one part of a letter.
type Part struct {
	Header Header
	Kind   string            // media type in lower case: text/plain, multipart/mixed
	Params map[string]string // of the media type; names in lower case

	// Body is what the part holds, its transfer encoding undone; for one with Parts it
	// is empty. It may share memory with the letter that was read.
	Body  []byte
	Parts []*Part

	// Broken: not all of it could be read.
	Broken bool
}

// Read reads a letter. A text without any header is all body.
func Read(raw []byte) *Part {
	raw = bytes.TrimPrefix(raw, []byte("\xEF\xBB\xBF"))
	if !bytes.ContainsRune(raw, '\n') {
		raw = bytes.ReplaceAll(raw, []byte("\r"), []byte("\n"))
	}
	left := maxParts
	return read(raw, "text/plain", 0, &left)
}

// read reads a part. left is how many more the letter may have; unless the header
// says otherwise, the part is of the kind usual.
func read(raw []byte, usual string, depth int, left *int) *Part {
	p := &Part{}
	*left--
	p.Header, p.Body = readHeader(raw)
	p.Kind, p.Params = mediaType(p.Header.Get("Content-Type"))
	typed := p.Kind != ""
	if !typed {
		p.Kind = usual
	}
	encoding, known := p.encoding()
	switch {
	case strings.HasPrefix(p.Kind, "multipart/"):
		if p.split(depth, left) {
			return p
		}
		// Some gateways encode what must not be encoded (RFC 2045, 6.4).
		if encoding != nil {
			p.Body, _ = encoding(p.Body)
			if p.split(depth, left) {
				return p
			}
		}
		p.Kind, p.Broken = "text/plain", true
		return p
	case !typed && usual == "text/plain" && p.splitAt(guessBoundary(p.Body), depth, left):
		p.Kind = "multipart/mixed" // the header that said so was lost on the way
		return p
	}
	if encoding != nil {
		var ok bool
		p.Body, ok = encoding(p.Body)
		p.Broken = !ok
	}
	p.Broken = p.Broken || !known
	return p
}

// encoding is how the body's transfer encoding is undone, nil when it has none;
// known is false for one that nobody can undo.
func (p *Part) encoding() (undo func([]byte) ([]byte, bool), known bool) {
	word, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(p.Header.Get("Content-Transfer-Encoding"))), ";")
	switch strings.Trim(strings.TrimSpace(word), `"'.`) {
	case "quoted-printable", "quoted_printable", "qp":
		return quotedPrintable, true
	case "base64", "base-64", "b64":
		return base64Bytes, true
	case "", "7bit", "8bit", "binary", "7-bit", "8-bit", "none", "us-ascii", "utf-8", "text":
		return nil, true
	}
	return nil, false
}

// split parts the body at its boundary, or at the one that stands in it when the
// declared one does not.
func (p *Part) split(depth int, left *int) bool {
	return p.splitAt(p.Params["boundary"], depth, left) || p.splitAt(guessBoundary(p.Body), depth, left)
}

func (p *Part) splitAt(boundary string, depth int, left *int) bool {
	boundary = strings.TrimRight(boundary, " \t")
	if boundary == "" || depth >= maxDepth {
		return false
	}
	usual := "text/plain"
	if p.Kind == "multipart/digest" {
		usual = "message/rfc822"
	}
	pieces := cutAt(p.Body, "--"+boundary, maxParts)
	for _, piece := range pieces {
		if *left <= 0 {
			p.Broken = true
			break
		}
		p.Parts = append(p.Parts, read(piece, usual, depth+1, left))
	}
	if len(p.Parts) == 0 {
		return false
	}
	p.Body = nil
	return true
}

// cutAt returns what stands between the lines that begin a part, up to the line that
// ends them, or to the end of a letter that was cut off.
func cutAt(body []byte, mark string, most int) (pieces [][]byte) {
	begin, at := -1, 0
	for at < len(body) && len(pieces) <= most {
		end := at + len(body[at:])
		next := end
		if n := bytes.IndexByte(body[at:], '\n'); n >= 0 {
			end, next = at+n, at+n+1
		}
		line := body[at:end]
		if len(line) >= len(mark) && string(line[:len(mark)]) == mark {
			rest := string(bytes.TrimRight(line[len(mark):], " \t\r"))
			if rest == "" || rest == "--" {
				if begin >= 0 {
					pieces = append(pieces, trimEnd(body[begin:at]))
				}
				if begin = next; rest == "--" {
					return pieces
				}
			}
		}
		at = next
	}
	if begin >= 0 && begin < len(body) {
		pieces = append(pieces, body[begin:])
	}
	return pieces
}

// trimEnd takes away the line end that belongs to the boundary.
func trimEnd(b []byte) []byte {
	b = bytes.TrimSuffix(b, []byte("\n"))
	return bytes.TrimSuffix(b, []byte("\r"))
}

// guessBoundary finds the line that parts a body whose header does not say it: one
// that begins with two dashes and is followed by the header of a part.
func guessBoundary(body []byte) string {
	m := partBegins.FindSubmatch(body[:min(len(body), 64<<10)])
	if m == nil {
		return ""
	}
	return string(m[1])
}

var partBegins = regexp.MustCompile(`(?im)^--([^\s]{1,200})[ \t]*\r?\n(?:(?:Content|Mime)-[A-Za-z-]+|X-[A-Za-z-]+):`)

// Inner reads the letter that a part holds; nil when it holds none.
func (p *Part) Inner() *Part {
	switch p.Kind {
	case "message/rfc822", "message/global", "message/news", "message/rfc822-headers", "text/rfc822-headers", "message/global-headers":
		return Read(p.Body)
	}
	return nil
}

// Walk calls visit for a part and all below it, until visit returns false.
func (p *Part) Walk(visit func(*Part) bool) bool {
	if !visit(p) {
		return false
	}
	for _, c := range p.Parts {
		if !c.Walk(visit) {
			return false
		}
	}
	return true
}

// Text is the body in UTF-8, in the character set that it is most likely in.
func (p *Part) Text() string { return Decode(p.Body, p.Params["charset"], p.Kind == "text/html") }

// Disposition is what the sender wants done with the part: "attachment", "inline",
// or nothing.
func (p *Part) Disposition() string {
	word, _ := mediaType(p.Header.Get("Content-Disposition"))
	word, _, _ = strings.Cut(word, "/")
	return word
}

// FileName is the name that the sender gave the part; it may hold anything, a path
// too, and be empty.
func (p *Part) FileName() string {
	_, params := mediaType(p.Header.Get("Content-Disposition"))
	for _, name := range []string{params["filename"], p.Params["name"], params["name"]} {
		if name != "" {
			return name
		}
	}
	return ""
}
