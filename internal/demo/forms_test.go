package demo

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// pressAll presses each button of each kind of form, as a browser without scripts
// does, with what the form holds when it is opened. What it refuses must be told
// where a person sees it; what it takes must lead to a page.
func pressAll(t *testing.T, h http.Handler, w *town, who string) {
	cookie, pages := "", map[string]string{}
	if who != "citizen" {
		cookie = signIn(t, h, townHost, w.people[who])
	}
	crawl(t, h, who, townHost, cookie, pages)
	names := []string{}
	for name := range pages {
		names = append(names, name)
	}
	slices.Sort(names)
	pressed := map[string]bool{}
	for _, name := range names {
		root, err := html.Parse(strings.NewReader(pages[name]))
		if err != nil {
			t.Fatal(err)
		}
		for form := range root.Descendants() {
			if form.Type != html.ElementNode || form.Data != "form" || has(form, "hidden") { // a script shows it
				continue
			}
			for _, b := range buttonsOf(root, form) {
				p := press{t, h, strings.TrimPrefix(name, who+" "+townHost), cookie, root, form, b}
				if kind := p.kind(); !pressed[kind] && !strings.HasPrefix(p.action(), "http") {
					pressed[kind] = true
					if who != "citizen" { // another button may have ended the session
						p.cookie = signIn(t, h, townHost, w.people[who])
					}
					p.do()
				}
			}
		}
	}
	t.Logf("%s: %d kinds of buttons", who, len(pressed))
	if len(pressed) < 3 {
		t.Errorf("%s finds only %d kinds of buttons", who, len(pressed))
	}
}

// press is a button of a form of a page.
type press struct {
	t          *testing.T
	h          http.Handler
	page       string
	cookie     string
	root, form *html.Node
	button     *html.Node
}

