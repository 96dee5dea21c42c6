package blob

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
)

const (
	coreXML = `<?xml version="1.0"?><cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/"><dc:title>Bando &amp; modulo</dc:title><dc:creator>` + secret + `</dc:creator><dc:language>it-IT</dc:language><dcterms:created>2026-05-01T10:00:00Z</dcterms:created></cp:coreProperties>`
	metaXML = `<office:document-meta xmlns:office="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:meta:1.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><office:meta><dc:title>Bando &amp; modulo</dc:title><meta:generator>` + secret + `</meta:generator></office:meta></office:document-meta>`
)

// dated is an archive as offices make them: with times, and the user's number.
func dated(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		h := &zip.FileHeader{Name: files[i], Method: zip.Deflate, Modified: time.Date(2026, 5, 1, 10, 0, 0, 0, time.UTC), Comment: secret}
		if files[i] == "mimetype" {
			h.Method = zip.Store
		}
		w, err := z.CreateHeader(h)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(w, files[i+1])
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func docx(t testing.TB, more ...string) []byte {
	return dated(t, append([]string{"[Content_Types].xml", docxParts, "word/document.xml", "<x>Testo del bando</x>", "docProps/core.xml", coreXML,
		"docProps/app.xml", "<Properties>" + secret + "</Properties>", "docProps/custom.xml", "<Properties>" + secret + "</Properties>"}, more...)...)
}

func odt(t testing.TB, more ...string) []byte {
	return dated(t, append([]string{"mimetype", odtType().MIME, "content.xml", "<x>Testo del bando</x>", "meta.xml", metaXML, "META-INF/manifest.xml", "<manifest/>"}, more...)...)
}

func parts(t *testing.T, file []byte) (map[string]string, *zip.Reader) {
	t.Helper()
	z, err := zip.NewReader(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r) // checks the sum, too
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		all[f.Name] = string(text)
	}
	return all, z
}

func TestDocumentForgetsWhoMadeItAndKeepsTheRest(t *testing.T) {
	for name, file := range map[string][]byte{"docx": docx(t), "odt": odt(t)} {
		m, d, err := take(t, file, TakeOptions{})
		if err != nil || m.Kept != "" {
			t.Fatalf("%s: %+v, %v", name, m, err)
		}
		out := stored(t, d, m.Original.Hash)
		before, _ := parts(t, file)
		after, z := parts(t, out)
		if len(after) != len(before) {
			t.Errorf("%s: %d parts of %d", name, len(after), len(before))
		}
		for part, text := range after {
			if strings.Contains(text, secret) || strings.Contains(text, "2026-05") {
				t.Errorf("%s: %s still says it: %s", name, part, text)
			}
			if _, noted := notes(part); !noted && text != before[part] {
				t.Errorf("%s: %s was changed", name, part)
			}
		}
		if all := after["docProps/core.xml"] + after["meta.xml"]; !strings.Contains(all, "<dc:title>Bando &amp; modulo</dc:title>") {
			t.Errorf("%s: the title is gone: %s", name, all)
		}
		if bytes.Contains(out, []byte(secret)) || z.File[0].Name != "[Content_Types].xml" && z.File[0].Name != "mimetype" {
			t.Errorf("%s: the archive tells it, or is in another order", name)
		}
		for _, f := range z.File {
			if f.Modified.Year() > 1980 {
				t.Errorf("%s: %s is of %v", name, f.Name, f.Modified)
			}
		}
		if kind, err := Sniff(bytes.NewReader(out)); err != nil || kind != m.Original.Type {
			t.Errorf("%s: it is %+v now, %v", name, kind, err)
		}
		again, _, err := take(t, out, TakeOptions{})
		if err != nil || again.Original.Hash != m.Original.Hash {
			t.Errorf("%s: cleaned twice it is another file, %v", name, err)
		}
	}
}

// A signature is of every byte: what is signed is never touched, and so is what
// cannot be read.
func TestSignedDocumentIsNeverAltered(t *testing.T) {
	for name, c := range map[string]struct {
		file []byte
		kept Kept
	}{
		"signed docx":   {docx(t, "_xmlsignatures/sig1.xml", "<Signature/>"), Signed},
		"signed odt":    {odt(t, "META-INF/documentsignatures.xml", "<document-signatures/>"), Signed},
		"encrypted odt": {dated(t, "mimetype", odtType().MIME, "meta.xml", "\x00\x01", "META-INF/manifest.xml", "<manifest><encryption-data/></manifest>"), Locked},
		"pdf":           {[]byte("%PDF-1.7\n/Author (" + secret + ")\n/ByteRange [0 1 2 3]\n%%EOF\n"), Whole},
	} {
		m, d, err := take(t, c.file, TakeOptions{})
		if err != nil || m.Kept != c.kept {
			t.Fatalf("%s: %q, %v", name, m.Kept, err)
		}
		if !bytes.Equal(stored(t, d, m.Original.Hash), c.file) {
			t.Errorf("%s was altered", name)
		}
	}
}

