package pages_test

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func page(c inbox.Conversation) string { return list + "/" + c.ID }

func TestConversationShowsWhatWasSaidAndWhatBecameOfIt(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		long := w.fill()
		rec := w.get("writer", page(long))
		shows(t, rec, http.StatusOK, "certificato del pediatra", "modificato", "Com&#39;era prima", "certificato del medico", "In risposta a",
			"Il modulo di iscrizione alla mensa", `rel="noreferrer nofollow"`, "piace a 2 persone", "🙏 1", "Mensa scolastica: il nuovo menù di primavera",
			"Nota interna", "@Marco Bianchi lo chiediamo", "entro oggi alle 17:00", "Assegnata a: Ufficio scuola", "Giulia Rossi")
		hides(t, rec, `<img src="https://mastodon.example`)
		// A reader sees the same, and no form.
		reader := w.get("reader", page(long))
		shows(t, reader, http.StatusOK, "certificato del pediatra", "Ufficio scuola")
		hides(t, reader, "Testo della risposta", "/chiudi", "Modera", "/autore/dati")
	})
}

func TestWordsOfCitizensAreNeverMarkup(t *testing.T) {
	w := newTown(t)
	s := w.says(`<b>Anna</b>`, `<script>alert(1)</script> "quoted" & <img src=x onerror=alert(1)>`)
	s.Media = []channel.SaidMedia{{URL: "https://mastodon.example/a.png", Alt: `"><script>alert(2)</script>`}}
	w.hears(w.mastodon, s)
	c := w.conversationOf(w.mastodon, s.ID)
	for _, path := range []string{list, page(c)} {
		rec := w.get("writer", path)
		shows(t, rec, http.StatusOK, "&lt;script&gt;alert(1)")
		hides(t, rec, "<script>alert", "<img src=x", "<b>Anna</b>")
	}
}

func TestDeletedWordsLeaveTheirPlace(t *testing.T) {
	w := newTown(t)
	s := w.says("Anna Ferri", "Una cosa di cui mi pento")
	w.hears(w.mastodon, s)
	c := w.conversationOf(w.mastodon, s.ID)
	w.hears(w.mastodon, channel.Said{Act: channel.Deleted, ID: s.ID, At: w.clock.now()})
	rec := w.get("writer", page(c))
	shows(t, rec, http.StatusOK, "Cancellato da chi l&#39;ha scritto.", "Qui non si può rispondere")
	hides(t, rec, "mi pento", "Testo della risposta")
}

func TestOfficeHoursGiveTheDeadlineUnlessItIsTyped(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Anna Ferri", "Quando si paga la mensa?")
	assign := func(pairs ...string) inbox.Conversation {
		w.goes("writer", w.post("writer", page(c)+"/assegna", pairs...), page(c))
		return w.thread(c.ID).Conversation
	}
	got := assign("office", w.schools.ID, "person", w.people["approver"].ID, "due", "", "due_was", "", "office_was", "")
	if got.OfficeID != w.schools.ID || got.PersonID != w.people["approver"].ID || !got.DueAt.Equal(w.clock.now().Add(48*time.Hour)) {
		t.Errorf("%q, %q, %s", got.OfficeID, got.PersonID, got.DueAt)
	}
	// Another office, the deadline as it was: that office's own.
	due := got.DueAt.In(w.inst.Location()).Format("2006-01-02T15:04")
	if got = assign("office", w.roads.ID, "person", "", "due", due, "due_was", due, "office_was", w.schools.ID); !got.DueAt.Equal(w.clock.now().Add(7 * time.Hour)) {
		t.Errorf("due %s", got.DueAt)
	}
	// Typed: that and nothing else. Emptied: none.
	if got = assign("office", w.roads.ID, "due", "2026-05-09T12:30", "due_was", due, "office_was", w.roads.ID); !got.DueAt.Equal(time.Date(2026, 5, 9, 10, 30, 0, 0, time.UTC)) {
		t.Errorf("due %s", got.DueAt)
	}
	if got = assign("office", w.roads.ID, "due", "", "due_was", "2026-05-09T12:30", "office_was", w.roads.ID); !got.DueAt.IsZero() {
		t.Errorf("due %s", got.DueAt)
	}
	before := w.thread(c.ID).Version
	for _, typed := range []string{"domani", "2027-03-28T02:30"} {
		rec := w.post("writer", page(c)+"/assegna", "office", w.roads.ID, "due", typed, "due_was", "")
		shows(t, rec, http.StatusUnprocessableEntity, `id="f-due"`, `value="`+typed+`"`)
	}
	shows(t, w.post("writer", page(c)+"/assegna", "office", "nowhere"), http.StatusUnprocessableEntity)
	if w.thread(c.ID).Version != before {
		t.Error("a refused assignment changed something")
	}
}

