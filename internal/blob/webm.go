package blob

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/bits"
)

// maxElements is how many elements of a WebM are looked at: a live recording of a day
// has about as many.
const maxElements = 5_000_000

// Elements of Matroska (RFC 9559) and EBML (RFC 8794) that are looked at.
const (
	ebmlCRC     = 0xBF
	segment     = 0x18538067
	segmentInfo = 0x1549A966
	cluster     = 0x1F43B675
	tags        = 0x1254C367
	attachments = 0x1941A469
	dateUTC     = 0x4461
	title       = 0x7BA9
	muxingApp   = 0x4D80
	writingApp  = 0x5741
	segmentUUID = 0x73A4
	segmentFile = 0x7384
	previous    = 0x3CB923
	previousOne = 0x3C83AB
	next        = 0x3EB923
	nextOne     = 0x3E83BB
)

// file is what a WebM is cleaned in.
type file interface {
	io.ReaderAt
	io.WriterAt
}

// webm walks over the elements of a file.
type webm struct {
	f    file
	size int64
	left int // elements that may still be looked at
}

// cleanWebM blanks, in the file itself, what tells who made a film, when and with
// what: tags, attachments and the notes of its header become empty space (Void), so
// no byte moves. It fails with Invalid when the file is broken.
func cleanWebM(f file, size int64) error {
	w := &webm{f, size, maxElements}
	return w.walk(0, size, func(e ebml) error {
		switch e.id {
		case segment:
			return errInside // its children are looked at one by one
		case cluster:
			if e.stop == size { // perhaps of unknown size: what follows is told by its name
				return errInside
			}
		case tags, attachments, ebmlCRC:
			return w.void(e)
		case segmentInfo:
			return w.info(e)
		}
		return nil
	})
}

// ebml is an element: where it begins, where its content does, and where it ends.
type ebml struct {
	id                uint64
	at, content, stop int64
}

// errInside is what a visitor answers who wants to see the children too.
var errInside = errors.New("inside")

// walk visits the elements between two places. What a recording that was cut off
// lacks at its end is no fault.
func (w *webm) walk(at, end int64, visit func(ebml) error) error {
	for at < end {
		e, err := w.read(at, end)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		switch err := visit(e); {
		case errors.Is(err, errInside):
			at = e.content
		case err != nil:
			return err
		default:
			at = e.stop
		}
	}
	return nil
}

// read reads the head of an element. An unknown size lasts to the end.
func (w *webm) read(at, end int64) (e ebml, err error) {
	if w.left--; w.left < 0 {
		return e, brokenVideo(errors.New("too many elements"))
	}
	var head [12]byte
	n, err := w.f.ReadAt(head[:min(12, end-at)], at)
	if err != nil && !errors.Is(err, io.EOF) {
		return e, fmt.Errorf("clean video: %w", err)
	}
	id, idLen := vint(head[:n], 4, false)
	size, sizeLen := vint(head[min(idLen, n):n], 8, true)
	if idLen == 0 || sizeLen == 0 {
		if int64(n) == end-at && n < 12 {
			return e, io.EOF // cut off in the middle of a head
		}
		return e, brokenVideo(fmt.Errorf("no element at %d", at))
	}
	e = ebml{id: id, at: at, content: at + int64(idLen+sizeLen), stop: end}
	if size == 1<<(7*sizeLen)-1 {
		return e, nil
	}
	if size > uint64(end-e.content) {
		if id == segmentInfo || id == tags || id == attachments {
			return e, brokenVideo(fmt.Errorf("element %x of %d bytes", id, size))
		}
		return e, nil // the last one of a recording that was cut off
	}
	e.stop = e.content + int64(size)
	return e, nil
}

// vint reads a number of variable length; n is 0 when it is none.
func vint(b []byte, most int, data bool) (v uint64, n int) {
	if len(b) == 0 || b[0] == 0 {
		return 0, 0
	}
	n = bits.LeadingZeros8(b[0]) + 1
	if n > most || n > len(b) {
		return 0, 0
	}
	for _, x := range b[:n] {
		v = v<<8 | uint64(x)
	}
	if data {
		v &^= 1 << (7 * n)
	}
	return v, n
}

// info blanks the notes of the header. The names of the programs must be there, so
// they become empty ones.
func (w *webm) info(info ebml) error {
	return w.walk(info.content, info.stop, func(e ebml) error {
		switch e.id {
		case dateUTC, title, segmentUUID, segmentFile, previous, previousOne, next, nextOne, ebmlCRC:
			return w.void(e)
		case muxingApp, writingApp:
			return w.clear(e.content, e.stop)
		}
		return nil
	})
}

// void turns an element into empty space of the same length.
func (w *webm) void(e ebml) error {
	head := []byte{0xEC}
	if n := e.stop - e.at; n <= 128 {
		head = append(head, 0x80|byte(n-2))
	} else {
		head = binary.BigEndian.AppendUint64(head, 1<<56|uint64(n-9))
	}
	if _, err := w.f.WriteAt(head, e.at); err != nil {
		return full(fmt.Errorf("clean video: %w", err))
	}
	return w.clear(e.at+int64(len(head)), e.stop)
}

func (w *webm) clear(at, end int64) error {
	nothing := make([]byte, min(64<<10, end-at))
	for at < end {
		n, err := w.f.WriteAt(nothing[:min(int64(len(nothing)), end-at)], at)
		if err != nil {
			return full(fmt.Errorf("clean video: %w", err))
		}
		at += int64(n)
	}
	return nil
}
