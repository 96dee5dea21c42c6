package blob

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"codeberg.org/arengo/arengo/internal/fault"
)

// Kept says why a file was stored byte by byte as it came, with whatever it says of
// who made it, when and with what.
type Kept string

const (
	Signed Kept = "signed" // a changed byte would break the signature
	Locked Kept = "locked" // encrypted: nothing in it can be told apart
	Whole  Kept = "whole"  // a PDF: rewriting one is not sure to leave what a reader, or an archive, relies on
)

func brokenDocument(err error) error {
	return fault.New(fault.Invalid, "media.document.broken").Because(err)
}

const (
	maxNotes    = 1 << 20 // of a document's own notes, in bytes unpacked
	maxManifest = 4 << 20 // of the list of an ODT's parts
)

// notes are the parts of a document that tell who made it, when and with what; what
// stands in their place says the title and the language, which readers need
// (WCAG 2.4.2, 3.1.1).
func notes(name string) (write func(title, language string) string, ok bool) {
	plain := func(text string) func(string, string) string { return func(string, string) string { return text } }
	switch strings.ToLower(name) {
	case "docprops/core.xml":
		return func(title, language string) string {
			return xml.Header + `<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/">` +
				element("dc:title", title) + element("dc:language", language) + `</cp:coreProperties>`
		}, true
	case "docprops/app.xml":
		return plain(xml.Header + `<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/extended-properties"></Properties>`), true
	case "docprops/custom.xml":
		return plain(xml.Header + `<Properties xmlns="http://schemas.openxmlformats.org/officeDocument/2006/custom-properties"></Properties>`), true
	case "meta.xml":
		return func(title, language string) string {
			return xml.Header + `<office:document-meta xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/" office:version="1.2"><office:meta>` +
				element("dc:title", title) + element("dc:language", language) + `</office:meta></office:document-meta>`
		}, true
	}
	return nil, false
}

func element(name, text string) string {
	if text == "" {
		return ""
	}
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(text)) // a buffer takes everything
	return "<" + name + ">" + b.String() + "</" + name + ">"
}

// openDocument reads the list of a document's parts, and whether it must stay as it is.
func openDocument(r io.ReaderAt, size int64) (*zip.Reader, Kept, error) {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return nil, "", brokenDocument(err)
	}
	packed := uint64(0)
	for _, f := range z.File {
		name := strings.ToLower(f.Name)
		// OPC, part 2, 10; OpenDocument 1.3, part 2, 5.
		if strings.HasPrefix(name, "_xmlsignatures/") || strings.HasPrefix(name, "meta-inf/") && strings.Contains(name, "signatures") {
			return nil, Signed, nil
		}
		if name == "meta-inf/manifest.xml" && (f.UncompressedSize64 > maxManifest || bytes.Contains(zipText(f, maxManifest), []byte("encryption-data"))) {
			return nil, Locked, nil
		}
		// Parts that lie over each other would make a small file a great one.
		if packed += f.CompressedSize64; f.CompressedSize64 > uint64(size) || packed > uint64(size) {
			return nil, "", brokenDocument(errors.New("parts of more bytes than the file"))
		}
	}
	return z, "", nil
}

// cleanDocument copies a DOCX or ODT to w without its notes and the times of its
// parts; all other parts are copied as they are packed. When it says Kept it has
// written nothing.
func cleanDocument(w io.Writer, r io.ReaderAt, size int64) (Kept, error) {
	z, kept, err := openDocument(r, size)
	if err != nil || kept != "" {
		return kept, err
	}
	out := zip.NewWriter(w)
	for _, f := range z.File {
		if write, ok := notes(f.Name); ok {
			title, language, err := readNotes(f)
			if err != nil {
				return "", brokenDocument(err)
			}
			part, err := out.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate})
			if err != nil {
				return "", err
			}
			if _, err := io.WriteString(part, write(title, language)); err != nil {
				return "", err
			}
			continue
		}
		if err := copyPart(out, f); err != nil {
			return "", err
		}
	}
	return "", out.Close()
}

// copyPart copies a part as it is packed. Its times, and the numbers of users that
// some programs put beside them, do not come along.
func copyPart(out *zip.Writer, f *zip.File) error {
	h := f.FileHeader
	h.Extra, h.Comment, h.ExternalAttrs, h.CreatorVersion = nil, "", 0, 20
	//lint:ignore SA1019 CreateRaw reads these two, not Modified
	h.ModifiedDate, h.ModifiedTime = 1<<5|1, 0 // 1 January 1980, the first day that there is
	part, err := out.CreateRaw(&h)
	if err != nil {
		return err
	}
	raw, err := f.OpenRaw()
	if err != nil {
		return brokenDocument(err)
	}
	n, err := io.Copy(part, raw)
	if err == nil && uint64(n) != f.CompressedSize64 {
		err = brokenDocument(fmt.Errorf("%s ends after %d bytes", f.Name, n))
	}
	return err
}

// readNotes reads the title and the language of a document. Notes that are no XML,
// or too long, say neither.
func readNotes(f *zip.File) (title, language string, err error) {
	if f.UncompressedSize64 > maxNotes {
		return "", "", fmt.Errorf("%s has %d bytes", f.Name, f.UncompressedSize64)
	}
	d := xml.NewDecoder(bytes.NewReader(zipText(f, maxNotes)))
	d.Strict = false
	for {
		token, err := d.Token()
		if err != nil {
			return title, language, nil
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Space != "http://purl.org/dc/elements/1.1/" {
			continue
		}
		into := map[string]*string{"title": &title, "language": &language}[start.Name.Local]
		if into == nil {
			continue
		}
		if d.DecodeElement(into, &start) != nil {
			return title, language, nil
		}
	}
}

// takeDocument makes what is to be stored of a document that lies in a file of ours.
// The caller removes what it returns.
func takeDocument(f *os.File, kind Type, tempDir string) (clean *os.File, kept Kept, err error) {
	if kind == pdfType() {
		return nil, Whole, nil
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return nil, "", err
	}
	if clean, err = os.CreateTemp(tempDir, "arengo-take-"); err != nil {
		return nil, "", full(err)
	}
	if kept, err = cleanDocument(clean, f, size); err == nil {
		_, err = clean.Seek(0, io.SeekStart)
	}
	return clean, kept, err
}
