package board_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/publishing"
)

const calendarURL = "/redazione/calendario"

func TestCalendarShowsEveryStateWithAMomentAndWhatWentOut(t *testing.T) {
	w := newTown(t)
	w.fill()
	gone := w.out("Concerto in piazza")
	if _, err := w.desk.Withdraw(w.as("writer"), w.inst.ID, gone.ID, "Rinviato"); err != nil {
		t.Fatal(err)
	}
	for _, view := range []string{"settimana", "mese", "elenco"} {
		shows(t, w.do("reader", http.MethodGet, calendarURL+"?vista="+view, nil), http.StatusOK,
			"Aperte le iscrizioni", "Uscito", "Il mercato si sposta", "Programmato", "Consiglio comunale in diretta", "Bozza", "Concerto in piazza", "Ritirato",
			"Da mettere in calendario", "Nuovi libri sugli scaffali")
	}
	// The next week is empty, and nothing there belongs to another day.
	rec := w.do("reader", http.MethodGet, calendarURL+"?giorno=2026-05-12", nil)
	shows(t, rec, http.StatusOK, "11 mag 2026", "17 mag 2026", "In questo periodo non c")
	hides(t, rec, "Il mercato si sposta", "/sposta")
}

func TestCalendarFiltersByProfileAndSurvivesAnyAddress(t *testing.T) {
	w := newTown(t)
	w.fill()
	rec := w.do("writer", http.MethodGet, calendarURL+"?profilo="+w.library.ID, nil)
	shows(t, rec, http.StatusOK, "Letture ad alta voce", "Nuovi libri sugli scaffali", `value="`+w.library.ID+`" id="p-1" checked`)
	hides(t, rec, "Il mercato si sposta")
	for _, q := range []string{"?giorno=domani", "?giorno=0001-01-01", "?giorno=9999-12-31", "?vista=secolo", "?giorno=%00&vista=%FF&profilo=x"} {
		shows(t, w.do("writer", http.MethodGet, calendarURL+q, nil), http.StatusOK, "Calendario")
	}
}

// TestCalendarKeepsDaysApartWhenTheClocksChange: a week with a day of 23 or of 25
// hours has seven days, each message on its own.
func TestCalendarKeepsDaysApartWhenTheClocksChange(t *testing.T) {
	for _, c := range []struct {
		now      time.Time
		due, day string
	}{
		{time.Date(2026, 3, 23, 8, 0, 0, 0, time.UTC), "2026-03-29T23:30", "2026-03-29"},
		{time.Date(2026, 10, 19, 8, 0, 0, 0, time.UTC), "2026-10-25T00:15", "2026-10-25"},
	} {
		w := newTown(t)
		w.clock.set(c.now)
		m := w.scheduled(w.library, "Notte dei lettori", c.due)
		rec := w.do("writer", http.MethodGet, calendarURL, nil)
		shows(t, rec, http.StatusOK, `id="m-`+m.ID+`"`)
		if n := strings.Count(rec.Body.String(), "data-day="); n != 7 {
			t.Errorf("%s: %d days in the week", c.day, n)
		}
		_, after, _ := strings.Cut(rec.Body.String(), `data-day="`+c.day+`"`)
		if day, _, _ := strings.Cut(after, "data-day="); !strings.Contains(day, "m-"+m.ID) {
			t.Errorf("%s: the message stands on another day", c.day)
		}
	}
}

func TestMovingKeepsTheTermAndSaysWhatIsWrong(t *testing.T) {
	w := newTown(t)
	m := w.approved(w.library, "Notte dei lettori")
	if _, err := w.desk.Schedule(w.as("writer"), w.inst.ID, m.ID, "2026-05-06T21:00", "2026-05-07T21:00"); err != nil {
		t.Fatal(err)
	}
	move := calendarURL + "/" + m.ID + "/sposta"
	// Dragging sends no term: the message keeps its own, which must come after.
	shows(t, w.do("writer", http.MethodPost, move, url.Values{"due": {"2026-05-08T21:00"}}), http.StatusUnprocessableEntity, "Il termine deve venire dopo", `value="2026-05-08T21:00"`)
	shows(t, w.do("writer", http.MethodPost, move, url.Values{"due": {"2027-03-28T02:30"}, "not_after": {""}}), http.StatusUnprocessableEntity, "non esiste")
	shows(t, w.do("writer", http.MethodPost, move, url.Values{"due": {"2026-05-01T09:00"}}), http.StatusUnprocessableEntity, "già passato")
	shows(t, w.do("writer", http.MethodPost, move, url.Values{"due": {"domani"}}), http.StatusUnprocessableEntity, "Scrivere una data")
	if got := w.message(m.ID).Plan; got.Due.Text != "2026-05-06T21:00" || got.NotAfter.Text != "2026-05-07T21:00" {
		t.Fatalf("a refused move changed the plan: %+v", got)
	}
	rec := w.do("writer", http.MethodPost, move, url.Values{"due": {"2026-05-07T08:00"}, "next": {calendarURL + "?vista=mese"}})
	shows(t, w.goes("writer", rec, calendarURL+"?vista=mese"), http.StatusOK, "esce giovedì 7 maggio 2026, ore 08:00")
	if got := w.message(m.ID).Plan; got.Due.Text != "2026-05-07T08:00" || got.NotAfter.Text != "2026-05-07T21:00" {
		t.Errorf("plan after the move: %+v", got)
	}
	// In the autumn night the hour that comes twice is named, and means the first.
	rec = w.do("writer", http.MethodPost, move, url.Values{"due": {"2026-10-25T02:30"}, "not_after": {""}})
	shows(t, w.goes("writer", rec, calendarURL), http.StatusOK, "due volte")
}

