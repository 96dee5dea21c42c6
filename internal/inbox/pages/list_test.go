package pages_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/testkit"
)

const list = "/redazione/conversazioni"

func TestListShowsWhoSaidWhatAboutWhichMessage(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		w.out("Mensa scolastica: il nuovo menù", "post-1")
		s := w.says("Anna Ferri", "Quando si paga la prima rata?")
		s.Parent = "post-1"
		w.hears(w.mastodon, s)
		secret := w.says("Bruno Sala", "Ho perso la carta d'identità")
		secret.Private = true
		w.hears(w.mastodon, secret)

		page := w.get("writer", list)
		shows(t, page, http.StatusOK, "Anna Ferri", "@anna.ferri@mastodon.example", "Quando si paga la prima rata?", "su «Mensa scolastica: il nuovo menù»", "Nuova")
		hides(t, page, "carta d&#39;identità", "Bruno Sala")
		shows(t, w.get("writer", list+"?dove=privati"), http.StatusOK, "Bruno Sala", "Privata")
	})
}

func TestQueuesAreCounted(t *testing.T) {
	w := newTown(t)
	first := w.asks(w.mastodon, "Anna Ferri", "Quando si paga?")
	w.asks(w.mastodon, "Bruno Sala", "Il lampione di via Roma è spento")
	if err := w.inbox.Assign(w.as("writer"), w.inst.ID, []string{first.ID}, inbox.To{OfficeID: w.schools.ID, PersonID: w.people["writer"].ID, DueAt: w.clock.now().Add(-time.Hour)}); err != nil {
		t.Fatal(err)
	}
	page := w.get("writer", list+"?coda=in-ritardo")
	shows(t, page, http.StatusOK, "Anna Ferri", "In ritardo", "Ufficio scuola", "scadeva", "2<span class=\"visually-hidden\"> 2 conversazioni")
	hides(t, page, "Bruno Sala", "Da moderare", "Risposte non uscite")
	shows(t, w.get("writer", list+"?coda=assegnate-a-me"), http.StatusOK, "Anna Ferri", "Giulia Rossi")
	shows(t, w.get("approver", list+"?coda=assegnate-a-me"), http.StatusOK, "Nulla di assegnato")
}

func TestListIsNarrowedByOfficeProfileSquareAndWords(t *testing.T) {
	w := newTown(t)
	lamp := w.asks(w.mastodon, "Anna Ferri", "Il lampione di via Roma è spento")
	w.asks(w.library2, "Bruno Sala", "Grazie per le letture ad alta voce")
	w.asks(w.telegram, "Carla Riva", "A che ora apre il mercato?")
	if err := w.inbox.Assign(w.as("writer"), w.inst.ID, []string{lamp.ID}, inbox.To{OfficeID: w.roads.ID}); err != nil {
		t.Fatal(err)
	}
	for query, found := range map[string]string{
		"?ufficio=" + w.roads.ID:        "Anna Ferri",
		"?profilo=" + w.library.ID:      "Bruno Sala",
		"?piazza=telegram":              "Carla Riva",
		"?testo=lampioni":               "Anna Ferri",
		"?autore=" + lamp.AuthorID:      "Anna Ferri",
		"?ordine=vecchie&testo=mercato": "Carla Riva",
	} {
		page := w.get("reader", list+query)
		shows(t, page, http.StatusOK, found)
		for _, other := range []string{"Anna Ferri", "Bruno Sala", "Carla Riva"} {
			if other != found {
				hides(t, page, "<strong>"+other+"</strong>")
			}
		}
	}
	shows(t, w.get("reader", list+"?testo=elefante"), http.StatusOK, "Nessuna conversazione trovata")
	shows(t, w.get("reader", list+"?ufficio=-&testo=mercato"), http.StatusOK, "Carla Riva", "Solo: Nessun ufficio, «mercato».")
}

func TestListGoesOnPageByPage(t *testing.T) {
	w := newTown(t)
	for i := range 31 {
		w.clock.set(tenOfMonday().Add(time.Duration(i) * time.Minute))
		w.asks(w.mastodon, "Persona "+string(rune('A'+i%26))+string(rune('a'+i/26)), "Domanda di prova")
	}
	page := w.get("writer", list)
	shows(t, page, http.StatusOK, `rel="next"`, "Persona Eb")
	hides(t, page, "Persona Aa")
	_, next, _ := strings.Cut(page.Body.String(), `rel="next" href="`)
	next, _, _ = strings.Cut(next, `"`)
	second := w.get("writer", strings.ReplaceAll(next, "&amp;", "&"))
	shows(t, second, http.StatusOK, "Persona Aa", `rel="prev"`)
	hides(t, second, "Persona Eb")
	shows(t, w.get("writer", list+"?dopo=sbagliato"), http.StatusNotFound)
}

