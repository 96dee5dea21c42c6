package i18n

import (
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/fault"
)

func catalogue(files ...string) fstest.MapFS {
	fsys := fstest.MapFS{}
	for i := 0; i+1 < len(files); i += 2 {
		fsys[files[i]] = &fstest.MapFile{Data: []byte(files[i+1])}
	}
	return fsys
}

func TestBuiltInCataloguesLoad(t *testing.T) {
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	if len(b.Keys()) < 20 {
		t.Errorf("only %d keys", len(b.Keys()))
	}
}

func TestLoadRefusesWrongCatalogues(t *testing.T) {
	cases := map[string]struct {
		fsys fstest.MapFS
		want string
	}{
		"key without Italian":   {catalogue("it/a.toml", `"a.x" = "x"`, "en/a.toml", "\"a.x\" = \"x\"\n\"a.y\" = \"y\""), `"a.y" is missing in it`},
		"key without English":   {catalogue("it/a.toml", "\"a.x\" = \"x\"\n\"a.y\" = \"y\"", "en/a.toml", `"a.x" = "x"`), `"a.y" is missing in en`},
		"key in two files":      {catalogue("it/a.toml", `"a.x" = "x"`, "it/b.toml", `"a.x" = "z"`, "en/a.toml", `"a.x" = "x"`), `is in both it/a.toml and it/b.toml`},
		"other arguments":       {catalogue("it/a.toml", `"a.x" = "{0} di {1}"`, "en/a.toml", `"a.x" = "{0}"`), `has arguments [0 1] in it and [0] in en`},
		"named and positional":  {catalogue("it/a.toml", `"a.x" = "{name}"`, "en/a.toml", `"a.x" = "{0}"`), `has arguments`},
		"plural in one only":    {catalogue("it/a.toml", `"a.x" = {one = "x", other = "y"}`, "en/a.toml", `"a.x" = "x"`), `has a plural in only one language`},
		"plural without one":    {catalogue("it/a.toml", `"a.x" = {other = "y"}`, "en/a.toml", `"a.x" = {other = "y"}`), `exactly the texts one and other`},
		"value that is no text": {catalogue("it/a.toml", `"a.x" = 3`, "en/a.toml", `"a.x" = 3`), `want a text`},
		"no catalogue":          {catalogue("it/a.toml", `"a.x" = "x"`), `en: no catalogue`},
		"not TOML":              {catalogue("it/a.toml", `=`, "en/a.toml", `"a.x" = "x"`), `it/a.toml`},
	}
	for name, c := range cases {
		_, err := LoadFS(c.fsys)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}

func printers(t *testing.T, italian, english string) (it, en *Printer) {
	t.Helper()
	b, err := LoadFS(catalogue("it/a.toml", italian, "en/a.toml", english))
	if err != nil {
		t.Fatal(err)
	}
	rome, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return b.For(Italian, rome), b.For(English, rome)
}

func TestTextFillsArgumentsAndChoosesPlural(t *testing.T) {
	it, en := printers(t,
		"late = {one = \"{0} consegna in ritardo\", other = \"{0} consegne in ritardo\"}\nhello = \"Ciao {name}, hai {n} messaggi\"\nplain = \"Niente {} da {riempire qui}\"",
		"late = {one = \"one late delivery\", other = \"{0} late deliveries\"}\nhello = \"Hello {name}, you have {n} messages\"\nplain = \"Nothing {} to {fill here}\"")
	cases := []struct{ got, want string }{
		{it.T("late", 1), "1 consegna in ritardo"},
		{it.T("late", 0), "0 consegne in ritardo"},
		{it.T("late", int64(12500)), "12.500 consegne in ritardo"},
		{en.T("late", uint8(1)), "one late delivery"},
		{en.T("late", 12500), "12,500 late deliveries"},
		{it.T("hello", Args{"name": "<Ada>", "n": 1200}), "Ciao <Ada>, hai 1.200 messaggi"},
		{it.T("hello"), "Ciao {name}, hai {n} messaggi"},
		{it.T("plain"), "Niente {} da {riempire qui}"},
		{it.T("no.such.key", 1), "no.such.key"},
	}
	for _, c := range cases {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestFaultShowsFieldsAndHidesInternals(t *testing.T) {
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	p := b.For(Italian, time.UTC)
	var f fault.Fields
	f.Add("title", "fault.field.missing")
	f.Add("title", "fault.field.long", 500)
	text, fields := p.Fault(f.Err())
	if text != "Alcuni dati vanno corretti." || fields["title"] != "Questo campo è obbligatorio. Il testo supera i 500 caratteri consentiti." {
		t.Errorf("got %q %v", text, fields)
	}
	text, _ = p.Fault(fault.New(fault.Internal, "fault.not_found"))
	if text != p.T("fault.internal") {
		t.Errorf("an internal error said %q", text)
	}
	if text, _ := p.Fault(nil); text != "" {
		t.Errorf("no error said %q", text)
	}
}

func TestEveryKindOfFaultHasItsTexts(t *testing.T) {
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	for k := fault.Internal; k <= fault.Unavailable; k++ {
		if !b.Has("fault."+k.String()) || !b.Has("web.error."+k.String()) {
			t.Errorf("%s has no text", k)
		}
	}
}

func TestAcceptLanguageChoosesTheHighestWeight(t *testing.T) {
	cases := map[string]string{
		"": "", "it": "it", "en-GB,en;q=0.9": "en", "de,fr;q=0.9": "", "de, en;q=0.5, it;q=0.8": "it", "it;q=0.5,en;q=0.5": "it",
		"IT-it": "it", "en;q=0": "", "en;q=x": "", "en;q=7": "", "*": "",
	}
	for header, want := range cases {
		if got := Match(header); got != want {
			t.Errorf("Match(%q) = %q, want %q", header, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add(`"a" = "x {0}"`)
	f.Add(`"a" = {one = "x", other = "{n} y"}`)
	f.Add("[a]\nb = \"c\"\n[a.d]\none = \"x\"\nother = \"y\"")
	f.Fuzz(func(t *testing.T, text string) {
		read, err := parse(text)
		if err != nil {
			return
		}
		b := &Bundle{messages: map[string]map[string]message{Italian: read, English: read}}
		if wrong := b.compare(); len(wrong) > 0 {
			t.Fatalf("a language differs from itself: %v", wrong)
		}
		p := b.For(Italian, time.UTC)
		for key := range read {
			if s := p.T(key, 1, "due", Args{"n": 3}); utf8.ValidString(text) && !utf8.ValidString(s) {
				t.Fatalf("%q became %q", text, s)
			}
		}
	})
}

func FuzzMatch(f *testing.F) {
	f.Add("it-IT,it;q=0.9,en-US;q=0.8")
	f.Fuzz(func(t *testing.T, header string) {
		switch Match(header) {
		case "", Italian, English:
		default:
			t.Fatalf("%q gave an unknown language", header)
		}
	})
}
