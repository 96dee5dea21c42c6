package demo

import (
	"bytes"
	"fmt"
	"image/color"
	"image/jpeg"
	"math"
	"strings"
)

// paint draws a picture of the town as a JPEG. Its name is SCENE-HOUR-ANYTHING:
// the same name always gives the same picture.
func paint(name string) ([]byte, error) {
	parts := strings.SplitN(name, "-", 3)
	if len(parts) < 2 {
		return nil, fmt.Errorf("picture %q has no hour", name)
	}
	draw, ok := scenes()[parts[0]]
	if !ok {
		return nil, fmt.Errorf("picture %q: no such scene", name)
	}
	c := newCanvas(name, parts[1])
	draw(c)
	var b bytes.Buffer
	err := jpeg.Encode(&b, c.RGBA, &jpeg.Options{Quality: 84})
	return b.Bytes(), err
}

func scenes() map[string]func(*canvas) {
	return map[string]func(*canvas){
		"piazza": piazza, "mercato": market, "biblioteca": library, "sala": readingRoom, "scuola": school, "strada": street, "cantiere": roadworks,
		"parco": park, "brughiera": heath, "concerto": concert, "campo": pitch, "stazione": station, "panorama": skyline, "municipio": townHall,
		"murale": mural, "fontana": fountain,
	}
}

func leaf(c *canvas) color.RGBA {
	leaves := []uint32{0x4f8a3c, 0x6a9a42, 0x86a545, 0x3f7a48, 0xb99a3a}
	return rgb(leaves[c.r.IntN(len(leaves))])
}

func piazza(c *canvas) {
	c.sky(430)
	c.alps(430, 150)
	c.row(-30, 420, 470, 190)
	c.row(720, 1230, 470, 180)
	c.tower(620, 474, 84, 330)
	church(c, 430, 476)
	c.paving(468, 560, rgb(0xcdbfa8))
	c.lamp(250, 620, 170)
	c.lamp(1010, 620, 170)
	c.crowd(16, 120, 1080, 480, 770)
}

// church is a plain Lombard front with a rose window.
func church(c *canvas, x, base float64) {
	wall := c.in(rgb(0xd8a67c))
	c.poly(wall, x, base, x, base-190, x+95, base-262, x+190, base-190, x+190, base)
	c.poly(shade(wall, 0.14), x+150, base, x+150, base-222, x+190, base-190, x+190, base)
	c.line(c.in(rgb(0x8f4a36)), 1, x-10, base-184, x+95, base-266, 11)
	c.line(c.in(rgb(0x8f4a36)), 1, x+95, base-266, x+200, base-184, 11)
	c.oval(bright(wall, 0.4), 1, x+95, base-160, 34, 34)
	c.oval(shade(c.in(rgb(0x4a6a8a)), 0.1), 1, x+95, base-160, 27, 27)
	for i := range 8 {
		a := float64(i) * math.Pi / 4
		c.line(bright(wall, 0.4), 1, x+95, base-160, x+95+27*math.Cos(a), base-160+27*math.Sin(a), 3)
	}
	door := shade(c.in(rgb(0x5b3a26)), 0.1)
	c.rect(door, x+69, base-72, 52, 72)
	c.oval(door, 1, x+95, base-72, 26, 26)
}

func market(c *canvas) {
	c.sky(400)
	c.row(-30, 1230, 440, 200)
	c.tower(900, 444, 70, 300)
	c.paving(440, 600, rgb(0xc9bda9))
	cloths := []uint32{0xb5382c, 0x2f7a55, 0x2c6a9a, 0xd08a2a}
	for i := range 6 {
		c.stall(20+float64(i)*200, 560, 150, rgb(cloths[i%4]))
	}
	c.crowd(12, 80, 1120, 540, 700)
	for i := range 3 {
		c.stall(-40+float64(i)*480, 760, 270, rgb(cloths[(i+1)%4]))
	}
	c.crowd(5, 260, 1000, 640, 790)
}