func TestClosingCanBeTakenBack(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Anna Ferri", "Grazie!")
	shows(t, w.goes("writer", w.post("writer", page(c)+"/chiudi"), page(c)), http.StatusOK, "Conversazione chiusa.", page(c)+"/riapri", "Annulla")
	if w.thread(c.ID).State != inbox.Closed {
		t.Error("still open")
	}
	w.goes("writer", w.post("writer", page(c)+"/riapri"), page(c))
	if w.thread(c.ID).State != inbox.Open {
		t.Error("still closed")
	}
}

func TestColleaguesNamedInANoteAreToldOnce(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Anna Ferri", "Quando si paga la mensa?")
	rec := w.post("writer", page(c)+"/nota", "text", "@Marco Bianchi e @giulia, lo sapete? @marco")
	if rec.Code != http.StatusSeeOther || !strings.HasPrefix(rec.Header().Get("Location"), page(c)+"#e-") {
		t.Fatalf("%d %s", rec.Code, rec.Header().Get("Location"))
	}
	if len(w.mentioned) != 1 || w.mentioned[0].To.ID != w.people["approver"].ID || w.mentioned[0].By != "Giulia Rossi" || w.mentioned[0].ConversationID != c.ID {
		t.Errorf("told %+v", w.mentioned)
	}
	shows(t, w.get("approver", page(c)), http.StatusOK, "lo sapete?")
	// Acts that keep no note tell nobody again.
	w.post("writer", page(c)+"/chiudi")
	if len(w.mentioned) != 1 {
		t.Errorf("told %d times", len(w.mentioned))
	}
	shows(t, w.post("writer", page(c)+"/nota", "text", " "), http.StatusUnprocessableEntity, `id="f-text"`, `id="answer-text"`)
}

func TestOfficersReadingIsOneClick(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Anna Ferri", "Sono contraria alla chiusura della strada")
	word := w.words(c.ID)[0]
	act := page(c) + "/commenti/" + word.ID + "/segnale"
	w.goes("writer", w.post("writer", act, "stance", "against"), page(c)+"#e-"+word.ID)
	if got := w.words(c.ID)[0]; got.Stance != inbox.Against || got.StanceBy != w.people["writer"].ID {
		t.Errorf("%q by %q", got.Stance, got.StanceBy)
	}
	shows(t, w.get("writer", page(c)), http.StatusOK, `value="against" aria-pressed="true"`, `value="agree" aria-pressed="false"`)
	shows(t, w.post("writer", act, "stance", "furious"), http.StatusUnprocessableEntity)
	other := w.asks(w.mastodon, "Bruno Sala", "Altro")
	shows(t, w.post("writer", page(other)+"/commenti/"+word.ID+"/segnale", "stance", "agree"), http.StatusNotFound)
}

func TestAnswerGoesOutWhereNobodyMustApproveIt(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		c := w.asks(w.mastodon, "Anna Ferri", "Quando si paga la mensa?")
		rec := w.get("writer", page(c))
		shows(t, rec, http.StatusOK, "Invia la risposta", "Solo per chi ha scritto")
		word := w.words(c.ID)[0]
		rec = w.post("writer", page(c)+"/risposta", "do", "send", "comment", word.ID, "text", "Entro il 15 giugno.", "rev", "0", "answer", "")
		answers := w.answers(c.ID)
		if len(answers) != 1 || answers[0].State != inbox.AnswerSent || answers[0].Text != "Entro il 15 giugno." || answers[0].Private || answers[0].Delivery.ID == "" {
			t.Fatalf("answers %+v", answers)
		}
		shows(t, w.goes("writer", rec, page(c)+"#e-"+answers[0].ID), http.StatusOK, "La risposta è in viaggio verso la piazza.", "Entro il 15 giugno.", "In attesa", "Risposta dell&#39;ente")
	})
}

