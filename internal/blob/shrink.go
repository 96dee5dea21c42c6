package blob

import (
	"image"
	"image/draw"
)

// shrink scales a picture down to w × h: each new pixel is the average of the area
// it covers, so that nothing glitters and no line is lost. It works row by row,
// because a photograph of a telephone would otherwise need half a gigabyte.
func shrink(src image.Image, w, h int) *image.RGBA {
	b := src.Bounds()
	from, to := spans(b.Dx(), w), spans(b.Dy(), h)
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	line := image.NewRGBA(image.Rect(0, 0, b.Dx(), 1))
	narrow, sum := make([]float32, 4*w), make([]float32, 4*w)
	have := -1 // the row of src that narrow holds
	for y, span := range to {
		clear(sum)
		for i, weight := range span.weights {
			if at := span.first + i; at != have { // neighbours share a row at most
				draw.Draw(line, line.Bounds(), src, image.Pt(b.Min.X, b.Min.Y+at), draw.Src)
				narrowRow(narrow, line.Pix, from)
				have = at
			}
			for j, v := range narrow {
				sum[j] += weight * v
			}
		}
		out := dst.Pix[y*dst.Stride:]
		for j, v := range sum {
			out[j] = uint8(min(v+0.5, 255))
		}
	}
	return dst
}

// span is the part of a line that becomes one pixel: weights add up to 1.
type span struct {
	first   int
	weights []float32
}

// spans divides n pixels into m equal parts, m ≤ n.
func spans(n, m int) []span {
	all := make([]span, m)
	part := float64(n) / float64(m)
	for i := range all {
		begin, end := float64(i)*part, min(float64(i+1)*part, float64(n))
		s := span{first: int(begin)}
		for p := s.first; p < n && float64(p) < end; p++ {
			covered := min(float64(p+1), end) - max(float64(p), begin)
			s.weights = append(s.weights, float32(covered/(end-begin)))
		}
		all[i] = s
	}
	return all
}

// narrowRow averages a line of RGBA along its length.
func narrowRow(out []float32, line []uint8, from []span) {
	for x, s := range from {
		var r, g, b, a float32
		at := line[4*s.first:]
		for i, weight := range s.weights {
			p := at[4*i : 4*i+4 : 4*i+4]
			r += weight * float32(p[0])
			g += weight * float32(p[1])
			b += weight * float32(p[2])
			a += weight * float32(p[3])
		}
		out[4*x], out[4*x+1], out[4*x+2], out[4*x+3] = r, g, b, a
	}
}