func library(c *canvas) {
	c.sky(460)
	c.hills(470, 70, rgb(0x7f9f6a))
	c.house(house{x: 190, base: 560, w: 800, h: 250, wall: rgb(0xd9c3a0), roof: rgb(0x5b6b78), floors: 1, cols: 6, flat: true})
	for i := range 9 { // the glass front of the ground floor, with the backs of books
		x := 214 + float64(i)*85
		glass := mix(c.in(rgb(0x5d8096)), c.bottom, 0.3)
		if c.lit {
			glass = rgb(0xffe1a4)
		}
		c.rect(glass, x, 440, 72, 118)
		for j := range 9 {
			books := []uint32{0xb5452f, 0x2d6a8a, 0xe0a52e, 0x3e7d56, 0x6b4c8a, 0xeadfc8}
			h := c.around(36, 9)
			c.rect(c.in(rgb(books[c.r.IntN(len(books))])), x+4+float64(j)*7.2, 548-h, 6, h)
		}
		c.rect(shade(c.in(rgb(0xd9c3a0)), 0.35), x+72, 430, 13, 130)
	}
	c.ground(556, rgb(0x9bb071))
	c.poly(c.in(rgb(0xd8cbb4)), 560, 558, 640, 558, 820, 800, 340, 800)
	c.tree(110, 610, 300, leaf(c))
	c.tree(1080, 630, 340, leaf(c))
	c.bench(850, 690, 150)
	c.crowd(6, 430, 740, 560, 760)
}

func readingRoom(c *canvas) {
	c.rect(c.in(rgb(0xeee0c6)), 0, 0, width, height)
	books := []uint32{0xb5452f, 0x2d6a8a, 0xe0a52e, 0x3e7d56, 0x6b4c8a, 0xd8cbb0, 0x8a5a3c, 0x4f7f8f}
	for _, from := range []float64{0, 800} {
		for shelf := range 5 {
			y := 110 + float64(shelf)*98
			c.rect(c.in(rgb(0x7a5636)), from, y+80, 400, 14)
			for x := from + 8; x < from+388; {
				w, h := c.around(15, 6), c.around(64, 12)
				c.rect(shade(c.in(rgb(books[c.r.IntN(len(books))])), c.r.Float64()*0.15), x, y+80-h, w-1.5, h)
				x += w
			}
		}
	}
	c.rect(bright(c.top, 0.1), 440, 90, 320, 330)
	c.rect(c.bottom, 440, 260, 320, 160)
	c.oval(c.in(rgb(0x5f9147)), 1, 520, 420, 90, 80)
	c.oval(c.in(rgb(0x77a550)), 1, 690, 430, 100, 70)
	c.rect(c.in(rgb(0xf7f1e4)), 592, 90, 14, 330)
	c.rect(c.in(rgb(0xf7f1e4)), 430, 240, 340, 12)
	c.ground(600, rgb(0xb58a5c))
	c.haze(rgb(0xfff6da), 0.22, 440, 600, 760, 600, 900, 800, 340, 800)
	for i := range 5 {
		c.person(230+float64(i)*185, 650, c.around(190, 16))
	}
	c.poly(c.in(rgb(0x9a6a3f)), 120, 610, 1080, 610, 1180, 680, 20, 680)
	c.rect(shade(c.in(rgb(0x9a6a3f)), 0.25), 20, 680, 1160, 22)
	for i := range 5 {
		x := 200 + float64(i)*190
		c.poly(c.in(rgb(0xfaf6ec)), x, 640, x+42, 632, x+84, 640, x+84, 662, x+42, 655, x, 662)
	}
}

