package blob

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"io"
	"os"
)

// Rendition asks for a smaller copy of a picture.
type Rendition struct {
	Name string // "thumb", "page"…
	FitOptions
}

// TakeOptions say how a file is taken in.
type TakeOptions struct {
	MaxBytes   int64       // of the file as it arrives; 0 does not bound
	Largest    int         // longest side of a published picture in pixels; 0 keeps its size
	Renditions []Rendition // smaller copies, for pictures
	TempDir    string      // for the file while it is looked at; "" means the system's
}

// Stored is a picture, or a copy of it, in the store.
type Stored struct {
	Name string // of the rendition; "" for the original
	Blob
	Type Type
	W, H int // pixels; 0 for what is no picture
}

// Media is what Take made of a file.
type Media struct {
	Original   Stored // safe to publish: no place, no camera, upright
	Renditions []Stored
	Frames     int  // of an animation; 0 for everything else
	Kept       Kept // why a document is as it came; "" when its notes are gone
}

// Take receives a file of any kind that Types lists, makes it safe to publish and
// stores it. It fails with Invalid for other kinds and broken files, with TooLarge
// beyond MaxBytes, with Unavailable when there is no room; then nothing that was
// stored is referred to by anybody.
func (p *Processor) Take(ctx context.Context, s Store, r io.Reader, o TakeOptions) (Media, error) {
	if o.MaxBytes > 0 {
		r = Limit(r, o.MaxBytes)
	}
	f, err := os.CreateTemp(o.TempDir, "arengo-take-")
	if err != nil {
		return Media{}, full(fmt.Errorf("take media: %w", err))
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if _, err := io.Copy(f, &untilDone{ctx, r}); err != nil {
		return Media{}, full(fmt.Errorf("take media: %w", err))
	}
	kind, err := Sniff(f)
	if err != nil {
		return Media{}, err
	}
	switch {
	case kind == gifType():
		return p.takeGIF(ctx, s, f, o)
	case kind.Class == Picture:
		return p.Image(ctx, s, f, o)
	}
	var clean io.Reader = f
	var kept Kept
	switch {
	case kind == webmType():
		err = takeWebM(f)
	case kind.Class == Video:
		clean = CleanVideo(f)
	default:
		var document *os.File
		if document, kept, err = takeDocument(f, kind, o.TempDir); document != nil {
			defer os.Remove(document.Name())
			defer document.Close()
		}
		if clean = document; kept != "" {
			clean = f
		}
	}
	if err != nil {
		return Media{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Media{}, fmt.Errorf("take media: %w", err)
	}
	b, err := s.Put(ctx, clean)
	return Media{Original: Stored{Blob: b, Type: kind}, Kept: kept}, err
}

func takeWebM(f *os.File) error {
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("take media: %w", err)
	}
	return cleanWebM(f, size)
}

// takeGIF keeps an animation as it moves; a single frame is a picture like others.
func (p *Processor) takeGIF(ctx context.Context, s Store, f io.ReadSeeker, o TakeOptions) (Media, error) {
	h, err := p.read(f)
	if err != nil {
		return Media{}, err
	}
	frames, err := cleanGIF(io.Discard, f)
	if err != nil {
		return Media{}, broken(err)
	}
	if frames == 1 {
		return p.Image(ctx, s, f, o)
	}
	m, err := p.renditions(ctx, s, f, o) // of the first frame, which must decode
	if err != nil {
		return Media{}, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return Media{}, fmt.Errorf("take animation: %w", err)
	}
	pr, pw := io.Pipe()
	go func() {
		_, err := cleanGIF(pw, f)
		pw.CloseWithError(err)
	}()
	b, err := s.Put(ctx, pr)
	pr.Close() // frees the writer when Put gave up early
	if err != nil {
		return Media{}, err
	}
	m.Original = Stored{Blob: b, Type: gifType(), W: h.w, H: h.h}
	m.Frames = frames
	return m, nil
}

// Image takes a still picture: drawn anew, so that nothing but what is seen is
// kept. A photograph becomes JPEG; drawings (PNG) and what is transparent, PNG.
func (p *Processor) Image(ctx context.Context, s Store, r io.ReadSeeker, o TakeOptions) (Media, error) {
	return p.store(ctx, s, r, o, true)
}

func (p *Processor) renditions(ctx context.Context, s Store, r io.ReadSeeker, o TakeOptions) (Media, error) {
	return p.store(ctx, s, r, o, false)
}

func (p *Processor) store(ctx context.Context, s Store, r io.ReadSeeker, o TakeOptions, original bool) (Media, error) {
	var m Media
	err := p.work(ctx, r, o.Largest, func(h header, img image.Image) error {
		if original {
			fit := FitOptions{Quality: 90}
			if h.kind == pngType() || h.kind == gifType() {
				fit.Formats = []string{pngType().MIME}
			}
			var err error
			if m.Original, err = put(ctx, s, img, fit); err != nil {
				return err
			}
		}
		for _, want := range o.Renditions {
			got, err := put(ctx, s, img, want.FitOptions)
			if err != nil {
				return err
			}
			got.Name = want.Name
			m.Renditions = append(m.Renditions, got)
		}
		return nil
	})
	if err != nil {
		return Media{}, err
	}
	return m, nil
}

func put(ctx context.Context, s Store, img image.Image, o FitOptions) (Stored, error) {
	r, err := Fit(ctx, img, o)
	if err != nil {
		return Stored{}, err
	}
	b, err := s.Put(ctx, bytes.NewReader(r.Data))
	return Stored{Blob: b, Type: r.Type, W: r.W, H: r.H}, err
}
