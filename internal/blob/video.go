package blob

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"codeberg.org/arengo/arengo/internal/fault"
)

// maxMovie is the largest index of a video that is held in memory to be cleaned,
// in bytes: that of several hours.
const maxMovie = 64 << 20

// CleanVideo passes an MP4 or QuickTime file through with the notes of its index
// blanked: where it was taken, when, with what, and by whom (the boxes udta and meta, the
// times of mvhd, tkhd and mdhd, ISO/IEC 14496-12). No byte moves, so the index still fits. Reading fails with Invalid
// when the file is broken.
func CleanVideo(r io.Reader) io.Reader {
	return &videoReader{r: r}
}

type videoReader struct {
	r     io.Reader
	ready bytes.Reader // a header or a cleaned index, to be read first
	rest  int64        // bytes of the current box still to pass; -1 means to the end
}

func (v *videoReader) Read(p []byte) (int, error) {
	for {
		switch {
		case v.ready.Len() > 0:
			return v.ready.Read(p)
		case v.rest == -1:
			return v.r.Read(p)
		case v.rest > 0:
			if int64(len(p)) > v.rest {
				p = p[:v.rest]
			}
			n, err := v.r.Read(p)
			v.rest -= int64(n)
			if errors.Is(err, io.EOF) && v.rest > 0 {
				return n, brokenVideo(io.ErrUnexpectedEOF)
			}
			return n, err
		}
		if err := v.box(); err != nil {
			return 0, err
		}
	}
}

func brokenVideo(err error) error {
	return fault.New(fault.Invalid, "media.video.broken").Because(err)
}

// box reads the header of the next top-level box, and an index whole.
func (v *videoReader) box() error {
	head := make([]byte, 8, 16)
	if n, err := io.ReadFull(v.r, head); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return io.EOF
		}
		return brokenVideo(err)
	}
	size := int64(binary.BigEndian.Uint32(head))
	if size == 1 { // a large size follows
		head = head[:16]
		if _, err := io.ReadFull(v.r, head[8:]); err != nil {
			return brokenVideo(err)
		}
		size = int64(binary.BigEndian.Uint64(head[8:]))
	}
	kind := string(head[4:8])
	if size != 0 && size < int64(len(head)) {
		return brokenVideo(fmt.Errorf("box %q of %d bytes", kind, size))
	}
	body := size - int64(len(head))
	switch {
	case kind != "moov" && kind != "udta" && kind != "meta" && kind != "uuid":
		if size == 0 {
			body = -1
		}
		v.ready.Reset(head)
		v.rest = body
		return nil
	case size == 0 || body > maxMovie:
		return brokenVideo(fmt.Errorf("box %q of %d bytes", kind, size))
	}
	whole := bytes.NewBuffer(head)
	if n, err := io.CopyN(whole, v.r, body); err != nil {
		return brokenVideo(fmt.Errorf("box %q ends after %d bytes: %w", kind, n, err))
	}
	blankNotes(whole.Bytes(), 0)
	v.ready.Reset(whole.Bytes())
	v.rest = 0
	return nil
}

// forgetTimes blanks when a movie, a track or a medium was made and changed: two times
// after the version and the flags, of 64 bits each in version 1, of 32 otherwise.
func forgetTimes(b []byte) {
	n := 12
	if len(b) > 0 && b[0] == 1 {
		n = 20
	}
	if len(b) >= n {
		clear(b[4:n])
	}
}

// blankNotes turns the boxes that hold notes into free space, inside movies and
// tracks too.
func blankNotes(b []byte, depth int) {
	for len(b) >= 8 {
		size, head := int64(binary.BigEndian.Uint32(b)), int64(8)
		if size == 1 && len(b) >= 16 {
			size, head = int64(binary.BigEndian.Uint64(b[8:])), 16
		}
		if size == 0 {
			size = int64(len(b))
		}
		if size < head || size > int64(len(b)) {
			return
		}
		switch string(b[4:8]) {
		case "mvhd", "tkhd", "mdhd":
			forgetTimes(b[head:size])
		case "moov", "trak", "mdia":
			if depth < 4 {
				blankNotes(b[head:size], depth+1)
			}
		case "udta", "meta", "uuid":
			copy(b[4:8], "free")
			clear(b[head:size])
		}
		b = b[size:]
	}
}
