package pages_test

import (
	"net/http/httptest"
	"strconv"
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

// tap uses a control from the keyboard: a click aims at a place on the screen, which
// on a busy machine is still scrolling there.
func tap(p *testkit.Page, selector, key string) {
	testkit.Eval[bool](p, "(e => { e.focus(); if (document.activeElement !== e) throw new Error('cannot be focused'); return true })(document.querySelector("+strconv.Quote(selector)+"))")
	p.Press(key)
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
	w.lettersCome()
	p, base := w.open(t, "writer", list, testkit.Wide(1360))
	phone, _ := w.open(t, "writer", list, testkit.Phone())
	for name, path := range map[string]string{
		"list": list, "all": list + "?coda=tutte", "narrow": list + "?coda=tutte&testo=lampione&ordine=vecchie", "private": list + "?dove=privati", "none": list + "?coda=in-ritardo&testo=zebra",
		"conversation": list + "/" + long.ID, "canned": "/redazione/risposte-pronte", "letters": letters, "letter": page(w.conversationOf(w.mastodon, "letter-1")),
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

func TestOfficerWorksThroughTheListFromTheKeyboard(t *testing.T) {
	w := newTown(t)
	w.fill()
	p, base := w.open(t, "writer", list, testkit.Wide(1280))
	p.Press("j")
	if got := p.Focused(); got != "Quando riapre la piscina comunale?" {
		t.Fatalf("j went to %q", got)
	}
	p.Press("k")
	p.WaitFor("document.querySelector('[data-keys-say]').textContent.includes('prima')")
	p.Press("jj")
	third := p.Focused()
	p.Press("x")
	if got := p.Text("[data-chosen]"); got != "1 scelta" {
		t.Errorf("after x: %q", got)
	}
	p.Press("x")
	// a: the office of the row in hand; the list tells that a choice is made.
	p.Press("a")
	if got := p.Focused(); got != "bulk-office" {
		t.Errorf("a went to %q", got)
	}
	// No shortcut fires in a field.
	p.Press("/")
	if got := p.Focused(); got != "bulk-office" {
		t.Errorf("/ in a field went to %q", got)
	}
	p.Goto(base + list)
	p.Press("/")
	if got := p.Focused(); got != "f-testo" {
		t.Fatalf("/ went to %q", got)
	}
	p.Fill("#f-testo", "e?j")
	if got := p.Value("#f-testo"); got != "e?j" {
		t.Errorf("typed %q", got)
	}
	p.Goto(base + list)
	p.Press("jjj")
	if p.Focused() != third {
		t.Fatalf("on %q, want %q", p.Focused(), third)
	}
	p.Press("e")
	p.Wait("#messages .alert-success")
	if strings.Contains(p.Text("#inbox-rows"), third) {
		t.Error("the closed conversation is still to be answered")
	}
	p.Press("j")
	p.Press("r")
	p.Wait("#rispondi")
	p.Press("r")
	if got := p.Focused(); got != "f-text" {
		t.Errorf("r went to %q", got)
	}

	// From one conversation j leads to the next of the list.
	p.Goto(base + list)
	second := testkit.Eval[string](p, "document.querySelectorAll('[data-row-link]')[1].pathname")
	p.Press("j")
	tap(p, ":focus", kb.Enter)
	p.Wait("#rispondi")
	p.Press("j")
	p.Wait(`form[action="` + second + `/chiudi"]`)
}

func TestShortcutsAreExplainedAndCanBeTurnedOff(t *testing.T) {
	w := newTown(t)
	w.fill()
	p, base := w.open(t, "writer", list, testkit.Wide(1280))
	p.Press("?")
	p.Wait("#keys[open]")
	p.Axe()
	p.Screenshot("inbox-keys")
	p.Press("j") // a dialog is open: the list below does not move
	if got := p.Focused(); got == "Quando riapre la piscina comunale?" {
		t.Error("j moved below the dialog")
	}
	tap(p, "#keys-on", " ")
	p.Press(kb.Escape)
	p.WaitFor("!document.querySelector('#keys').open")
	p.Goto(base + list)
	p.Press("j?")
	if testkit.Eval[bool](p, "document.querySelector('#keys').open || document.activeElement.matches('[data-row-link]')") {
		t.Error("a shortcut works though they are off")
	}
	tap(p, "[data-keys-open]", kb.Enter)
	tap(p, "#keys-on", " ")
	tap(p, "[data-keys-close]", kb.Enter)
	p.Press("j")
	if got := p.Focused(); got != "Quando riapre la piscina comunale?" {
		t.Errorf("turned on again, j went to %q", got)
	}
}

func TestNewConversationsShowWithoutDisturbingWhoWorks(t *testing.T) {
	w := newTown(t)
	w.fill()
	p, _ := w.open(t, "writer", list, testkit.Wide(1280))
	p.WaitFor("document.querySelector('#inbox-rows').dataset.live === 'ready'")
	began := time.Now()
	w.asks(w.mastodon, "Luigi Villa", "Il cancello del parco è rotto")
	p.WaitFor("document.querySelector('#inbox-rows').textContent.includes('Il cancello del parco')")
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the row came after %s", took)
	}
	p.WaitFor("document.querySelector('[data-news-said]').textContent === '1 conversazione nuova o cambiata.'")
	if got := p.Text(".ar-inbox-where [aria-current] .ar-inbox-count"); !strings.HasPrefix(got, "6") {
		t.Errorf("the tab counts %q", got)
	}

	// What a colleague closes goes away.
	open := testkit.Eval[string](p, "[...document.querySelectorAll('[data-row]')].pop().dataset.row")
	if err := w.inbox.Close(w.as("approver"), w.inst.ID, []string{open}); err != nil {
		t.Fatal(err)
	}
	p.WaitGone("#c-" + open)

	// Somebody chooses a row: nothing moves, the news is offered.
	p.Press("jx")
	w.asks(w.mastodon, "Mara Testa", "La fontana perde acqua")
	p.WaitFor("!document.querySelector('[data-news-offer]').hidden")
	if strings.Contains(p.Text("#inbox-rows"), "La fontana perde") {
		t.Error("the list moved under the hand")
	}
	p.Screenshot("inbox-news")
	p.Axe()
	tap(p, "[data-news-show]", kb.Enter)
	p.WaitFor("document.querySelector('#inbox-rows').textContent.includes('La fontana perde')")
	if got := p.Text("[data-chosen]"); got != "1 scelta" {
		t.Errorf("the choice became %q", got)
	}
	if got := p.Focused(); got != "La fontana perde acqua" {
		t.Errorf("the focus is on %q", got)
	}
}

func TestTypedAnswerIsNeverTouchedByWhatArrives(t *testing.T) {
	w := newTown(t)
	long := w.fill()
	p, _ := w.open(t, "writer", page(long), testkit.Wide(1280))
	p.WaitFor("document.querySelector('#filo').dataset.live === 'ready'")
	p.Fill("#f-text", "Buongiorno, stiamo verificando")
	s := w.says("Anna Ferri", "Allora, a chi lo porto?")
	s.Parent = "word-1"
	w.hears(w.mastodon, s)
	p.WaitFor("document.querySelector('#filo').textContent.includes('a chi lo porto')")
	if got := p.Value("#f-text"); got != "Buongiorno, stiamo verificando" {
		t.Errorf("the text became %q", got)
	}
	if got := p.Focused(); got != "f-text" {
		t.Errorf("the focus went to %q", got)
	}
	// A form that is open in the thread keeps the whole thread still.
	tap(p, "#filo .ar-said-acts details summary", kb.Enter)
	s = w.says("Anna Ferri", "Grazie lo stesso")
	s.Parent = "word-1"
	w.hears(w.mastodon, s)
	p.WaitFor("!document.querySelector('[data-news-offer]').hidden")
	if strings.Contains(p.Text("#filo"), "Grazie lo stesso") {
		t.Error("the thread moved under an open form")
	}
}

func TestAnswerIsCountedWhileItIsTypedAndCannedTextsGoToTheCaret(t *testing.T) {
	w := newTown(t)
	long := w.fill()
	p, _ := w.open(t, "writer", page(long), testkit.Wide(1280))
	p.Choose("#canned", testkit.Eval[string](p, "[...document.querySelector('#canned').options].find(o => o.text === 'Ci informiamo').value"))
	p.Fill("#f-text", "PS")
	p.Press(kb.Home)
	tap(p, "[data-canned]", kb.Enter)
	if got := p.Value("#f-text"); !strings.HasPrefix(got, "Buongiorno Anna Ferri, chiediamo all'Ufficio scuola") || !strings.HasSuffix(got, "\n\nPS") {
		t.Errorf("the text is %q", got)
	}
	p.WaitFor("document.querySelector('#answer-count').textContent.match(/[1-9][0-9][0-9]? caratteri su 500/)")
	p.Fill("#f-text", strings.Repeat("a", 600))
	p.WaitFor("document.querySelector('#answer-problems .ar-problem-blocking')")
	p.Screenshot("inbox-answer-long")
	p.Axe()
	p.Fill("#f-text", "Si consegna in segreteria.")
	tap(p, "#answer-form .ar-actions button.btn-primary", kb.Enter)
	p.Wait("#filo .ar-said-ours")
	if got := w.answers(long.ID); len(got) != 1 || got[0].Text != "Si consegna in segreteria." {
		t.Errorf("answers %+v", got)
	}
	p.Screenshot("inbox-answered")
}

func TestEverythingWorksWithoutScript(t *testing.T) {
	w := newTown(t)
	long := w.fill()
	p, base := w.open(t, "writer", list, testkit.Phone(), testkit.NoScript())
	tap(p, "#t-"+long.ID, " ")
	tap(p, "button[name=do][value=close]", kb.Enter)
	p.Wait("#messages .alert-success")
	if w.thread(long.ID).State != inbox.Closed {
		t.Error("not closed")
	}
	p.Goto(base + page(long))
	p.Wait("#answer-form")
	tap(p, "form[action$='/riapri'] button", kb.Enter)
	p.Wait("#messages .alert-success")
	p.Fill("#f-text", "Si consegna in segreteria.")
	tap(p, "#answer-form button[value=send].btn-primary", kb.Enter)
	p.Wait("#filo .ar-said-ours")
	if got := w.answers(long.ID); len(got) != 1 || got[0].State != inbox.AnswerSent {
		t.Errorf("answers %+v", got)
	}
	tap(p, "#filo .ar-said-acts details summary", kb.Enter)
	p.FitsWidth()
	p.Screenshot("inbox-moderate-phone")
}