func TestListCostsTheSameQueriesHoweverLong(t *testing.T) {
	w := newTown(t)
	count := func() int {
		ctx, n := db.CountQueries(t.Context())
		r := w.request(ctx, "writer", list)
		shows(t, r, http.StatusOK)
		return int(n.Load())
	}
	w.asks(w.mastodon, "Anna Ferri", "Uno")
	one := count()
	for range 25 {
		w.asks(w.mastodon, "Anna Ferri", "Ancora")
	}
	if many := count(); many != one {
		t.Errorf("%d queries for 26 conversations, %d for one", many, one)
	}
}

func TestSeveralConversationsAreAssignedClosedAndReopenedTogether(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		a, b := w.asks(w.mastodon, "Anna Ferri", "Uno"), w.asks(w.mastodon, "Bruno Sala", "Due")
		both := []string{"ids", a.ID, "ids", b.ID, "next", list + "?coda=tutte"}
		w.goes("writer", w.post("writer", list+"/insieme", append(both, "do", "assign", "office", w.schools.ID)...), list+"?coda=tutte")
		for _, id := range []string{a.ID, b.ID} {
			if c := w.thread(id); c.OfficeID != w.schools.ID || !c.DueAt.Equal(w.clock.now().Add(48*time.Hour)) {
				t.Errorf("office %q, due %s", c.OfficeID, c.DueAt)
			}
		}
		shows(t, w.goes("writer", w.post("writer", list+"/insieme", append(both, "do", "close")...), list+"?coda=tutte"), http.StatusOK, "2 conversazioni chiuse.")
		if w.thread(a.ID).State != inbox.Closed {
			t.Error("still open")
		}
		w.goes("writer", w.post("writer", list+"/insieme", append(both, "do", "reopen")...), list+"?coda=tutte")
		if w.thread(b.ID).State != inbox.Open {
			t.Error("still closed")
		}
	})
}

func TestTogetherRefusesWhatMakesNoSense(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Anna Ferri", "Uno")
	shows(t, w.goes("writer", w.post("writer", list+"/insieme", "do", "close"), list), http.StatusOK, "Scegliere prima almeno una conversazione.")
	shows(t, w.goes("writer", w.post("writer", list+"/insieme", "do", "explode", "ids", c.ID), list), http.StatusOK)
	// A form leads nowhere else.
	w.goes("writer", w.post("writer", list+"/insieme", "do", "close", "ids", c.ID, "next", "https://evil.example/"), list)
}

func TestViewKeepsAFilterUnderAName(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		query := "coda=in-ritardo&ufficio=" + w.schools.ID
		saved := w.post("writer", "/redazione/viste", "query", query+"&dopo=abc", "name", "Scuola in ritardo")
		page := w.goes("writer", saved, list+"?"+query)
		shows(t, page, http.StatusOK, "Scuola in ritardo", `<a href="`+strings.ReplaceAll(list+"?"+query, "&", "&amp;")+`" aria-current="true"`)
		hides(t, w.get("approver", list), "Scuola in ritardo")
		w.goes("writer", w.post("writer", "/redazione/viste", "query", "testo=mensa", "name", "Mensa", "shared", "1"), list+"?testo=mensa")
		shows(t, w.get("approver", list), http.StatusOK, "Mensa")

		shows(t, w.post("writer", "/redazione/viste", "query", query, "name", ""), http.StatusUnprocessableEntity, "Manca il nome della vista.")
		shows(t, w.post("writer", "/redazione/viste", "query", "%zz", "name", "Rotta"), http.StatusUnprocessableEntity)

		var id string
		w.read(func(ctx context.Context, tx *db.Tx) error {
			return tx.QueryRow(ctx, `SELECT id FROM saved_view WHERE institution_id = $1 AND name = $2`, w.inst.ID, "Scuola in ritardo").Scan(&id)
		})
		shows(t, w.post("approver", "/redazione/viste/"+id+"/togli"), http.StatusNotFound)
		w.goes("writer", w.post("writer", "/redazione/viste/"+id+"/togli", "next", list), list)
		hides(t, w.get("writer", list), "Scuola in ritardo")
	})
}
