package testkit

import "github.com/chromedp/chromedp"

// Drag presses the mouse on one element and lets go of it on another, in small
// steps as a hand would. Both must be in sight.
func (p *Page) Drag(from, to string) {
	p.t.Helper()
	middle := func(selector string) []float64 {
		return Eval[[]float64](p, "(r => [r.x + r.width / 2, r.y + r.height / 2])(document.querySelector("+quote(selector)+").getBoundingClientRect())")
	}
	Eval[bool](p, "(e => { e.scrollIntoView({ block: 'center', behavior: 'instant' }); return true })(document.querySelector("+quote(from)+"))")
	a, b := middle(from), middle(to)
	p.do("press on "+from, chromedp.MouseEvent(chromedp.MouseMoved, a[0], a[1]), chromedp.MouseEvent(chromedp.MousePressed, a[0], a[1], chromedp.ButtonLeft, chromedp.ClickCount(1)))
	const steps = 8
	for i := 1; i <= steps; i++ {
		part := float64(i) / steps
		p.do("drag to "+to, chromedp.MouseEvent(chromedp.MouseMoved, a[0]+(b[0]-a[0])*part, a[1]+(b[1]-a[1])*part, chromedp.ButtonLeft))
	}
	p.do("let go on "+to, chromedp.MouseEvent(chromedp.MouseReleased, b[0], b[1], chromedp.ButtonLeft, chromedp.ClickCount(1)))
}
