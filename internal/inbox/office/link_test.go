package office_test

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/people"
)

var onceIn = regexp.MustCompile(`name="once" value="([^"]+)"`)

// once is the mark that the form of a page carries.
func once(t testing.TB, page string) string {
	t.Helper()
	m := onceIn.FindStringSubmatch(page)
	if m == nil {
		t.Fatalf("no form in %s", visible(page))
	}
	return m[1]
}

// notes are the notes of a conversation, as office, signature and text.
func (w *town) notes(conversationID string) (all []string) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) (err error) {
		all, err = db.All(w.t.Context(), tx, func(s db.Scanner) (string, error) {
			var office, signed, text string
			err := s.Scan(&office, &signed, &text)
			return strings.Join([]string{office, signed, text}, "|"), err
		}, `SELECT office_id, signed, text FROM note WHERE conversation_id = $1 ORDER BY at, id`, conversationID)
		return err
	})
	return all
}

func TestLinkOpensJustTheConversationAndNamesNobody(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		c := w.says("Il lampione davanti alla scuola è spento")
		w.says("Quando chiude l'anagrafe?", other("bruna"))
		w.must(second(w.inbox.Note(w.as("writer"), w.inst.ID, c.ID, "Nota della redazione: è il solito.")))
		rec := w.do("nobody", "GET", w.letter("lavori@cesate.example.it").link(t), nil)
		shows(t, rec, 200, "Il lampione davanti alla scuola è spento", "Lavori pubblici", "mercoledì 6 maggio 2026, ore 10:00", `<meta name="robots" content="noindex">`)
		hides(t, rec, "Anna", "piazza.example", "anagrafe?", "è il solito")
		for header, want := range map[string]string{"X-Robots-Tag": "noindex, nofollow, noarchive", "Referrer-Policy": "strict-origin", "Cache-Control": "no-store"} {
			if got := rec.Header().Get(header); got != want {
				t.Errorf("%s is %q", header, got)
			}
		}
	})
}

func second[T any](_ T, err error) error { return err }

func TestOfficeSuppliesInformationAndTheOfficerIsTold(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		c := w.says("Il lampione è spento")
		w.must(w.offices.Ask(w.as("writer"), w.inst.ID, c.ID, w.works.ID, "Quando passa la ditta?"))
		m := w.letter("lavori@cesate.example.it")
		if !strings.Contains(m.text, "Quando passa la ditta?") || w.find(c.ID).OfficeID != "" {
			t.Errorf("asked as\n%s", m.text)
		}
		link := m.link(t)
		page := w.do("nobody", "GET", link, nil)
		shows(t, page, 200, "Quando passa la ditta?", "Il lampione è spento")
		form := url.Values{"once": {once(t, page.Body.String())}, "text": {"La ditta passa giovedì."}, "signed": {"Geom. Riva"}}
		goes(t, w.do("nobody", "POST", link, form), link+"?esito=inviata")
		told := w.letter("writer@cesate.example.it")
		if !strings.Contains(told.subject, "Lavori pubblici") || !strings.Contains(told.text, origin+"/redazione/conversazioni/"+c.ID+"?da-nota=") || strings.Contains(told.text, "giovedì") {
			t.Errorf("told %q\n%s", told.subject, told.text)
		}
		// The button pressed twice, or a reload: once.
		goes(t, w.do("nobody", "POST", link, form), link+"?esito=inviata")
		if all := w.letters(); len(all) != 0 {
			t.Errorf("told twice: %+v", all)
		}
		shows(t, w.do("nobody", "GET", link+"?esito=inviata", nil), 200, "Grazie", "La ditta passa giovedì.", "Geom. Riva")
		// More, with a form of its own.
		goes(t, w.do("nobody", "POST", link, url.Values{"once": {once(t, w.do("nobody", "GET", link, nil).Body.String())}, "text": {"Anzi venerdì."}}), link+"?esito=inviata")
		w.letter("writer@cesate.example.it")
		got := w.notes(c.ID)
		want := []string{"||Chiesto all'ufficio Lavori pubblici: Quando passa la ditta?", w.works.ID + "|Geom. Riva|La ditta passa giovedì.", w.works.ID + "||Anzi venerdì."}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("notes\n%s", strings.Join(got, "\n"))
		}
	})
}

func TestWrongInformationIsNotLost(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		w.says("Il lampione è spento")
		link := w.letter("lavori@cesate.example.it").link(t)
		shows(t, w.do("nobody", "POST", link, url.Values{"signed": {"Geom. Riva"}, "text": {"  "}}), 422, "Geom. Riva", "Questo campo è obbligatorio")
		long := strings.Repeat("a", 10_001)
		shows(t, w.do("nobody", "POST", link, url.Values{"text": {long}}), 422, long)
		shows(t, w.do("nobody", "POST", link, url.Values{"text": {strings.Repeat("a", 200<<10)}}), 413)
		if all := w.letters(); len(all) != 0 {
			t.Errorf("somebody was told: %+v", all)
		}
	})
}