func TestDraftIsContinuedAndNothingTypedIsLost(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		c := w.asks(w.mastodon, "Anna Ferri", "Quando si paga la mensa?")
		word := w.words(c.ID)[0]
		w.goes("writer", w.post("writer", page(c)+"/risposta", "do", "save", "comment", word.ID, "text", "Bozza uno"), page(c)+"#rispondi")
		a := w.answers(c.ID)[0]
		shows(t, w.get("writer", page(c)), http.StatusOK, "Bozza uno</textarea>", `name="answer" value="`+a.ID+`"`)

		// Somebody else saves meanwhile: both texts are shown, the typed one in the form.
		w.post("approver", page(c)+"/risposta", "do", "save", "answer", a.ID, "rev", "1", "comment", word.ID, "text", "Bozza di Marco")
		clash := w.post("writer", page(c)+"/risposta", "do", "send", "answer", a.ID, "rev", "1", "comment", word.ID, "text", "Bozza di Giulia")
		shows(t, clash, http.StatusConflict, "Nel frattempo Marco Bianchi ha salvato questo testo", "Bozza di Marco", "Bozza di Giulia</textarea>", `name="rev" value="2"`)
		if got := w.answers(c.ID)[0]; got.Text != "Bozza di Marco" || got.State != inbox.AnswerDrafted {
			t.Errorf("stored %q, %s", got.Text, got.State)
		}
		w.post("writer", page(c)+"/risposta", "do", "save", "answer", a.ID, "rev", "2", "comment", word.ID, "text", "Bozza di Giulia")
		if got := w.answers(c.ID); len(got) != 1 || got[0].Text != "Bozza di Giulia" {
			t.Errorf("stored %+v", got)
		}

		long := strings.Repeat("parola ", 120)
		rec := w.post("writer", page(c)+"/risposta", "do", "send", "answer", a.ID, "rev", "3", "comment", word.ID, "text", long)
		shows(t, rec, http.StatusUnprocessableEntity, strings.TrimSpace(long)+"</textarea>", `id="f-text"`, `aria-invalid="true"`)
		if got := w.answers(c.ID)[0]; got.State != inbox.AnswerDrafted || got.Delivery.ID != "" {
			t.Errorf("went out: %+v", got)
		}
		shows(t, w.post("writer", page(c)+"/risposta", "do", "send", "text", "  "), http.StatusUnprocessableEntity, "Manca il testo della risposta.")
	})
}

func TestAnswerIsApprovedBySomebodyElseAsItWasRead(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		c := w.asks(w.library2, "Elena Poli", "Quando ci sono le letture?")
		word := w.words(c.ID)[0]
		shows(t, w.get("writer", page(c)), http.StatusOK, "Invia in approvazione", "un&#39;altra persona legge la risposta")
		w.post("writer", page(c)+"/risposta", "do", "submit", "comment", word.ID, "text", "Ogni sabato alle 10.")
		a := w.answers(c.ID)[0]
		if a.State != inbox.AnswerSubmitted {
			t.Fatalf("state %s", a.State)
		}
		shows(t, w.get("approver", list+"?coda=da-approvare"), http.StatusOK, "Elena Poli", "Risposta da approvare")
		own := w.get("writer", page(c))
		shows(t, own, http.StatusOK, "Attende chi approva.")
		hides(t, own, "Approva e invia")
		theirs := w.get("approver", page(c))
		shows(t, theirs, http.StatusOK, "Approva e invia", `name="hash" value="`+a.Hash+`"`)

		act := page(c) + "/risposte/" + a.ID
		shows(t, w.post("writer", act+"/approva", "hash", a.Hash), http.StatusForbidden)
		shows(t, w.post("approver", act+"/approva", "hash", ""), http.StatusConflict, "Rileggere la risposta")
		shows(t, w.post("approver", act+"/approva", "hash", "0000"), http.StatusConflict)
		shows(t, w.post("approver", act+"/rimanda", "why", ""), http.StatusUnprocessableEntity, `id="f-why"`)
		w.goes("approver", w.post("approver", act+"/rimanda", "why", "Manca l'indirizzo."), page(c)+"#e-"+a.ID)
		shows(t, w.get("writer", page(c)), http.StatusOK, "Rimandata, perché:", "Manca l&#39;indirizzo.", "Ogni sabato alle 10.</textarea>")
		w.post("writer", page(c)+"/risposta", "do", "submit", "answer", a.ID, "rev", "1", "comment", word.ID, "text", "Ogni sabato alle 10, in via Piave 5.")
		a = w.answers(c.ID)[0]
		w.goes("approver", w.post("approver", act+"/approva", "hash", a.Hash), page(c)+"#e-"+a.ID)
		if a = w.answers(c.ID)[0]; a.State != inbox.AnswerSent || a.ApprovedBy != w.people["approver"].ID {
			t.Errorf("%s, by %q", a.State, a.ApprovedBy)
		}
	})
}

