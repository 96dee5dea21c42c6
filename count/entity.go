package count

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/idna"
	"golang.org/x/net/publicsuffix"
)

// Kind is what an entity is.
type Kind int

const (
	URL     Kind = iota + 1 // a link
	Mention                 // @user, @user@server or @handle.domain
	Hashtag                 // #word
)

// String returns url, mention or hashtag.
func (k Kind) String() string {
	switch k {
	case URL:
		return "url"
	case Mention:
		return "mention"
	case Hashtag:
		return "hashtag"
	}
	return "none"
}

// Entity is a link, a mention or a hashtag: text[Start:End].
type Entity struct {
	Kind       Kind
	Start, End int // byte offsets, half open

	// Name is what to look up: the address of a link, with https:// when the
	// text has no scheme; user, user@server or a handle; a hashtag without #.
	Name string

	Bare   bool // a link written without http:// or https://
	Public bool // a link whose host ends in a top-level domain of the public Internet
}

// Meant reports whether a link is one for sure: with a scheme, www. or a path. Of the
// others many are a missing space ("sabato.Il"), an abbreviation ("p.es.") or the name
// of a file ("avviso.zip").
func (e Entity) Meant() bool {
	if !e.Bare {
		return true
	}
	address := strings.TrimPrefix(e.Name, "https://")
	if len(address) > 4 && strings.EqualFold(address[:4], "www.") {
		return true
	}
	host, _, path := strings.Cut(address, "/")
	// "sabato.Il/La": a new sentence begins with a capital, no domain does.
	tld := host[strings.LastIndexByte(host, '.')+1:]
	return path && (tld == strings.ToLower(tld) || host == strings.ToUpper(host))
}

// Host is the host of a link, in lower case, without its port.
func (e Entity) Host() string {
	_, address, _ := strings.Cut(e.Name, "://")
	if i := strings.IndexAny(address, "/?#:"); i >= 0 {
		address = address[:i]
	}
	return strings.ToLower(address)
}

// Entities finds the links, mentions and hashtags of a text, in order, never
// overlapping. Punctuation that belongs to the sentence stays outside:
// the apostrophe of l'#estate, the bracket and the full stop of
// (https://a.it/x?y=1). An address without a scheme is found only when its host
// ends in a top-level domain; an e-mail address is none of the three.
func Entities(text string) []Entity {
	var found []Entity
	prev := rune(' ')
	for i := 0; i < len(text); {
		e, ok := entityAt(text, i, prev)
		if ok {
			found = append(found, e)
			prev, _ = utf8.DecodeLastRuneInString(text[:e.End])
			i = e.End
			continue
		}
		r, size := utf8.DecodeRuneInString(text[i:])
		prev, i = r, i+size
	}
	return found
}

// entityAt finds the entity that begins at byte i, after the character prev.
func entityAt(text string, i int, prev rune) (Entity, bool) {
	c := text[i]
	switch {
	case c == '#' || strings.HasPrefix(text[i:], "＃"):
		return hashtagAt(text, i, prev)
	case c == '@':
		return mentionAt(text, i, prev)
	case !alphanumeric(c) || wordRune(prev) || strings.ContainsRune("@#＃$", prev):
		return Entity{}, false
	}
	if e, ok := linkAt(text, i); ok {
		return e, true
	}
	if strings.ContainsRune(".-/", prev) {
		return Entity{}, false
	}
	return bareAt(text, i)
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// wordRune is a character of a word or a name.
func wordRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r)
}

// hashtagAt reads # and a word with at least one letter: #25aprile, not #25.
func hashtagAt(text string, i int, prev rune) (Entity, bool) {
	if wordRune(prev) || strings.ContainsRune("&/#＃@", prev) {
		return Entity{}, false
	}
	_, size := utf8.DecodeRuneInString(text[i:])
	start, end, letters := i+size, i+size, 0
	for end < len(text) {
		r, n := utf8.DecodeRuneInString(text[end:])
		if !wordRune(r) || end == start && unicode.IsMark(r) {
			break
		}
		if unicode.IsLetter(r) {
			letters++
		}
		end += n
	}
	if letters == 0 || strings.HasPrefix(text[end:], "#") || strings.HasPrefix(text[end:], "://") {
		return Entity{}, false
	}
	return Entity{Kind: Hashtag, Start: i, End: end, Name: text[start:end]}, true
}

// mentionAt reads @name and, when it follows, @server. Names are ASCII on every
// platform: @città is nobody.
func mentionAt(text string, i int, prev rune) (Entity, bool) {
	if wordRune(prev) || strings.ContainsRune("/@", prev) {
		return Entity{}, false
	}
	end := nameEnd(text, i+1, true)
	if end == i+1 || nameGoesOn(text[end:]) {
		return Entity{}, false
	}
	if end < len(text) && text[end] == '@' {
		host := nameEnd(text, end+1, false)
		if host == end+1 || nameGoesOn(text[host:]) || strings.HasPrefix(text[host:], "@") {
			return Entity{}, false
		}
		end = host
	}
	return Entity{Kind: Mention, Start: i, End: end, Name: text[i+1 : end]}, true
}

