package demo

import (
	"image/color"
	"math"
)

// house is a building seen from the front.
type house struct {
	x, base, w, h float64
	wall, roof    color.RGBA
	floors, cols  int
	flat, shop    bool
}

func (c *canvas) house(b house) {
	wall := c.in(b.wall)
	top := b.base - b.h
	c.shadow(b.x+b.w/2, b.base+4, b.w*0.56)
	c.rect(wall, b.x, top, b.w, b.h)
	c.rect(shade(wall, 0.12), b.x+b.w*0.9, top, b.w*0.1, b.h)
	c.rect(shade(wall, 0.22), b.x, b.base-b.h*0.05, b.w, b.h*0.05)
	if b.flat {
		c.rect(shade(wall, 0.3), b.x-4, top-9, b.w+8, 12)
	} else {
		roof := c.in(b.roof)
		tall := math.Min(b.w*0.2, 64)
		c.poly(roof, b.x-13, top+3, b.x+b.w*0.14, top-tall, b.x+b.w*0.86, top-tall, b.x+b.w+13, top+3)
		c.rect(shade(roof, 0.3), b.x-13, top, b.w+26, 7)
		c.rect(shade(roof, 0.12), b.x+b.w*0.68, top-tall-18, b.w*0.06, 36)
	}
	c.windows(b, top)
}

func (c *canvas) windows(b house, top float64) {
	from := 0.0
	if b.shop {
		from = b.h * 0.26
		c.rect(shade(c.in(rgb(0x2f4858)), 0.1), b.x+b.w*0.08, b.base-from*0.86, b.w*0.5, from*0.86)
		if c.lit {
			c.rect(rgb(0xffd98c), b.x+b.w*0.1, b.base-from*0.8, b.w*0.46, from*0.7)
		}
		c.rect(shade(c.in(b.roof), 0.35), b.x+b.w*0.68, b.base-from*0.9, b.w*0.16, from*0.9)
		for i := range 6 {
			k := rgb(0xf4efe4)
			if i%2 == 0 {
				k = b.roof
			}
			x, w := b.x+b.w*0.05+float64(i)*b.w*0.095, b.w*0.095
			c.poly(c.in(k), x, b.base-from, x+w, b.base-from, x+w, b.base-from*0.78, x, b.base-from*0.78)
		}
	}
	stepX, stepY := b.w/float64(b.cols), (b.h-from)/float64(b.floors)
	ww, wh := math.Min(stepX*0.42, 46), stepY*0.52
	for f := range b.floors {
		for i := range b.cols {
			x, y := b.x+stepX*(float64(i)+0.5)-ww/2, top+stepY*(float64(f)+0.26)
			glass := mix(c.in(rgb(0x52708a)), c.bottom, 0.25)
			if c.lit && c.r.Float64() < 0.55 {
				glass = rgb(0xffdf9a)
			}
			c.rect(bright(c.in(b.wall), 0.4), x-3, y-3, ww+6, wh+6)
			c.rect(glass, x, y, ww, wh)
			c.line(bright(c.in(b.wall), 0.3), 1, x+ww/2, y, x+ww/2, y+wh, 2.5)
			if !b.flat && stepX > 46 {
				shutter := shade(c.in(mix(b.roof, rgb(0x3d6b57), 0.7)), 0.05)
				c.rect(shutter, x-ww*0.42-4, y-2, ww*0.4, wh+4)
				c.rect(shutter, x+ww+4, y-2, ww*0.4, wh+4)
			}
			c.rect(shade(c.in(b.wall), 0.25), x-5, y+wh+3, ww+10, 4)
		}
	}
}

// row paints houses side by side over a stretch of the horizon.
func (c *canvas) row(from, to, base, tall float64) {
	walls := []uint32{0xe8c9a0, 0xd9a07a, 0xefdfc4, 0xc98d6b, 0xdcb98c, 0xe6d3b5, 0xcfae8e}
	roofs := []uint32{0xa9573c, 0x94482f, 0xb5654a}
	for x := from; x < to; {
		w := math.Min(c.around(150, 45), to-x+30)
		c.house(house{x: x, base: base, w: w, h: c.around(tall, tall*0.22), wall: rgb(walls[c.r.IntN(len(walls))]), roof: rgb(roofs[c.r.IntN(len(roofs))]),
			floors: 2 + c.r.IntN(2), cols: max(2, int(w/52)), shop: c.r.Float64() < 0.5})
		x += w
	}
}