func school(c *canvas) {
	c.sky(450)
	c.hills(470, 60, rgb(0x86a56f))
	c.house(house{x: 90, base: 560, w: 1020, h: 230, wall: rgb(0xe9b872), roof: rgb(0xa9573c), floors: 2, cols: 12})
	c.house(house{x: 500, base: 562, w: 200, h: 290, wall: rgb(0xf0cf96), roof: rgb(0x8f4a36), floors: 3, cols: 3})
	c.rect(c.in(rgb(0x2f5d50)), 566, 480, 68, 82)
	c.flag(520, 395, 40, 0x2f8f4e, 0xf5f5f5, 0xc8372d)
	c.flag(650, 395, 40, 0x234a9a)
	c.ground(558, rgb(0xc9b48d))
	for i := range 12 {
		y := 584.0
		c.oval(c.in(rgb(0xffffff)), 0.5, 130+float64(i)*86, y, 24, 5)
	}
	c.tree(60, 640, 320, leaf(c))
	c.tree(1150, 640, 300, leaf(c))
	for range 14 {
		base := 600 + c.r.Float64()*160
		c.person(160+c.r.Float64()*880, base, 60+(base-600)*0.32)
	}
}

// perspective is a road that runs to the vanishing point.
func perspective(c *canvas, horizon, vx float64) {
	c.ground(horizon, rgb(0x9aa678))
	c.poly(c.in(rgb(0xc3bbad)), vx-28, horizon, vx+28, horizon, 1240, height, -120, height)
	c.poly(c.in(rgb(0x62666e)), vx-18, horizon, vx+18, horizon, 1010, height, 90, height)
	for i := range 9 {
		t0, t1 := math.Pow(float64(i)/9, 2), math.Pow((float64(i)+0.5)/9, 2)
		y0, y1 := horizon+(height-horizon)*t0, horizon+(height-horizon)*t1
		mid := func(t float64) float64 { return vx + (550-vx)*t }
		c.poly(c.in(rgb(0xf2efe6)), mid(t0)-1-9*t0, y0, mid(t0)+1+9*t0, y0, mid(t1)+1+9*t1, y1, mid(t1)-1-9*t1, y1)
	}
}

func street(c *canvas) {
	c.sky(400)
	c.alps(410, 130)
	c.row(-30, 380, 440, 130)
	c.row(780, 1230, 440, 130)
	perspective(c, 420, 580)
	for i := range 6 {
		t := math.Pow((float64(i)+1)/6, 1.7)
		c.tree(560-600*t, 440+270*t, 90+300*t, leaf(c))
		c.tree(620+560*t, 440+270*t, 90+300*t, leaf(c))
	}
	c.crowd(5, 880, 1120, 430, 700)
}

func roadworks(c *canvas) {
	c.sky(400)
	c.row(-30, 480, 430, 150)
	c.row(700, 1230, 430, 150)
	perspective(c, 420, 590)
	c.poly(c.in(rgb(0x5b4634)), 380, 560, 760, 560, 850, 690, 290, 690) // the trench
	c.poly(c.in(rgb(0x3c2f25)), 400, 575, 740, 575, 800, 670, 345, 670)
	c.line(c.in(rgb(0x4c86a8)), 1, 370, 640, 780, 610, 26)
	c.line(bright(c.in(rgb(0x4c86a8)), 0.4), 1, 370, 634, 780, 604, 6)
	yellow := c.in(rgb(0xe9ad24))
	c.shadow(930, 640, 150)
	c.rect(c.in(rgb(0x34373d)), 830, 602, 210, 38)
	c.rect(yellow, 860, 520, 150, 84)
	c.rect(mix(c.in(rgb(0x7fa6bd)), c.bottom, 0.4), 876, 534, 62, 46)
	c.line(yellow, 1, 880, 540, 780, 410, 24)
	c.line(yellow, 1, 780, 410, 690, 520, 20)
	c.poly(shade(yellow, 0.4), 660, 510, 720, 512, 700, 566, 652, 556)
	for i := range 6 {
		x := 90 + float64(i)*205
		for j := range 6 {
			k := rgb(0xf5f2ea)
			if j%2 == 0 {
				k = rgb(0xc8372d)
			}
			c.rect(c.in(k), x+float64(j)*25, 712, 25, 26)
		}
		c.rect(c.in(rgb(0x8a8f98)), x+12, 738, 8, 44)
		c.rect(c.in(rgb(0x8a8f98)), x+130, 738, 8, 44)
	}
	c.person(250, 650, 120)
	c.person(560, 556, 92)
}

