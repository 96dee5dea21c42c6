package report

import (
	"fmt"
	"strings"
)

// chart is an SVG drawing as shapes and texts in user units; the template writes
// them with classes only, so that a strict content policy allows it.
type chart struct {
	Title         string
	Width, Height float64
	Shapes        []shape
	Labels        []label
}

// Empty says that there is nothing to draw.
func (c chart) Empty() bool { return len(c.Shapes) == 0 }

// ViewBox is the drawing's extent.
func (c chart) ViewBox() string { return fmt.Sprintf("0 0 %.0f %.0f", c.Width, c.Height) }

type shape struct {
	X, Y, W, H float64
	Class      string
}

type label struct {
	X, Y        float64
	Class, Text string
}

// bar is one project of the support chart.
type bar struct {
	Label  string
	Value  float64 // 0 to 1
	Text   string
	Strong bool // funded
}

// supportChart draws one bar a project, widest first, with the line of 100 %.
func supportChart(title string, bars []bar) chart {
	const row, left, width = 22.0, 330.0, 800.0
	c := chart{Title: title, Width: width, Height: row*float64(len(bars)) + 16}
	full := width - left - 60
	for i, b := range bars {
		y := row*float64(i) + 6
		class := "bar lost"
		if b.Strong {
			class = "bar won"
		}
		c.Shapes = append(c.Shapes, shape{left, y, full, row - 6, "track"}, shape{left, y, max(full*b.Value, 1), row - 6, class})
		c.Labels = append(c.Labels, label{left - 8, y + row - 10, "end", cut(b.Label, 40)}, label{left + full + 8, y + row - 10, "", b.Text})
	}
	if len(bars) > 0 {
		c.Shapes = append(c.Shapes, shape{left + full, 2, 1.5, c.Height - 8, "mark"})
	}
	return c
}

// group is one position of a column chart with a value for each series.
type group struct {
	Label  string
	Values []float64
	Texts  []string
}

// columnChart draws groups of columns, one for each series, with a legend.
func columnChart(title string, names []string, groups []group) chart {
	const height, base, top = 280.0, 240.0, 40.0
	c := chart{Title: title, Width: 800, Height: height}
	if len(groups) == 0 {
		return c
	}
	most := 1.0
	for _, g := range groups {
		for _, v := range g.Values {
			most = max(most, v)
		}
	}
	step := min((c.Width-20)/float64(len(groups)), 140)
	wide := step * 0.8 / float64(len(names))
	for i, g := range groups {
		x := 10 + step*float64(i)
		for k, v := range g.Values {
			h := (base - top - 16) * v / most
			cx := x + step*0.1 + wide*float64(k)
			c.Shapes = append(c.Shapes, shape{cx, base - h, max(wide-2, 1), h, fmt.Sprintf("series%d", k)})
			if wide >= 34 {
				c.Labels = append(c.Labels, label{cx + wide/2, base - h - 4, "mid small", g.Texts[k]})
			}
		}
		c.Labels = append(c.Labels, label{x + step/2, base + 18, "mid", g.Label})
	}
	c.Shapes = append(c.Shapes, shape{10, base, c.Width - 20, 1, "mark"})
	x := 10.0
	for k, n := range names {
		c.Shapes = append(c.Shapes, shape{x, 6, 14, 14, fmt.Sprintf("series%d", k)})
		c.Labels = append(c.Labels, label{x + 20, 18, "", n})
		x += 40 + 9*float64(len(n))
	}
	return c
}

func cut(s string, n int) string {
	r := []rune(strings.Join(strings.Fields(s), " "))
	if len(r) <= n {
		return string(r)
	}
	return string(r[:n-1]) + "…"
}
