package pb

import (
	"bytes"
	"errors"
	"io"
)

// maxLine bounds one line, and one record of several lines inside quotes.
const maxLine = 4 << 20

// lineScanner hands out lines without copying them when it can. Lines end with
// LF, CRLF or the end of the file; a byte order mark is dropped.
type lineScanner struct {
	r        io.Reader
	buf      []byte
	pos, end int
	line     int // number of the line last returned, from 1
	read     int64
	limit    int64 // bytes; 0 for none
	eof      bool
	err      error
}

var (
	errLineTooLong = errors.New("pb: line too long")
	errTooLarge    = errors.New("pb: file too large")
)

func newLineScanner(r io.Reader, limit int64) *lineScanner {
	return &lineScanner{r: r, buf: make([]byte, 256<<10), limit: limit}
}

// next returns the next line without its end; the slice is valid until the
// following call. It returns false at the end of the file or on an error.
func (s *lineScanner) next() ([]byte, bool) {
	searched := 0
	for {
		if i := bytes.IndexByte(s.buf[s.pos+searched:s.end], '\n'); i >= 0 {
			l := s.buf[s.pos : s.pos+searched+i]
			s.pos += searched + i + 1
			return s.finish(l), true
		}
		searched = s.end - s.pos
		if s.eof || s.err != nil {
			if searched == 0 || s.err != nil {
				return nil, false
			}
			l := s.buf[s.pos:s.end]
			s.pos = s.end
			return s.finish(l), true
		}
		if searched > maxLine {
			s.line++
			s.err = errLineTooLong
			return nil, false
		}
		s.fill()
	}
}

func (s *lineScanner) finish(l []byte) []byte {
	s.line++
	if s.line == 1 {
		l = bytes.TrimPrefix(l, []byte("\xef\xbb\xbf"))
	}
	for n := len(l); n > 0 && l[n-1] == '\r'; n-- {
		l = l[:n-1]
	}
	return l
}

// fill moves what is left to the front and reads more behind it.
func (s *lineScanner) fill() {
	if s.pos > 0 {
		copy(s.buf, s.buf[s.pos:s.end])
		s.end -= s.pos
		s.pos = 0
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	n, err := s.r.Read(s.buf[s.end:])
	s.end += n
	s.read += int64(n)
	switch {
	case s.limit > 0 && s.read > s.limit:
		s.err = errTooLarge
	case err == io.EOF:
		s.eof = true
	case err != nil:
		s.err = err
	}
}

// record splits a line into fields separated by semicolons, with the quoting of
// CSV: a field that begins with a quotation mark ends with the next single one,
// a doubled one stands for itself, and what follows the closing one belongs to
// the field as it is. A field left open goes on in the following lines. The
// column of each field is returned too. quoted is whether any field was quoted,
// tail whether something followed a closing mark, open whether the file ended
// inside a field.
type record struct {
	fields  [][]byte
	columns []int
	quoted  bool
	tail    bool
	open    bool
	scratch []byte
}

func (rec *record) split(line []byte, s *lineScanner) {
	rec.fields, rec.columns = rec.fields[:0], rec.columns[:0]
	rec.quoted, rec.tail, rec.open = false, false, false
	if bytes.IndexByte(line, '"') < 0 {
		start := 0
		for i := 0; ; i++ {
			if i == len(line) || line[i] == ';' {
				rec.fields = append(rec.fields, line[start:i])
				rec.columns = append(rec.columns, start+1)
				start = i + 1
				if i == len(line) {
					return
				}
			}
		}
	}
	rec.splitQuoted(line, s)
}

func (rec *record) splitQuoted(line []byte, s *lineScanner) {
	// The line is copied because joining lines moves the scanner's buffer; the
	// bytes of unquoted fields are appended to a scratch that fields point to
	// by offset until it stops growing.
	line = append([]byte(nil), line...)
	var out []byte
	var ends []int
	i, total := 0, len(line)
	for {
		rec.columns = append(rec.columns, i+1)
		if i < len(line) && line[i] == '"' {
			rec.quoted = true
			i++
			for {
				if i >= len(line) {
					next, ok := s.next()
					if !ok || total > maxLine {
						rec.open = true
						break
					}
					total += len(next)
					line = append([]byte(nil), next...)
					i = 0
					out = append(out, '\n')
					continue
				}
				if line[i] == '"' {
					if i+1 < len(line) && line[i+1] == '"' {
						out = append(out, '"')
						i += 2
						continue
					}
					i++
					break
				}
				out = append(out, line[i])
				i++
			}
			if i < len(line) && line[i] != ';' {
				rec.tail = true
			}
		}
		for i < len(line) && line[i] != ';' {
			out = append(out, line[i])
			i++
		}
		ends = append(ends, len(out))
		if i >= len(line) {
			break
		}
		i++
	}
	start := 0
	for _, e := range ends {
		rec.fields = append(rec.fields, out[start:e:e])
		start = e
	}
}

// idTable finds a project by its id. Ids of up to eight bytes, nearly all real
// ones, are packed into a number and found in an open table without touching a
// string; longer ones go to a map.
type idTable struct {
	keys  []uint64
	vals  []uint16
	shift uint
	long  map[string]uint16
}

func newIDTable(ids []string) *idTable {
	bits := uint(4)
	for 1<<bits < 4*len(ids) {
		bits++
	}
	t := &idTable{keys: make([]uint64, 1<<bits), vals: make([]uint16, 1<<bits), shift: 64 - bits, long: map[string]uint16{}}
	for i, id := range ids {
		if len(id) > 8 || len(id) == 0 {
			t.long[id] = uint16(i)
			continue
		}
		k := packID([]byte(id))
		h := t.slot(k)
		for t.keys[h] != 0 {
			h = (h + 1) & (len(t.keys) - 1)
		}
		t.keys[h], t.vals[h] = k, uint16(i)
	}
	return t
}

// packID packs up to eight bytes; ids hold no zero byte, so that the packing
// tells all of them apart and is never 0 for a non-empty id.
func packID(id []byte) uint64 {
	var k uint64
	for _, c := range id {
		k = k<<8 | uint64(c)
	}
	return k
}

func (t *idTable) slot(k uint64) int { return int((k * 0x9E3779B97F4A7C15) >> t.shift) }

func (t *idTable) packed(k uint64) (uint16, bool) {
	if k == 0 {
		return 0, false
	}
	for h := t.slot(k); ; h = (h + 1) & (len(t.keys) - 1) {
		if t.keys[h] == k {
			return t.vals[h], true
		}
		if t.keys[h] == 0 {
			return 0, false
		}
	}
}

func (t *idTable) find(id []byte) (uint16, bool) {
	if len(id) <= 8 && len(id) > 0 && bytes.IndexByte(id, 0) < 0 {
		return t.packed(packID(id))
	}
	v, ok := t.long[string(id)]
	return v, ok
}