var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27,}|[^/]{20,}`)

func (p press) kind() string {
	return p.method() + " " + ids.ReplaceAllString(p.action(), "*") + " " + attr(p.button, "name") + "=" + ids.ReplaceAllString(attr(p.button, "value"), "*")
}

func (p press) method() string {
	if m := strings.ToUpper(or(attr(p.button, "formmethod"), attr(p.form, "method"))); m != "" {
		return m
	}
	return http.MethodGet
}

func (p press) action() string {
	if a := or(attr(p.button, "formaction"), attr(p.form, "action")); a != "" {
		return a
	}
	return p.page
}

func (p press) do() {
	values, refused := p.values()
	if len(refused) > 0 && attr(p.button, "formnovalidate") == "" && !has(p.form, "novalidate") {
		if p.method() == http.MethodGet && !slices.ContainsFunc(refused, typed) {
			p.t.Errorf("%s: %s cannot be sent as it is opened: %s", p.page, p.kind(), describe(refused))
		}
		for _, f := range refused {
			if closed := folded(f); closed != nil && folded(p.button) != closed {
				p.t.Errorf("%s: %s is refused because of %s, which nobody sees", p.page, p.kind(), attr(f, "name"))
			}
		}
		return
	}
	target := "http://" + townHost + resolve(p.page, p.action())
	var r *http.Request
	if p.method() == http.MethodGet {
		u, err := url.Parse(target)
		if err != nil {
			p.t.Fatal(err)
		}
		u.RawQuery = values.Encode()
		r = httptest.NewRequest(http.MethodGet, u.String(), nil)
	} else {
		r = httptest.NewRequest(http.MethodPost, target, strings.NewReader(values.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	if p.cookie != "" {
		r.Header.Set("Cookie", p.cookie)
	}
	rec := httptest.NewRecorder()
	p.h.ServeHTTP(rec, r)
	switch c := rec.Code; {
	case c == http.StatusOK, c == http.StatusSeeOther, c == http.StatusUnprocessableEntity, c == http.StatusConflict, c == http.StatusTooManyRequests:
	case c == http.StatusForbidden && strings.Contains(p.action(), "accesso"): // asks for the password first
	case c == http.StatusNotFound && p.method() == http.MethodPost: // an earlier button took it away
	default:
		p.t.Errorf("%s: %s answers %d with %s", p.page, p.kind(), c, values.Encode())
	}
	if p.method() == http.MethodGet && rec.Code >= 300 {
		p.t.Errorf("%s: %s answers %d with %s", p.page, p.kind(), rec.Code, values.Encode())
	}
}

// values are what a browser sends, and the fields because of which it sends nothing.
func (p press) values() (v url.Values, refused []*html.Node) {
	v = url.Values{}
	chosen, radios := map[string]bool{}, map[string]*html.Node{}
	for n := range p.root.Descendants() {
		if n.Type != html.ElementNode || formOf(p.root, n) != p.form || has(n, "disabled") {
			continue
		}
		name, value := attr(n, "name"), attr(n, "value")
		switch kind := strings.ToLower(attr(n, "type")); {
		case n.Data == "input" && (kind == "submit" || kind == "button" || kind == "image" || kind == "reset"), n.Data == "button":
			continue
		case n.Data == "input" && kind == "radio":
			if has(n, "checked") {
				chosen[name] = true
			}
			if has(n, "required") {
				radios[name] = n
			}
			if !has(n, "checked") {
				continue
			}
		case n.Data == "input" && kind == "checkbox":
			if !has(n, "checked") {
				if has(n, "required") {
					refused = append(refused, n)
				}
				continue
			}
			value = or(value, "on")
		case n.Data == "input" && kind == "file":
			value = ""
		case n.Data == "textarea":
			value = text(n)
		case n.Data == "select":
			value = selected(n)
		case n.Data != "input":
			continue
		}
		if has(n, "required") && value == "" {
			refused = append(refused, n)
		}
		if name != "" {
			v.Add(name, value)
		}
	}
	for name, n := range radios {
		if !chosen[name] {
			refused = append(refused, n)
		}
	}
	if name := attr(p.button, "name"); name != "" {
		v.Add(name, attr(p.button, "value"))
	}
	return v, refused
}

// typed is whether a person writes into a field, and so sees that it is empty.
func typed(n *html.Node) bool { return n.Data == "input" || n.Data == "textarea" }

func describe(fields []*html.Node) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Data+" "+attr(f, "name"))
	}
	return strings.Join(names, ", ")
}

// folded is the closed panel in which a node is; nil when there is none.
func folded(n *html.Node) *html.Node {
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "details" && !has(p, "open") {
			return p
		}
	}
	return nil
}

func buttonsOf(root, form *html.Node) (all []*html.Node) {
	for n := range root.Descendants() {
		if n.Type == html.ElementNode && formOf(root, n) == form && !has(n, "disabled") &&
			(n.Data == "button" && or(attr(n, "type"), "submit") == "submit" || n.Data == "input" && attr(n, "type") == "submit") {
			all = append(all, n)
		}
	}
	return all
}

// formOf is the form that a control belongs to: which holds it, or which it names.
func formOf(root, n *html.Node) *html.Node {
	if id := attr(n, "form"); id != "" {
		for f := range root.Descendants() {
			if f.Data == "form" && attr(f, "id") == id {
				return f
			}
		}
		return nil
	}
	for p := n.Parent; p != nil; p = p.Parent {
		if p.Data == "form" {
			return p
		}
	}
	return nil
}

func selected(n *html.Node) string {
	var first *html.Node
	for o := range n.Descendants() {
		if o.Data != "option" {
			continue
		}
		if has(o, "selected") {
			return optionValue(o)
		}
		if first == nil && !has(o, "disabled") {
			first = o
		}
	}
	if first == nil || has(n, "multiple") {
		return ""
	}
	return optionValue(first)
}

func optionValue(o *html.Node) string {
	if has(o, "value") {
		return attr(o, "value")
	}
	return strings.TrimSpace(text(o))
}

func text(n *html.Node) string {
	var b strings.Builder
	for c := range n.Descendants() {
		if c.Type == html.TextNode {
			b.WriteString(c.Data)
		}
	}
	return b.String()
}

func attr(n *html.Node, name string) string {
	for _, a := range n.Attr {
		if a.Key == name {
			return a.Val
		}
	}
	return ""
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Key == name })
}

func or(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func resolve(page, action string) string {
	base, err := url.Parse(page)
	if err != nil {
		panic(fmt.Sprint("a page that was opened: ", err))
	}
	u, err := base.Parse(action)
	if err != nil {
		return action
	}
	return u.RequestURI()
}
