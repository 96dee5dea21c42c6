package inbox

import (
	"bytes"
	"context"
	"io"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/retain"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// letter is one of a citizen.
func (w *town) letter(id, text string, doubt channel.Doubt) channel.Said {
	s := w.says("anna", id, "", text, 1)
	s.Subject, s.Private, s.Doubt = "Buche", true, doubt
	return s
}

func (w *town) asides(held bool) (all []Aside) {
	w.t.Helper()
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) (err error) { all, err = Asides(w.t.Context(), tx, w.inst.ID, held); return err }); err != nil {
		w.t.Fatal(err)
	}
	return all
}

func (w *town) counts() map[AsideState]int {
	w.t.Helper()
	n := map[AsideState]int{}
	if err := w.db.Read(w.t.Context(), func(tx *db.Tx) error {
		all, err := AsideCounts(w.t.Context(), tx, w.inst.ID)
		for _, c := range all {
			n[c.State] += c.N
		}
		return err
	}); err != nil {
		w.t.Fatal(err)
	}
	return n
}

// Nothing that comes is gone unseen: what may be automatic waits, what surely is can
// be looked at, and either can become a conversation.
func TestDoubtfulLetterIsHeldUntilAPersonDecides(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		held, absent, other := w.letter("l1", "Via Roma è piena di buche.", channel.DoubtList), w.letter("l2", "Sono in ferie.", channel.DoubtAutoReply), w.letter("l3", "Offerta!", channel.DoubtBulk)
		for range 2 { // told twice it is there once
			w.hear(held, absent, other)
		}
		if n := len(w.list(Filter{})); n != 0 || len(w.asides(true)) != 2 || len(w.asides(false)) != 1 {
			t.Fatalf("%d conversations, %v", n, w.counts())
		}
		if a := w.asides(false)[0]; a.Said.Text != "Sono in ferie." || a.Why != channel.DoubtAutoReply || a.Author != "anna" || a.Subject != "Buche" {
			t.Errorf("%+v", a)
		}
		reader := w.person("Rita", people.Reader)
		if _, err := w.inbox.TakeIn(reader, w.inst.ID, w.channel.ID, "l1"); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a reader takes in: %v", err)
		}
		id, err := w.inbox.TakeIn(w.writer, w.inst.ID, w.channel.ID, "l1")
		if err != nil {
			t.Fatal(err)
		}
		if c := w.only(); c.ID != id || !c.Waiting || c.words()[0].Text != held.Text || len(w.begun) != 1 {
			t.Errorf("%+v", c.Conversation)
		}
		if err := w.inbox.LetGo(w.writer, w.inst.ID, w.channel.ID, "l3"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.inbox.TakeIn(w.writer, w.inst.ID, w.channel.ID, "l1"); !fault.Is(err, fault.Conflict) {
			t.Errorf("taken in a second time: %v", err)
		}
		if err := w.inbox.LetGo(w.writer, w.inst.ID, w.channel.ID, "l3"); !fault.Is(err, fault.Conflict) {
			t.Errorf("let go a second time: %v", err)
		}
		if err := w.inbox.LetGo(w.writer, w.inst.ID, w.channel.ID, "none"); !fault.Is(err, fault.NotFound) {
			t.Errorf("no such letter: %v", err)
		}
		w.hear(held, absent, other) // the box is read anew
		if n := w.counts(); len(w.list(Filter{})) != 1 || n[AsideHeld] != 0 || n[AsideTaken] != 1 || n[AsideLetGo] != 1 || n[AsideLeftOut] != 1 {
			t.Errorf("afterwards: %v", n)
		}
		// Whoever pressed in haste thinks again.
		if _, err := w.inbox.TakeIn(w.writer, w.inst.ID, w.channel.ID, "l3"); err != nil || len(w.list(Filter{})) != 2 {
			t.Errorf("a second thought: %v", err)
		}
	})
}

// A group of the institution marks what citizens answer as a list's: what belongs to a
// conversation is never held. An absence is left out all the same.
func TestDoubtfulAnswerJoinsItsConversation(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.hear(w.letter("l1", "Quando aprite?", ""))
		answer, absent := w.letter("l2", "Grazie", channel.DoubtList), w.letter("l3", "Sono in ferie", channel.DoubtAutoReply)
		answer.Parent, absent.Parent = "l1", "l1"
		w.hear(answer, absent)
		if n := len(w.only().words()); n != 2 || w.counts()[AsideLeftOut] != 1 || w.counts()[AsideHeld] != 0 {
			t.Errorf("%d words, %v", n, w.counts())
		}
	})
}

