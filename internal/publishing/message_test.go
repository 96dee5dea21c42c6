package publishing

import (
	"strings"
	"testing"
	"time"
	"unicode"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestNobodyApprovesTheirOwnWords(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	both := w.as("both", people.Writer, people.Approver)
	ok := must[Message](t)
	m := ok(w.desk.Create(both, w.inst.ID, w.content()))
	m = ok(w.desk.Submit(both, w.inst.ID, m.ID))
	if _, err := w.desk.Approve(both, w.inst.ID, m.ID, m.Hash); !fault.Is(err, fault.Forbidden) {
		t.Fatalf("the author approved: %v", err)
	}
	if _, err := w.desk.Approve(w.writer, w.inst.ID, m.ID, m.Hash); !fault.Is(err, fault.Forbidden) {
		t.Fatalf("a writer approved: %v", err)
	}
	if m = ok(w.desk.Approve(w.approver, w.inst.ID, m.ID, m.Hash)); m.State != Approved {
		t.Fatal(m.State)
	}
	// Who edits somebody else's text becomes its author, too.
	c := m.Content
	c.Title = "Orari invernali"
	m = ok(w.desk.Save(w.approver, w.inst.ID, m.ID, m.Rev, c))
	m = ok(w.desk.Submit(w.writer, w.inst.ID, m.ID))
	if _, err := w.desk.Approve(w.approver, w.inst.ID, m.ID, m.Hash); !fault.Is(err, fault.Forbidden) {
		t.Fatalf("the editor approved: %v", err)
	}
}

func TestApprovalIsBoundToWhatWasRead(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		ok := must[Message](t)
		m := ok(w.desk.Create(w.writer, w.inst.ID, w.content()))
		m = ok(w.desk.Submit(w.writer, w.inst.ID, m.ID))
		if _, err := w.desk.Approve(w.approver, w.inst.ID, m.ID, "another hash"); !fault.Is(err, fault.Conflict) {
			t.Fatalf("another text was approved: %v", err)
		}
		m = ok(w.desk.Approve(w.approver, w.inst.ID, m.ID, m.Hash))
		m = ok(w.desk.Schedule(w.writer, w.inst.ID, m.ID, "2026-05-06T09:00", ""))
		if m.State != Scheduled {
			t.Fatal(m.State)
		}
		c := m.Content
		c.Body += " E chiude alle 18."
		m = ok(w.desk.Save(w.writer, w.inst.ID, m.ID, m.Rev, c))
		if m.State != Draft || m.ApprovedHash != "" || m.Plan.Due.Text != "2026-05-06T09:00" {
			t.Fatalf("an edit must ask again and keep its moment: %s %q", m.State, m.Plan.Due.Text)
		}
		w.clock.set(m.Plan.Due.At)
		if err := w.desk.workSendOut(t.Context(), sendOut{w.inst.ID, m.ID}); err != nil {
			t.Fatal(err)
		}
		if w.message(m.ID).Live() {
			t.Fatal("an unapproved text went out")
		}
		w.clock.set(m.Plan.Due.At.Add(-time.Hour))
		m = ok(w.desk.Submit(w.writer, w.inst.ID, m.ID))
		if m = ok(w.desk.Approve(w.approver, w.inst.ID, m.ID, m.Hash)); m.State != Scheduled {
			t.Fatalf("the kept moment must schedule it: %s", m.State)
		}
	})
}

func TestSecondEditorIsToldAndNothingIsLost(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := must[Message](t)(w.desk.Create(w.writer, w.inst.ID, w.content()))
		a, b := m.Content, m.Content
		a.Body, b.Body = "Testo di Anna", "Testo di Bruno"
		first := must[Message](t)(w.desk.Save(w.writer, w.inst.ID, m.ID, m.Rev, a))
		if _, err := w.desk.Save(w.approver, w.inst.ID, m.ID, m.Rev, b); !fault.Is(err, fault.Conflict) {
			t.Fatalf("the second editor overwrote: %v", err)
		}
		second := must[Message](t)(w.desk.Save(w.approver, w.inst.ID, m.ID, first.Rev, b))
		var versions []Version
		if err := d.Read(t.Context(), func(tx *db.Tx) (err error) {
			versions, err = Versions(t.Context(), tx, w.inst.ID, m.ID)
			return err
		}); err != nil || len(versions) != 3 || versions[1].Content.Body != "Testo di Anna" || second.Rev != 3 {
			t.Fatalf("%d versions, %v", len(versions), err)
		}
	})
}

