package blob

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// cleanGIF copies an animation block by block (GIF89a, sections 15 to 27) without
// comments, plain text and the notes of programs, and counts its frames. It ends
// at the trailer: nothing may hide behind it.
func cleanGIF(w io.Writer, r io.Reader) (frames int, err error) {
	g := &gifCopy{r: bufio.NewReader(r), w: bufio.NewWriter(w)}
	frames, err = g.copy()
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	if err != nil {
		return frames, fmt.Errorf("animation: %w", err)
	}
	return frames, g.w.Flush()
}

const (
	gifExtension = 0x21
	gifImage     = 0x2C
	gifTrailer   = 0x3B
	gifControl   = 0xF9 // how long a frame is shown
	gifProgram   = 0xFF // application extension
)

type gifCopy struct {
	r *bufio.Reader
	w *bufio.Writer
}

func (g *gifCopy) copy() (frames int, err error) {
	head, err := g.take(13)
	if err != nil {
		return 0, err
	}
	g.w.Write(head)
	width, height := int(head[6])|int(head[7])<<8, int(head[8])|int(head[9])<<8
	if err := g.table(head[10]); err != nil {
		return 0, err
	}
	for {
		kind, err := g.r.ReadByte()
		if err != nil {
			return frames, err
		}
		switch kind {
		case gifTrailer:
			if frames == 0 {
				return 0, errors.New("no frame")
			}
			return frames, g.w.WriteByte(gifTrailer)
		case gifExtension:
			if err := g.extension(); err != nil {
				return frames, err
			}
		case gifImage:
			frames++
			if err := g.frame(width, height); err != nil {
				return frames, fmt.Errorf("frame %d: %w", frames, err)
			}
		default:
			return frames, fmt.Errorf("block of kind %#x", kind)
		}
	}
}

func (g *gifCopy) take(n int) ([]byte, error) {
	b := make([]byte, n)
	_, err := io.ReadFull(g.r, b)
	return b, err
}

// table copies a colour table when the flags say that one follows.
func (g *gifCopy) table(flags byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	b, err := g.take(3 << (flags&7 + 1))
	if err != nil {
		return err
	}
	_, err = g.w.Write(b)
	return err
}

func (g *gifCopy) extension() error {
	label, err := g.r.ReadByte()
	if err != nil {
		return err
	}
	first, err := g.sub()
	if err != nil {
		return err
	}
	loop := label == gifProgram && len(first) == 11 && string(first) == "NETSCAPE2.0"
	keep := label == gifControl || loop
	if keep {
		g.w.Write([]byte{gifExtension, label})
	}
	for b := first; ; {
		if keep {
			g.w.WriteByte(byte(len(b)))
			g.w.Write(b)
		}
		if len(b) == 0 {
			return nil
		}
		if b, err = g.sub(); err != nil {
			return err
		}
	}
}

// sub reads one data sub-block; an empty one ends a sequence.
func (g *gifCopy) sub() ([]byte, error) {
	n, err := g.r.ReadByte()
	if err != nil {
		return nil, err
	}
	return g.take(int(n))
}

// frame copies one picture, which must lie within the screen.
func (g *gifCopy) frame(width, height int) error {
	b, err := g.take(9)
	if err != nil {
		return err
	}
	at := func(i int) int { return int(b[i]) | int(b[i+1])<<8 }
	if at(0)+at(4) > width || at(2)+at(6) > height {
		return errors.New("outside the picture")
	}
	g.w.WriteByte(gifImage)
	g.w.Write(b)
	if err := g.table(b[8]); err != nil {
		return err
	}
	size, err := g.r.ReadByte() // LZW minimum code size
	if err != nil {
		return err
	}
	g.w.WriteByte(size)
	for {
		s, err := g.sub()
		if err != nil {
			return err
		}
		g.w.WriteByte(byte(len(s)))
		if _, err := g.w.Write(s); err != nil || len(s) == 0 {
			return err
		}
	}
}