func TestLinkThatOpensNothingSaysWhatToDo(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		c := w.says("Il lampione è spento")
		link := w.letter("lavori@cesate.example.it").link(t)
		shows(t, w.do("nobody", "GET", "/ufficio/inventato", nil), 404, "Questo link non è valido", "urp@cesate.example.it")
		shows(t, w.do("nobody", "GET", link[:len(link)-1], nil), 404, "Questo link non è valido")
		shows(t, w.do("nobody", "POST", "/ufficio/"+strings.Repeat("x", 5000), url.Values{"text": {"x"}}), 404, "Questo link non è valido")
		// The fourth guess of a network is the last one that gets an answer.
		shows(t, w.do("nobody", "GET", "/ufficio/inventato", nil), 429, "troppi link non validi")
		shows(t, w.do("nobody", "GET", link, nil), 200, "Il lampione è spento") // who has a link is not kept out
		w.guesses = 0

		w.must(w.offices.RevokeLinks(w.as("writer"), w.inst.ID, c.ID))
		shows(t, w.do("nobody", "GET", link, nil), 404, "Questo link non vale più")
		shows(t, w.do("nobody", "POST", link, url.Values{"text": {"La ditta passa giovedì."}}), 404, "Questo link non vale più")
		if got := w.notes(c.ID); len(got) != 0 {
			t.Errorf("kept what came through a revoked link: %v", got)
		}
		w.guesses = 0
		w.must(w.offices.Ask(w.as("writer"), w.inst.ID, c.ID, w.works.ID, "Quando?"))
		link = w.letter("lavori@cesate.example.it").link(t)
		w.pass(31 * 24 * time.Hour)
		shows(t, w.do("nobody", "GET", link, nil), 404, "Questo link è scaduto")
	})
}

func TestClosedConversationTakesNothingMore(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		c := w.says("Il lampione è spento")
		link := w.letter("lavori@cesate.example.it").link(t)
		w.must(w.inbox.Close(w.as("writer"), w.inst.ID, []string{c.ID}))
		rec := w.do("nobody", "GET", link, nil)
		shows(t, rec, 200, "La conversazione è stata chiusa")
		hides(t, rec, "lampione", "<textarea")
		shows(t, w.do("nobody", "POST", link, url.Values{"text": {"La ditta passa giovedì."}}), 422, "La conversazione è stata chiusa")
		if got := w.notes(c.ID); len(got) != 0 {
			t.Errorf("kept %v", got)
		}
	})
}

func TestLinkIsUsedOnlySoOften(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		c := w.says("Il lampione è spento")
		link := w.letter("lavori@cesate.example.it").link(t)
		for n := range 50 {
			goes(t, w.do("nobody", "POST", link, url.Values{"text": {fmt.Sprintf("Testo %d", n)}}), link+"?esito=inviata")
		}
		shows(t, w.do("nobody", "POST", link, url.Values{"text": {"Ancora"}}), 422, "Con questo link sono già stati inviati 50 testi", "Ancora")
		if got := w.notes(c.ID); len(got) != 50 {
			t.Errorf("%d notes", len(got))
		}
	})
}

// The token is nowhere in the database: whoever reads it opens nothing.
func TestTokenIsNotStored(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lamps()
		w.says("Il lampione è spento")
		token := strings.TrimPrefix(w.letter("lavori@cesate.example.it").link(t), "/ufficio/")
		var stored string
		w.tx(func(tx *db.Tx) error { return tx.QueryRow(t.Context(), `SELECT hash FROM office_link`).Scan(&stored) })
		if len(token) < 40 || len(stored) != 64 || strings.Contains(stored, token) {
			t.Errorf("token %q stored as %q", token, stored)
		}
	})
}

func TestQuestionNeedsAnAddressAndAnOpenConversation(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		c := w.says("Quando apre la biblioteca?")
		w.write(`UPDATE office SET email = '' WHERE id = $1`, w.registry.ID)
		if err := w.offices.Ask(w.as("writer"), w.inst.ID, c.ID, w.registry.ID, "Quando?"); !fault.Is(err, fault.Invalid) {
			t.Errorf("an office without an address: %v", err)
		}
		if err := w.offices.Ask(w.as("reader"), w.inst.ID, c.ID, w.works.ID, "Quando?"); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a reader asks: %v", err)
		}
		if err := w.offices.Ask(w.as("writer"), w.inst.ID, "none", w.works.ID, "Quando?"); !fault.Is(err, fault.NotFound) {
			t.Errorf("about nothing: %v", err)
		}
		w.must(w.inbox.Close(w.as("writer"), w.inst.ID, []string{c.ID}))
		if err := w.offices.Ask(w.as("writer"), w.inst.ID, c.ID, w.works.ID, "Quando?"); !fault.Is(err, fault.Conflict) {
			t.Errorf("about a closed conversation: %v", err)
		}
		if all, notes := w.letters(), w.notes(c.ID); len(all)+len(notes) != 0 {
			t.Errorf("something was sent: %+v %v", all, notes)
		}
	})
}

// Whoever asked has left the town: nobody is written to, nothing is lost.
func TestInformationIsKeptWhenTheOfficerIsGone(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		c := w.says("Il lampione è spento", func(s *channel.Said) { s.Private = true })
		w.must(w.offices.Ask(w.as("writer"), w.inst.ID, c.ID, w.works.ID, "Quando?"))
		link := w.letter("lavori@cesate.example.it").link(t)
		shows(t, w.do("nobody", "GET", link, nil), 200, "messaggio privato")
		w.tx(func(tx *db.Tx) error {
			return people.SetRoles(t.Context(), tx, w.inst.ID, w.people["writer"].ID, nil, w.clock.now())
		})
		goes(t, w.do("nobody", "POST", link, url.Values{"text": {"Giovedì."}}), link+"?esito=inviata")
		if all, notes := w.letters(), w.notes(c.ID); len(all) != 0 || len(notes) != 2 {
			t.Errorf("letters %+v, notes %v", all, notes)
		}
		if got := w.find(c.ID); got.State != inbox.Open {
			t.Errorf("state %s", got.State)
		}
	})
}
