package blob

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/fault"
)

// corners is a picture whose upper left quarter is red, upper right green, lower
// left blue, lower right white.
func corners(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.RGBA{255, 0, 0, 255}
			switch {
			case x >= w/2 && y >= h/2:
				c = color.RGBA{255, 255, 255, 255}
			case x >= w/2:
				c = color.RGBA{0, 255, 0, 255}
			case y >= h/2:
				c = color.RGBA{0, 0, 255, 255}
			}
			m.SetRGBA(x, y, c)
		}
	}
	return m
}

// noise does not compress.
func noise(w, h int) *image.RGBA {
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	r := rand.New(rand.NewPCG(1, 2))
	for i := range m.Pix {
		m.Pix[i] = byte(r.Uint32())
		if i%4 == 3 {
			m.Pix[i] = 255
		}
	}
	return m
}

func asJPEG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := jpeg.Encode(&b, m, &jpeg.Options{Quality: 95}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asPNG(t testing.TB, m image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const secret = "45.5905N 9.0775E"

// exifBlock is a TIFF block with an orientation and a note that must not be published.
func exifBlock(mark string, order binary.AppendByteOrder, turn int) []byte {
	b := order.AppendUint32([]byte(mark), 8)
	b = order.AppendUint16(b, 2) // entries
	b = order.AppendUint16(b, 0x010E)
	b = order.AppendUint16(b, 2) // text
	b = order.AppendUint32(b, uint32(len(secret)))
	b = order.AppendUint32(b, 38)
	b = order.AppendUint16(b, 0x0112)
	b = order.AppendUint16(b, 3) // short
	b = order.AppendUint32(b, 1)
	b = order.AppendUint16(b, uint16(turn))
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, secret...)
}

// withSegment puts a marker segment right after the start of a JPEG.
func withSegment(file []byte, marker byte, body []byte) []byte {
	seg := binary.BigEndian.AppendUint16([]byte{0xFF, marker}, uint16(len(body)+2))
	return append(append(append([]byte{0xFF, 0xD8}, seg...), body...), file[2:]...)
}

func near(c color.Color, r, g, b uint32) bool {
	const tolerance = 40 << 8
	cr, cg, cb, _ := c.RGBA()
	off := func(x, y uint32) bool { return max(x, y)-min(x, y) > tolerance }
	return !off(cr, r*0x101) && !off(cg, g*0x101) && !off(cb, b*0x101)
}

func stored(t *testing.T, s Store, hash string) []byte {
	t.Helper()
	r, _, err := s.Open(t.Context(), hash)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	data, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func take(t *testing.T, file []byte, o TakeOptions) (Media, *Disk, error) {
	t.Helper()
	d := newDisk(t)
	o.TempDir = t.TempDir()
	m, err := NewProcessor(0).Take(t.Context(), d, bytes.NewReader(file), o)
	return m, d, err
}

// A telephone held upright writes the picture lying, with a note to turn it, and
// the place where it was taken.
func TestPhotographIsTurnedUprightAndForgetsItsPlace(t *testing.T) {
	red := func(m image.Image, fx, fy int) bool {
		b := m.Bounds()
		return near(m.At(b.Dx()*fx/4, b.Dy()*fy/4), 255, 0, 0)
	}
	// Where the red corner goes, as quarters of the width and the height.
	where := map[int][2]int{1: {1, 1}, 2: {3, 1}, 3: {3, 3}, 4: {1, 3}, 5: {1, 1}, 6: {3, 1}, 7: {3, 3}, 8: {1, 3}}
	for turn := 1; turn <= 8; turn++ {
		for mark, order := range map[string]binary.AppendByteOrder{"MM\x00*": binary.BigEndian, "II*\x00": binary.LittleEndian} {
			file := asJPEG(t, corners(80, 40))
			file = withSegment(file, 0xFE, []byte("comment "+secret))
			file = withSegment(file, 0xE1, append([]byte("Exif\x00\x00"), exifBlock(mark, order, turn)...))
			m, d, err := take(t, file, TakeOptions{Renditions: []Rendition{{"thumb", FitOptions{MaxW: 20}}}})
			if err != nil {
				t.Fatal(err)
			}
			out := stored(t, d, m.Original.Hash)
			if bytes.Contains(out, []byte(secret)) {
				t.Fatalf("orientation %d: the note is published", turn)
			}
			img, err := jpeg.Decode(bytes.NewReader(out))
			if err != nil {
				t.Fatal(err)
			}
			w, h := 80, 40
			if turn >= 5 {
				w, h = 40, 80
			}
			if img.Bounds().Dx() != w || m.Original.W != w || m.Original.H != h {
				t.Fatalf("orientation %d: %v, %+v", turn, img.Bounds(), m.Original)
			}
			if at := where[turn]; !red(img, at[0], at[1]) {
				t.Fatalf("orientation %d: red is not at %v", turn, at)
			}
			if len(m.Renditions) != 1 || m.Renditions[0].W != 20 || m.Renditions[0].Name != "thumb" {
				t.Fatalf("renditions %+v", m.Renditions)
			}
		}
	}
}

func TestMirroredPicturesAreMirroredTheRightWay(t *testing.T) {
	// The pixel that orientation o puts in the upper left corner of a 2×2 picture
	// of 0 1 / 2 3, and the one right of it (EXIF 2.32, table of orientations).
	want := map[int][2]uint8{1: {0, 1}, 2: {1, 0}, 3: {3, 2}, 4: {2, 3}, 5: {0, 2}, 6: {2, 0}, 7: {3, 1}, 8: {1, 3}}
	src := image.NewGray(image.Rect(0, 0, 2, 2))
	copy(src.Pix, []byte{0, 1, 2, 3})
	for o, w := range want {
		m := upright(src, o)
		for i := range 2 {
			if c := color.GrayModel.Convert(m.At(i, 0)).(color.Gray); c.Y != w[i] {
				t.Errorf("orientation %d: pixel %d is %d, want %d", o, i, c.Y, w[i])
			}
		}
	}
}

func TestTransparentPictureStaysTransparent(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 100, 100))
	m.Set(50, 50, color.NRGBA{255, 0, 0, 255})
	got, d, err := take(t, asPNG(t, m), TakeOptions{Renditions: []Rendition{{"flat", FitOptions{Formats: []string{"image/jpeg"}}}}})
	if err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(bytes.NewReader(stored(t, d, got.Original.Hash)))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, a := img.At(0, 0).RGBA(); a != 0 {
		t.Error("the background became opaque")
	}
	flat, err := jpeg.Decode(bytes.NewReader(stored(t, d, got.Renditions[0].Hash)))
	if err != nil {
		t.Fatal(err)
	}
	if !near(flat.At(5, 5), 255, 255, 255) {
		t.Error("as JPEG the background is not white")
	}
}

