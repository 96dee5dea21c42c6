package blob

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"io"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/fault"
)

func atom(kind string, body ...[]byte) []byte {
	all := bytes.Join(body, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(all)+8)), kind...), all...)
}

func TestVideoForgetsItsPlaceAndKeepsItsSize(t *testing.T) {
	note := []byte(secret)
	pictures := bytes.Repeat([]byte("udta"), 1000) // looks like a note, is a picture
	moov := atom("moov", atom("mvhd", []byte("durata")), atom("trak", atom("tkhd", []byte("traccia")), atom("udta", note)), atom("udta", atom("\xa9xyz", note)), atom("meta", note))
	files := map[string][]byte{
		"index first": bytes.Join([][]byte{atom("ftyp", []byte("isom\x00\x00\x02\x00")), moov, atom("mdat", pictures)}, nil),
		"index last":  bytes.Join([][]byte{atom("ftyp", []byte("qt  \x00\x00\x02\x00")), atom("mdat", pictures), moov, atom("uuid", note)}, nil),
		"to the end":  append(bytes.Join([][]byte{atom("ftyp", []byte("mp42\x00\x00\x02\x00")), moov}, nil), append([]byte("\x00\x00\x00\x00mdat"), pictures...)...),
		"large size": bytes.Join([][]byte{atom("ftyp", []byte("iso5\x00\x00\x02\x00")), moov,
			binary.BigEndian.AppendUint64([]byte("\x00\x00\x00\x01mdat"), uint64(16+len(pictures))), pictures}, nil),
	}
	for name, file := range files {
		m, d, err := take(t, file, TakeOptions{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		out := stored(t, d, m.Original.Hash)
		if bytes.Contains(out, note) {
			t.Errorf("%s: the place is published", name)
		}
		if len(out) != len(file) || !bytes.Contains(out, pictures) || !bytes.Contains(out, []byte("durata")) || !bytes.Contains(out, []byte("traccia")) {
			t.Errorf("%s: the film is damaged", name)
		}
		if m.Original.Type.Class != Video {
			t.Errorf("%s: %+v", name, m.Original)
		}
	}
	for _, cut := range []int{20, 60, 100} {
		if _, _, err := take(t, files["index first"][:cut], TakeOptions{}); !fault.Is(err, fault.Invalid) {
			t.Errorf("cut at %d: %v", cut, err)
		}
	}
}

func archive(t testing.TB, method uint16, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.CreateHeader(&zip.FileHeader{Name: files[i], Method: method})
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

const docxParts = `<Types><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>`

func TestSniffReadsTheContentNotTheName(t *testing.T) {
	webm := "\x1A\x45\xDF\xA3\x9F\x42\x86\x81\x01\x42\x82\x84webm"
	odt := archive(t, zip.Store, "mimetype", "application/vnd.oasis.opendocument.text", "content.xml", "<x/>")
	good := map[string][]byte{
		"image/jpeg": asJPEG(t, corners(2, 2)), "image/png": asPNG(t, corners(2, 2)), "image/gif": animation(t, 1),
		"image/webp": []byte("RIFF\x00\x00\x00\x00WEBPVP8 "), "video/webm": []byte(webm),
		"video/mp4": atom("ftyp", []byte("isom")), "video/quicktime": atom("ftyp", []byte("qt  ")),
		"application/pdf": []byte("%PDF-1.7\n"), odtType().MIME: odt,
		docxType().MIME: archive(t, zip.Deflate, "[Content_Types].xml", docxParts, "word/document.xml", "<x/>"),
	}
	if len(good) != len(Types()) {
		t.Errorf("%d types tried of %d", len(good), len(Types()))
	}
	for want, file := range good {
		r := bytes.NewReader(file)
		got, err := Sniff(r)
		if err != nil || got.MIME != want {
			t.Errorf("%s: got %q, %v", want, got.MIME, err)
		}
		if r.Len() != len(file) {
			t.Errorf("%s: not left at the start", want)
		}
	}
	for name, file := range map[string]string{
		"nothing":                "",
		"a text":                 "Buongiorno",
		"SVG":                    `<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`,
		"SVG with prologue":      `<?xml version="1.0"?><svg/>`,
		"HTML":                   "<!doctype html><script>alert(1)</script>",
		"HTML before a PDF":      "<html>%PDF-1.7",
		"a program":              "\x7FELF",
		"HEIC":                   string(atom("ftyp", []byte("heic"))),
		"AVIF":                   string(atom("ftyp", []byte("avif"))),
		"sound":                  string(atom("ftyp", []byte("M4A "))),
		"Matroska":               strings.Replace(webm, "\x84webm", "\x88matroska", 1),
		"an archive":             string(archive(t, zip.Deflate, "a.txt", "x")),
		"a spreadsheet":          string(archive(t, zip.Store, "mimetype", "application/vnd.oasis.opendocument.spreadsheet")),
		"a document with macros": string(archive(t, zip.Deflate, "[Content_Types].xml", docxParts, "word/vbaProject.bin", "x")),
		"half an archive":        string(odt[:len(odt)-30]),
		"RIFF sound":             "RIFF\x00\x00\x00\x00WAVEfmt ",
	} {
		if got, err := Sniff(strings.NewReader(file)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: got %+v, %v", name, got, err)
		}
	}
}

func TestDocumentIsStoredAsItIs(t *testing.T) {
	file := []byte("%PDF-1.7\nQualcosa")
	m, d, err := take(t, file, TakeOptions{MaxBytes: int64(len(file))})
	if err != nil || !bytes.Equal(stored(t, d, m.Original.Hash), file) || m.Original.Type.Ext != ".pdf" {
		t.Fatalf("%+v, %v", m, err)
	}
	if _, _, err := take(t, file, TakeOptions{MaxBytes: int64(len(file)) - 1}); !fault.Is(err, fault.TooLarge) {
		t.Fatalf("one byte more: %v", err)
	}
}

func FuzzSniff(f *testing.F) {
	f.Add([]byte("RIFF\x00\x00\x00\x00WEBPVP8 "))
	f.Add([]byte("\x1A\x45\xDF\xA3\x42\x82\x84webm"))
	f.Add(archive(f, zip.Store, "mimetype", "application/vnd.oasis.opendocument.text"))
	f.Add(archive(f, zip.Deflate, "[Content_Types].xml", docxParts))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		if _, err := Sniff(r); err == nil && r.Len() != len(data) {
			t.Fatal("not left at the start")
		} else if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
	})
}

func FuzzOrientation(f *testing.F) {
	block := exifBlock("II*\x00", binary.LittleEndian, 6)
	f.Add(withSegment([]byte{0xFF, 0xD8, 0xFF, 0xD9}, 0xE1, append([]byte("Exif\x00\x00"), block...)))
	f.Add(append([]byte("\x89PNG\r\n\x1A\n\x00\x00\x00\x36eXIf"), block...))
	f.Add(append([]byte("RIFF\x00\x00\x00\x00WEBPEXIF\x36\x00\x00\x00"), block...))
	f.Fuzz(func(t *testing.T, head []byte) {
		if o := orientation(head); o < 1 || o > 8 {
			t.Fatalf("orientation %d", o)
		}
	})
}

func TestOrientationIsFoundInEveryFormat(t *testing.T) {
	block := exifBlock("II*\x00", binary.LittleEndian, 6)
	n := byte(len(block))
	for name, head := range map[string][]byte{
		"JPEG": withSegment([]byte{0xFF, 0xD8, 0xFF, 0xD9}, 0xE1, append([]byte("Exif\x00\x00"), block...)),
		"PNG":  append([]byte{0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0, n, 'e', 'X', 'I', 'f'}, block...),
		"WebP": append([]byte{'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'E', 'B', 'P', 'E', 'X', 'I', 'F', n, 0, 0, 0}, block...),
	} {
		if o := orientation(head); o != 6 {
			t.Errorf("%s: got %d", name, o)
		}
	}
}

func FuzzCleanGIF(f *testing.F) {
	f.Add(animation(f, 2))
	f.Fuzz(func(t *testing.T, data []byte) {
		var once, twice bytes.Buffer
		n, err := cleanGIF(&once, bytes.NewReader(data))
		if err != nil {
			return
		}
		m, err := cleanGIF(&twice, bytes.NewReader(once.Bytes()))
		if err != nil || n != m || !bytes.Equal(once.Bytes(), twice.Bytes()) {
			t.Fatalf("what is clean changes: %d and %d frames, %v", n, m, err)
		}
	})
}

func FuzzCleanVideo(f *testing.F) {
	f.Add(bytes.Join([][]byte{atom("ftyp", []byte("isom")), atom("moov", atom("udta", []byte("x"))), atom("mdat", []byte("y"))}, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := io.ReadAll(CleanVideo(bytes.NewReader(data)))
		if err == nil && len(out) != len(data) {
			t.Fatalf("%d bytes became %d", len(data), len(out))
		}
		if err != nil && !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
	})
}
