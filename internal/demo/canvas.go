package demo

import (
	"hash/fnv"
	"image"
	"image/color"
	"image/draw"
	"math"
	"math/rand/v2"

	"golang.org/x/image/vector"
)

// The size of the town's pictures, in pixels.
const (
	width  = 1200
	height = 800
)

// light is the hour of a picture: the sky's colours, and what they do to all
// that stands under it.
type light struct {
	top, bottom color.RGBA
	tint        color.RGBA
	amount      float64 // of the tint in every colour
	sunX, sunY  float64
	sun         color.RGBA
	lit         bool // windows and lamps are on
}

// lightOf returns the light of an hour: alba, giorno, sera or notte.
func lightOf(hour string) light {
	switch hour {
	case "alba":
		return light{top: rgb(0x7fa7d0), bottom: rgb(0xfbe3c2), tint: rgb(0xffd9b0), amount: 0.16, sunX: 250, sunY: 330, sun: rgb(0xfff0c8)}
	case "sera":
		return light{top: rgb(0x3f4f86), bottom: rgb(0xf6a35c), tint: rgb(0xe0703a), amount: 0.26, sunX: 900, sunY: 400, sun: rgb(0xffd58a), lit: true}
	case "notte":
		return light{top: rgb(0x0e1533), bottom: rgb(0x33427a), tint: rgb(0x16204a), amount: 0.58, sunX: 980, sunY: 130, sun: rgb(0xf3f1de), lit: true}
	}
	return light{top: rgb(0x5b9bd8), bottom: rgb(0xd9ecf7), tint: rgb(0xffffff), amount: 0.04, sunX: 930, sunY: 140, sun: rgb(0xfff7d0)}
}

func rgb(hex uint32) color.RGBA {
	return color.RGBA{uint8(hex >> 16), uint8(hex >> 8), uint8(hex), 255}
}

// mix is a colour between a, at 0, and b, at 1.
func mix(a, b color.RGBA, t float64) color.RGBA {
	m := func(x, y uint8) uint8 { return uint8(math.Round(float64(x)*(1-t) + float64(y)*t)) }
	return color.RGBA{m(a.R, b.R), m(a.G, b.G), m(a.B, b.B), 255}
}

func shade(c color.RGBA, t float64) color.RGBA { return mix(c, rgb(0x1a1e2a), t) }
func bright(c color.RGBA, t float64) color.RGBA {
	return mix(c, rgb(0xffffff), t)
}

// canvas is a picture being drawn, from the back to the front.
type canvas struct {
	*image.RGBA
	light
	r *rand.Rand // always alike for one name
}

func newCanvas(name, hour string) *canvas {
	h := fnv.New64a()
	h.Write([]byte(name))
	return &canvas{image.NewRGBA(image.Rect(0, 0, width, height)), lightOf(hour), rand.New(rand.NewPCG(h.Sum64(), 1377))}
}

// around is a number near x, by at most d.
func (c *canvas) around(x, d float64) float64 { return x + (c.r.Float64()*2-1)*d }

// in is a colour as it looks in this light.
func (c *canvas) in(k color.RGBA) color.RGBA { return mix(k, c.tint, c.amount) }

// path draws an outline; x and y take a point into the rasterizer's own frame.
type path func(z *vector.Rasterizer, at func(x, y float64) (float32, float32))