func TestTooManyPixelsAreRefusedBeforeDecoding(t *testing.T) {
	// The header of a PNG of 100,000 × 100,000 pixels in 45 bytes.
	file := asPNG(t, corners(2, 2))
	binary.BigEndian.PutUint32(file[16:], 100_000)
	binary.BigEndian.PutUint32(file[20:], 100_000)
	binary.BigEndian.PutUint32(file[29:], crc32.ChecksumIEEE(file[12:29]))
	_, _, err := take(t, file, TakeOptions{})
	if f := fault.Of(err); f.Kind != fault.Invalid || f.Text.Key != "media.image.pixels" {
		t.Fatalf("got %v", err)
	}
}

func TestBrokenPictureIsRefused(t *testing.T) {
	for name, file := range map[string][]byte{"jpeg": asJPEG(t, noise(50, 50)), "png": asPNG(t, noise(50, 50)), "gif": animation(t, 3)} {
		for _, n := range []int{len(file) / 2, 20} {
			_, _, err := take(t, file[:n], TakeOptions{})
			if f := fault.Of(err); f.Kind != fault.Invalid || f.Text.Key != "media.image.broken" {
				t.Errorf("%s of %d bytes: %v", name, n, err)
			}
		}
	}
}

func TestFitGetsBelowTheByteLimit(t *testing.T) {
	photo := noise(2500, 1500)
	for _, o := range []FitOptions{
		{MaxBytes: 2_000_000, MaxW: 2000, MaxH: 2000}, // Bluesky image
		{MaxBytes: 1_000_000},                         // Bluesky link card
		{MaxBytes: 30_000, Formats: []string{"image/png"}},
		{MaxW: 300, MaxH: 100},
	} {
		r, err := Fit(t.Context(), photo, o)
		if err != nil {
			t.Fatal(err)
		}
		if o.MaxBytes > 0 && int64(len(r.Data)) > o.MaxBytes || o.MaxW > 0 && r.W > o.MaxW || o.MaxH > 0 && r.H > o.MaxH {
			t.Errorf("%+v: got %d bytes, %d×%d", o, len(r.Data), r.W, r.H)
		}
		if c, _, err := image.DecodeConfig(bytes.NewReader(r.Data)); err != nil || c.Width != r.W || c.Height != r.H {
			t.Errorf("%+v: the file is %d×%d, %v", o, c.Width, c.Height, err)
		}
		if d := r.W*1500 - r.H*2500; max(d, -d) > 2500*2 {
			t.Errorf("%+v: proportions lost: %d×%d", o, r.W, r.H)
		}
	}
	if _, err := Fit(t.Context(), photo, FitOptions{MaxBytes: 10}); !fault.Is(err, fault.Invalid) {
		t.Errorf("ten bytes: %v", err)
	}
	if _, err := Fit(t.Context(), photo, FitOptions{Formats: []string{"image/avif"}}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a format that is not written: %v", err)
	}
}

