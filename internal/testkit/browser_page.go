package testkit

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// Goto goes to another address in the same tab and waits until it is loaded.
func (p *Page) Goto(url string) {
	p.t.Helper()
	p.do("go to "+url, chromedp.Navigate(url), chromedp.WaitReady(chromedp.CSS("body")))
}

// Reload loads the page again.
func (p *Page) Reload() { p.t.Helper(); p.do("reload", chromedp.Reload()) }

// URL is the address shown.
func (p *Page) URL() string { p.t.Helper(); return read(p, "address", chromedp.Location()) }

// Title is the title of the page.
func (p *Page) Title() string { p.t.Helper(); return read(p, "title", chromedp.Title()) }

// HTML is the whole page as the browser holds it now.
func (p *Page) HTML() string {
	p.t.Helper()
	return look(p, "page", chromedp.OuterHTML(chromedp.CSS("html")))
}

// Text is what a reader sees of the first element that a CSS selector matches.
func (p *Page) Text(selector string) string {
	p.t.Helper()
	return strings.TrimSpace(look(p, "text of "+selector, chromedp.Text(chromedp.CSS(selector))))
}

// Value is what stands in a field.
func (p *Page) Value(selector string) string {
	p.t.Helper()
	return look(p, "value of "+selector, chromedp.Value(chromedp.CSS(selector)))
}

// Has tells whether an element is in the page, shown or not.
func (p *Page) Has(selector string) bool {
	p.t.Helper()
	return Eval[bool](p, "document.querySelector("+quote(selector)+") !== null")
}

// Shown tells whether a reader can see an element.
func (p *Page) Shown(selector string) bool {
	p.t.Helper()
	return Eval[bool](p, "(e => e !== null && e.checkVisibility())(document.querySelector("+quote(selector)+"))")
}

// Wait waits until an element is shown.
func (p *Page) Wait(selector string) {
	p.t.Helper()
	p.do("wait for "+selector, chromedp.WaitVisible(chromedp.CSS(selector)))
}

// WaitGone waits until an element is no longer in the page.
func (p *Page) WaitGone(selector string) {
	p.t.Helper()
	p.do("wait for the end of "+selector, chromedp.WaitNotPresent(chromedp.CSS(selector)))
}

// WaitFor waits until a JavaScript expression is true.
func (p *Page) WaitFor(expression string) {
	p.t.Helper()
	read(p, "wait for "+expression, chromedp.Poll[bool]("Boolean("+expression+")", chromedp.WithPollingTimeout(patience)))
}

// Click clicks an element.
func (p *Page) Click(selector string) {
	p.t.Helper()
	p.do("click "+selector, chromedp.Click(chromedp.CSS(selector)))
}

// Submit clicks a button or link and waits until the next page has loaded.
func (p *Page) Submit(selector string) {
	p.t.Helper()
	read(p, "submit with "+selector, chromedp.WaitEvent(page.LoadEventFired, nil, chromedp.Click(chromedp.CSS(selector))))
}

// Fill types a text into a field, key by key, in the place of what is there.
func (p *Page) Fill(selector, text string) {
	p.t.Helper()
	p.Wait(selector)
	Eval[bool](p, "(e => { e.focus(); if (e.select) e.select(); return true })(document.querySelector("+quote(selector)+"))")
	if text == "" {
		text = kb.Delete
	}
	p.Press(text)
}

// Choose picks an option of a select field.
func (p *Page) Choose(selector, value string) {
	p.t.Helper()
	p.do("choose "+value+" in "+selector, chromedp.SetValue(chromedp.CSS(selector), value))
}

// Attach puts files into a file field.
func (p *Page) Attach(selector string, files ...string) {
	p.t.Helper()
	p.do("attach to "+selector, chromedp.SetUploadFiles(chromedp.CSS(selector), files))
}