// tower is a bell tower.
func (c *canvas) tower(x, base, w, h float64) {
	wall := c.in(rgb(0xc9906a))
	top := base - h
	c.shadow(x+w/2, base+4, w)
	c.rect(wall, x, top, w, h)
	c.rect(shade(wall, 0.2), x+w*0.72, top, w*0.28, h)
	for i := 1; i < 4; i++ {
		c.rect(bright(wall, 0.25), x-4, top+h*float64(i)*0.25, w+8, 7)
	}
	dark := shade(wall, 0.65)
	c.rect(dark, x+w*0.3, top+h*0.07, w*0.4, h*0.13)
	c.oval(dark, 1, x+w/2, top+h*0.07, w*0.2, w*0.2)
	c.oval(c.in(rgb(0xc9a24a)), 1, x+w/2, top+h*0.155, w*0.13, w*0.14)
	c.oval(c.in(rgb(0xf5efdf)), 1, x+w/2, top+h*0.33, w*0.25, w*0.25)
	c.line(shade(wall, 0.8), 1, x+w/2, top+h*0.33, x+w/2, top+h*0.33-w*0.18, 3)
	c.line(shade(wall, 0.8), 1, x+w/2, top+h*0.33, x+w*0.62, top+h*0.33, 3)
	c.poly(c.in(rgb(0x8f4a36)), x-8, top+2, x+w/2, top-w*1.05, x+w+8, top+2)
	c.line(shade(wall, 0.7), 1, x+w/2, top-w*1.4, x+w/2, top-w*1.02, 3)
	c.line(shade(wall, 0.7), 1, x+w*0.4, top-w*1.26, x+w*0.6, top-w*1.26, 3)
}

// tree stands on its base; k is the colour of its leaves.
func (c *canvas) tree(x, base, h float64, k color.RGBA) {
	c.shadow(x, base+2, h*0.34)
	trunk := c.in(rgb(0x6b4a33))
	c.poly(trunk, x-h*0.035, base, x-h*0.02, base-h*0.5, x+h*0.02, base-h*0.5, x+h*0.035, base)
	leaf := c.in(k)
	for _, o := range [][4]float64{{0, 0.62, 0.3, 0.24}, {-0.17, 0.55, 0.2, 0.17}, {0.18, 0.56, 0.2, 0.17}, {-0.08, 0.76, 0.2, 0.18}, {0.1, 0.77, 0.19, 0.17}} {
		c.oval(shade(leaf, 0.14), 1, x+o[0]*h+4, base-o[1]*h+5, o[2]*h, o[3]*h)
		c.oval(leaf, 1, x+o[0]*h, base-o[1]*h, o[2]*h, o[3]*h)
	}
	side := 1.0
	if c.sunX < x {
		side = -1
	}
	c.oval(bright(leaf, 0.28), 0.55, x+side*h*0.1, base-h*0.76, h*0.13, h*0.1)
	c.oval(bright(leaf, 0.22), 0.45, x+side*h*0.19, base-h*0.6, h*0.09, h*0.07)
}

// birch is a slim tree of the heath.
func (c *canvas) birch(x, base, h float64) {
	bark := c.in(rgb(0xeee8dc))
	c.poly(bark, x-h*0.018, base, x-h*0.008, base-h*0.9, x+h*0.008, base-h*0.9, x+h*0.018, base)
	for i := range 9 {
		c.rect(shade(bark, 0.7), x-h*0.012, base-h*(0.08+0.085*float64(i)), h*0.016, 4)
	}
	for range 16 {
		y := base - h*(0.45+0.5*c.r.Float64())
		c.oval(c.in(mix(rgb(0xd3b64b), rgb(0x8ea94a), c.r.Float64())), 0.75, c.around(x, h*0.14), y, h*0.06, h*0.045)
	}
}

// person is a figure of somebody who walks or stands there.
func (c *canvas) person(x, base, h float64) {
	coats := []uint32{0xb5452f, 0x2d6a8a, 0xe0a52e, 0x3e7d56, 0x6b4c8a, 0x34495e, 0xd8d2c6, 0xc7607a}
	skins := []uint32{0xf0c8a0, 0xc98f66, 0x8a5a3c, 0xe5b48c}
	coat := c.in(rgb(coats[c.r.IntN(len(coats))]))
	c.shadow(x, base+1, h*0.24)
	leg := c.in(rgb(0x33384a))
	c.poly(leg, x-h*0.09, base, x-h*0.08, base-h*0.45, x, base-h*0.45, x-h*0.03, base)
	c.poly(leg, x+h*0.09, base, x+h*0.08, base-h*0.45, x, base-h*0.45, x+h*0.03, base)
	c.poly(coat, x-h*0.13, base-h*0.36, x-h*0.1, base-h*0.78, x+h*0.1, base-h*0.78, x+h*0.13, base-h*0.36)
	c.oval(coat, 1, x, base-h*0.77, h*0.1, h*0.06)
	c.oval(c.in(rgb(skins[c.r.IntN(len(skins))])), 1, x, base-h*0.9, h*0.075, h*0.09)
	c.oval(c.in(shade(rgb(0x5a3a26), c.r.Float64()*0.5)), 1, x, base-h*0.945, h*0.08, h*0.055)
}