func park(c *canvas) {
	c.sky(420)
	c.hills(440, 90, rgb(0x86a878))
	c.ground(440, rgb(0x86ab5c))
	c.poly(c.in(rgb(0xd9c8a4)), 700, 440, 730, 440, 760, 560, 560, 660, 620, 800, 250, 800, 380, 650, 640, 540)
	c.oval(mix(c.in(rgb(0x6fa3c4)), c.bottom, 0.3), 1, 960, 580, 210, 58)
	c.oval(rgb(0xffffff), 0.2, 920, 568, 90, 10)
	for i := range 9 {
		t := float64(i) / 9
		c.tree(c.around(70+t*1080, 40), 470+c.r.Float64()*20, c.around(160, 40), leaf(c))
	}
	c.tree(130, 720, 460, leaf(c))
	c.bench(240, 730, 170)
	c.crowd(6, 420, 720, 470, 740)
}

func heath(c *canvas) {
	c.sky(430)
	c.alps(430, 140)
	c.hills(450, 60, rgb(0x8d9a6a))
	c.ground(450, rgb(0xa89a62))
	for i := range 260 {
		t := float64(i) / 260
		y := 460 + 340*t*t
		c.oval(c.in(mix(rgb(0x8f5a8a), rgb(0xb58a4a), c.r.Float64())), 0.75, c.r.Float64()*width, y, 8+34*t, 4+13*t)
	}
	c.poly(c.in(rgb(0xdbc79e)), 590, 450, 606, 450, 640, 560, 760, 800, 480, 800, 570, 560)
	for range 9 {
		base := 500 + c.r.Float64()*200
		x := c.r.Float64() * width
		if math.Abs(x-610) > 120 {
			c.birch(x, base, base-140)
		}
	}
	c.crowd(3, 590, 650, 460, 650)
}

func concert(c *canvas) {
	c.sky(500)
	c.row(-30, 1230, 480, 200)
	c.ground(480, rgb(0x4d4a52))
	c.rect(c.in(rgb(0x2b2530)), 320, 250, 560, 250)
	c.rect(shade(rgb(0x6a3550), 0.2), 340, 270, 520, 190)
	c.rect(rgb(0x39313a), 300, 460, 600, 50)
	c.poly(rgb(0x1d1a22), 290, 250, 600, 180, 910, 250)
	for i, k := range []uint32{0xffd36b, 0xff7aa2, 0x7ad0ff, 0xb6ff9a, 0xffd36b} {
		x := 380 + float64(i)*110
		c.haze(rgb(k), 0.2, x, 240, x+8, 240, x+c.around(60, 50)+60, 470, x+c.around(-60, 50)-20, 470)
		c.oval(rgb(k), 1, x, 242, 10, 10)
	}
	for i := range 4 {
		c.person(430+float64(i)*112, 466, c.around(104, 8))
	}
	for i := range 70 {
		t := float64(i) / 70
		y := 560 + 230*t
		s := 16 + 20*t
		x := c.r.Float64() * width
		k := shade(c.in(rgb(0x2a2438)), 0.3)
		c.oval(k, 1, x, y+s*2.2, s*1.3, s*1.8)
		c.oval(k, 1, x, y, s*0.7, s*0.8)
	}
}

func pitch(c *canvas) {
	c.sky(380)
	c.alps(390, 120)
	for i := range 14 {
		c.tree(float64(i)*92, 412, c.around(110, 25), leaf(c))
	}
	c.ground(405, rgb(0x5e9a48))
	for i := range 6 {
		t0, t1 := float64(2*i)/12, float64(2*i+1)/12
		y0, y1 := 405+395*t0*t0, 405+395*t1*t1
		c.haze(rgb(0xffffff), 0.07, 0, y0, width, y0, width, y1, 0, y1)
	}
	chalk := c.in(rgb(0xf5f5ee))
	c.line(chalk, 0.9, 180, 430, 1020, 430, 4)
	c.line(chalk, 0.9, 180, 430, -260, 800, 6)
	c.line(chalk, 0.9, 1020, 430, 1460, 800, 6)
	c.line(chalk, 0.9, 400, 430, 330, 520, 4)
	c.line(chalk, 0.9, 800, 430, 870, 520, 4)
	c.line(chalk, 0.9, 330, 520, 870, 520, 4)
	for _, s := range [][4]float64{{505, 430, 505, 340}, {695, 430, 695, 340}, {502, 340, 698, 340}} {
		c.line(bright(chalk, 0.4), 1, s[0], s[1], s[2], s[3], 7)
	}
	c.crowd(11, 150, 1050, 420, 770)
	c.shadow(640, 742, 17)
	c.oval(bright(chalk, 0.5), 1, 640, 728, 16, 16)
}

