package blob

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/draw"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math"
	"slices"

	"codeberg.org/arengo/arengo/internal/fault"
	"golang.org/x/image/webp"
	"golang.org/x/sync/semaphore"
)

// DefaultMaxPixels is how large a picture may be: 50 million pixels, more than
// the cameras of telephones make.
const DefaultMaxPixels = 50_000_000

// Processor draws pictures anew. It works on as many at once as together have its
// greatest number of pixels, so that memory is bounded: 2 to 4 bytes a pixel while a
// picture is decoded (12 for a progressive JPEG), 4 more where one is turned or
// written without being made smaller.
type Processor struct {
	maxPixels int64
	room      *semaphore.Weighted
}

// NewProcessor makes a processor for pictures of at most maxPixels; 0 means
// DefaultMaxPixels.
func NewProcessor(maxPixels int64) *Processor {
	if maxPixels <= 0 {
		maxPixels = DefaultMaxPixels
	}
	return &Processor{maxPixels, semaphore.NewWeighted(maxPixels)}
}

// header is what is known of a picture before it is decoded.
type header struct {
	kind Type
	w, h int // pixels, as the file has them
	turn int // EXIF orientation
}

func (h header) pixels() int64 { return int64(h.w) * int64(h.h) }

// headLen is how much of a file is searched for its orientation; cameras write it
// within the first 64 KiB.
const headLen = 256 << 10

// read reads the size of a picture. It fails with Invalid for what is broken,
// too large, or no picture.
func (p *Processor) read(r io.ReadSeeker) (header, error) {
	kind, err := Sniff(r)
	if err != nil {
		return header{}, err
	}
	if kind.Class != Picture {
		return header{}, fault.New(fault.Invalid, "media.image.expected").Because(errors.New(kind.MIME))
	}
	decodeConfig := map[string]func(io.Reader) (image.Config, error){
		".jpg": jpeg.DecodeConfig, ".png": png.DecodeConfig, ".gif": gif.DecodeConfig, ".webp": webp.DecodeConfig,
	}[kind.Ext]
	c, err := decodeConfig(r)
	if err != nil {
		return header{}, broken(err)
	}
	h := header{kind: kind, w: c.Width, h: c.Height}
	if c.Width <= 0 || c.Height <= 0 {
		return header{}, broken(fmt.Errorf("%d×%d pixels", c.Width, c.Height))
	}
	if h.pixels() > p.maxPixels {
		return header{}, fault.New(fault.Invalid, "media.image.pixels", p.maxPixels/1_000_000).
			Because(fmt.Errorf("%d×%d pixels", c.Width, c.Height))
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return header{}, fmt.Errorf("read picture: %w", err)
	}
	head, err := io.ReadAll(io.LimitReader(r, headLen))
	if err != nil {
		return header{}, fmt.Errorf("read picture: %w", err)
	}
	h.turn = orientation(head)
	_, err = r.Seek(0, io.SeekStart)
	return h, err
}

func broken(err error) error { return fault.New(fault.Invalid, "media.image.broken").Because(err) }

// decode reads the pixels, shrinks them to sides of at most largest (0: as they
// are) and turns them upright: in this order, because turning needs a copy.
func decode(r io.Reader, h header, largest int) (image.Image, error) {
	dec := map[string]func(io.Reader) (image.Image, error){
		".jpg": jpeg.Decode, ".png": png.Decode, ".gif": gif.Decode, ".webp": webp.Decode,
	}[h.kind.Ext]
	img, err := dec(r)
	if err != nil {
		return nil, broken(err)
	}
	return upright(Resize(img, largest, largest), h.turn), nil
}

// FitOptions bound a picture for one use. Zero values do not bound.
type FitOptions struct {
	MaxW, MaxH int      // pixels; the picture keeps its proportions and never grows
	MaxBytes   int64    // of the file
	Formats    []string // MIME types allowed; empty means JPEG and PNG
	Quality    int      // of JPEG at the first attempt, 1 to 100; 0 means 85
}

// Rendered is a picture as a file.
type Rendered struct {
	Data []byte
	Type Type
	W, H int
}

// Resize returns src within maxW × maxH pixels, in its proportions; src itself when
// it is already. 0 does not bound.
func Resize(src image.Image, maxW, maxH int) image.Image {
	b := src.Bounds()
	w, h := within(b.Dx(), b.Dy(), maxW, maxH)
	if w == b.Dx() && h == b.Dy() {
		return src
	}
	return shrink(src, w, h)
}

func within(w, h, maxW, maxH int) (int, int) {
	if maxW > 0 && w > maxW {
		w, h = maxW, max(1, h*maxW/w)
	}
	if maxH > 0 && h > maxH {
		w, h = max(1, w*maxH/h), maxH
	}
	return w, h
}