// crowd spreads people over a stretch; those nearer stand lower and are taller.
func (c *canvas) crowd(n int, from, to, horizon, nearest float64) {
	for i := range n {
		t := (float64(i) + 0.5) / float64(n)
		base := horizon + (nearest-horizon)*(0.12+0.88*t*t)
		c.person(from+(to-from)*c.r.Float64(), base, 26+(base-horizon)*0.42)
	}
}

func (c *canvas) lamp(x, base, h float64) {
	iron := shade(c.in(rgb(0x39424e)), 0.1)
	c.line(iron, 1, x, base, x, base-h, h*0.03)
	c.line(iron, 1, x-h*0.08, base-h, x+h*0.08, base-h, h*0.025)
	glass := bright(c.in(rgb(0xe9e4d0)), 0.2)
	if c.lit {
		for i := range 5 {
			c.oval(rgb(0xffe2a0), 0.09, x, base-h*1.05, h*(0.4-float64(i)*0.06), h*(0.4-float64(i)*0.06))
		}
		glass = rgb(0xfff0c0)
	}
	c.oval(glass, 1, x, base-h*1.05, h*0.055, h*0.07)
}

func (c *canvas) bench(x, base, w float64) {
	wood, iron := c.in(rgb(0x9a6a3f)), c.in(rgb(0x3c434c))
	c.shadow(x+w/2, base+2, w*0.55)
	for _, at := range []float64{0.1, 0.86} {
		c.rect(iron, x+w*at, base-w*0.22, w*0.04, w*0.22)
	}
	c.rect(wood, x, base-w*0.25, w, w*0.06)
	c.rect(bright(wood, 0.1), x, base-w*0.42, w, w*0.05)
	c.rect(bright(wood, 0.1), x, base-w*0.52, w, w*0.05)
}

// stall is one of the market's.
func (c *canvas) stall(x, base, w float64, k color.RGBA) {
	c.shadow(x+w/2, base+3, w*0.55)
	c.rect(c.in(rgb(0x7d5a3c)), x+w*0.04, base-w*0.28, w*0.92, w*0.28)
	for range 26 {
		fruit := []uint32{0xd8402f, 0xe8a32c, 0x6d9b3a, 0xe7c64a, 0x8b4a86}
		c.oval(c.in(rgb(fruit[c.r.IntN(len(fruit))])), 1, x+w*(0.09+0.82*c.r.Float64()), base-w*(0.29+0.05*c.r.Float64()), w*0.035, w*0.035)
	}
	for _, at := range []float64{0.03, 0.94} {
		c.rect(c.in(rgb(0xd8d4cc)), x+w*at, base-w*0.82, w*0.03, w*0.82)
	}
	const n = 8
	for i := range n {
		stripe := rgb(0xf7f2e8)
		if i%2 == 0 {
			stripe = k
		}
		t0, t1 := float64(i)/n, float64(i+1)/n
		c.poly(c.in(stripe), x-w*0.06+w*1.12*t0, base-w*0.72, x+w*0.12+w*0.76*t0, base-w, x+w*0.12+w*0.76*t1, base-w, x-w*0.06+w*1.12*t1, base-w*0.72)
		c.oval(c.in(stripe), 1, x-w*0.06+w*1.12*(t0+t1)/2, base-w*0.72, w*0.07, w*0.045)
	}
}

// flag hangs from a pole; the colours stand side by side.
func (c *canvas) flag(x, y, s float64, colours ...uint32) {
	c.line(c.in(rgb(0xcfcfcf)), 1, x, y+s*1.5, x, y, 3)
	for i, k := range colours {
		w := s / float64(len(colours))
		c.poly(c.in(rgb(k)), x+float64(i)*w, y+float64(i)*3, x+float64(i+1)*w, y+float64(i+1)*3, x+float64(i+1)*w, y+s*0.66+float64(i+1)*3, x+float64(i)*w, y+s*0.66+float64(i)*3)
	}
}
