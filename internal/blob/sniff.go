package blob

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/fault"
)

// Class is what a medium is to a reader.
type Class int

const (
	Picture Class = iota + 1
	Video
	Document
)

// Type is a kind of content that may be taken in.
type Type struct {
	MIME  string
	Ext   string // with the dot
	Class Class
}

// The types that are taken in. SVG and HTML are not among them: they are programs.
func jpegType() Type { return Type{"image/jpeg", ".jpg", Picture} }
func pngType() Type  { return Type{"image/png", ".png", Picture} }
func gifType() Type  { return Type{"image/gif", ".gif", Picture} }
func webpType() Type { return Type{"image/webp", ".webp", Picture} }
func mp4Type() Type  { return Type{"video/mp4", ".mp4", Video} }
func movType() Type  { return Type{"video/quicktime", ".mov", Video} }
func webmType() Type { return Type{"video/webm", ".webm", Video} }
func pdfType() Type  { return Type{"application/pdf", ".pdf", Document} }
func odtType() Type {
	return Type{"application/vnd.oasis.opendocument.text", ".odt", Document}
}
func docxType() Type {
	return Type{"application/vnd.openxmlformats-officedocument.wordprocessingml.document", ".docx", Document}
}

// Types lists what Sniff accepts, for the accept attribute of a form.
func Types() []Type {
	return []Type{jpegType(), pngType(), gifType(), webpType(), mp4Type(), movType(), webmType(), pdfType(), odtType(), docxType()}
}

// sniffLen is how much of a file its type is read from, archives excepted.
const sniffLen = 512

// Sniff tells the type of a content from its bytes and leaves r at its start. It
// fails with Invalid for anything that is not in Types.
func Sniff(r io.ReadSeeker) (Type, error) {
	size, err := r.Seek(0, io.SeekEnd)
	if err != nil {
		return Type{}, fmt.Errorf("sniff media: %w", err)
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return Type{}, fmt.Errorf("sniff media: %w", err)
	}
	head := make([]byte, sniffLen)
	n, err := io.ReadFull(r, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return Type{}, fmt.Errorf("sniff media: %w", err)
	}
	t, ok := sniffHead(head[:n])
	if !ok && bytes.HasPrefix(head[:n], []byte("PK\x03\x04")) {
		t, ok = sniffZip(seekerAt{r}, size)
	}
	if !ok {
		return Type{}, fault.New(fault.Invalid, "media.type").Because(fmt.Errorf("begins with %.16q", head[:n]))
	}
	_, err = r.Seek(0, io.SeekStart)
	return t, err
}

func sniffHead(b []byte) (Type, bool) {
	has := func(at int, s string) bool { return len(b) >= at+len(s) && string(b[at:at+len(s)]) == s }
	switch {
	case has(0, "\xFF\xD8\xFF"):
		return jpegType(), true
	case has(0, "\x89PNG\r\n\x1A\n"):
		return pngType(), true
	case has(0, "GIF87a"), has(0, "GIF89a"):
		return gifType(), true
	case has(0, "RIFF") && has(8, "WEBPVP8"):
		return webpType(), true
	case has(4, "ftyp"):
		return sniffBrand(b)
	case has(0, "\x1A\x45\xDF\xA3") && docType(b) == "webm":
		return webmType(), true
	case has(0, "%PDF-1."), has(0, "%PDF-2."):
		return pdfType(), true
	}
	return Type{}, false
}

// sniffBrand reads the brands of an ISO base media file (ISO/IEC 14496-12). HEIC
// and AVIF pictures and M4A sound are such files too, and are no video.
func sniffBrand(b []byte) (Type, bool) {
	if len(b) < 12 {
		return Type{}, false
	}
	switch brand := string(b[8:12]); {
	case brand == "qt  ":
		return movType(), true
	case strings.HasPrefix(brand, "iso") && brand[3] >= '2', strings.HasPrefix(brand, "3gp"),
		slices.Contains([]string{"isom", "mp41", "mp42", "avc1", "MSNV", "dash", "M4V ", "M4VH", "M4VP", "XAVC", "mmp4"}, brand):
		return mp4Type(), true
	}
	return Type{}, false
}

// docType reads the document type of an EBML header (RFC 8794): Matroska has the
// same beginning as WebM.
func docType(b []byte) string {
	at := bytes.Index(b, []byte{0x42, 0x82})
	if at < 0 || at+3 > len(b) {
		return ""
	}
	n := int(b[at+2] & 0x7F) // a length of one byte has its top bit set
	if b[at+2]&0x80 == 0 || at+3+n > len(b) {
		return ""
	}
	return strings.TrimRight(string(b[at+3:at+3+n]), "\x00")
}

const (
	maxZipFiles    = 10_000
	maxContentType = 1 << 20
)

// sniffZip tells text documents from other archives. One with macros is refused.
func sniffZip(r io.ReaderAt, size int64) (Type, bool) {
	// The number of files stands in the last record: read before the list is.
	if n, ok := zipFiles(r, size); !ok || n > maxZipFiles {
		return Type{}, false
	}
	z, err := zip.NewReader(r, size)
	if err != nil || len(z.File) == 0 || len(z.File) > maxZipFiles {
		return Type{}, false
	}
	if f := z.File[0]; f.Name == "mimetype" && f.Method == zip.Store {
		return odtType(), string(zipText(f, 100)) == odtType().MIME
	}
	document := false
	for _, f := range z.File {
		switch {
		case f.Name == "[Content_Types].xml":
			document = bytes.Contains(zipText(f, maxContentType), []byte(docxType().MIME+".main+xml"))
		case strings.HasSuffix(strings.ToLower(f.Name), "vbaproject.bin"):
			return Type{}, false
		}
	}
	return docxType(), document
}

// zipFiles reads the number of files from the end of central directory record.
func zipFiles(r io.ReaderAt, size int64) (int, bool) {
	tail := make([]byte, min(size, 22+65535))
	if n, err := r.ReadAt(tail, size-int64(len(tail))); n < len(tail) && err != nil {
		return 0, false
	}
	at := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if at < 0 || at+12 > len(tail) {
		return 0, false
	}
	return int(binary.LittleEndian.Uint16(tail[at+10:])), true
}

func zipText(f *zip.File, limit int64) []byte {
	r, err := f.Open()
	if err != nil {
		return nil
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return nil
	}
	return b
}

// seekerAt reads at an offset by seeking; for one goroutine.
type seekerAt struct{ r io.ReadSeeker }

func (s seekerAt) ReadAt(p []byte, off int64) (int, error) {
	if _, err := s.r.Seek(off, io.SeekStart); err != nil {
		return 0, err
	}
	n, err := io.ReadFull(s.r, p)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		err = io.EOF
	}
	return n, err
}