// Press presses keys as a person would: kb.Tab, kb.Enter, kb.Escape of chromedp/kb,
// or letters.
func (p *Page) Press(keys string) { p.t.Helper(); p.do("press keys", chromedp.KeyEvent(keys)) }

// Focused describes the element that has the focus: its id, else its text, else
// its element name.
func (p *Page) Focused() string {
	p.t.Helper()
	return Eval[string](p, `(e => e.id || e.textContent.trim().replace(/\s+/g, ' ') || e.localName)(document.activeElement)`)
}

// TabTo presses Tab until the element has the focus, and fails when it cannot be
// reached within so many steps: a keyboard path exists.
func (p *Page) TabTo(selector string, steps int) {
	p.t.Helper()
	for range steps {
		p.Press("\t")
		if Eval[bool](p, "document.activeElement.matches("+quote(selector)+")") {
			return
		}
	}
	p.t.Fatalf("%d times Tab does not lead to %s; the focus is on %q", steps, selector, p.Focused())
}

// Eval is the value of a JavaScript expression in the page.
func Eval[T any](p *Page, expression string) T {
	p.t.Helper()
	return read(p, "evaluate "+expression, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// FitsWidth fails when the page must be scrolled sideways (WCAG 1.4.10).
func (p *Page) FitsWidth() {
	p.t.Helper()
	wide := Eval[[]string](p, `(() => {
		const width = document.documentElement.clientWidth;
		if (document.documentElement.scrollWidth <= width) return [];
		return [...document.querySelectorAll('body *')].filter(e => e.getBoundingClientRect().right > width + 1).slice(0, 5)
			.map(e => e.localName + '.' + e.className + ' ends at ' + Math.round(e.getBoundingClientRect().right));
	})()`)
	if len(wide) > 0 {
		p.t.Errorf("%s is wider than the screen: %s", p.URL(), strings.Join(wide, "; "))
	}
}

// Screenshot writes the whole page to screenshots/NAME.png in the module's root.
func (p *Page) Screenshot(name string) {
	p.t.Helper()
	root, err := ModuleRoot()
	if err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(root, "screenshots", name+".png")
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, read(p, "screenshot", chromedp.FullScreenshot(100)), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// A Violation is a rule of accessibility that a page breaks.
type Violation struct {
	ID   string   `json:"id"`
	Help string   `json:"help"`
	At   []string `json:"at"`
}

// Violations checks the page with axe-core against WCAG 2.0, 2.1 and 2.2, levels
// A and AA. In a page without JavaScript only axe itself runs.
func (p *Page) Violations() []Violation {
	p.t.Helper()
	root, err := ModuleRoot()
	if err != nil {
		p.t.Fatal(err)
	}
	axe, err := os.ReadFile(filepath.Join(root, "node_modules/axe-core/axe.min.js"))
	if err != nil {
		Missing(p.t, "axe-core", "run npm ci")
	}
	if p.noScript {
		p.disableScript(false)
		defer p.disableScript(true)
	}
	p.do("load axe", chromedp.Evaluate[chromedp.Void](string(axe)))
	text := Eval[string](p, `axe.run(document, {resultTypes: ['violations'], runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']})
		.then(r => JSON.stringify(r.violations.map(v => ({id: v.id, help: v.help, at: v.nodes.map(n => n.target.join(' ') + ': ' + (n.any[0] || n.all[0] || n.none[0] || {message: ''}).message)}))))`)
	var found []Violation
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		p.t.Fatalf("axe: %v in %s", err, text)
	}
	return found
}

// Axe fails for every violation that axe-core finds.
func (p *Page) Axe() {
	p.t.Helper()
	for _, v := range p.Violations() {
		p.t.Errorf("%s breaks %s: %s\n\t%s", p.URL(), v.ID, v.Help, strings.Join(v.At, "\n\t"))
	}
}

func quote(text string) string {
	b, err := json.Marshal(text)
	if err != nil {
		return fmt.Sprintf("%q", text)
	}
	return string(b)
}
