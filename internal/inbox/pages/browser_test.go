package pages_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// open starts the town's server and a browser in which somebody is at work.
func (w *town) open(t *testing.T, who, path string, options ...testkit.PageOption) (*testkit.Page, string) {
	t.Helper()
	if !w.kit.Assets.Built() {
		testkit.Missing(t, "the built style sheet", "run make assets")
	}
	b := testkit.Browser(t)
	srv := httptest.NewServer(w.handler)
	t.Cleanup(func() { w.kit.Streams.Close(); srv.Close() })
	return b.Open(t, srv.URL+"/io-sono/"+who+"?next="+path, options...), srv.URL
}

// fill gives the town a day's conversations, and returns the one with the longest
// thread.
func (w *town) fill() (long inbox.Conversation) {
	w.t.Helper()
	at := func(hours float64) { w.clock.set(tenOfMonday().Add(time.Duration(hours * float64(time.Hour)))) }
	at(-30)
	w.out("Mensa scolastica: il nuovo menù di primavera", "post-1")
	m := w.says("Anna Ferri", "Buongiorno, nel nuovo menù ci sono anche le diete per celiaci? Mia figlia inizia la prima elementare e nel modulo non ho trovato dove scriverlo.\n\nGrazie")
	m.Parent = "post-1"
	w.hears(w.mastodon, m)
	long = w.conversationOf(w.mastodon, m.ID)
	w.give(long.ID, inbox.To{OfficeID: w.schools.ID, PersonID: w.people["writer"].ID, DueAt: tenOfMonday().Add(7 * time.Hour)})
	at(-28)
	reply := w.says("Bruno Sala", "Anche a noi interessa, e per le allergie al latte?")
	reply.Parent = m.ID
	reply.Media = []channel.SaidMedia{{URL: "https://mastodon.example/media/modulo.png", ContentType: "image/png", Alt: "Il modulo di iscrizione alla mensa"}}
	w.hears(w.mastodon, reply)
	at(-27)
	again := w.says("Anna Ferri", "Mi hanno detto che si porta il certificato del medico, ma a chi?")
	again.Parent = reply.ID
	w.hears(w.mastodon, again)
	at(-26)
	edited := again
	edited.Act, edited.Text, edited.At = channel.Edited, "Mi hanno detto che si porta il certificato del pediatra, ma a chi?", w.clock.now()
	w.hears(w.mastodon, edited)
	for i, who := range []string{"Carla Riva", "Dario Neri", "Elena Poli"} {
		like := w.says(who, "")
		like.Act, like.ID, like.Parent, like.Reaction = channel.Reacts, "", m.ID, []string{channel.Like, channel.Like, "🙏"}[i]
		w.hears(w.mastodon, like)
	}
	if _, err := w.inbox.Note(w.as("writer"), w.inst.ID, long.ID, "@Marco Bianchi lo chiediamo alla cucina centrale?"); err != nil {
		w.t.Fatal(err)
	}
	at(-20)
	lamp := w.asks(w.telegram, "Carla Riva", "Il lampione davanti al civico 12 di via Roma è spento da una settimana, di sera non si vede nulla")
	w.give(lamp.ID, inbox.To{OfficeID: w.roads.ID, DueAt: tenOfMonday().Add(-2 * time.Hour)})
	at(-5)
	w.asks(w.library2, "Elena Poli", "Grazie per le letture di sabato, i bambini ne parlano ancora! 📚")
	at(-2)
	held := w.says("Dario Neri", "Comprate i miei integratori, sconto del 50%: http://example.com")
	held.Held = true
	w.hears(w.mastodon, held)
	done := w.asks(w.mastodon, "Franca Moro", "Il mercato di giovedì si fa anche se piove?")
	if err := w.inbox.Close(w.as("writer"), w.inst.ID, []string{done.ID}); err != nil {
		w.t.Fatal(err)
	}
	at(-1)
	private := w.says("Gianni Ricci", "Non riesco a entrare nel portale dei tributi: mi dà errore con la SPID")
	private.Private = true
	w.hears(w.mastodon, private)
	w.asks(w.mastodon, "Ines Conti", "Quando riapre la piscina comunale?")
	at(0)
	w.post("writer", "/redazione/viste", "query", "ufficio="+w.schools.ID, "name", "Scuola", "shared", "1")
	w.post("writer", "/redazione/viste", "query", "testo=mensa&coda=tutte", "name", "Mensa")
	w.post("writer", "/redazione/risposte-pronte", "name", "Orari della biblioteca", "text", "Buongiorno {nome}, la biblioteca apre dal martedì al sabato, dalle 9:00 alle 18:30.\n\n{firma}, {profilo}")
	w.post("writer", "/redazione/risposte-pronte", "name", "Ci informiamo", "text", "Buongiorno {nome}, chiediamo all'{ufficio} e torniamo qui. Intanto: {link}")
	return long
}

func (w *town) give(id string, to inbox.To) {
	w.t.Helper()
	if err := w.inbox.Assign(w.as("writer"), w.inst.ID, []string{id}, to); err != nil {
		w.t.Fatal(err)
	}
}

func TestPagesAreAccessibleAtBothWidths(t *testing.T) {
	w := newTown(t)
	long := w.fill()
	p, base := w.open(t, "writer", list, testkit.Wide(1360))
	phone, _ := w.open(t, "writer", list, testkit.Phone())
	for name, path := range map[string]string{
		"list": list, "all": list + "?coda=tutte", "narrow": list + "?coda=tutte&testo=lampione&ordine=vecchie", "private": list + "?dove=privati", "none": list + "?coda=in-ritardo&testo=zebra",
		"conversation": list + "/" + long.ID, "canned": "/redazione/risposte-pronte",
	} {
		p.Goto(base + path)
		p.Axe()
		p.Screenshot("inbox-" + name)
		phone.Goto(base + path)
		phone.Axe()
		phone.FitsWidth()
		phone.Screenshot("inbox-" + name + "-phone")
	}
}

var _ = kb.Enter
var _ = strings.Contains