// The short texts around the text go to every reader and calendar: each has its bound,
// and the field at fault is named. A language needs only its form.
func TestShortTextsHaveBounds(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	long := strings.Repeat("à", 5000)
	for field, change := range map[string]func(*Content){
		"event_where":        func(c *Content) { c.Event = &Event{Start: "2027-05-04", Where: long} },
		"place_name":         func(c *Content) { c.Place = &Place{Name: long, Lat: 45, Lon: 9} },
		"tags":               func(c *Content) { c.Tags = []string{long} },
		"caption-m":          func(c *Content) { c.Media = []Attachment{{MediaID: "m", Caption: long}} },
		"variants.0.warning": func(c *Content) { c.Variants = []Variant{{ChannelID: "x", Warning: long}} },
		"variants.0.text": func(c *Content) {
			c.Variants = []Variant{{ChannelID: "x", Edited: true, Text: strings.Repeat(long, 11)}}
		},
		"lang": func(c *Content) { c.Lang = "italian_of_cesate!" },
	} {
		c := w.content()
		change(&c)
		_, err := w.desk.Create(w.writer, w.inst.ID, c)
		if err == nil || len(fault.Of(err).Fields) == 0 || fault.Of(err).Fields[0].Name != field {
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, lang := range []string{"it", "de-AT", "lld", "zz-Nope", "sr-Latn"} {
		c := w.content()
		c.Lang, c.Tags = lang, []string{strings.Repeat("à", MaxTag)}
		if _, err := w.desk.Create(w.writer, w.inst.ID, c); err != nil {
			t.Errorf("%s: %v", lang, err)
		}
	}
}

func TestPhotographWithoutAltTextCannotBeSubmitted(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	photo, err := w.desk.Upload(w.writer, w.inst.ID, `C:\foto\Piazza.PNG`, strings.NewReader(onePixel))
	if err != nil {
		t.Fatal(err)
	}
	if photo.ContentType != "image/png" || photo.Name != "Piazza.png" {
		t.Fatalf("%+v", photo)
	}
	c := w.content()
	c.Media = []Attachment{{MediaID: photo.ID}}
	m := must[Message](t)(w.desk.Create(w.writer, w.inst.ID, c))
	_, err = w.desk.Submit(w.writer, w.inst.ID, m.ID)
	if e := fault.Of(err); e.Kind != fault.Invalid || e.Fields[0].Name != "alt-"+photo.ID {
		t.Fatalf("got %v", err)
	}
	if w.message(m.ID).State != Draft {
		t.Fatal("a refused act changed something")
	}
	c.Media[0].Alt = "La piazza vuota"
	m = must[Message](t)(w.desk.Save(w.writer, w.inst.ID, m.ID, m.Rev, c))
	must[Message](t)(w.desk.Submit(w.writer, w.inst.ID, m.ID))
}

// onePixel is the smallest PNG: one grey pixel.
const onePixel = "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00:~\x9bU\x00\x00\x00\nIDATx\x9cch\x00\x00\x00\x82\x00\x81w\xcdr\xb6\x00\x00\x00\x00IEND\xaeB`\x82"

func TestFreezeHoldsWhatIsScheduledAndAsksItemByItem(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		ok := must[Message](t)
		plan := func(title string, cat Category, due string) Message {
			c := w.content()
			c.Title, c.Category = title, cat
			return ok(w.desk.Schedule(w.writer, w.inst.ID, w.approved(c).ID, due, ""))
		}
		party, alarm := plan("Festa", Culture, "2026-05-04T12:00"), plan("Strada chiusa", Emergency, "2026-05-04T12:00")
		late, later := plan("Concerto", Culture, "2026-05-04T13:00"), plan("Mostra", Culture, "2026-05-08T12:00")
		if err := w.desk.Freeze(w.writer, w.inst.ID, "Terremoto", nil); !fault.Is(err, fault.Forbidden) {
			t.Fatalf("a writer froze: %v", err)
		}
		if err := w.desk.Freeze(w.approver, w.inst.ID, "Terremoto", []Category{Emergency}); err != nil {
			t.Fatal(err)
		}
		w.clock.set(late.Plan.Due.At.Add(time.Minute))
		for _, m := range []Message{party, alarm, late, later} {
			if err := w.desk.workSendOut(t.Context(), sendOut{w.inst.ID, m.ID}); err != nil {
				t.Fatal(err)
			}
		}
		if m := w.message(party.ID); m.Live() || m.Held != HeldFreeze {
			t.Fatalf("went out in a freeze: %+v", m.Held)
		}
		if !w.message(alarm.ID).Live() {
			t.Fatal("an allowed category was held")
		}
		if _, err := w.desk.PublishNow(w.writer, w.inst.ID, party.ID, ""); !fault.Is(err, fault.Conflict) {
			t.Fatalf("published by hand in a freeze: %v", err)
		}
		if err := w.desk.Unfreeze(w.approver, w.inst.ID, map[string]Verdict{party.ID: Drop, late.ID: Keep}); err != nil {
			t.Fatal(err)
		}
		if m := w.message(party.ID); m.State != Approved || m.Plan.Set() {
			t.Fatalf("dropped, but %s", m.State)
		}
		if err := w.desk.workSendOut(t.Context(), sendOut{w.inst.ID, late.ID}); err != nil || !w.message(late.ID).Live() {
			t.Fatalf("kept, but not out: %v", err)
		}
		if m := w.message(later.ID); m.State != Scheduled || m.Held != "" {
			t.Fatalf("a moment that lies ahead stays: %s %s", m.State, m.Held)
		}
	})
}

