package i18n

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
)

//go:embed catalogue
var embedded embed.FS

// Italian and English are the languages of the interface; Italian is the one
// used when a reader asks for neither.
const (
	Italian = "it"
	English = "en"
)

// Languages are the codes of the catalogues, the default one first.
func Languages() []string { return []string{Italian, English} }

// message is one text in one language; forms holds one entry when it has no plural.
type message struct {
	one, other []part
	plural     bool
}

// part is literal text, or the name of an argument.
type part struct {
	text string
	arg  string
}

// Bundle holds the checked catalogues of all languages.
type Bundle struct {
	messages map[string]map[string]message // language → key → message
}

// Load reads the catalogues built into the program. Its error lists everything
// that is wrong with them, not just the first thing.
func Load() (*Bundle, error) {
	sub, err := fs.Sub(embedded, "catalogue")
	if err != nil {
		return nil, fmt.Errorf("open catalogues: %w", err)
	}
	return LoadFS(sub)
}

// LoadFS reads catalogues from LANGUAGE/AREA.toml of a file system.
func LoadFS(fsys fs.FS) (*Bundle, error) {
	b := &Bundle{messages: map[string]map[string]message{}}
	var wrong []error
	for _, lang := range Languages() {
		messages, errs := readLanguage(fsys, lang)
		b.messages[lang] = messages
		wrong = append(wrong, errs...)
	}
	wrong = append(wrong, b.compare()...)
	if len(wrong) > 0 {
		return nil, fmt.Errorf("catalogues: %w", errors.Join(wrong...))
	}
	return b, nil
}

func readLanguage(fsys fs.FS, lang string) (map[string]message, []error) {
	files, err := fs.Glob(fsys, path.Join(lang, "*.toml"))
	if err != nil {
		return nil, []error{err}
	}
	if len(files) == 0 {
		return nil, []error{fmt.Errorf("%s: no catalogue", lang)}
	}
	messages, origin := map[string]message{}, map[string]string{}
	var wrong []error
	for _, file := range files {
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return nil, append(wrong, err)
		}
		read, err := parse(string(text))
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", file, err))
			continue
		}
		for key, m := range read {
			if first, twice := origin[key]; twice {
				wrong = append(wrong, fmt.Errorf("%q is in both %s and %s", key, first, file))
				continue
			}
			origin[key], messages[key] = file, m
		}
	}
	return messages, wrong
}

// parse reads the text of one catalogue file.
func parse(text string) (map[string]message, error) {
	var tree map[string]any
	if _, err := toml.Decode(text, &tree); err != nil {
		return nil, err
	}
	out := map[string]message{}
	return out, flatten(out, "", tree)
}

// flatten joins the names of nested tables with dots. A table that holds only
// one and other is a plural.
func flatten(out map[string]message, prefix string, tree map[string]any) error {
	for name, value := range tree {
		key := name
		if prefix != "" {
			key = prefix + "." + name
		}
		if _, twice := out[key]; twice {
			return fmt.Errorf("%q is defined twice", key)
		}
		switch v := value.(type) {
		case string:
			out[key] = message{other: split(v)}
		case map[string]any:
			if _, ok := v["other"].(string); !ok {
				if err := flatten(out, key, v); err != nil {
					return err
				}
				continue
			}
			m, err := plural(v)
			if err != nil {
				return fmt.Errorf("%q: %w", key, err)
			}
			out[key] = m
		default:
			return fmt.Errorf("%q is a %T, want a text or {one, other}", key, value)
		}
	}
	return nil
}

func plural(v map[string]any) (message, error) {
	one, ok := v["one"].(string)
	if !ok || len(v) != 2 {
		return message{}, errors.New("a plural has exactly the texts one and other")
	}
	return message{one: split(one), other: split(v["other"].(string)), plural: true}, nil
}

var argument = regexp.MustCompile(`\{[0-9]\}|\{[a-z][a-z0-9_]*\}`)

func split(text string) []part {
	var parts []part
	at := 0
	for _, span := range argument.FindAllStringIndex(text, -1) {
		if span[0] > at {
			parts = append(parts, part{text: text[at:span[0]]})
		}
		parts = append(parts, part{arg: text[span[0]+1 : span[1]-1]})
		at = span[1]
	}
	if at < len(text) {
		parts = append(parts, part{text: text[at:]})
	}
	return parts
}

// compare reports the keys that differ between the languages. Within a plural,
// "one" may leave the number out ("una consegna").
func (b *Bundle) compare() []error {
	var wrong []error
	base := b.messages[Italian]
	for _, lang := range Languages()[1:] {
		other := b.messages[lang]
		for _, key := range union(base, other) {
			x, inBase := base[key]
			y, inOther := other[key]
			switch {
			case !inBase:
				wrong = append(wrong, fmt.Errorf("%q is missing in %s", key, Italian))
			case !inOther:
				wrong = append(wrong, fmt.Errorf("%q is missing in %s", key, lang))
			case x.plural != y.plural:
				wrong = append(wrong, fmt.Errorf("%q has a plural in only one language", key))
			case !slices.Equal(args(x.other), args(y.other)):
				wrong = append(wrong, fmt.Errorf("%q has arguments %v in %s and %v in %s", key, args(x.other), Italian, args(y.other), lang))
			}
		}
	}
	return wrong
}

func union(a, b map[string]message) []string {
	var keys []string
	for k := range a {
		keys = append(keys, k)
	}
	for k := range b {
		if _, both := a[k]; !both {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	return keys
}

func args(parts []part) []string {
	var names []string
	for _, p := range parts {
		if p.arg != "" && !slices.Contains(names, p.arg) {
			names = append(names, p.arg)
		}
	}
	slices.Sort(names)
	return names
}

// Keys are all keys, sorted.
func (b *Bundle) Keys() []string { return union(b.messages[Italian], b.messages[English]) }

// Has reports whether the catalogues hold the key.
func (b *Bundle) Has(key string) bool { _, ok := b.messages[Italian][key]; return ok }

// For returns the printer of a language in a time zone. An unknown language
// gives Italian, a nil zone gives UTC.
func (b *Bundle) For(lang string, loc *time.Location) *Printer {
	if _, ok := b.messages[lang]; !ok {
		lang = Italian
	}
	if loc == nil {
		loc = time.UTC
	}
	return &Printer{lang: lang, loc: loc, messages: b.messages[lang], style: styles(lang)}
}

// Match chooses a language from an Accept-Language header (RFC 9110, 12.5.4):
// the supported one with the highest weight, the first one of equals, and ""
// when none is supported.
func Match(header string) string {
	best, weight := "", 0.0
	for item := range strings.SplitSeq(header, ",") {
		tag, params, _ := strings.Cut(item, ";")
		base, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		if !slices.Contains(Languages(), base) {
			continue
		}
		if q := quality(params); q > weight {
			best, weight = base, q
		}
	}
	return best
}

// quality reads ";q=0.8"; what cannot be read counts as zero, so it never wins.
func quality(params string) float64 {
	value, found := strings.CutPrefix(strings.ReplaceAll(params, " ", ""), "q=")
	if !found {
		return 1
	}
	q, err := strconv.ParseFloat(value, 64)
	if err != nil || q > 1 {
		return 0
	}
	return q
}
