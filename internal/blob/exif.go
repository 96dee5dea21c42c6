package blob

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/draw"
)

// orientation reads how a picture must be turned, 1 to 8 as EXIF numbers it, from
// the beginning of its file; 1, upright, where nothing is said or it is broken.
func orientation(head []byte) int {
	var tiff []byte
	switch {
	case bytes.HasPrefix(head, []byte("\xFF\xD8")):
		tiff = jpegExif(head)
	case bytes.HasPrefix(head, []byte("\x89PNG\r\n\x1A\n")):
		tiff = pngExif(head)
	case len(head) > 12 && string(head[8:12]) == "WEBP":
		tiff = webpExif(head)
	}
	if o := tiffOrientation(tiff); o >= 1 && o <= 8 {
		return o
	}
	return 1
}

// jpegExif walks the marker segments (ITU T.81, annex B) up to the picture itself.
func jpegExif(b []byte) []byte {
	for at := 2; at+4 <= len(b) && b[at] == 0xFF; {
		marker, size := b[at+1], int(binary.BigEndian.Uint16(b[at+2:]))
		if marker == 0xFF { // fill byte
			at++
			continue
		}
		if marker == 0xDA || size < 2 || at+2+size > len(b) {
			return nil
		}
		if body := b[at+4 : at+2+size]; marker == 0xE1 && bytes.HasPrefix(body, []byte("Exif\x00\x00")) {
			return body[6:]
		}
		at += 2 + size
	}
	return nil
}

// pngExif finds the eXIf chunk (PNG, third edition).
func pngExif(b []byte) []byte {
	for at := 8; at+8 <= len(b); {
		size := int64(binary.BigEndian.Uint32(b[at:]))
		if int64(at)+8+size > int64(len(b)) {
			return nil
		}
		if string(b[at+4:at+8]) == "eXIf" {
			return b[at+8 : at+8+int(size)]
		}
		at += 12 + int(size)
	}
	return nil
}

// webpExif finds the EXIF chunk of the RIFF container (RFC 9649).
func webpExif(b []byte) []byte {
	for at := 12; at+8 <= len(b); {
		size := int64(binary.LittleEndian.Uint32(b[at+4:]))
		if int64(at)+8+size > int64(len(b)) {
			return nil
		}
		if string(b[at:at+4]) == "EXIF" {
			return bytes.TrimPrefix(b[at+8:at+8+int(size)], []byte("Exif\x00\x00"))
		}
		at += 8 + int(size+size&1)
	}
	return nil
}

// tiffOrientation reads tag 0x0112 of the first directory; 0 where there is none.
func tiffOrientation(b []byte) int {
	if len(b) < 8 {
		return 0
	}
	var order binary.ByteOrder
	switch string(b[:4]) {
	case "II*\x00":
		order = binary.LittleEndian
	case "MM\x00*":
		order = binary.BigEndian
	default:
		return 0
	}
	dir := int64(order.Uint32(b[4:]))
	if dir+2 > int64(len(b)) {
		return 0
	}
	entries := b[dir+2:]
	for range order.Uint16(b[dir:]) {
		if len(entries) < 12 {
			return 0
		}
		const short = 3
		if order.Uint16(entries) == 0x0112 && order.Uint16(entries[2:]) == short && order.Uint32(entries[4:]) == 1 {
			return int(order.Uint16(entries[8:]))
		}
		entries = entries[12:]
	}
	return 0
}

// upright turns a picture as its orientation says.
func upright(src image.Image, orientation int) image.Image {
	if orientation < 2 || orientation > 8 {
		return src
	}
	b := src.Bounds()
	w, h := b.Dx(), b.Dy()
	from := image.NewRGBA(image.Rect(0, 0, w, h))
	draw.Draw(from, from.Bounds(), src, b.Min, draw.Src)
	to := image.NewRGBA(from.Bounds())
	if orientation >= 5 {
		to = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			var tx, ty int
			switch orientation {
			case 2: // mirrored
				tx, ty = w-1-x, y
			case 3: // upside down
				tx, ty = w-1-x, h-1-y
			case 4: // mirrored, upside down
				tx, ty = x, h-1-y
			case 5: // mirrored, on its left side
				tx, ty = y, x
			case 6: // to turn right
				tx, ty = h-1-y, x
			case 7: // mirrored, on its right side
				tx, ty = h-1-y, w-1-x
			case 8: // to turn left
				tx, ty = y, w-1-x
			}
			copy(to.Pix[ty*to.Stride+tx*4:][:4], from.Pix[y*from.Stride+x*4:][:4])
		}
	}
	return to
}