func TestServerThatWasDownAsksBeforeItAnnouncesYesterday(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	ok := must[Message](t)
	stale := ok(w.desk.Schedule(w.writer, w.inst.ID, w.approved(w.content()).ID, "2026-05-04T12:00", ""))
	c := w.content()
	c.Title = "Allerta neve"
	expired := ok(w.desk.Schedule(w.writer, w.inst.ID, w.approved(c).ID, "2026-05-04T12:00", "2026-05-04T12:30"))
	w.clock.set(stale.Plan.Due.At.Add(MaxLate + time.Minute))
	for id, want := range map[string]string{stale.ID: HeldLate, expired.ID: HeldExpired} {
		if err := w.desk.workSendOut(t.Context(), sendOut{w.inst.ID, id}); err != nil {
			t.Fatal(err)
		}
		if m := w.message(id); m.Live() || m.Held != want {
			t.Errorf("held %q, want %q", m.Held, want)
		}
	}
	if err := w.desk.Decide(w.writer, w.inst.ID, stale.ID, Keep); err != nil {
		t.Fatal(err)
	}
	if err := w.desk.workSendOut(t.Context(), sendOut{w.inst.ID, stale.ID}); err != nil || !w.message(stale.ID).Live() {
		t.Fatalf("kept by a person, but not out: %v", err)
	}
}

func TestSameTextTwiceInADayIsHeld(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.out()
	again := must[Message](t)(w.desk.Schedule(w.writer, w.inst.ID, w.approved(w.content()).ID, "2026-05-04T12:00", ""))
	w.clock.set(again.Plan.Due.At)
	if err := w.desk.workSendOut(t.Context(), sendOut{w.inst.ID, again.ID}); err != nil {
		t.Fatal(err)
	}
	if m := w.message(again.ID); m.Held != HeldSame {
		t.Fatalf("held %q", m.Held)
	}
	if err := w.desk.Decide(w.writer, w.inst.ID, again.ID, Keep); err != nil || !w.message(again.ID).Live() {
		t.Fatal(err)
	}
}