func TestSentAnswerIsCorrectedAndTakenBack(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Anna Ferri", "Quando si paga la mensa?")
	word := w.words(c.ID)[0]
	w.post("writer", page(c)+"/risposta", "do", "send", "comment", word.ID, "text", "Entro il 15 giugno.")
	a := w.answers(c.ID)[0]
	shows(t, w.get("writer", page(c)+"?risposta="+a.ID), http.StatusOK, "Entro il 15 giugno.</textarea>", "Pubblica la correzione")
	w.goes("writer", w.post("writer", page(c)+"/risposta", "do", "correct", "answer", a.ID, "rev", "1", "text", "Entro il 30 giugno."), page(c)+"#e-"+a.ID)
	if got := w.answers(c.ID); len(got) != 1 || got[0].Text != "Entro il 30 giugno." || got[0].State != inbox.AnswerSent || got[0].SentRev != 2 {
		t.Errorf("%+v", got)
	}
	shows(t, w.get("writer", page(c)+"/risposte/"+a.ID+"/ritira"), http.StatusOK, "Ritirare questa risposta?", "Entro il 30 giugno.")
	w.goes("writer", w.post("writer", page(c)+"/risposte/"+a.ID+"/ritira"), page(c))
	if got := w.answers(c.ID)[0]; got.State != inbox.AnswerWithdrawn {
		t.Errorf("state %s", got.State)
	}
}

func TestPreviewCountsAsTheChannelDoes(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Anna Ferri", "Quando si paga la mensa?")
	rec := w.post("writer", page(c)+"/anteprima", "text", "Entro il 15 giugno.")
	shows(t, rec, http.StatusOK, `id="answer-count"`, "@anna.ferri@mastodon.example", "500")
	shows(t, w.post("writer", page(c)+"/anteprima", "text", strings.Repeat("x", 600)), http.StatusOK, "ar-look-over", "ar-problem-blocking")
	shows(t, w.post("writer", page(c)+"/anteprima", "text", "Ciao {ufficio}"), http.StatusOK, "{ufficio}", "ar-problem-blocking")
	hides(t, w.post("writer", page(c)+"/anteprima", "text", "Bene", "_seen", ""), `id="answer-problems"`)
	if len(w.answers(c.ID)) != 0 {
		t.Error("a preview stored something")
	}
}

func TestCannedAnswersAreFilledWithTheConversationsData(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		w.out("Mensa scolastica", "post-1")
		s := w.says("Anna Ferri", "Quando si paga?")
		s.Parent = "post-1"
		w.hears(w.mastodon, s)
		c := w.conversationOf(w.mastodon, s.ID)
		const canned = "/redazione/risposte-pronte"
		w.goes("writer", w.post("writer", canned, "name", "Ci informiamo", "text", "Buongiorno {nome}, chiediamo all'{ufficio}: {link}\n{firma}"), canned)
		w.goes("writer", w.post("writer", canned, "name", "Solo biblioteca", "text", "Ciao", "profile", w.library.ID), canned)
		rec := w.get("writer", page(c))
		shows(t, rec, http.StatusOK, "Ci informiamo", `data-text="Buongiorno Anna Ferri, chiediamo all&#39;{ufficio}: https://cesate.example.it/m/`)
		hides(t, rec, "Solo biblioteca")

		// Without a script the server puts it behind what was typed.
		_, id, _ := strings.Cut(rec.Body.String(), `</option><option value="`)
		id, _, _ = strings.Cut(id, `"`)
		rec = w.post("writer", page(c)+"/risposta", "do", "canned", "canned", id, "text", "Salve.")
		shows(t, rec, http.StatusOK, "Salve.\n\nBuongiorno Anna Ferri")
		// What is still to be filled in never reaches a citizen.
		rec = w.post("writer", page(c)+"/risposta", "do", "send", "text", "Chiediamo all'{ufficio}")
		shows(t, rec, http.StatusUnprocessableEntity, "segnaposto da completare a mano: {ufficio}")
		if len(w.answers(c.ID)) != 0 {
			t.Error("an answer with a placeholder was kept")
		}
	})
}

