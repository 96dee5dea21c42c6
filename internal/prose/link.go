package prose

import (
	"html"
	"net/url"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

func (p *page) anchor(_ string, attr map[string]string) {
	p.endLink() // one that nobody closed
	p.link = &link{href: p.address(strings.TrimSpace(attr["href"])), class: attr["class"], from: -1}
}

// endLink says where the link leads, if its words did not.
func (p *page) endLink() {
	l := p.link
	p.link = nil
	if l == nil || p.Silent && p.Name == nil {
		return
	}
	a := Anchor{Href: l.href, Class: l.class}
	if l.from >= 0 {
		a.Shown = strings.TrimSpace(string(p.b[l.from:]))
	}
	if p.Name != nil {
		if name := p.Name(a); name != "" {
			p.instead(l, name)
			return
		}
	}
	switch {
	case p.Silent || a.Href == "":
	case a.Shown == "":
		if l.picture { // without words: the address is all there is to say
			p.write(a.Href)
		}
	default:
		if told := Link(a.Shown, a.Href); told != a.Shown {
			p.instead(l, told)
		}
	}
}

// Link is how a link reads that shows some words: the words and its address in
// brackets, or the address where the words are it, be it shortened. A hashtag and a
// name say what they are.
func Link(shown, href string) string {
	switch {
	case href == "" || tagOrName(shown):
		return shown
	case !says(shown, href):
		return shown + " (" + href + ")"
	case web(href) && !strings.HasPrefix(strings.ToLower(shown), "http") || strings.HasSuffix(shown, "…"):
		return href
	}
	return shown
}

// instead writes other words for those of a link.
func (p *page) instead(l *link, words string) {
	if l.from >= 0 {
		p.b = p.b[:l.from]
	}
	if l.from < 0 {
		p.write(words)
		return
	}
	p.b = append(p.b, words...)
}

// tagOrName reports whether the words of a link are a hashtag or somebody's name,
// which say what they are.
func tagOrName(shown string) bool {
	return len(shown) > 1 && (shown[0] == '#' || shown[0] == '@') && !strings.ContainsAny(shown, " \n")
}

func web(address string) bool {
	return strings.HasPrefix(address, "https://") || strings.HasPrefix(address, "http://")
}

// address is where a link leads, as a reader can use it: a web address whole, an
// e-mail address and a telephone number without their scheme, else nothing.
func (r Reader) address(href string) string {
	u, err := url.Parse(href)
	switch {
	case err != nil || href == "" || strings.HasPrefix(href, "#"):
		return ""
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
		return href
	case u.Scheme == "mailto", u.Scheme == "tel":
		to, err := url.PathUnescape(u.Opaque)
		if err != nil || strings.ContainsFunc(to, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) || r == utf8.RuneError }) {
			return u.Opaque
		}
		return to
	case u.Scheme == "" && r.Base != "":
		return Absolute(href, r.Base)
	}
	return ""
}

// Absolute is the whole address of a link that may belong to the site at base.
func Absolute(href, base string) string {
	b, err := url.Parse(base + "/")
	if err != nil {
		return href
	}
	u, err := b.Parse(href)
	if err != nil {
		return href
	}
	return u.String()
}

// says reports whether the words of a link are its address: whole, without scheme
// or www., or cut at an ellipsis as Mastodon cuts them.
func says(shown, href string) bool {
	if !web(href) {
		return compact(shown) == compact(href)
	}
	words, cut := strings.CutSuffix(bare(shown), "…")
	address := bare(href)
	if cut {
		return words != "" && strings.HasPrefix(address, words)
	}
	if words == address {
		return true
	}
	unescaped, err := url.PathUnescape(address)
	return err == nil && words == unescaped
}

// bare is an address without what its readers leave out.
func bare(address string) string {
	address = strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(address, "https://"), "http://"), "www.")
	host, path, _ := strings.Cut(address, "/")
	address = strings.ToLower(host)
	if path = strings.TrimSuffix(path, "/"); path != "" {
		address += "/" + path
	}
	return address
}

// compact compares telephone numbers and e-mail addresses.
func compact(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" .-/()", r) && !strings.Contains(s, "@") {
			return -1
		}
		return r
	}, strings.ToLower(s))
}

var hrefs = regexp.MustCompile(`href="([^"]*)"`)

// Rebase makes the links of a page that belong to the site at base lead there from
// anywhere. The HTML is what the sanitiser wrote: its attributes are in double quotes.
func Rebase(page, base string) string {
	return hrefs.ReplaceAllStringFunc(page, func(attribute string) string {
		href := html.UnescapeString(attribute[len(`href="`) : len(attribute)-1])
		if u, err := url.Parse(href); err != nil || u.Scheme != "" || strings.HasPrefix(href, "#") {
			return attribute
		}
		return `href="` + html.EscapeString(Absolute(href, base)) + `"`
	})
}