func station(c *canvas) {
	c.sky(420)
	c.row(-30, 420, 450, 160)
	c.ground(440, rgb(0x8f8a82))
	for i := range 12 {
		t := math.Pow(float64(i)/12, 2)
		y := 460 + 340*t
		c.line(c.in(rgb(0x5f5148)), 1, 640-420*t-20, y, 660+20+40*t, y, 3+8*t)
	}
	c.line(c.in(rgb(0xb9bec6)), 1, 636, 455, 300, 800, 7)
	c.line(c.in(rgb(0xb9bec6)), 1, 648, 455, 640, 800, 7)
	c.poly(c.in(rgb(0x2f7a55)), 640, 300, 560, 290, 300, 210, 300, 640, 560, 480, 640, 455)
	c.poly(c.in(rgb(0xe8ebee)), 300, 210, 150, 230, 150, 620, 300, 640)
	c.poly(mix(c.in(rgb(0x3d566a)), c.bottom, 0.2), 290, 270, 165, 284, 165, 420, 290, 430)
	for i := range 6 {
		t := float64(i) / 6
		x0, x1 := 330+260*t, 330+260*(t+0.11)
		c.poly(mix(c.in(rgb(0x3d566a)), c.bottom, 0.3), x0, 290+50*t, x1, 296+50*t, x1, 410-10*t, x0, 420-14*t)
	}
	c.poly(c.in(rgb(0xbfb8ab)), 690, 450, 720, 450, 1300, 800, 700, 800)
	c.poly(c.in(rgb(0xe3b63b)), 690, 450, 695, 450, 740, 800, 700, 800)
	c.poly(c.in(rgb(0x7d4a38)), 720, 330, 1240, 180, 1240, 230, 720, 350)
	for i := range 4 {
		x := 770 + float64(i)*130
		c.rect(c.in(rgb(0x4a5058)), x, 330-float64(i)*34, 9, 150+float64(i)*90)
	}
	c.crowd(9, 760, 1130, 460, 770)
}

func skyline(c *canvas) {
	c.sky(520)
	c.alps(520, 190)
	for layer, k := range []uint32{0x8fa3b0, 0x6f8794, 0x4f6a72} {
		base := 540 + float64(layer)*50
		for x := -20.0; x < width; {
			w, h := c.around(70, 30), c.around(70-float64(layer)*10, 40)
			roof := c.in(rgb(k))
			c.poly(roof, x, base+200, x, base-h, x+w/2, base-h-w*0.22, x+w, base-h, x+w, base+200)
			for i := range 3 {
				if c.lit && c.r.Float64() < 0.5 {
					c.rect(rgb(0xffdf9a), x+w*(0.2+0.24*float64(i)), base-h+24, 7, 10)
				}
			}
			x += w + 3
		}
	}
	c.tower(560, 640, 62, 310)
	c.hills(730, 90, rgb(0x4d6b45))
	for i := range 12 {
		c.tree(float64(i)*108, 770, c.around(140, 30), leaf(c))
	}
}

