package pages_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
)

const letters = "/redazione/lettere"

// lettersCome lets a letter with files come, one that is held, and an absence.
func (w *town) lettersCome() {
	w.t.Helper()
	letter := w.says("Marisa Villa", "Vedi la foto.")
	letter.ID, letter.Private, letter.Subject, letter.Whole = "letter-1", true, "Buche", "Vedi la foto.\n\nIl giorno 4 maggio Biblioteca ha scritto:\n> Alle 9."
	letter.Files = []channel.SaidFile{
		{Name: "la buca “grande”.pdf", Content: []byte("%PDF-1.4")},
		{Name: "pagina.html", ContentType: "text/html", Content: []byte("<script>alert(1)</script>")},
		{Name: "foto.jpg", Content: []byte("MZ program")},
		{Name: "troppo.zip", Size: 99},
	}
	held, absent := w.says("Lista di quartiere", "Via Roma è piena di buche."), w.says("Carlo Neri", "Sono in ferie.")
	held.ID, held.Doubt, held.Subject, held.Private = "held-1", channel.DoubtList, "Segnalazione di gruppo", true
	absent.ID, absent.Doubt, absent.Subject, absent.Private = "absent-1", channel.DoubtAutoReply, "Assente", true
	all := []channel.Said{letter, held, absent}
	if err := w.inbox.KeepFiles(w.t.Context(), w.inst.ID, w.mastodon.ID, all); err != nil {
		w.t.Fatal(err)
	}
	w.hears(w.mastodon, all...)
}

// What was cut of a letter is one click away, without a script; its files are handed
// out to be kept, whatever they are, and are never shown by the browser.
func TestLetterIsShownWholeWithItsFiles(t *testing.T) {
	w := newTown(t)
	w.lettersCome()
	c := w.conversationOf(w.mastodon, "letter-1")
	shows(t, w.get("reader", page(c)), http.StatusOK, "<details", "Mostra tutta la lettera", "&gt; Alle 9.", "la buca “grande”.pdf (application/pdf, 8", "un tipo di file che non conosciamo",
		"troppo.zip: non conservato", "Non è quello che dice il nome")
	file := func(n string) string { return page(c) + "/commenti/" + w.words(c.ID)[0].ID + "/file/" + n }
	for n, want := range map[string]struct{ kind, name, content string }{
		"0": {"application/pdf", "filename*=UTF-8''la%20buca%20%E2%80%9Cgrande%E2%80%9D.pdf", "%PDF-1.4"},
		"1": {"application/octet-stream", "filename*=UTF-8''pagina.html", "<script>alert(1)</script>"},
		"2": {"application/octet-stream", "filename*=UTF-8''foto.jpg", "MZ program"},
	} {
		rec := w.get("reader", file(n))
		h := rec.Header()
		if rec.Code != http.StatusOK || h.Get("Content-Type") != want.kind || h.Get("Content-Disposition") != "attachment; "+want.name || rec.Body.String() != want.content ||
			h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "sandbox") || h.Get("Cache-Control") != "no-store" {
			t.Errorf("file %s: %d %v %q", n, rec.Code, h, rec.Body)
		}
	}
	for _, n := range []string{"3", "9", "x", "-1"} {
		if rec := w.get("reader", file(n)); rec.Code != http.StatusNotFound {
			t.Errorf("file %s: %d", n, rec.Code)
		}
	}
	other := w.asks(w.mastodon, "Anna Ferri", "Quando?")
	if rec := w.get("reader", strings.Replace(file("0"), c.ID, other.ID, 1)); rec.Code != http.StatusNotFound {
		t.Errorf("under another conversation: %d", rec.Code)
	}
}

func TestLettersPutAsideAreCountedShownAndDecided(t *testing.T) {
	w := newTown(t)
	shows(t, w.get("reader", letters), http.StatusOK, "Nessuna lettera aspetta")
	w.lettersCome()
	rec := w.get("reader", letters)
	shows(t, rec, http.StatusOK, "1 lettera aspetta", "Segnalazione di gruppo", "Via Roma è piena di buche.", "Viene da una lista", "Restate fuori", "Sono in ferie.", "conferma di ricevimento: 1")
	if strings.Contains(rec.Body.String(), letters+"/accogli") {
		t.Error("a reader is offered to decide")
	}
	shows(t, w.get("writer", letters), http.StatusOK, letters+"/accogli", letters+"/lascia")
	took := w.post("writer", letters+"/accogli", "channel", w.mastodon.ID, "letter", "held-1")
	if took.Code != http.StatusSeeOther || took.Header().Get("Location") != page(w.conversationOf(w.mastodon, "held-1")) {
		t.Errorf("%d to %s", took.Code, took.Header().Get("Location"))
	}
	again := w.post("writer", letters+"/accogli", "channel", w.mastodon.ID, "letter", "held-1")
	if again.Code != http.StatusSeeOther || again.Header().Get("Location") != letters {
		t.Errorf("a second time: %d to %s", again.Code, again.Header().Get("Location"))
	}
	more := w.says("Altra lista", "Offerta!")
	more.ID, more.Doubt, more.Subject, more.Private = "held-2", channel.DoubtBulk, "Offerta", true
	w.hears(w.mastodon, more)
	if rec := w.post("writer", letters+"/lascia", "channel", w.mastodon.ID, "letter", "held-2"); rec.Code != http.StatusSeeOther {
		t.Errorf("let go: %d", rec.Code)
	}
	after := w.get("writer", letters)
	shows(t, after, http.StatusOK, "Nessuna lettera aspetta", "1 accolta", "1 lasciata andare", "Offerta!", "Sono in ferie.")
	if strings.Contains(after.Body.String(), letters+"/lascia") {
		t.Error("what is decided can be let go again")
	}
}

// An answer that came back says so where it stands.
func TestAnswerThatCameBackSaysSo(t *testing.T) {
	w := newTown(t)
	names := w.names()
	w.change(func(ctx context.Context, tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE answer SET failed_at = 1777881600000000, failed_why = '550 5.1.1 User unknown' WHERE id = $1`, names["submitted"])
		return err
	})
	shows(t, w.get("writer", list+"/"+names["library"]), http.StatusOK, "Non arrivata", "550 5.1.1 User unknown")
}
