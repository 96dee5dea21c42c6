package pages_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// logged is the moderation log, newest first.
func (w *town) logged() (all []inbox.Moderation) {
	w.t.Helper()
	w.read(func(ctx context.Context, tx *db.Tx) (err error) {
		all, err = inbox.ModerationLog(ctx, tx, w.inst.ID, "", 50)
		return err
	})
	return all
}

func TestWordsAreHiddenByARuleOfThePolicy(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		c := w.asks(w.mastodon, "Dario Neri", "Siete tutti dei ladri e degli incapaci")
		word := w.words(c.ID)[0]
		shows(t, w.get("writer", page(c)), http.StatusOK, "1. Niente insulti", "Modera")
		act := page(c) + "/commenti/" + word.ID
		// Without a rule nothing happens, and the page says so where it is to be put right.
		shows(t, w.post("writer", act+"/modera", "do", "hide", "reason", "Offende"), http.StatusUnprocessableEntity, `id="f-rule"`, ">\nOffende</textarea>", "<details class=\"ar-small-act\" open>")
		if len(w.logged()) != 0 || !w.words(c.ID)[0].HiddenAt.IsZero() {
			t.Fatal("hidden without a rule")
		}
		w.goes("writer", w.post("writer", act+"/modera", "do", "hide", "rule", "1. Niente insulti", "reason", "Offende", "warning", "Il commento è stato nascosto: regola 1."), page(c)+"#e-"+word.ID)
		rec := w.get("writer", page(c))
		shows(t, rec, http.StatusOK, "Nascosto", "Mostra di nuovo", "Commento nascosto", "Il commento è stato nascosto: regola 1.", "Avviso di moderazione")
		log := w.logged()
		if len(log) != 1 || log[0].Act != inbox.ActHide || log[0].Rule != "1. Niente insulti" || log[0].Text != "Siete tutti dei ladri e degli incapaci" || log[0].PersonID != w.people["writer"].ID {
			t.Errorf("log %+v", log)
		}
		w.goes("writer", w.post("writer", act+"/mostra", "reason", "Un errore"), page(c)+"#e-"+word.ID)
		if !w.words(c.ID)[0].HiddenAt.IsZero() {
			t.Error("still hidden")
		}
	})
}

func TestHeldCommentsArePublishedOrRefused(t *testing.T) {
	w := newTown(t)
	s := w.says("Dario Neri", "Il parco è bellissimo")
	s.Held = true
	w.hears(w.mastodon, s)
	good := w.conversationOf(w.mastodon, s.ID)
	s = w.says("Spam", "Comprate integratori")
	s.Held = true
	w.hears(w.mastodon, s)
	bad := w.conversationOf(w.mastodon, s.ID)
	shows(t, w.get("writer", list+"?coda=da-moderare"), http.StatusOK, "Dario Neri", "Spam")

	word := w.words(good.ID)[0]
	shows(t, w.get("writer", page(good)), http.StatusOK, "Pubblica il commento", "Rifiuta")
	w.goes("writer", w.post("writer", page(good)+"/commenti/"+word.ID+"/pubblica"), page(good)+"#e-"+word.ID)
	if w.words(good.ID)[0].Held {
		t.Error("still held")
	}
	word = w.words(bad.ID)[0]
	w.goes("writer", w.post("writer", page(bad)+"/commenti/"+word.ID+"/modera", "do", "refuse", "rule", "2. Niente pubblicità"), page(bad)+"#e-"+word.ID)
	if log := w.logged(); len(log) != 1 || log[0].Act != inbox.ActRefuse {
		t.Errorf("log %+v", log)
	}
	shows(t, w.get("writer", list+"?coda=da-moderare"), http.StatusOK, "Nessun commento da moderare")
}

func TestAuthorIsBlockedAndUnblocked(t *testing.T) {
	w := newTown(t)
	c := w.asks(w.mastodon, "Dario Neri", "Insulti")
	word := w.words(c.ID)[0]
	w.goes("writer", w.post("writer", page(c)+"/commenti/"+word.ID+"/modera", "do", "block", "rule", "1. Niente insulti"), page(c)+"#e-"+word.ID)
	shows(t, w.get("writer", page(c)), http.StatusOK, "Bloccato: quello che scrive non arriva più qui.", "Autore bloccato", "Togli il blocco")
	w.goes("writer", w.post("writer", page(c)+"/autore/sblocca", "reason", "Si è scusato"), page(c))
	hides(t, w.get("writer", page(c)), "Togli il blocco")
}

func TestPersonsDataAreHandedOverAndDeleted(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		c := w.asks(w.mastodon, "Anna Ferri", "Abito in via Roma 12")
		rec := w.get("writer", page(c)+"/autore/dati")
		shows(t, rec, http.StatusOK, "Abito in via Roma 12", "Anna Ferri")
		if !json.Valid(rec.Body.Bytes()) || !strings.HasPrefix(rec.Header().Get("Content-Disposition"), "attachment") || rec.Header().Get("Cache-Control") != "no-store" {
			t.Errorf("headers %v", rec.Header())
		}
		shows(t, w.get("writer", page(c)+"/autore/cancella"), http.StatusOK, "Cancellare tutto quello che ha scritto Anna Ferri?", "Non si può annullare.")
		shows(t, w.goes("writer", w.post("writer", page(c)+"/autore/cancella"), list), http.StatusOK, "Le parole di questa persona sono state cancellate.")
		for _, path := range []string{list + "?coda=tutte", page(c)} {
			hides(t, w.get("writer", path), "via Roma 12", "Anna Ferri")
		}
	})
}