func TestSmallPictureDoesNotGrow(t *testing.T) {
	r, err := Fit(t.Context(), corners(10, 10), FitOptions{MaxW: 1000, MaxH: 1000})
	if err != nil || r.W != 10 || r.H != 10 {
		t.Fatalf("%d×%d, %v", r.W, r.H, err)
	}
}

func TestStoredPictureThatFitsIsNotDrawnAgain(t *testing.T) {
	d := newDisk(t)
	p := NewProcessor(0)
	file := asJPEG(t, noise(100, 100))
	b, err := d.Put(t.Context(), bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	same, err := p.FitStored(t.Context(), d, b.Hash, FitOptions{MaxW: 100, MaxBytes: int64(len(file))})
	if err != nil || !bytes.Equal(same.Data, file) {
		t.Errorf("changed, %v", err)
	}
	small, err := p.FitStored(t.Context(), d, b.Hash, FitOptions{MaxW: 50})
	if err != nil || small.W != 50 || len(small.Data) >= len(file) {
		t.Errorf("%d×%d, %v", small.W, small.H, err)
	}
}

// animation has a comment and a program's note, which are not published.
func animation(t testing.TB, frames int) []byte {
	t.Helper()
	g := gif.GIF{Config: image.Config{Width: 20, Height: 10}}
	for i := range frames {
		m := image.NewPaletted(image.Rect(0, 0, 20, 10), color.Palette{color.White, color.Black, color.RGBA{255, 0, 0, 255}})
		m.SetColorIndex(i, 1, 1)
		g.Image, g.Delay = append(g.Image, m), append(g.Delay, 10+i)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, &g); err != nil {
		t.Fatal(err)
	}
	file := b.Bytes()
	notes := "\x21\xFE\x10" + secret + "\x00" + "\x21\xFF\x0BXMP DataXMP\x10" + secret + "\x00"
	at := 13 + 3<<(file[10]&7+1)*int(file[10]>>7)
	return append(append(append([]byte{}, file[:at]...), notes...), append(file[at:], "<script>"...)...)
}

func TestAnimationKeepsMovingWithoutItsNotes(t *testing.T) {
	m, d, err := take(t, animation(t, 3), TakeOptions{Renditions: []Rendition{{"still", FitOptions{}}}})
	if err != nil {
		t.Fatal(err)
	}
	out := stored(t, d, m.Original.Hash)
	if bytes.Contains(out, []byte(secret)) || bytes.Contains(out, []byte("<script>")) {
		t.Error("a note is published")
	}
	g, err := gif.DecodeAll(bytes.NewReader(out))
	if err != nil || len(g.Image) != 3 || g.Delay[2] != 12 || g.LoopCount != 0 {
		t.Fatalf("%v", err)
	}
	if m.Frames != 3 || m.Original.Type.MIME != "image/gif" || m.Original.W != 20 || len(m.Renditions) != 1 || m.Renditions[0].Type.MIME == "image/gif" {
		t.Fatalf("%+v", m)
	}
	single, _, err := take(t, animation(t, 1), TakeOptions{})
	if err != nil || single.Frames != 0 || single.Original.Type.MIME != "image/png" {
		t.Fatalf("a single frame: %+v, %v", single, err)
	}
}

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
