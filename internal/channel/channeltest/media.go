package channeltest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
)

// inMemory lets a test's bytes be opened like a stored file.
type inMemory struct{ *bytes.Reader }

func (inMemory) Close() error { return nil }

// File makes a media of content.
func File(name, contentType, alt string, content []byte) channel.Media {
	sum := sha256.Sum256(content)
	return channel.Media{
		Hash: hex.EncodeToString(sum[:]), ContentType: contentType, Name: name, Alt: alt, Size: int64(len(content)),
		Open: func(context.Context) (io.ReadSeekCloser, error) { return inMemory{bytes.NewReader(content)}, nil },
	}
}

// Photo makes the nth of a series of different small JPEG photographs.
func Photo(t testing.TB, n int) channel.Media {
	t.Helper()
	const width, height = 120, 90
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for x := range width {
		for y := range height {
			img.Set(x, y, color.RGBA{uint8(40 * n), uint8(2 * x), uint8(2 * y), 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	m := File(fmt.Sprintf("foto-%d.jpg", n), "image/jpeg", fmt.Sprintf("La piazza, veduta %d: «è già l'alba» 🌅", n), b.Bytes())
	m.Width, m.Height = width, height
	return m
}

// Clip makes a video; nil content gives the smallest file that says it is an
// MP4 (ISO/IEC 14496-12: a file type box and an empty media data box).
func Clip(content []byte) channel.Media {
	if content == nil {
		ftyp := append(binary.BigEndian.AppendUint32(nil, 24), "ftypisom\x00\x00\x02\x00isommp42"...)
		content = append(ftyp, "\x00\x00\x00\x08mdat"...)
	}
	m := File("filmato.mp4", "video/mp4", "Il corteo entra in piazza", content)
	m.Width, m.Height = 640, 360
	return m
}
