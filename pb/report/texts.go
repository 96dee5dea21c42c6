package report

import (
	"embed"
	"fmt"
	"strings"

	"github.com/BurntSushi/toml"
)

//go:embed texts/*.toml
var files embed.FS

// Texts are the words of the tally in one language.
type Texts struct {
	Lang  string
	words map[string]string
}

// Languages are those that Words knows.
func Languages() []string { return []string{"it", "en"} }

// Words returns the texts of a language, Italian for any but "en". The
// catalogues are part of the program, so that a broken one is a defect that the
// tests find; Words panics on it.
func Words(lang string) Texts {
	if lang != "en" {
		lang = "it"
	}
	t := Texts{Lang: lang, words: map[string]string{}}
	b, err := files.ReadFile("texts/" + lang + ".toml")
	if err == nil {
		err = toml.Unmarshal(b, &t.words)
	}
	if err != nil {
		panic(fmt.Sprintf("report: catalogue %s: %v", lang, err))
	}
	return t
}

// T is the text of a key with its arguments in place of {0}, {1} …; a missing
// text shows its key.
func (t Texts) T(key string, args ...any) string {
	s, ok := t.words[key]
	if !ok {
		return key
	}
	for i, a := range args {
		s = strings.ReplaceAll(s, fmt.Sprintf("{%d}", i), fmt.Sprint(a))
	}
	return s
}

// Number writes a decimal number (with a point) the way the language does:
// groups of three, and a comma in Italian.
func (t Texts) Number(s string) string {
	sep, point := ".", ","
	if t.Lang == "en" {
		sep, point = ",", "."
	}
	whole, frac, has := strings.Cut(s, ".")
	sign := ""
	if strings.HasPrefix(whole, "-") {
		sign, whole = "-", whole[1:]
	}
	var b strings.Builder
	for i, c := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteString(sep)
		}
		b.WriteRune(c)
	}
	s = sign + b.String()
	if has {
		s += point + frac
	}
	return s
}

// Int writes a whole number.
func (t Texts) Int(n int64) string { return t.Number(fmt.Sprint(n)) }

// Float writes a number with the given decimals.
func (t Texts) Float(x float64, decimals int) string {
	return t.Number(fmt.Sprintf("%.*f", decimals, x))
}

// Percent writes a part of one. It never rounds up to 100, which means funded.
func (t Texts) Percent(x float64, decimals int) string {
	s := fmt.Sprintf("%.*f", decimals, 100*x)
	if x < 1 && strings.HasPrefix(s, "100") {
		s = "99"
		if decimals > 0 {
			s += "." + strings.Repeat("9", decimals)
		}
	}
	space := "\u00a0"
	if t.Lang == "en" {
		space = ""
	}
	return t.Number(s) + space + "%"
}

// People counts persons.
func (t Texts) People(n int64) string {
	if n == 1 {
		return t.T("people_one", t.Int(n))
	}
	return t.T("people_many", t.Int(n))
}
