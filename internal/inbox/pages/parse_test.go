package pages

import (
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
)

func TestFilterHasOneAddress(t *testing.T) {
	for query, want := range map[string]string{
		"":                                   listPath,
		"coda=da-rispondere&ordine=recenti":  listPath,
		"coda=nulla&ordine=a-caso&dove=qui":  listPath,
		"dove=privati&coda=chiuse":           listPath + "?coda=chiuse&dove=privati",
		"testo=++mensa+scolastica+&ufficio=": listPath + "?testo=mensa+scolastica",
		"testo=a%00b%0Ac":                    listPath + "?testo=a+b+c",
		"ufficio=%3Cscript%3E&autore=a%2Fb":  listPath,
		"ufficio=-":                          listPath + "?ufficio=-",
	} {
		q, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		if got := parseFilter(q).url(); got != want {
			t.Errorf("%s → %s, want %s", query, got, want)
		}
	}
}

func FuzzFilter(f *testing.F) {
	for _, seed := range []string{"", "coda=chiuse&dove=privati&testo=mensa", "testo=%ff&dopo=x", "ufficio=-&ordine=scadenza", "testo=" + strings.Repeat("à", 300)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, query string) {
		q, err := url.ParseQuery(query)
		if err != nil {
			return
		}
		first := parseFilter(q)
		if second := parseFilter(first.query()); second != first {
			t.Errorf("%q: %+v, read again %+v", query, first, second)
		}
		if !utf8.ValidString(first.Text) || utf8.RuneCountInString(first.Text) > maxSearch {
			t.Errorf("%q: searches for %q", query, first.Text)
		}
		if !slices.Contains(queues(), first.Queue) || !slices.Contains(orders(), first.Order) {
			t.Errorf("%q: queue %q in order %q", query, first.Queue, first.Order)
		}
	})
}

func FuzzCursor(f *testing.F) {
	f.Add(cursor(inbox.Cursor{At: time.UnixMicro(1_777_000_000_000_000).UTC(), ID: "0198-abc"}))
	f.Add("")
	f.Add("MSA")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := parseCursor(text)
		if err != nil {
			return
		}
		if again, err := parseCursor(cursor(c)); err != nil || !again.At.Equal(c.At) || again.ID != c.ID {
			t.Errorf("%q: %+v, read again %+v (%v)", text, c, again, err)
		}
	})
}

func TestPlaceholdersAreFilledAndTheOthersStay(t *testing.T) {
	values := map[string]string{"nome": "{firma}", "profilo": "Biblioteca", "firma": "Giulia", "ufficio": ""}
	got := fill("Ciao {nome}, {ufficio} di {profilo}: {x} {firma}", values)
	if want := "Ciao {firma}, {ufficio} di Biblioteca: {x} Giulia"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if open := openPlaceholders(got); !slices.Equal(open, []string{"{firma}", "{ufficio}"}) {
		t.Errorf("open: %v", open)
	}
	if unknown := unknownPlaceholders("{nome} {cognome} {cognome} { x }"); !slices.Equal(unknown, []string{"{cognome}", "{ x }"}) {
		t.Errorf("unknown: %v", unknown)
	}
}

func FuzzPlaceholders(f *testing.F) {
	f.Add("Ciao {nome}, {ufficio}", "Anna")
	f.Add("{{nome}}", "{nome}")
	f.Add("{\xff}", "{")
	f.Fuzz(func(t *testing.T, text, name string) {
		filled := fill(text, map[string]string{"nome": name})
		if n := strings.Count(text, "{nome}"); n == 0 && filled != text {
			t.Errorf("%q became %q", text, filled)
		}
		if name != "" && !strings.Contains(name, "{") && !strings.Contains(name, "}") && slices.Contains(openPlaceholders(filled), "{nome}") {
			t.Errorf("%q still holds {nome}", filled)
		}
	})
}

func staff() []people.Member {
	member := func(id, name, email string) people.Member {
		return people.Member{Person: people.Person{ID: id, Name: name, Email: email}}
	}
	return []people.Member{member("1", "Giulia Rossi", "g.rossi@cesate.example.it"), member("2", "Marco Bianchi", "marco@cesate.example.it"),
		member("3", "Giulia Verdi", "verdi@cesate.example.it"), member("4", "Niccolò D'Amico", "damico@cesate.example.it")}
}

func TestColleaguesAreNamedInANote(t *testing.T) {
	for text, want := range map[string]string{
		"@Giulia Rossi puoi guardare?":           "1",
		"@giulia   rossi e @MARCO, grazie":       "1 2",
		"@Giulia chi delle due?":                 "",
		"@g.rossi":                               "1",
		"chiedo a @niccolo d'amico.":             "4",
		"scrivere a marco@cesate.example.it":     "",
		"@marco@mastodon.example è un cittadino": "",
		"@Marcolino non lavora qui":              "",
		"@marco @marco @Marco Bianchi":           "2",
		"(@verdi)":                               "3",
		"@":                                      "",
		"@Giulia Rossini non è dei nostri":       "",
	} {
		var got []string
		for _, m := range mentioned(text, staff()) {
			got = append(got, m.ID)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%q names %v, want %q", text, got, want)
		}
	}
}

func FuzzMentioned(f *testing.F) {
	f.Add("@Giulia Rossi e @marco")
	f.Add("@\xff@")
	f.Fuzz(func(t *testing.T, text string) {
		found := mentioned(text, staff())
		if len(found) > 0 && !strings.Contains(text, "@") && !strings.Contains(text, "＠") {
			t.Errorf("%q names %v", text, found)
		}
		seen := map[string]bool{}
		for _, m := range found {
			if seen[m.ID] {
				t.Errorf("%q names %s twice", text, m.Name)
			}
			seen[m.ID] = true
		}
	})
}