func TestMoveLeadsNowhereButTheDesk(t *testing.T) {
	w := newTown(t)
	m := w.scheduled(w.library, "Notte dei lettori", "2026-05-06T21:00")
	for _, next := range []string{"https://example.org/", "//example.org/redazione/", "/altrove", "javascript:alert(1)"} {
		w.goes("writer", w.do("writer", http.MethodPost, calendarURL+"/"+m.ID+"/sposta", url.Values{"due": {"2026-05-06T20:00"}, "next": {next}}), calendarURL)
	}
}

func TestWhatIsOutCannotBeMoved(t *testing.T) {
	w := newTown(t)
	m := w.out("Via Roma chiusa")
	shows(t, w.do("writer", http.MethodGet, calendarURL+"/"+m.ID+"/sposta", nil), http.StatusConflict)
	shows(t, w.do("writer", http.MethodPost, calendarURL+"/"+m.ID+"/sposta", url.Values{"due": {"2026-05-06T09:00"}}), http.StatusUnprocessableEntity)
	hides(t, w.do("writer", http.MethodGet, calendarURL, nil), "/"+m.ID+"/sposta")
	if got := w.message(m.ID); got.State != publishing.Out {
		t.Errorf("state %s", got.State)
	}
}

func TestFirstFreePlaceOfTheQueueIsTaken(t *testing.T) {
	w := newTown(t)
	first, second := w.approved(w.library, "Primo"), w.approved(w.library, "Secondo")
	slot := url.Values{"slot": {"1"}}
	shows(t, w.do("writer", http.MethodPost, calendarURL+"/"+first.ID+"/sposta", slot), http.StatusUnprocessableEntity, "non ha orari liberi")
	for _, weekday := range []string{"2", "4"} {
		rec := w.do("administrator", http.MethodPost, "/redazione/coda", url.Values{"profile": {w.library.ID}, "weekday": {weekday}, "time": {"09:00"}})
		shows(t, w.goes("administrator", rec, "/redazione/coda"), http.StatusOK, "Aggiunto")
	}
	for _, m := range []publishing.Message{first, second} {
		w.goes("writer", w.do("writer", http.MethodPost, calendarURL+"/"+m.ID+"/sposta", slot), calendarURL)
	}
	if a, b := w.message(first.ID).Plan.Due.Text, w.message(second.ID).Plan.Due.Text; a != "2026-05-05T09:00" || b != "2026-05-07T09:00" {
		t.Errorf("places: %s, %s", a, b)
	}
	shows(t, w.do("reader", http.MethodGet, "/redazione/coda", nil), http.StatusOK, "Primo", "Secondo", "martedì 12 maggio 2026, ore 09:00")
}

func TestSlotsAreAddedOnceAndRefusedInWords(t *testing.T) {
	w := newTown(t)
	add := func(profile, weekday, clock string) url.Values {
		return url.Values{"profile": {profile}, "weekday": {weekday}, "time": {clock}}
	}
	w.goes("administrator", w.do("administrator", http.MethodPost, "/redazione/coda", add(w.library.ID, "7", "18:30")), "/redazione/coda")
	for _, c := range [][3]string{
		{"7", "18:30", "ha già un posto"}, {"8", "18:30", "Scegliere un giorno"}, {"", "18:30", "Scegliere un giorno"},
		{"1", "25:00", "Scrivere un&#39;ora"}, {"1", "", "Scrivere un&#39;ora"},
	} {
		shows(t, w.do("administrator", http.MethodPost, "/redazione/coda", add(w.library.ID, c[0], c[1])), http.StatusUnprocessableEntity, c[2])
	}
	shows(t, w.do("administrator", http.MethodPost, "/redazione/coda", add("nobody", "1", "09:00")), http.StatusNotFound)
	page := w.do("administrator", http.MethodGet, "/redazione/coda", nil)
	shows(t, page, http.StatusOK, "domenica", "18:30")
	_, after, _ := strings.Cut(page.Body.String(), `action="/redazione/coda/`)
	id, _, _ := strings.Cut(after, "/togli")
	shows(t, w.goes("administrator", w.do("administrator", http.MethodPost, "/redazione/coda/"+id+"/togli", nil), "/redazione/coda"), http.StatusOK, "Tolto", "Nessun posto fisso")
	shows(t, w.do("administrator", http.MethodPost, "/redazione/coda/"+id+"/togli", nil), http.StatusNotFound)
}