// What a mail server tells of an answer stands in its conversation; one that did not
// arrive leaves its citizen waiting.
func TestReportJoinsTheAnswerThatItIsAbout(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		var told []mail.Report
		w.inbox.reported = func(_ context.Context, _ *db.Tx, r mail.Report, _ time.Time) (int, error) {
			told = append(told, r)
			if r.IDs[0] == "of-the-newsletter@cesate.example" {
				return 1, nil
			}
			return 0, nil
		}
		w.hear(w.letter("l1", "Quando aprite?", ""))
		c := w.only()
		a, err := w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: "Alle 9."})
		if err == nil {
			_, err = w.inbox.Send(w.writer, w.inst.ID, a.ID)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.pass(time.Hour)
		w.ends(a.ID, publishing.Delivered, "our-answer@cesate.example")
		if err := w.inbox.Close(w.writer, w.inst.ID, []string{c.ID}); err != nil {
			t.Fatal(err)
		}
		report := func(id, about, fate, why string) channel.Said {
			s := w.letter(id, "", channel.DoubtReport)
			s.Act, s.Reaction, s.Whole, s.Report = channel.Reports, fate, why, &mail.Report{IDs: []string{"x@y.example", about}}
			return s
		}
		w.hear(report("r1", "our-answer@cesate.example", channel.FateAccepted, ""), report("r2", "our-answer@cesate.example", channel.FateArrived, ""))
		if c = w.only(); c.State != Closed || c.Waiting || c.happened(EventFate+channel.FateAccepted) != 1 || c.happened(EventFate+channel.FateArrived) != 1 {
			t.Errorf("accepted and arrived: %+v", c.Conversation)
		}
		late := report("r3", "our-answer@cesate.example", channel.FateFailed, "casella inesistente")
		for range 2 {
			w.hear(late)
		}
		if c = w.only(); c.State != Open || !c.Waiting || c.happened(EventFate+channel.FateFailed) != 1 {
			t.Errorf("failed: %+v", c.Conversation)
		}
		for _, e := range c.Entries {
			if e.Answer != nil && (e.Answer.FailedAt.IsZero() || e.Answer.FailedWhy != "casella inesistente") {
				t.Errorf("%+v", e.Answer)
			}
		}
		news, unknown := report("r4", "of-the-newsletter@cesate.example", channel.FateFailed, ""), report("r5", "of-nobody@cesate.example", channel.FateFailed, "")
		news.Report.IDs, unknown.Report.IDs = news.Report.IDs[1:], unknown.Report.IDs[1:]
		w.hear(news, unknown)
		if n := w.counts(); len(told) != 2 || n[AsideJoined] != 4 || n[AsideLeftOut] != 1 {
			t.Errorf("%d told, %v", len(told), n)
		}
	})
}

func (w *town) files() (n int) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) error { return tx.QueryRow(w.t.Context(), `SELECT count(*) FROM letter_file`).Scan(&n) })
	return n
}

func (w *town) tidy() {
	w.t.Helper()
	if err := retain.Work(w.t.Context(), w.db, w.inbox.Retention(time.Hour, time.Hour), w.now, nil); err != nil {
		w.t.Fatal(err)
	}
}