func TestCannedAnswersAreKeptWithCare(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		const canned = "/redazione/risposte-pronte"
		w.goes("writer", w.post("writer", canned, "name", "Orari", "text", "Dalle 9 alle 12."), canned)
		shows(t, w.post("writer", canned, "name", "Orari", "text", "Altro"), http.StatusUnprocessableEntity, "Questo nome è già usato", ">\nAltro</textarea>")
		shows(t, w.post("writer", canned, "name", "", "text", "{cognome}"), http.StatusUnprocessableEntity, "Segnaposto sconosciuti: {cognome}")
		shows(t, w.post("writer", canned, "name", "X", "text", "Y", "profile", "nessuno"), http.StatusUnprocessableEntity)
		_, id, _ := strings.Cut(w.get("writer", canned).Body.String(), `href="`+canned+"/")
		id, _, _ = strings.Cut(id, `"`)
		one := canned + "/" + id
		shows(t, w.get("writer", one), http.StatusOK, "Dalle 9 alle 12.")
		w.goes("approver", w.post("approver", one, "name", "Orari", "text", "Dalle 9 alle 13.", "version", "1"), canned)
		shows(t, w.post("writer", one, "name", "Orari", "text", "Dalle 8 alle 12.", "version", "1"), http.StatusConflict, "Dalle 9 alle 13.", "Dalle 8 alle 12.</textarea>", `name="version" value="2"`)
		shows(t, w.get("writer", one+"/togli"), http.StatusOK, "Togliere «Orari»?")
		w.goes("writer", w.post("writer", one+"/togli"), canned)
		shows(t, w.get("writer", one), http.StatusNotFound)
		shows(t, w.post("writer", one, "name", "Orari", "text", "X", "version", "2"), http.StatusNotFound)
	})
}

func TestOfficesInformationBecomesAnAnswer(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Anna Ferri", "Quando si paga la mensa?")
	var note inbox.Note
	w.change(func(ctx context.Context, tx *db.Tx) (err error) {
		note, err = w.inbox.NoteTx(ctx, tx, w.inst.ID, inbox.Note{ConversationID: c.ID, OfficeID: w.schools.ID, Signed: "Paola Sala", Text: "La rata scade il 15 giugno."}, w.clock.now())
		return err
	})
	shows(t, w.get("writer", page(c)), http.StatusOK, "Informazione dell&#39;ufficio", "Paola Sala", "?da-nota="+note.ID)
	shows(t, w.get("writer", page(c)+"?da-nota="+note.ID), http.StatusOK, "La rata scade il 15 giugno.</textarea>", "Il testo viene dall&#39;ufficio")
}

func TestConversationCostsTheSameQueriesHoweverLong(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Anna Ferri", "Uno")
	count := func() int64 {
		ctx, n := db.CountQueries(t.Context())
		shows(t, w.request(ctx, "writer", page(c)), http.StatusOK)
		return n.Load()
	}
	one := count()
	for range 12 {
		s := w.says("Anna Ferri", "Ancora")
		s.Parent = "word-1"
		w.hears(w.mastodon, s)
	}
	if many := count(); many != one {
		t.Errorf("%d queries for 13 comments, %d for one", many, one)
	}
}

func TestUnknownConversationIsNotFound(t *testing.T) {
	w := newTown(t)
	for _, id := range []string{"0198f0a0-0000-7000-8000-000000000000", "x", url.PathEscape("../../")} {
		shows(t, w.get("writer", list+"/"+id), http.StatusNotFound)
	}
	if slices.Contains(w.kit.Routes(), "") {
		t.Error("a route without a name")
	}
}

func TestAnswerThatDidNotGoOutIsSeenInTheListAndSaysWhatToDo(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Anna Ferri", "Quando si paga la mensa?")
	w.post("writer", page(c)+"/risposta", "do", "send", "text", "Entro il 15 giugno.")
	a := w.answers(c.ID)[0]
	w.write(`UPDATE delivery SET state = 'unconfirmed', error_class = 'unknown', error_code = $3 WHERE institution_id = $1 AND message_id = $2`, w.inst.ID, a.ID, channel.CodeCannotRead)
	shows(t, w.get("writer", page(c)), http.StatusOK, "Esito ignoto", `<a href="/redazione/consegne">Decidere nella pagina delle consegne</a>`)
	shows(t, w.get("writer", list+"?coda=non-uscite"), http.StatusOK, "Anna Ferri", "Risposta non uscita")
}

func TestConversationThatWasJoinedToAnotherLeadsThere(t *testing.T) {
	w := newTown(t)
	first := w.says("Anna Ferri", "Quando si paga la mensa?")
	middle := w.says("Anna Ferri", "Intendo la prima rata")
	middle.Parent = first.ID
	last := w.says("Anna Ferri", "Del prossimo anno")
	last.Parent = middle.ID
	w.hears(w.mastodon, first)
	w.hears(w.mastodon, last)
	apart := w.conversationOf(w.mastodon, last.ID)
	w.hears(w.mastodon, middle)
	whole := w.conversationOf(w.mastodon, last.ID)
	if len(w.words(whole.ID)) != 3 {
		t.Fatalf("the thread has %d words", len(w.words(whole.ID)))
	}
	if apart.ID == whole.ID {
		t.Fatal("nothing was joined: the test has lost its subject")
	}
	w.goes("writer", w.get("writer", page(apart)), page(whole))
}