// fill paints an outline that lies within a box, with a strength from 0 to 1.
// The rasterizer is as small as the box allows: most shapes are.
func (c *canvas) fill(k color.RGBA, strength float64, x0, y0, x1, y1 float64, lay path) {
	box := image.Rect(int(math.Floor(x0)), int(math.Floor(y0)), int(math.Ceil(x1))+1, int(math.Ceil(y1))+1)
	seen := box.Intersect(c.Bounds())
	if seen.Empty() {
		return
	}
	// What is above or left of the picture must stay in the frame, for the
	// rasterizer counts from there; what is right or below is cut off.
	z := vector.NewRasterizer(seen.Max.X-box.Min.X, seen.Max.Y-box.Min.Y)
	lay(z, func(x, y float64) (float32, float32) {
		return float32(x - float64(box.Min.X)), float32(y - float64(box.Min.Y))
	})
	a := strength
	paint := image.NewUniform(color.RGBA{uint8(float64(k.R) * a), uint8(float64(k.G) * a), uint8(float64(k.B) * a), uint8(255 * a)})
	if box.Min.In(c.Bounds()) {
		z.Draw(c.RGBA, seen, paint, image.Point{})
		return
	}
	mask := image.NewAlpha(image.Rect(0, 0, seen.Max.X-box.Min.X, seen.Max.Y-box.Min.Y))
	z.Draw(mask, mask.Bounds(), image.Opaque, image.Point{})
	draw.DrawMask(c.RGBA, seen, paint, image.Point{}, mask, seen.Min.Sub(box.Min), draw.Over)
}

// poly paints a polygon, given as x, y, x, y, …
func (c *canvas) poly(k color.RGBA, xy ...float64) { c.haze(k, 1, xy...) }

func (c *canvas) haze(k color.RGBA, strength float64, xy ...float64) {
	x0, y0, x1, y1 := xy[0], xy[1], xy[0], xy[1]
	for i := 2; i < len(xy); i += 2 {
		x0, y0, x1, y1 = min(x0, xy[i]), min(y0, xy[i+1]), max(x1, xy[i]), max(y1, xy[i+1])
	}
	c.fill(k, strength, x0, y0, x1, y1, func(z *vector.Rasterizer, at func(x, y float64) (float32, float32)) {
		z.MoveTo(at(xy[0], xy[1]))
		for i := 2; i < len(xy); i += 2 {
			z.LineTo(at(xy[i], xy[i+1]))
		}
		z.ClosePath()
	})
}

func (c *canvas) rect(k color.RGBA, x, y, w, h float64) { c.poly(k, x, y, x+w, y, x+w, y+h, x, y+h) }

// oval paints an ellipse around a point.
func (c *canvas) oval(k color.RGBA, strength, x, y, rx, ry float64) {
	const round = 0.5523 // of a quarter circle's control points
	c.fill(k, strength, x-rx, y-ry, x+rx, y+ry, func(z *vector.Rasterizer, at func(x, y float64) (float32, float32)) {
		p := func(dx, dy float64) (float32, float32) { return at(x+dx*rx, y+dy*ry) }
		cube := func(ax, ay, bx, by, ex, ey float64) {
			x1, y1 := p(ax, ay)
			x2, y2 := p(bx, by)
			x3, y3 := p(ex, ey)
			z.CubeTo(x1, y1, x2, y2, x3, y3)
		}
		z.MoveTo(p(1, 0))
		cube(1, round, round, 1, 0, 1)
		cube(-round, 1, -1, round, -1, 0)
		cube(-1, -round, -round, -1, 0, -1)
		cube(round, -1, 1, -round, 1, 0)
		z.ClosePath()
	})
}

// line paints a stroke between two points.
func (c *canvas) line(k color.RGBA, strength, x1, y1, x2, y2, w float64) {
	dx, dy := x2-x1, y2-y1
	n := math.Hypot(dx, dy)
	dx, dy = dx/n*w/2, dy/n*w/2
	c.haze(k, strength, x1-dy, y1+dx, x2-dy, y2+dx, x2+dy, y2-dx, x1+dy, y1-dx)
}