// Fit draws a picture as a file within the options: JPEG, or PNG where it is
// transparent and PNG is allowed. To get below MaxBytes it first lowers the quality,
// then the size. It fails with Invalid where even a tiny one is too large, or no
// format is allowed that can be written.
func Fit(ctx context.Context, img image.Image, o FitOptions) (Rendered, error) {
	if len(o.Formats) == 0 {
		o.Formats = []string{jpegType().MIME, pngType().MIME}
	}
	if o.Quality <= 0 {
		o.Quality = 85
	}
	asJPEG, asPNG := slices.Contains(o.Formats, jpegType().MIME), slices.Contains(o.Formats, pngType().MIME)
	if !asJPEG && !asPNG {
		return Rendered{}, fault.New(fault.Invalid, "media.image.unfit").Because(fmt.Errorf("formats %q", o.Formats))
	}
	whole := img.Bounds()
	img = Resize(img, o.MaxW, o.MaxH)
	transparent := !opaque(img)
	for {
		b, least := img.Bounds(), int64(0)
		for _, c := range attempts(asJPEG, asPNG, transparent, o) {
			if err := ctx.Err(); err != nil {
				return Rendered{}, err
			}
			data, err := c.encode(img)
			if err != nil {
				return Rendered{}, fmt.Errorf("write picture: %w", err)
			}
			if least = int64(len(data)); o.MaxBytes <= 0 || least <= o.MaxBytes {
				return Rendered{data, c.kind, b.Dx(), b.Dy()}, nil
			}
		}
		if b.Dx() < 8 || b.Dy() < 8 {
			return Rendered{}, fault.New(fault.Invalid, "media.image.unfit").Because(fmt.Errorf("no way below %d bytes", o.MaxBytes))
		}
		// Bytes grow about as the pixels do, that is, as the square of the side.
		side := min(0.9, 0.97*math.Sqrt(float64(o.MaxBytes)/float64(least))) * float64(b.Dx()) / float64(whole.Dx())
		img = Resize(img, max(1, int(side*float64(whole.Dx()))), max(1, int(math.Round(side*float64(whole.Dy())))))
	}
}

// encoding is one way to write a picture.
type encoding struct {
	kind    Type
	quality int
}

// attempts lists the ways to try at one size, the best first.
func attempts(asJPEG, asPNG, transparent bool, o FitOptions) []encoding {
	switch {
	case asPNG && (transparent || !asJPEG):
		return []encoding{{kind: pngType()}}
	case o.MaxBytes <= 0 || o.Quality <= 70:
		return []encoding{{jpegType(), o.Quality}}
	}
	return []encoding{{jpegType(), o.Quality}, {jpegType(), 70}}
}

func (e encoding) encode(img image.Image) ([]byte, error) {
	var b bytes.Buffer
	if e.kind == pngType() {
		err := png.Encode(&b, img)
		return b.Bytes(), err
	}
	err := jpeg.Encode(&b, onWhite(img), &jpeg.Options{Quality: e.quality})
	return b.Bytes(), err
}

// onWhite flattens transparency: JPEG has none and would show it black.
func onWhite(img image.Image) image.Image {
	if opaque(img) {
		return img
	}
	dst := image.NewRGBA(img.Bounds())
	draw.Draw(dst, dst.Bounds(), image.NewUniform(color.White), image.Point{}, draw.Src)
	draw.Draw(dst, dst.Bounds(), img, img.Bounds().Min, draw.Over)
	return dst
}

func opaque(img image.Image) bool {
	o, ok := img.(interface{ Opaque() bool })
	return ok && o.Opaque()
}

// work decodes a picture when there is room for it and hands it to do.
func (p *Processor) work(ctx context.Context, r io.ReadSeeker, largest int, do func(header, image.Image) error) error {
	h, err := p.read(r)
	if err != nil {
		return err
	}
	cost := min(h.pixels(), p.maxPixels)
	if err := p.room.Acquire(ctx, cost); err != nil {
		return fmt.Errorf("wait to read picture: %w", err)
	}
	defer p.room.Release(cost)
	img, err := decode(r, h, largest)
	if err != nil {
		return err
	}
	return do(h, img)
}

// FitStored reads a picture that was stored and fits it for one use. A file that
// fits as it is, an animation too, is returned unchanged.
func (p *Processor) FitStored(ctx context.Context, s Store, hash string, o FitOptions) (Rendered, error) {
	f, size, err := s.Open(ctx, hash)
	if err != nil {
		return Rendered{}, err
	}
	defer f.Close()
	h, err := p.read(f)
	if err != nil {
		return Rendered{}, err
	}
	w, ht := within(h.w, h.h, o.MaxW, o.MaxH)
	formats := o.Formats
	if len(formats) == 0 {
		formats = []string{jpegType().MIME, pngType().MIME}
	}
	if h.turn == 1 && w == h.w && ht == h.h && (o.MaxBytes <= 0 || size <= o.MaxBytes) && slices.Contains(formats, h.kind.MIME) {
		data, err := io.ReadAll(f)
		if err != nil {
			return Rendered{}, fmt.Errorf("read picture: %w", err)
		}
		return Rendered{data, h.kind, w, ht}, nil
	}
	var out Rendered
	err = p.work(ctx, f, 0, func(_ header, img image.Image) error {
		var err error
		out, err = Fit(ctx, img, o)
		return err
	})
	return out, err
}
