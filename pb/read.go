package pb

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// ReadOptions changes how a file is read; the zero value is right for a tally.
type ReadOptions struct {
	// KeepVoters keeps each voter's id and other columns, which Write then
	// writes back in their order, and Check looks for voters listed twice. It
	// costs a string per field.
	KeepVoters bool
	// IgnoreUnknown makes a vote for a project that does not exist a warning
	// instead of a fault; the rest of the ballot counts.
	IgnoreUnknown bool
	// MaxBytes bounds the file; 0 means 4 GiB.
	MaxBytes int64
}

// Read reads an election in the .pb format (pabulib.org/format): UTF-8 with or
// without byte order mark, LF or CRLF, columns in any order, fields quoted as in
// CSV, numbers with a decimal point or comma. What other programs tolerate
// (wrong counts in META, a project twice in a ballot, missing descriptive keys)
// is tallied and noted in Instance.Warnings; anything else that is wrong makes
// Read return a *FaultsError with every fault of the file.
func Read(r io.Reader) (*Instance, error) { return ReadWith(r, ReadOptions{}) }

// ReadWith is Read with options.
func ReadWith(r io.Reader, o ReadOptions) (*Instance, error) {
	if o.MaxBytes <= 0 {
		o.MaxBytes = 4 << 30
	}
	d := &reader{opts: o, s: newLineScanner(r, o.MaxBytes), in: &Instance{}}
	d.sections()
	if err := d.s.err; err != nil {
		switch {
		case errors.Is(err, errLineTooLong):
			d.fault(d.s.line, 0, FaultLineTooLong, strconv.Itoa(maxLine>>20))
		case errors.Is(err, errTooLarge):
			d.fault(0, 0, FaultTooLarge, strconv.FormatInt(o.MaxBytes>>20, 10))
		default:
			return nil, fmt.Errorf("pb: read: %w", err)
		}
	}
	d.finish()
	if d.list.fatal {
		return nil, &FaultsError{d.list.list()}
	}
	d.in.Warnings = d.list.list()
	return d.in, nil
}

type section int

const (
	none section = iota
	meta
	projects
	votes
)

var sectionNames = [...]string{"", "META", "PROJECTS", "VOTES"}

// reader is the state of one Read.
type reader struct {
	opts ReadOptions
	s    *lineScanner
	in   *Instance
	list faultList
	rec  record

	seen     [4]int // line of each section's title, 0 when not met
	held     []byte // a title met where a header was expected
	holding  bool
	metaLine map[string]int
	rows     projectRows
	vote     voteRows
}

func (d *reader) fault(line, col int, code Code, args ...string) {
	d.list.add(Fault{Line: line, Column: col, Code: code, Args: args})
}

func (d *reader) warn(line, col int, code Code, args ...string) {
	d.list.add(Fault{Line: line, Column: col, Code: code, Args: args, Warning: true})
}

// sections walks through the file; each section takes lines until it meets the
// title of the next.
func (d *reader) sections() {
	line, ok := d.s.next()
	for ok {
		sec := titleOf(line)
		if sec == none {
			if len(bytes.TrimSpace(line)) > 0 {
				d.fault(d.s.line, 1, FaultOutsideSection)
			}
			line, ok = d.s.next()
			continue
		}
		if d.seen[sec] > 0 {
			d.fault(d.s.line, 1, FaultSectionTwice, sectionNames[sec])
		}
		d.seen[sec] = d.s.line
		header, found := d.header(sec)
		if !found {
			line, ok = d.pending()
			continue
		}
		switch sec {
		case meta:
			line, ok = d.readMeta()
		case projects:
			line, ok = d.readProjects(header)
		case votes:
			line, ok = d.readVotes(header)
		}
	}
}

// titleOf recognises the title line of a section; spreadsheets add empty
// fields behind it.
func titleOf(line []byte) section {
	if len(line) < 4 {
		return none
	}
	switch line[0] {
	case 'M', 'm', 'P', 'p', 'V', 'v', '"', ' ', '\t':
	default:
		return none
	}
	t := bytes.Trim(bytes.TrimRight(line, "; \t"), "\" \t")
	switch {
	case len(t) == 4 && bytes.EqualFold(t, []byte("meta")):
		return meta
	case len(t) == 8 && bytes.EqualFold(t, []byte("projects")):
		return projects
	case len(t) == 5 && bytes.EqualFold(t, []byte("votes")):
		return votes
	}
	return none
}

// header reads the column names of a section, lower case.
func (d *reader) header(sec section) ([]string, bool) {
	line, ok := d.nextFilled()
	if !ok || titleOf(line) != none {
		d.fault(d.s.line, 0, FaultHeaderMissing, sectionNames[sec])
		if ok {
			d.held = append([]byte(nil), line...)
			d.holding = true
		}
		return nil, false
	}
	d.rec.split(line, d.s)
	names := make([]string, len(d.rec.fields))
	have := map[string]bool{}
	for i, f := range d.rec.fields {
		n := strings.ToLower(strings.TrimSpace(string(f)))
		if n != "" && have[n] {
			d.fault(d.s.line, d.rec.columns[i], FaultColumnTwice, n)
		}
		have[n] = true
		names[i] = n
	}
	return names, true
}

// nextFilled skips empty lines.
func (d *reader) nextFilled() ([]byte, bool) {
	for {
		line, ok := d.s.next()
		if !ok || len(bytes.TrimSpace(line)) > 0 {
			return line, ok
		}
	}
}

// pending gives back the title line that header met instead of a header.
func (d *reader) pending() ([]byte, bool) {
	if d.holding {
		d.holding = false
		return d.held, true
	}
	return d.s.next()
}

// split divides a line into fields and notes what is odd about its quotes.
func (d *reader) split(line []byte) {
	at := d.s.line
	d.rec.split(line, d.s)
	if d.rec.open {
		d.fault(at, d.rec.columns[len(d.rec.columns)-1], FaultOpenQuote)
	} else if d.rec.tail {
		d.warn(at, 0, FaultQuoteTail)
	}
}

func (d *reader) readMeta() ([]byte, bool) {
	d.metaLine = map[string]int{}
	for {
		line, ok := d.nextFilled()
		if !ok {
			return nil, false
		}
		if titleOf(line) != none {
			return line, true
		}
		at := d.s.line
		d.split(line)
		key := strings.ToLower(strings.TrimSpace(string(d.rec.fields[0])))
		value := ""
		if len(d.rec.fields) > 1 {
			value = strings.TrimSpace(string(d.rec.fields[1]))
		}
		if key == "" {
			continue
		}
		if !utf8.ValidString(value) {
			d.warn(at, d.rec.columns[1], FaultNotUTF8)
			value = strings.ToValidUTF8(value, "�")
		}
		if d.metaLine[key] > 0 {
			d.warn(at, 1, FaultMetaTwice, key, strconv.Itoa(d.metaLine[key]))
			d.metaLine[key] = at
			for i := range d.in.Meta { // the last one counts, as in the tools everybody uses
				if d.in.Meta[i].Key == key {
					d.in.Meta[i].Value = value
				}
			}
			continue
		}
		if len(d.in.Meta) >= 1000 {
			continue // descriptive keys beyond any use; the needed ones come first
		}
		d.metaLine[key] = at
		d.in.Meta = append(d.in.Meta, MetaEntry{key, value})
	}
}

// columnOf finds a column by name, -1 when absent.
func columnOf(header []string, names ...string) int {
	for _, n := range names {
		for i, h := range header {
			if h == n {
				return i
			}
		}
	}
	return -1
}