// nameEnd reads letters, digits and underscores, with single dots and hyphens
// inside: the dot that ends a sentence is not part of a name.
func nameEnd(text string, i int, underscore bool) int {
	end := i
	for j := i; j < len(text); j++ {
		c := text[j]
		switch {
		case alphanumeric(c) || underscore && c == '_':
			end = j + 1
		case c == '-' || c == '.' && j == end && j > i:
		default:
			return end
		}
	}
	return end
}

// nameGoesOn reports whether a name is followed by a character that makes it
// another word.
func nameGoesOn(rest string) bool {
	r, _ := utf8.DecodeRuneInString(rest)
	return rest != "" && wordRune(r)
}

// maxHost is the longest name of the DNS.
const maxHost = 253

// linkAt reads http:// or https://, a host with at least one dot, a port and the rest.
func linkAt(text string, i int) (Entity, bool) {
	scheme := 0
	for _, s := range []string{"https://", "http://"} {
		if len(text)-i > len(s) && strings.EqualFold(text[i:i+len(s)], s) {
			scheme = len(s)
			break
		}
	}
	if scheme == 0 {
		return Entity{}, false
	}
	start := i + scheme
	end := start
	for end < len(text) && end-start <= maxHost {
		r, n := utf8.DecodeRuneInString(text[end:])
		if r != '.' && r != '-' && !wordRune(r) {
			break
		}
		end += n
	}
	host := strings.TrimRight(text[start:end], ".-")
	if len(host) > maxHost || !validHost(host) {
		return Entity{}, false
	}
	return restOfLink(text, i, start+len(host), Entity{Kind: URL, Public: publicHost(host)})
}

// bareAt reads an address without a scheme, in ASCII: comune.cesate.mi.it/orari.
func bareAt(text string, i int) (Entity, bool) {
	end := i
	for end < len(text) && end-i <= maxHost && (alphanumeric(text[end]) || text[end] == '.' || text[end] == '-') {
		end++
	}
	if nameGoesOn(text[end:]) || end-i > maxHost {
		return Entity{}, false
	}
	// "comune.it.Domani" lacks a space: the host ends at the last known domain.
	whole := strings.TrimRight(text[i:end], ".-")
	for host := whole; strings.Contains(host, "."); host = host[:strings.LastIndexByte(host, '.')] {
		if !validHost(host) || !publicHost(host) {
			continue
		}
		e := Entity{Kind: URL, Bare: true, Public: true}
		if host != whole {
			e.Start, e.End, e.Name = i, i+len(host), "https://"+host
			return e, true
		}
		return restOfLink(text, i, i+len(host), e)
	}
	return Entity{}, false
}

// validHost has at least two labels, none of them empty.
func validHost(host string) bool {
	labels := strings.Split(host, ".")
	if len(labels) < 2 {
		return false
	}
	for _, l := range labels {
		if l == "" || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
	}
	return true
}

// publicHost reports whether the last label is a top-level domain of the root.
func publicHost(host string) bool {
	tld := strings.ToLower(host[strings.LastIndexByte(host, '.')+1:])
	ascii, err := idna.Punycode.ToASCII(tld)
	if err != nil {
		return false
	}
	_, icann := publicsuffix.PublicSuffix("x." + ascii)
	return icann
}

// restOfLink reads port, path, query and fragment after a host that ends at end.
func restOfLink(text string, start, end int, e Entity) (Entity, bool) {
	if end < len(text) && text[end] == ':' {
		port := end + 1
		for port < len(text) && text[port] >= '0' && text[port] <= '9' {
			port++
		}
		if port > end+1 {
			end = port
		}
	}
	if end < len(text) && strings.IndexByte("/?#", text[end]) >= 0 {
		end = pathEnd(text, end)
	}
	if strings.HasPrefix(text[end:], "@") { // user:password@host, or an e-mail address
		return Entity{}, false
	}
	e.Start, e.End, e.Name = start, end, text[start:end]
	if e.Bare {
		e.Name = "https://" + e.Name
	}
	return e, true
}

// pathEnd reads what may stand in an address and gives back the punctuation of
// the sentence around it. A closing bracket belongs to the address only if it
// was opened there: /wiki/Cesate_(Italia).
func pathEnd(text string, i int) int {
	end := i
	open := map[byte]int{}
	pairs := map[byte]byte{')': '(', ']': '['}
	// good is the end of the last character that may end an address.
	good := i
	for end < len(text) {
		r, n := utf8.DecodeRuneInString(text[end:])
		if !pathRune(r) {
			break
		}
		end += n
		switch c := byte(r); {
		case r == '(' || r == '[':
			open[c]++
		case r == ')' || r == ']':
			if open[pairs[c]] == 0 {
				return good
			}
			open[pairs[c]]--
			good = end
		case r >= utf8.RuneSelf || alphanumeric(c) || strings.IndexByte("/=_#&+-%~@", c) >= 0:
			good = end
		}
	}
	return good
}

func pathRune(r rune) bool {
	if r >= utf8.RuneSelf {
		return r != utf8.RuneError && wordRune(r)
	}
	return r > ' ' && r < 0x7F && strings.IndexByte("<>\"\\^`{}", byte(r)) < 0
}
