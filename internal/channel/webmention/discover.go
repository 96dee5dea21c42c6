package webmention

import (
	"errors"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/html"
)

// rel is the relation by which a page names its endpoint.
const rel = "webmention"

// discover finds the endpoint of a page: in the header Link, else in the first
// <link> or <a> of the document that has the relation (3.1.2). Errors:
// errNoEndpoint, *retry, *refusal.
func discover(resp *http.Response) (string, error) {
	base := resp.Request.URL
	for _, line := range resp.Header.Values("Link") {
		for _, l := range parseLinks(line) {
			if slices.Contains(l.rels, rel) {
				return endpoint(base, l.target)
			}
		}
	}
	if kind, _, err := mime.ParseMediaType(resp.Header.Get("Content-Type")); err != nil || kind != "text/html" && kind != "application/xhtml+xml" {
		return "", errNoEndpoint
	}
	doc, err := document(resp)
	if errors.Is(err, errDeep) {
		return "", &refusal{code: "deep"}
	}
	if err != nil {
		return "", failed(err)
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode || n.Data != "link" && n.Data != "a" {
			continue
		}
		if slices.Contains(strings.Fields(strings.ToLower(attr(n, "rel"))), rel) && has(n, "href") {
			return endpoint(base, attr(n, "href"))
		}
	}
	return "", errNoEndpoint
}

func has(n *html.Node, name string) bool {
	return slices.ContainsFunc(n.Attr, func(a html.Attribute) bool { return a.Namespace == "" && a.Key == name })
}

// endpoint is a reference on a page as an absolute address. An empty one is the
// page itself.
func endpoint(base *url.URL, ref string) (string, error) {
	u, err := base.Parse(strings.TrimSpace(ref))
	if err != nil {
		return "", &refusal{code: "endpoint"}
	}
	if u, ok := webAddress(u.String()); ok {
		return u.String(), nil
	}
	return "", &refusal{code: "endpoint"}
}

// link is one value of a header Link (RFC 8288).
type link struct {
	target string
	rels   []string
}

// parseLinks reads a header Link. What is not in order ends the reading.
func parseLinks(line string) (out []link) {
	for {
		line = strings.TrimLeft(line, " \t,")
		if !strings.HasPrefix(line, "<") {
			return out
		}
		target, rest, ok := strings.Cut(line[1:], ">")
		if !ok {
			return out
		}
		l := link{target: strings.TrimSpace(target)}
		line = rest
		for {
			line = strings.TrimLeft(line, " \t")
			if !strings.HasPrefix(line, ";") {
				break
			}
			var name, value string
			name, value, line = parameter(line[1:])
			if name == "rel" && l.rels == nil {
				l.rels = strings.Fields(strings.ToLower(value))
			}
		}
		out = append(out, l)
		if line != "" && line[0] != ',' {
			return out
		}
	}
}

// parameter reads one parameter, quoted or not, and returns what follows it.
func parameter(s string) (name, value, rest string) {
	end := strings.IndexAny(s, "=;,")
	if end < 0 {
		return strings.ToLower(strings.TrimSpace(s)), "", ""
	}
	name = strings.ToLower(strings.TrimSpace(s[:end]))
	if s[end] != '=' {
		return name, "", s[end:]
	}
	s = strings.TrimLeft(s[end+1:], " \t")
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ";,")
		if end < 0 {
			return name, strings.TrimSpace(s), ""
		}
		return name, strings.TrimSpace(s[:end]), s[end:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			if i++; i < len(s) {
				b.WriteByte(s[i])
			}
		case '"':
			return name, b.String(), strings.TrimLeft(s[i+1:], " \t")
		default:
			b.WriteByte(s[i])
		}
	}
	return name, b.String(), ""
}