// Files are kept as they came, and go with the letter, from the store too.
func TestFilesOfALetterGoWithIt(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		store, err := blob.NewDisk(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		w.inbox.files = store
		pdf := []byte("%PDF-1.4\nla buca, con i dati di chi scrive")
		with := func(id string, doubt channel.Doubt) channel.Said {
			s := w.letter(id, "Vedi allegati", doubt)
			s.Files = []channel.SaidFile{{Name: "../buca.pdf", ContentType: "text/html", Content: pdf}, {Name: "x.html", ContentType: "text/html", Content: []byte("<script>")}, {Name: "grande.zip", Size: 99}}
			return s
		}
		hear := func(s ...channel.Said) {
			t.Helper()
			if err := w.inbox.KeepFiles(t.Context(), w.inst.ID, w.channel.ID, s); err != nil {
				t.Fatal(err)
			}
			w.hear(s...)
		}
		hashOf := func(remote string) (hash string) {
			w.tx(func(tx *db.Tx) error {
				return tx.QueryRow(t.Context(), `SELECT hash || gone FROM letter_file WHERE remote_id = $1 AND n = 0`, remote).Scan(&hash)
			})
			return hash
		}
		there := func(hash string) bool {
			r, _, err := store.Open(t.Context(), hash)
			if err == nil {
				r.Close()
			}
			return err == nil
		}
		other := with("l3", channel.DoubtList)
		other.Author = citizen("bruno")
		hear(with("l1", ""), with("l2", channel.DoubtList), other)
		hear(with("l1", ""))
		word := w.only().words()[0]
		if len(word.Files) != 3 || word.Files[0].ContentType != "application/pdf" || word.Files[1].ContentType != "" || word.Files[2].Kept || !word.Files[0].Kept || word.Files[0].Size != int64(len(pdf)) {
			t.Fatalf("%+v", word.Files)
		}
		f, content, err := w.inbox.OpenFile(t.Context(), w.inst.ID, word.ID, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(content)
		content.Close()
		if err != nil || !bytes.Equal(got, pdf) || f.Name != "../buca.pdf" {
			t.Errorf("%q %q, %v", f.Name, got, err)
		}
		for _, n := range []int{2, 7, -1} {
			if _, _, err := w.inbox.OpenFile(t.Context(), w.inst.ID, word.ID, n); !fault.Is(err, fault.NotFound) {
				t.Errorf("file %d: %v", n, err)
			}
		}
		one, two, three := hashOf("l1"), hashOf("l2"), hashOf("l3")
		if one == two {
			t.Error("two letters share a content: one could not go without the other")
		}
		// Who wrote one that is put aside, and one that is not, asks to be forgotten.
		var export bytes.Buffer
		if err := w.inbox.Export(w.writer, w.inst.ID, word.AuthorID, &export); err != nil || !bytes.Contains(export.Bytes(), []byte(`"letters_put_aside": [
{"id":"l2"`)) || !bytes.Contains(export.Bytes(), []byte(`"name":"../buca.pdf"`)) {
			t.Errorf("export: %v\n%s", err, export.Bytes())
		}
		if err := w.inbox.Forget(w.writer, w.inst.ID, word.AuthorID); err != nil {
			t.Fatal(err)
		}
		w.tidy()
		if there(one) || there(two) || !there(three) || w.files() != 3 {
			t.Errorf("let go: %v %v, held: %v, %d rows", there(one), there(two), there(three), w.files())
		}
		w.pass(asideFor + time.Hour)
		w.tidy()
		if there(three) || w.files() != 0 {
			t.Errorf("after its time: %v, %d rows", there(three), w.files())
		}
	})
}

// Who is blocked cannot fill the store.
func TestFilesOfABlockedAuthorAreNotKept(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		store, err := blob.NewDisk(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		w.inbox.files = store
		w.hear(w.letter("l1", "Insulti", ""))
		if _, err := w.inbox.Block(w.writer, w.inst.ID, w.only().AuthorID, "1", ""); err != nil {
			t.Fatal(err)
		}
		s := w.letter("l2", "Ancora", "")
		s.Files = []channel.SaidFile{{Name: "a.pdf", Content: []byte("%PDF-1.4")}}
		if err := w.inbox.KeepFiles(t.Context(), w.inst.ID, w.channel.ID, []channel.Said{s}); err != nil {
			t.Fatal(err)
		}
		w.hear(s)
		w.tidy()
		if _, _, err := store.Open(t.Context(), s.Files[0].Hash); err == nil || w.files() != 0 {
			t.Errorf("kept: %v, %d rows", err, w.files())
		}
	})
}

// The words go by the institution's rule, and the files with them.
func TestFilesGoWhenWordsAreReduced(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		store, err := blob.NewDisk(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		w.inbox.files = store
		s := w.letter("l1", "Vedi", "")
		s.Whole = "Vedi\n\n> prima"
		s.Files = []channel.SaidFile{{Name: "a.pdf", Content: []byte("%PDF-1.4")}}
		if err := w.inbox.KeepFiles(t.Context(), w.inst.ID, w.channel.ID, []channel.Said{s}); err != nil {
			t.Fatal(err)
		}
		w.hear(s)
		c := w.only()
		if c.words()[0].Whole != "Vedi\n\n> prima" {
			t.Errorf("whole: %q", c.words()[0].Whole)
		}
		if err := w.inbox.Close(w.writer, w.inst.ID, []string{c.ID}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Duration(w.inst.KeepDays+1) * 24 * time.Hour)
		w.tidy()
		if _, _, err := store.Open(t.Context(), s.Files[0].Hash); err == nil || w.files() != 0 {
			t.Errorf("kept: %v, %d rows", err, w.files())
		}
	})
}