// Neither notes of gigabytes nor parts that lie over each other cost more than the file.
func TestDocumentThatUnpacksToTooMuchIsRefused(t *testing.T) {
	if _, _, err := take(t, docx(t, "meta.xml", strings.Repeat(" ", maxNotes+1)), TakeOptions{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("notes that unpack to more than their bound: %v", err)
	}
	// Every entry of the list is pointed at the first part.
	file := docx(t, "big", strings.Repeat("0123456789abcdef", 10_000))
	for range 2 {
		at := bytes.LastIndex(file, []byte("PK\x01\x02"))
		if at < 0 {
			t.Fatal("no list")
		}
		binary.LittleEndian.PutUint32(file[at+20:], uint32(len(file)))
	}
	if _, _, err := take(t, file, TakeOptions{}); !fault.Is(err, fault.Invalid) {
		t.Errorf("parts of more bytes than the file: %v", err)
	}
}

// eb is an element of a WebM.
func eb(id uint64, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	b := binary.BigEndian.AppendUint64(nil, id)
	b = bytes.TrimLeft(b, "\x00")
	return append(binary.BigEndian.AppendUint64(b, 1<<56|uint64(len(all))), all...)
}

func film(live bool) []byte {
	note := []byte(secret)
	pictures := bytes.Repeat([]byte{0xA3, 0x84, 1, 2, 3, 4}, 300)
	head := eb(0x1A45DFA3, []byte("\x42\x82\x84webm"))
	body := bytes.Join([][]byte{
		eb(segmentInfo, []byte{ebmlCRC, 0x84, 1, 2, 3, 4}, eb(dateUTC, make([]byte, 8), note), eb(title, note), eb(muxingApp, note), []byte{0x57, 0x41, 0x80 | byte(len(note))}, note),
		eb(0x1654AE6B, []byte("tracce")), eb(cluster, pictures), eb(tags, bytes.Repeat(note, 20)), eb(attachments, note),
	}, nil)
	if live { // of unknown size, and so is its cluster
		body = bytes.Replace(body, eb(cluster, pictures), append([]byte("\x1F\x43\xB6\x75\xFF"), pictures...), 1)
		return append(append(head, "\x18\x53\x80\x67\x01\xFF\xFF\xFF\xFF\xFF\xFF\xFF"...), body...)
	}
	return append(head, eb(segment, body)...)
}

func TestWebMForgetsWhoMadeItAndMovesNoByte(t *testing.T) {
	for name, live := range map[string]bool{"a film": false, "a live recording": true} {
		file := film(live)
		m, d, err := take(t, file, TakeOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out := stored(t, d, m.Original.Hash)
		if bytes.Contains(out, []byte(secret)) {
			t.Errorf("%s still says it", name)
		}
		pictures := bytes.Repeat([]byte{0xA3, 0x84, 1, 2, 3, 4}, 300)
		if len(out) != len(file) || bytes.Index(out, pictures) != bytes.Index(file, pictures) || !bytes.Contains(out, []byte("tracce")) {
			t.Errorf("%s is damaged", name)
		}
		// What was blanked is empty space: a second walk finds the same places.
		w := &webm{readOnly{bytes.NewReader(out)}, int64(len(out)), maxElements}
		voids := 0
		if err := w.walk(0, int64(len(out)), func(e ebml) error {
			if e.id == 0xEC {
				voids++
			}
			if e.id == segment || e.id == cluster && live || e.id == segmentInfo {
				return errInside
			}
			return nil
		}); err != nil || voids != 5 {
			t.Errorf("%s: %d empty spaces, %v", name, voids, err)
		}
		if _, _, err := take(t, file[:len(file)-1500], TakeOptions{}); err != nil {
			t.Errorf("%s, cut off among its pictures: %v", name, err)
		}
	}
}

type readOnly struct{ io.ReaderAt }

func (readOnly) WriteAt([]byte, int64) (int, error) { panic("nothing is written") }

// inMemory is a file that never grows.
type inMemory []byte

func (m inMemory) ReadAt(p []byte, at int64) (int, error) { return bytes.NewReader(m).ReadAt(p, at) }
func (m inMemory) WriteAt(p []byte, at int64) (int, error) {
	if at < 0 || at+int64(len(p)) > int64(len(m)) {
		panic("written outside the film")
	}
	return copy(m[at:], p), nil
}

func FuzzCleanWebM(f *testing.F) {
	f.Add(film(false))
	f.Add(film(true))
	f.Fuzz(func(t *testing.T, data []byte) {
		if err := cleanWebM(inMemory(bytes.Clone(data)), int64(len(data))); err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
	})
}

func FuzzCleanDocument(f *testing.F) {
	f.Add(docx(f))
	f.Add(odt(f))
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		kept, err := cleanDocument(&out, bytes.NewReader(data), int64(len(data)))
		if err == nil && kept == "" && out.Len() > 3*len(data)+4096 {
			t.Fatalf("%d bytes became %d", len(data), out.Len())
		}
	})
}