func TestRestoredBackupStartsFrozenAndReadsBeforeItSends(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := w.out() // in the backup its deliveries still wait …
		for _, p := range w.platforms {
			id := w.on(m, p).ID
			p.posts[id] = append(p.posts[id], posted(m)) // … but in truth they went out
		}
		if err := d.InTx(t.Context(), func(tx *db.Tx) error { return FreezeRestored(t.Context(), tx, "Copia ripristinata", w.clock.now()) }); err != nil {
			t.Fatal(err)
		}
		w.clock.forward(time.Minute)
		w.work(m)
		for _, p := range w.platforms {
			if n := p.shown(w.on(m, p).ID); n != 1 {
				t.Errorf("%s shows it %d times", p.name, n)
			}
		}
		if del := w.on(m, w.open); del.State != Delivered {
			t.Errorf("found on the channel, but %s", del.State)
		}
		if del := w.on(m, w.closed); del.State != Unconfirmed {
			t.Errorf("cannot be read, but %s", del.State)
		}
	})
}

func TestEveryActLeavesItsRecordInTheChain(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.out()
		ctx := t.Context()
		if err := d.Read(ctx, func(tx *db.Tx) error {
			r, err := audit.Verify(ctx, tx, w.inst.ID)
			if r.Entries != 4 || r.Broken != 0 {
				t.Errorf("%d entries, broken at %d", r.Entries, r.Broken)
			}
			return err
		}); err != nil {
			t.Fatal(err)
		}
	})
}

func TestMarkdownBecomesSafePagesAndPlainText(t *testing.T) {
	wr := NewWriting()
	html, err := wr.HTML("# Titolo\n\nCiao <script>alert(1)</script> [qui](javascript:alert(1)) e [là](https://a.it) <img src=x onerror=1>\n\n- uno\n- due")
	if err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{"<script", "javascript:", "onerror=1>", "<img", "<h1"} {
		if strings.Contains(html, bad) {
			t.Errorf("%q in %s", bad, html)
		}
	}
	if !strings.Contains(html, `<a href="https://a.it"`) || !strings.Contains(html, "<h2>Titolo") {
		t.Errorf("got %s", html)
	}
	plain := wr.Plain("# Orari\n\nLa **biblioteca** apre alle 9, vedi [il sito](https://a.it/x).\nSubito.\n\n- uno\n- due\n\nFine & <b>basta</b>", home)
	want := "Orari\n\nLa biblioteca apre alle 9, vedi il sito (https://a.it/x).\nSubito.\n\n– uno\n– due\n\nFine & <b>basta</b>"
	if plain != want {
		t.Errorf("got  %q\nwant %q", plain, want)
	}
}

func TestSearchFindsSingularInPlural(t *testing.T) {
	le := Stems("Le scuole riaprono: l'acqua è tornata nelle città", "it")
	for _, query := range []string{"scuola", "riaprire", "acqua", "citta", "CITTÀ"} {
		for s := range Stems(query, "it") {
			if le[s] == 0 {
				t.Errorf("%q (stem %q) does not find it in %v", query, s, le)
			}
		}
	}
}

func FuzzWriting(f *testing.F) {
	f.Add("**a** [b](c) <script>")
	f.Add("| a | b |\n|---|---|\n| 1 | 2 |")
	wr := NewWriting()
	f.Fuzz(func(t *testing.T, s string) {
		if html, err := wr.HTML(s); err != nil || strings.Contains(strings.ToLower(html), "<script") {
			t.Fatalf("%q, %v", html, err)
		}
		if strings.ContainsFunc(s, unicode.IsLetter) && !strings.ContainsFunc(wr.Plain(s, home), unicode.IsLetter) && !strings.ContainsAny(s, "`&") && !strings.Contains(s, "](") {
			t.Fatalf("%q says nothing", s)
		}
		Content{Title: s, Body: s, Tags: []string{s}}.Tidy()
	})
}