func townHall(c *canvas) {
	c.sky(450)
	c.row(-40, 240, 520, 170)
	c.row(960, 1240, 520, 170)
	wall := rgb(0xecd9b4)
	c.house(house{x: 260, base: 560, w: 680, h: 320, wall: wall, roof: rgb(0x9c5238), floors: 2, cols: 7})
	for i := range 5 {
		x := 330 + float64(i)*120
		dark := shade(c.in(wall), 0.5)
		c.rect(dark, x, 470, 70, 92)
		c.oval(dark, 1, x+35, 470, 35, 35)
	}
	c.rect(bright(c.in(wall), 0.3), 520, 398, 160, 12)
	for i := range 9 {
		c.rect(c.in(rgb(0x6d6a64)), 524+float64(i)*18, 368, 4, 32)
	}
	c.rect(c.in(rgb(0x6d6a64)), 520, 364, 160, 5)
	c.flag(540, 318, 42, 0x2f8f4e, 0xf5f5f5, 0xc8372d)
	c.flag(640, 318, 42, 0x234a9a)
	c.poly(c.in(rgb(0xdfc79c)), 540, 244, 540, 190, 600, 150, 660, 190, 660, 244)
	c.oval(bright(c.in(rgb(0xf5efdf)), 0.2), 1, 600, 206, 27, 27)
	c.line(rgb(0x333333), 1, 600, 206, 600, 188, 3)
	c.line(rgb(0x333333), 1, 600, 206, 613, 212, 3)
	c.paving(558, 600, rgb(0xcbbfa9))
	c.tree(150, 620, 240, leaf(c))
	c.tree(1060, 620, 240, leaf(c))
	c.crowd(9, 240, 960, 570, 770)
}

func mural(c *canvas) {
	c.sky(300)
	c.rect(c.in(rgb(0xe4ddd0)), 60, 120, 1080, 500)
	paints := []uint32{0xe4572e, 0x17bebb, 0xffc914, 0x2e282a, 0x76b041, 0x7b4fa3, 0xf49ac2}
	for i := range 26 {
		k := c.in(rgb(paints[i%len(paints)]))
		x, y, s := 120+c.r.Float64()*960, 180+c.r.Float64()*380, 30+c.r.Float64()*100
		switch i % 3 {
		case 0:
			c.oval(k, 0.92, x, y, math.Min(s, 1130-x), math.Min(s, 610-y))
		case 1:
			c.poly(k, math.Max(70, x-s), math.Min(610, y+s*0.7), x, math.Max(130, y-s), math.Min(1130, x+s), math.Min(610, y+s*0.7))
		default:
			c.line(k, 0.95, math.Max(75, x-s), y, math.Min(1125, x+s), math.Max(140, y-s*0.8), 20)
		}
	}
	c.rect(shade(c.in(rgb(0xe4ddd0)), 0.4), 60, 108, 1080, 14)
	c.ground(620, rgb(0xaaa59b))
	for i := range 6 {
		c.person(190+float64(i)*165, c.around(690, 20), c.around(150, 14))
	}
	c.bench(930, 760, 190)
}

func fountain(c *canvas) {
	c.sky(430)
	c.row(-30, 1230, 460, 170)
	c.paving(460, 600, rgb(0xc8bea9))
	c.shadow(600, 690, 300)
	stone := c.in(rgb(0xb9b1a2))
	c.oval(shade(stone, 0.25), 1, 600, 680, 270, 70)
	c.oval(stone, 1, 600, 662, 270, 66)
	water := mix(c.in(rgb(0x5f9fc0)), c.bottom, 0.3)
	c.oval(water, 1, 600, 658, 244, 54)
	c.rect(stone, 582, 500, 36, 160)
	c.oval(shade(stone, 0.12), 1, 600, 506, 104, 26)
	c.oval(water, 1, 600, 500, 92, 19)
	for i := range 18 {
		a := (float64(i) - 8.5) / 8.5
		for j := range 12 {
			t := float64(j) / 11
			c.oval(rgb(0xffffff), 0.35, 600+a*190*t, 430+(t-0.35)*(t-0.35)*520-60, 4, 5)
		}
	}
	c.tree(110, 610, 280, leaf(c))
	c.tree(1100, 610, 280, leaf(c))
	c.crowd(8, 180, 1020, 470, 600)
	c.bench(900, 760, 180)
}
