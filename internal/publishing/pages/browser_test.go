package pages_test

import (
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// open starts the town's server and a browser in which somebody is at work.
func (w *town) open(t *testing.T) (*testkit.Chromium, string) {
	t.Helper()
	if !w.kit.Assets.Built() {
		testkit.Missing(t, "the built style sheet", "run make assets")
	}
	b := testkit.Browser(t)
	srv := httptest.NewServer(w.handler)
	t.Cleanup(srv.Close)
	return b, srv.URL
}

// become changes who is at the browser.
func become(p *testkit.Page, base, who string) { p.Goto(base + "/io-sono/" + who) }

// files writes photographs to a folder, as on an officer's disk.
func files(t *testing.T, n int) (paths []string) {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		path := filepath.Join(dir, fmt.Sprintf("foto-%02d.jpg", i+1))
		if err := os.WriteFile(path, photo(t, i), 0o600); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	return paths
}

func TestMessageIsWrittenSubmittedApprovedAndScheduledInTheBrowser(t *testing.T) {
	w := newTown(t)
	b, base := w.open(t)
	p := b.Open(t, base+"/io-sono/writer", testkit.Wide(1280))
	p.Submit("main a[href='/redazione/messaggi/nuovo']")
	p.Fill("#f-title", "La biblioteca apre la domenica")
	p.Fill("#f-body", "Da domenica 10 maggio la biblioteca è aperta anche la mattina, dalle 9 alle 12.")
	p.Fill("#f-tags", "biblioteca")
	p.Attach("#f-files", files(t, 1)...)
	p.Wait(".ar-photo")
	p.Fill(".ar-photo textarea", "La sala di lettura piena di luce")
	p.WaitFor("document.querySelector('#look-" + w.channels[0].ID + " .ar-look-text').textContent.includes('#biblioteca')")
	p.WaitFor("document.querySelector('#look-" + w.channels[0].ID + " .ar-thumbs img').complete")
	p.Screenshot("pages-editor-filled")
	p.Submit(".ar-editor-do button[value=submit]")
	p.Wait(".ar-next")
	if !strings.Contains(p.Text(".ar-messages"), "Ora tocca a un'altra persona") {
		t.Errorf("after submitting: %q", p.Text(".ar-messages"))
	}
	path := strings.TrimPrefix(p.URL(), base)

	become(p, base, "approver")
	p.Submit("main a[href='" + path + "']")
	p.Submit("form[action$='/approva'] button")
	p.Wait("form[action$='/programma']")
	testkit.Eval[bool](p, "(f => { f.value = '2026-05-10T08:30'; return true })(document.querySelector('#f-due'))")
	p.Submit("form[action$='/programma'] button.btn-primary")
	if got := p.Text(".ar-next-words"); !strings.Contains(got, "domenica 10 maggio 2026, ore 08:30") {
		t.Errorf("what happens next: %q", got)
	}
	m := w.message(strings.TrimPrefix(path, "/redazione/messaggi/"))
	if m.State != publishing.Scheduled || m.Content.Media[0].Alt != "La sala di lettura piena di luce" {
		t.Errorf("stored %+v", m)
	}
}

func TestFortyPhotosAtOnceKeepTheirOrderWhenMoved(t *testing.T) {
	w := newTown(t)
	b, base := w.open(t)
	p := b.Open(t, base+"/io-sono/writer", testkit.Wide(1280))
	p.Goto(base + "/redazione/messaggi/nuovo")
	p.Fill("#f-title", "Festa di primavera")
	p.Attach("#f-files", files(t, 40)...)
	p.WaitFor("document.querySelectorAll('.ar-photo').length === 40 && document.querySelector('[data-status]').hidden")
	first := testkit.Eval[string](p, "document.querySelectorAll('.ar-photo')[0].dataset.item")
	p.Click(".ar-photo:first-child [data-down]")
	if got := testkit.Eval[string](p, "document.querySelectorAll('.ar-photo')[1].dataset.item"); got != first {
		t.Error("the first photograph did not move")
	}
	if !testkit.Eval[bool](p, "document.activeElement.matches('[data-down]')") {
		t.Error("the focus left the button that was pressed")
	}
	// Dragged by its picture, the last one goes before the first.
	last := testkit.Eval[string](p, `(() => {
		const items = [...document.querySelectorAll('.ar-photo')], from = items.at(-1), to = items[0], look = from.querySelector('[data-handle]');
		const drag = (type, on, y) => on.dispatchEvent(new DragEvent(type, {bubbles: true, cancelable: true, clientY: y, dataTransfer: new DataTransfer()}));
		look.dispatchEvent(new PointerEvent('pointerdown', {bubbles: true}));
		if (!from.draggable) return 'not draggable';
		drag('dragstart', from);
		drag('dragover', to, to.getBoundingClientRect().top + 1);
		drag('dragend', from);
		return from.dataset.item;
	})()`)
	if got := testkit.Eval[string](p, "document.querySelector('.ar-photo').dataset.item"); got != last {
		t.Errorf("after dragging %q is first, want %q", got, last)
	}
	p.Click(".ar-photo:nth-child(4) [data-remove]")
	p.WaitFor("document.querySelectorAll('.ar-photo').length === 39")
	p.Screenshot("pages-editor-album")
	p.Submit(".ar-editor-do button[value=save]")
	p.Wait(".ar-alert")
	id := strings.Split(strings.TrimPrefix(p.URL(), base+"/redazione/messaggi/"), "/")[0]
	if m := w.message(id); len(m.Content.Media) != 39 || m.Content.Media[0].MediaID != last || m.Content.Media[2].MediaID != first {
		t.Errorf("%d files were saved, in the wrong order", len(m.Content.Media))
	}
}

func TestVariantIsWrittenByHandAndFollowsAgain(t *testing.T) {
	w := newTown(t)
	m := w.draft(w.content())
	b, base := w.open(t)
	id := w.channels[1].ID
	for _, script := range []struct {
		name   string
		option testkit.PageOption
	}{{"with script", testkit.Wide(1280)}, {"without script", testkit.NoScript()}} {
		t.Run(script.name, func(t *testing.T) {
			p := b.Open(t, base+"/io-sono/writer", script.option)
			p.Goto(base + at(m, "modifica"))
			press := func(selector string) {
				testkit.Eval[bool](p, "(document.querySelector(`"+selector+"`).focus(), true)")
				p.Press(kb.Enter)
			}
			press("button[value='hand:" + id + "']")
			p.Wait("#f-hand-" + id)
			if got := p.Value("#f-hand-" + id); !strings.Contains(got, "{link}") {
				t.Errorf("the text to start from is %q", got)
			}
			if got := p.Focused(); got != "f-hand-"+id {
				t.Errorf("the focus is on %q", got)
			}
			press("button[value='follow:" + id + "']")
			p.WaitGone("#f-hand-" + id)
			if got := p.Value("#f-title"); got != m.Content.Title {
				t.Errorf("the title became %q", got)
			}
		})
	}
}

func TestTextSurvivesALostSession(t *testing.T) {
	w := newTown(t)
	b, base := w.open(t)
	p := b.Open(t, base+"/io-sono/writer", testkit.Wide(1280), testkit.Tolerate("status of 401"))
	p.Goto(base + "/redazione/messaggi/nuovo")
	p.Fill("#f-title", "Testo da non perdere")
	p.Attach("#f-files", files(t, 2)...)
	p.WaitFor("document.querySelectorAll('.ar-photo').length === 2")
	p.Fill(".ar-photo:nth-child(2) textarea", "La seconda foto")
	p.WaitFor("(localStorage.getItem(Object.keys(localStorage)[0]) || '').includes('La seconda foto')")
	testkit.Eval[bool](p, "(document.cookie = 'who=nobody; path=/') && true")
	p.Submit(".ar-editor-do button[value=save]")
	if n := w.count(); n != 0 {
		t.Fatalf("%d messages were stored without a session", n)
	}
	become(p, base, "writer")
	p.Goto(base + "/redazione/messaggi/nuovo")
	p.Wait("[data-draft-offer]")
	p.Click("[data-draft-restore]")
	p.WaitFor("document.querySelectorAll('.ar-photo').length === 2")
	if got := p.Value(".ar-photo:nth-child(2) textarea"); got != "La seconda foto" {
		t.Errorf("the description became %q", got)
	}
	p.Submit(".ar-editor-do button[value=save]")
	if n := w.count(); n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestPreviewLeavesTheFieldInUseAlone(t *testing.T) {
	w := newTown(t)
	b, base := w.open(t)
	p := b.Open(t, base+"/io-sono/writer", testkit.Wide(1280))
	p.Goto(base + "/redazione/messaggi/nuovo")
	p.Fill("#f-body", "Prima frase")
	p.WaitFor("document.querySelector('#look-" + w.channels[0].ID + "').textContent.includes('Prima frase')")
	p.Press(", che continua")
	p.WaitFor("document.querySelector('#look-" + w.channels[0].ID + "').textContent.includes('che continua')")
	if got := p.Value("#f-body"); got != "Prima frase, che continua" || p.Focused() != "f-body" {
		t.Errorf("the field holds %q, the focus is on %q", got, p.Focused())
	}
	p.Choose("#f-profile", w.library.ID)
	testkit.Eval[bool](p, "document.querySelector('#f-profile').dispatchEvent(new Event('change', {bubbles: true}))")
	p.WaitGone("#look-" + w.channels[0].ID)
}

// A feast of three days is typed with two dates, on a phone, and looks like one.
func TestEventOfSeveralDaysIsWrittenOnAPhone(t *testing.T) {
	w := newTown(t)
	b, base := w.open(t)
	p := b.Open(t, base+"/io-sono/writer", testkit.Wide(360))
	p.Goto(base + "/redazione/messaggi/nuovo")
	p.Fill("#f-title", "Festa patronale")
	p.Fill("#f-body", "Musica e bancarelle.")
	p.Click("details:has(#f-event_start) > summary")
	pick := func(field, value string) { // what the browser's own picker does
		testkit.Eval[bool](p, fmt.Sprintf("(e => { e.value = %q; return e.dispatchEvent(new Event('input', {bubbles: true})) })(document.querySelector('#f-%s'))", value, field))
	}
	pick("event_start", "2026-06-05")
	pick("event_end", "2026-06-07")
	p.WaitFor("document.querySelector('#look-site').textContent.includes('da venerdì 5 giugno 2026 a domenica 7 giugno 2026')")
	pick("event_start_time", "10:00")
	pick("event_end_time", "23:00")
	p.WaitFor("document.querySelector('#look-site').textContent.includes('da venerdì 5 giugno 2026, ore 10:00 a domenica 7 giugno 2026, ore 23:00')")
	if wide := testkit.Eval[int](p, "document.documentElement.scrollWidth"); wide > 360 {
		t.Errorf("the page is %d wide", wide)
	}
}

func TestOfficerWorksByKeyboardAlone(t *testing.T) {
	w := newTown(t)
	b, base := w.open(t)
	p := b.Open(t, base+"/io-sono/writer", testkit.Wide(1280))
	p.TabTo("a[href='/redazione/messaggi/nuovo']", 20)
	p.Press(kb.Enter)
	p.Wait("#f-title")
	p.TabTo("#f-title", 20)
	p.Press("Scritto con la tastiera")
	p.TabTo("#f-body", 8)
	p.Press("Testo.")
	p.TabTo(".ar-editor-do button[value=submit]", 60)
	p.Press(kb.Enter)
	p.Wait(".ar-next")
	if got := p.Text("h1"); got != "Scritto con la tastiera" {
		t.Errorf("arrived at %q", got)
	}
}

// looked are the pages that axe checks and whose pictures people look at.
func (w *town) looked() map[string]string {
	c := w.content()
	c.Media = []publishing.Attachment{{MediaID: w.photo(1).ID, Alt: "Gli scavi in via Roma", Caption: "Il cantiere"}, {MediaID: w.photo(2).ID, Alt: "Il percorso di via Dante"}}
	c.Event = &publishing.Event{Start: "2026-05-11T08:00", Where: "Via Roma"}
	c.Place = &publishing.Place{Name: "Via Roma", Lat: 45.5952, Lon: 9.0812}
	full := w.draft(c)
	ok := must[publishing.Message](w.t)
	c.Title = "Iscrizioni ai centri estivi"
	c.Media, c.Event = nil, nil
	incomplete := w.draft(publishing.Content{ProfileID: w.profile.ID, Title: "Solo il titolo"})
	waits := ok(w.desk.Submit(w.as("writer"), w.inst.ID, full.ID))
	today := ok(w.desk.Create(w.as("writer"), w.inst.ID, c))
	today = ok(w.desk.Submit(w.as("writer"), w.inst.ID, today.ID))
	today = ok(w.desk.Schedule(w.as("writer"), w.inst.ID, today.ID, "2026-05-04T18:30", ""))
	ok(w.desk.Approve(w.as("approver"), w.inst.ID, today.ID, today.Hash))
	out := w.out()
	corrected := out.Content
	corrected.Body = strings.Replace(corrected.Body, "via Dante", "viale Dante e via Verdi", 1)
	w.clock.forward(20 * time.Minute)
	ok(w.desk.Save(w.as("writer"), w.inst.ID, out.ID, out.Rev, corrected))
	back := w.submitted()
	ok(w.desk.SendBack(w.as("approver"), w.inst.ID, back.ID, "Manca fino a quando dura la chiusura."))
	c.Title, c.Body = "Mercato spostato in piazza Grande", "Sabato il mercato è in piazza Grande."
	ready := ok(w.desk.Submit(w.as("writer"), w.inst.ID, w.draft(c).ID))
	ready = ok(w.desk.Approve(w.as("approver"), w.inst.ID, ready.ID, ready.Hash))
	w.trouble()
	return map[string]string{
		"home": "/redazione", "list": "/redazione/messaggi", "list-none": "/redazione/messaggi?testo=niente", "new": "/redazione/messaggi/nuovo", "edit": at(full, "modifica"),
		"incomplete": at(incomplete, ""), "check": at(incomplete, "modifica") + "?controlla=1", "approve": at(waits, ""), "out": at(out, ""),
		"scheduled": at(today, ""), "sent-back": at(back, ""), "withdraw": at(out, "ritira"), "version": at(out, "versioni/2"),
		"approved": at(ready, ""), "publish": at(ready, "pubblica"),
	}
}

// trouble makes something go wrong with what is out.
func (w *town) trouble() {
	w.t.Helper()
	if err := w.db.InTx(w.t.Context(), func(tx *db.Tx) error {
		for _, q := range []string{
			`UPDATE delivery SET state = 'out', out_rev = 1, out_at = $1, remote_url = 'https://square.example/@cesate/1' WHERE channel_id = '` + w.channels[0].ID + `'`,
			`UPDATE delivery SET state = 'refused', error_class = 'refused', error_code = 'too_long', updated_at = $1 WHERE channel_id = '` + w.channels[1].ID + `'`,
			`UPDATE channel SET state = 'revoked', failing_since = $1 WHERE id = '` + w.channels[2].ID + `'`,
		} {
			if _, err := tx.Exec(w.t.Context(), q, db.At(w.clock.now())); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

func TestConflictShowsBothTextsAndLosesNeither(t *testing.T) {
	w := newTown(t)
	m := w.draft(w.content())
	b, base := w.open(t)
	p := b.Open(t, base+"/io-sono/writer", testkit.Wide(1280), testkit.Tolerate("status of 409"))
	p.Goto(base + at(m, "modifica"))
	other := m.Content
	other.Title, other.Body = "Via Roma chiusa da martedì", strings.Replace(m.Content.Body, "lunedì", "martedì", 1)
	must[publishing.Message](t)(w.desk.Save(w.as("approver"), w.inst.ID, m.ID, 1, other))
	p.Fill("#f-title", "Via Roma chiusa: percorso da via Dante")
	p.Submit(".ar-editor-do button[value=save]")
	p.Wait(".ar-conflict")
	if !testkit.Eval[bool](p, "document.activeElement.matches('.ar-conflict')") {
		t.Errorf("the focus is on %q", p.Focused())
	}
	p.Axe()
	p.Screenshot("pages-conflict-desktop")
	p.Submit("button[value='take:body']")
	p.Wait(".ar-conflict")
	if got := p.Value("#f-body"); got != other.Body {
		t.Errorf("the saved text was not taken over: %q", got)
	}
	p.Submit(".ar-editor-do button[value=save]")
	p.Wait(".ar-messages .ar-alert")
	if got := w.message(m.ID).Content; got.Title != "Via Roma chiusa: percorso da via Dante" || got.Body != other.Body {
		t.Errorf("saved %+v", got)
	}
}

func TestPagesAreAccessibleOnEveryScreen(t *testing.T) {
	w := newTown(t)
	paths := w.looked()
	b, base := w.open(t)
	b.Open(t, base+"/io-sono/approver")
	for name, path := range paths {
		for screen, option := range map[string]testkit.PageOption{"desktop": testkit.Wide(1280), "phone": testkit.Phone()} {
			t.Run(name+"/"+screen, func(t *testing.T) {
				p := b.Open(t, base+path, option)
				testkit.Eval[bool](p, "[...document.querySelectorAll('main details')].every(d => d.open = true)")
				p.Axe()
				p.FitsWidth()
				p.Screenshot("pages-" + name + "-" + screen)
			})
		}
	}
	p := b.Open(t, base+"/redazione", testkit.Wide(1280), testkit.Language("en"))
	p.Axe()
	p.Screenshot("pages-home-english")
}
