package board_test

import (
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
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

// fill gives the town two weeks of work, in every state.
func (w *town) fill() (scheduled publishing.Message) {
	w.t.Helper()
	w.clock.set(tenOfMonday().Add(-3 * time.Hour))
	out := w.out("Aperte le iscrizioni all'asilo nido")
	w.becomes(w.byPlatform(out.ID, channel.Mastodon), publishing.Delivered, "", "", w.server+"/@comune/1")
	w.becomes(w.byPlatform(out.ID, channel.Bluesky), publishing.Refused, channel.Refused, channel.CodeTooLong, "")
	w.becomes(w.byPlatform(out.ID, channel.Telegram), publishing.Unconfirmed, channel.Unknown, channel.CodeCannotRead, "")
	w.addTask("task-1", out.ID, w.byPlatform(out.ID, channel.Telegram).ID)
	w.clock.set(tenOfMonday())
	w.out("Via Roma chiusa da lunedì")
	scheduled = w.scheduled(w.comune, "Il mercato si sposta in piazza Dante", "2026-05-06T09:30")
	w.scheduled(w.library, "Letture ad alta voce per i più piccoli", "2026-05-06T17:00")
	w.scheduled(w.library, "Orario estivo della biblioteca", "2026-05-08T08:00")
	w.approved(w.library, "Nuovi libri sugli scaffali")
	d := w.draft(w.comune, "Consiglio comunale in diretta")
	if _, err := w.desk.Schedule(w.as("writer"), w.inst.ID, d.ID, "2026-05-07T20:30", ""); err != nil {
		w.t.Fatal(err)
	}
	for _, day := range []time.Weekday{time.Tuesday, time.Thursday} {
		if _, err := w.desk.AddSlot(w.as("administrator"), w.inst.ID, w.library.ID, day, 9*60); err != nil {
			w.t.Fatal(err)
		}
	}
	return scheduled
}

func TestPagesAreAccessibleAtBothWidths(t *testing.T) {
	w := newTown(t)
	w.fill()
	p, base := w.open(t, "administrator", "/redazione/calendario", testkit.Wide(1360))
	phone, _ := w.open(t, "administrator", "/redazione/calendario", testkit.Phone())
	pages := map[string]string{
		"calendar-week": "/redazione/calendario", "calendar-month": "/redazione/calendario?vista=mese", "calendar-list": "/redazione/calendario?vista=elenco",
		"queue": "/redazione/coda", "deliveries": "/redazione/consegne", "tasks": "/redazione/compiti", "freeze": "/redazione/blocco",
		"channels": "/redazione/canali", "channel": "/redazione/canali/" + w.channels[0].ID,
		"connect": "/redazione/canali/nuovo", "connect-mastodon": "/redazione/canali/nuovo?piattaforma=mastodon&profilo=" + w.library.ID,
		"move": "/redazione/calendario/" + w.scheduled(w.library, "Un gioco da tavolo", "2026-05-09T10:00").ID + "/sposta",
	}
	check := func(name, path string) {
		p.Goto(base + path)
		p.Axe()
		p.Screenshot("board-" + name)
		phone.Goto(base + path)
		phone.Axe()
		phone.FitsWidth()
		phone.Screenshot("board-" + name + "-phone")
	}
	for name, path := range pages {
		check(name, path)
	}
	if err := w.desk.Freeze(w.as("duty"), w.inst.ID, "Lutto cittadino", []publishing.Category{publishing.Emergency}); err != nil {
		t.Fatal(err)
	}
	w.clock.set(time.Date(2026, 5, 6, 10, 0, 0, 0, time.UTC))
	check("frozen", "/redazione/blocco")
}

func TestDraggingMovesAMessageToAnotherDayAtTheSameTime(t *testing.T) {
	w := newTown(t)
	m := w.fill()
	p, _ := w.open(t, "writer", "/redazione/calendario", testkit.Wide(1360), testkit.Tolerate("status of 422"))
	p.Drag("#m-"+m.ID+" .ar-cal-when", "[data-day='2026-05-09'] h3")
	p.WaitFor("document.querySelector('[data-day=\"2026-05-09\"] #m-" + m.ID + "')")
	if got := w.message(m.ID); got.Plan.Due.Text != "2026-05-09T09:30" || got.State != publishing.Scheduled {
		t.Errorf("after the drag: %s, %s", got.Plan.Due.Text, got.State)
	}
	if said := p.Text("#messages"); !strings.Contains(said, "sabato 9 maggio 2026, ore 09:30") {
		t.Errorf("said %q", said)
	}
	// The past is refused, in words, and nothing moves.
	p.Drag("#m-"+m.ID+" .ar-cal-when", "[data-day='2026-05-04'] h3")
	p.WaitFor("document.querySelector('#messages .alert-danger')")
	if got := w.message(m.ID); got.Plan.Due.Text != "2026-05-09T09:30" {
		t.Errorf("moved to the past: %s", got.Plan.Due.Text)
	}
	p.Screenshot("board-calendar-refused")
}

func TestArrowsMoveAMessageAndSayWhere(t *testing.T) {
	w := newTown(t)
	m := w.fill()
	p, _ := w.open(t, "writer", "/redazione/calendario?vista=mese", testkit.Wide(1360))
	move := "#m-" + m.ID + " .ar-cal-move"
	p.TabTo(move, 60)
	p.Press(kb.ArrowRight)
	p.Press(kb.ArrowDown)
	if said := p.Text("[data-say]"); !strings.Contains(said, "giovedì 14 maggio 2026, ore 09:30") {
		t.Errorf("said %q", said)
	}
	p.Screenshot("board-calendar-arrows")
	p.Press(kb.Escape)
	if got := w.message(m.ID); got.Plan.Due.Text != m.Plan.Due.Text {
		t.Errorf("Escape moved it to %s", got.Plan.Due.Text)
	}
	p.Press(kb.ArrowLeft)
	p.Press(kb.Enter)
	p.WaitFor("document.querySelector('[data-day=\"2026-05-05\"] #m-" + m.ID + "')")
	if got := w.message(m.ID); got.Plan.Due.Text != "2026-05-05T09:30" {
		t.Errorf("moved to %s", got.Plan.Due.Text)
	}
	if !strings.Contains(p.Focused(), "Sposta") {
		t.Errorf("the focus went to %q", p.Focused())
	}
}

func TestWithoutScriptAFormMovesAMessage(t *testing.T) {
	w := newTown(t)
	m := w.fill()
	p, _ := w.open(t, "writer", "/redazione/calendario", testkit.Phone(), testkit.NoScript())
	p.Submit("#m-" + m.ID + " .ar-cal-move")
	p.Choose("#f-due", "2026-05-10T11:15")
	p.Submit("main form button.btn-primary")
	if got := w.message(m.ID); got.Plan.Due.Text != "2026-05-10T11:15" {
		t.Errorf("moved to %s", got.Plan.Due.Text)
	}
	if !strings.Contains(p.URL(), "/redazione/calendario") {
		t.Errorf("ended at %s", p.URL())
	}
}

func TestDeliveriesMoveWhileTheBoardIsOpen(t *testing.T) {
	w := newTown(t)
	w.fill()
	m := w.out("Cala il sipario sulla fiera")
	d := w.byPlatform(m.ID, channel.Telegram)
	p, _ := w.open(t, "writer", "/redazione/consegne", testkit.Wide(1280))
	row := "#d-" + d.ID
	if got := p.Text(row + " .ar-badge"); got != "In attesa" {
		t.Fatalf("at first %q", got)
	}
	ctx := people.With(t.Context(), w.actor("approver"))
	if err := w.desk.GiveUp(ctx, w.inst.ID, d.ID); err != nil {
		t.Fatal(err)
	}
	p.WaitFor("document.querySelector('" + row + " .ar-badge').textContent.includes('Abbandonata')")
}