// sky paints the air down to the horizon, with sun or moon and a few clouds.
func (c *canvas) sky(horizon float64) {
	for y := range height {
		k := mix(c.top, c.bottom, min(float64(y)/horizon, 1))
		for x := range width {
			c.SetRGBA(x, y, k)
		}
	}
	if c.amount > 0.5 {
		for range 90 {
			c.oval(rgb(0xffffff), 0.3+0.5*c.r.Float64(), c.r.Float64()*width, c.r.Float64()*horizon*0.8, 1.2, 1.2)
		}
	}
	for i := range 7 {
		c.oval(c.sun, 0.06, c.sunX, c.sunY, 190-float64(i)*22, 190-float64(i)*22)
	}
	c.oval(c.sun, 1, c.sunX, c.sunY, 40, 40)
	if c.amount > 0.5 {
		return
	}
	for range 4 {
		x, y, s := c.r.Float64()*width, 60+c.r.Float64()*horizon*0.4, 40+c.r.Float64()*45
		for i := range 5 {
			d := float64(i) - 2
			c.oval(bright(c.bottom, 0.75), 0.5, x+d*s*0.8, y+math.Abs(d)*s*0.1, s*(1.1-math.Abs(d)*0.18), s*(0.42-math.Abs(d)*0.06))
		}
	}
}

// alps paints the mountains that are seen from the plain on a clear day.
func (c *canvas) alps(base, tall float64) {
	far := mix(c.in(rgb(0x6f86ad)), c.bottom, 0.45)
	var xs, ys []float64
	for x := -40.0; x < width+80; x += 70 {
		xs, ys = append(xs, c.around(x, 20)), append(ys, base-tall*(0.35+0.65*c.r.Float64()))
	}
	path := []float64{-60, base}
	for i := range xs {
		path = append(path, xs[i], ys[i])
	}
	c.poly(far, append(path, width+100, base)...)
	for i := 1; i+1 < len(xs); i++ {
		if base-ys[i] > tall*0.6 && ys[i] < ys[i-1] && ys[i] < ys[i+1] {
			t := 0.42
			lx, ly := xs[i]+(xs[i-1]-xs[i])*t, ys[i]+(ys[i-1]-ys[i])*t
			rx, ry := xs[i]+(xs[i+1]-xs[i])*t, ys[i]+(ys[i+1]-ys[i])*t
			c.poly(mix(c.in(rgb(0xf7f9fc)), c.bottom, 0.15), xs[i], ys[i], rx, ry, xs[i]+8, (ly+ry)/2-12, lx, ly)
		}
	}
}

// hills paints a soft ridge.
func (c *canvas) hills(base, tall float64, k color.RGBA) {
	phase := c.r.Float64() * 6
	path := []float64{0, height}
	for x := 0.0; x <= width; x += 20 {
		y := base - tall*(0.5+0.3*math.Sin(x/170+phase)+0.2*math.Sin(x/73+phase*2))
		path = append(path, x, y)
	}
	c.poly(c.in(k), append(path, width, height)...)
}

// ground paints a surface from the horizon to the bottom, darker in front.
func (c *canvas) ground(horizon float64, k color.RGBA) {
	const bands = 24
	for i := range bands {
		t := float64(i) / bands
		y := horizon + (height-horizon)*t
		c.rect(shade(c.in(k), t*0.16), 0, y, width, (height-horizon)/bands+1)
	}
}

// paving draws the joints of a square's stones towards the vanishing point.
func (c *canvas) paving(horizon, vx float64, k color.RGBA) {
	c.ground(horizon, k)
	joint := shade(c.in(k), 0.18)
	for x := -2400.0; x <= 3600; x += 150 {
		c.line(joint, 0.55, vx+(x-vx)*0.04, horizon+2, x, height, 2)
	}
	for i := 1; i < 11; i++ {
		t := math.Pow(float64(i)/11, 2.1)
		c.line(joint, 0.45, 0, horizon+(height-horizon)*t, width, horizon+(height-horizon)*t, 1+2*t)
	}
}

// shadow lies at something's foot.
func (c *canvas) shadow(x, y, w float64) { c.oval(rgb(0x10141f), 0.16, x, y, w, w*0.16) }
