package mail

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Form is a letter written once for many readers. What differs is the reader, the
// Message-ID and one word of the reader's own, as part of a link, say: a mark holds
// its place. A letter filled in has the same bytes as one written by itself, at a
// small part of the cost.
type Form struct {
	letter Letter
	mark   string
	parts  []part
	size   int
}

// part is a piece of the letter as it travels: as it is, or what belongs to the
// reader.
type part struct {
	text     []byte
	what     slot
	from, to int // of the reader's own word: a line may end within it
}

type slot int

const (
	asItIs slot = iota
	toLine
	idLine
	boundary
	own
)

// nobody is the reader and the Message-ID of the letter of which a form is made.
const nobody = "nobody@form.invalid"

// NewForm makes a form of a letter, whose To and MessageID are of no matter. The
// mark stands wherever something of the reader's own stands; it and whatever takes
// its place are of letters, digits, - and _, and equally long. It fails as
// [Letter.Bytes] does.
func NewForm(l Letter, mark string) (*Form, error) {
	if !plainWord.MatchString(mark) {
		return nil, fmt.Errorf("a form's mark is %q", mark)
	}
	l.To, l.MessageID, l.filled = Address{Addr: nobody}, nobody, nil
	data, err := l.Bytes(nil)
	if err != nil {
		return nil, err
	}
	f := &Form{letter: l, mark: mark, size: len(data)}
	type place struct {
		part
		start, end int
	}
	var places []place
	for line, what := range map[string]slot{header("To", nobody): toLine, header("Message-ID", nobody): idLine, boundaryOf(nobody): boundary} {
		for at := 0; ; {
			n := bytes.Index(data[at:], []byte(line))
			if n < 0 {
				break
			}
			places = append(places, place{part{what: what}, at + n, at + n + len(line)})
			at += n + len(line)
		}
	}
	// Quoted-printable leaves the mark as it is, except that a line may end in it.
	found := regexp.MustCompile(strings.Join(strings.Split(mark, ""), softBreak+"?")).FindAllIndex(data, -1)
	if want := strings.Count(l.Text, mark) + strings.Count(l.HTML, mark) + strings.Count(l.Unsubscribe, mark); len(found) != want {
		return nil, fmt.Errorf("a form's mark stands %d times in the letter, and %d times in it as it travels", want, len(found))
	}
	for _, m := range found {
		for at, done := m[0], 0; done < len(mark); {
			n := bytes.Index(data[at:m[1]], []byte("=\r\n"))
			if n < 0 {
				n = m[1] - at
			}
			places = append(places, place{part{what: own, from: done, to: done + n}, at, at + n})
			at, done = at+n+len("=\r\n"), done+n
		}
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(a.start, b.start) })
	at := 0
	for _, p := range places {
		f.parts = append(f.parts, part{text: data[at:p.start]}, p.part)
		at = p.end
	}
	f.parts = append(f.parts, part{text: data[at:]})
	return f, nil
}

// softBreak is how quoted-printable ends a line that goes on (RFC 2045, 6.7).
const softBreak = "(?:=\r\n)"

var plainWord = regexp.MustCompile(`^[A-Za-z0-9_-]{8,400}$`)

// Letter fills the form in: a letter like any other, of which nothing is changed
// afterwards.
func (f *Form) Letter(to, messageID, own string) (Letter, error) {
	if len(own) != len(f.mark) || !plainWord.MatchString(own) {
		return Letter{}, errors.New("a form is filled in with a word of another length")
	}
	l := f.letter
	l.To, l.MessageID = Address{Addr: to}, messageID
	l.Text = strings.ReplaceAll(l.Text, f.mark, own)
	l.HTML = strings.ReplaceAll(l.HTML, f.mark, own)
	l.Unsubscribe = strings.ReplaceAll(l.Unsubscribe, f.mark, own)
	l.filled = &filled{f, own}
	return l, nil
}

// filled is the form that a letter was made of, and its reader's own word.
type filled struct {
	form *Form
	own  string
}

// bytes is the letter as it travels, not signed.
func (f *filled) bytes(l Letter) []byte {
	b := make([]byte, 0, f.form.size+len(l.To.Addr)+len(l.MessageID)+64)
	for _, p := range f.form.parts {
		switch p.what {
		case asItIs:
			b = append(b, p.text...)
		case toLine:
			b = append(b, header("To", l.To.Addr)...)
		case idLine:
			b = append(b, header("Message-ID", l.MessageID)...)
		case boundary:
			b = append(b, boundaryOf(l.MessageID)...)
		case own:
			b = append(b, f.own[p.from:p.to]...)
		}
	}
	return b
}

// header is a line with an address or a name in angle brackets, folded as the
// library folds it.
func header(name, value string) string {
	if 76-2-len(name)-2-len(value)-2 <= 1 {
		return "\r\n" + name + ":\r\n <" + value + ">"
	}
	return "\r\n" + name + ": <" + value + ">"
}
