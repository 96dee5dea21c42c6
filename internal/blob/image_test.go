package blob

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
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
	photo := noise(1500, 900)
	for _, o := range []FitOptions{
		{MaxBytes: 2_000_000, MaxW: 1200, MaxH: 1200}, // Bluesky image
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
		if d := r.W*900 - r.H*1500; max(d, -d) > 1500*2 {
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

func TestShrinkingAverages(t *testing.T) {
	// A chessboard of single pixels becomes an even grey, whatever the size.
	board := image.NewGray(image.Rect(0, 0, 120, 90))
	for i := range board.Pix {
		board.Pix[i] = uint8((i%120+i/120)%2) * 255
	}
	for _, size := range [][2]int{{60, 45}, {7, 5}, {1, 1}} {
		m := shrink(board, size[0], size[1])
		for i := 0; i < len(m.Pix); i += 4 {
			if v := m.Pix[i]; v < 124 || v > 131 || m.Pix[i+3] != 255 {
				t.Fatalf("%v: pixel %d is %d", size, i/4, v)
			}
		}
	}
	// What is transparent has no colour to give to its neighbours.
	m := image.NewNRGBA(image.Rect(0, 0, 2, 1))
	m.SetNRGBA(0, 0, color.NRGBA{255, 0, 0, 255})
	m.SetNRGBA(1, 0, color.NRGBA{0, 255, 0, 0})
	if got := color.NRGBAModel.Convert(shrink(m, 1, 1).At(0, 0)).(color.NRGBA); got.R != 255 || got.G != 0 || got.A != 128 {
		t.Errorf("got %v", got)
	}
	// Every size keeps a plain colour plain: the weights add up.
	plain := image.NewUniform(color.RGBA{200, 100, 50, 255})
	for n := 1; n < 60; n++ {
		for k := 1; k <= n; k++ {
			total := 0
			for _, s := range spans(n, k) {
				total += len(s.weights)
				if s.first+len(s.weights) > n {
					t.Fatalf("%d to %d: beyond the end", n, k)
				}
			}
			if total < n {
				t.Fatalf("%d to %d: a pixel is lost", n, k)
			}
		}
		src := image.NewRGBA(image.Rect(0, 0, n, n))
		draw.Draw(src, src.Bounds(), plain, image.Point{}, draw.Src)
		if got := shrink(src, max(1, n*2/3), 1).RGBAAt(0, 0); got != (color.RGBA{200, 100, 50, 255}) {
			t.Fatalf("%d: got %v", n, got)
		}
	}
}
