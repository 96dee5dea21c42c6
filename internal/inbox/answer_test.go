package inbox

import (
	"errors"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// asked is a town in which Anna asked something under a message.
func asked(t *testing.T, d *db.DB) (*town, Thread) {
	t.Helper()
	w := newTown(t, d)
	w.message("post-1")
	w.hear(w.says("anna", "c1", "post-1", "Quanto costa la mensa?", 1))
	return w, w.only()
}

// fourEyes makes the profile demand approval of answers.
func (w *town) fourEyes() {
	w.t.Helper()
	w.profile.FourEyesAnswers = true
	w.tx(func(tx *db.Tx) error {
		_, err := institution.SaveProfile(w.t.Context(), tx, w.profile, w.now)
		return err
	})
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func (t Thread) answers() (out []*Answer) {
	for _, e := range t.Entries {
		if e.Answer != nil {
			out = append(out, e.Answer)
		}
	}
	return out
}

func TestAnswerGoesOutWhereItWasAsked(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		ok := must[Answer](t)
		a := ok(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: "Sei euro al giorno."}))
		if a.CommentID != c.words()[0].ID || a.Lang != "it" || a.State != AnswerDrafted || len(w.ledger.kept) != 0 {
			t.Fatalf("%+v", a)
		}
		a = ok(w.inbox.Send(w.writer, w.inst.ID, a.ID))
		a = ok(w.inbox.Send(w.writer, w.inst.ID, a.ID))
		if a.State != AnswerSent || w.ledger.kept[a.ID] != 1 || !w.only().Waiting {
			t.Fatalf("%+v, ledger %v", a, w.ledger.kept)
		}
		var post channel.Post
		w.tx(func(tx *db.Tx) (err error) {
			post, err = w.inbox.Outgoing(t.Context(), tx, w.inst.ID, a.ID, 1)
			return err
		})
		if post.Text != "Sei euro al giorno." || post.To.ID != "c1" || post.To.Root != "post-1" || post.To.Author.Handle != "@anna@square.example" || post.To.Private || post.Lang != "it" {
			t.Fatalf("%+v to %+v", post, post.To)
		}
		w.pass(time.Minute)
		w.ends(a.ID, publishing.Delivered, "our-1")
		w.ends(a.ID, publishing.Delivered, "our-1")
		now := w.only()
		if now.Waiting || !now.AnsweredAt.Equal(w.now) || now.happened(EventAnswered) != 1 || !w.list(Filter{})[0].LastOurs {
			t.Fatalf("%+v", now.Conversation)
		}
		if shown := now.answers()[0]; shown.Delivery.State != publishing.Delivered || shown.Delivery.Remote.ID != "our-1" {
			t.Fatalf("%+v", shown.Delivery)
		}
		w.pass(time.Minute)
		w.hear(w.says("anna", "c2", "our-1", "Grazie!", 99), channel.Said{Act: channel.Reacts, Reaction: channel.Like, Parent: "our-1", Author: citizen("rita"), At: w.minute(99)})
		if now = w.only(); !now.Waiting || len(now.words()) != 2 || now.words()[1].Answers != a.ID || len(now.answers()[0].Reactions) != 1 {
			t.Fatalf("%+v", now.Conversation)
		}
	})
}

func TestReplyFasterThanOurRecordFindsItsConversation(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		ok := must[Answer](t)
		a := ok(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: "Sei euro."}))
		ok(w.inbox.Send(w.writer, w.inst.ID, a.ID))
		// The square shows the answer, its echo and a reply arrive, and only then the
		// ledger learns how the answer is called there.
		w.hear(w.says("comune", "our-1", "c1", "Sei euro.", 100), w.says("anna", "c2", "our-1", "E per due?", 101))
		w.hear(w.says("mario", "c3", "other", "Altro", 101))
		w.ends(a.ID, publishing.Delivered, "our-1")
		got := w.thread(c.ID)
		if len(got.words()) != 2 || len(got.answers()) != 1 || got.words()[1].Answers != a.ID || len(w.list(Filter{})) != 2 {
			t.Fatalf("%d words, %d answers, %d conversations", len(got.words()), len(got.answers()), len(w.list(Filter{})))
		}
	})
}

func TestReplyFasterThanTheRecordOfAMessageIsCaughtUp(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.hear(w.says("anna", "c1", "post-9", "Bello!", 1), w.says("comune", "post-9b", "post-9", "Seconda parte", 1), w.says("rita", "c2", "post-9b", "Chiaro", 2),
			channel.Said{Act: channel.Reacts, Reaction: channel.Like, Parent: "post-9", Author: citizen("rita"), At: w.minute(2)})
		m := w.message("post-9")
		if err := w.inbox.workCatchUp(t.Context(), catchUp{}); err != nil {
			t.Fatal(err)
		}
		if n := len(w.list(Filter{MessageID: m})); n != 2 {
			t.Fatalf("%d conversations about the message", n)
		}
		if n := w.count("reaction WHERE message_id <> ''"); n != 1 {
			t.Fatalf("%d reactions to it", n)
		}
	})
}

func TestSecondWriterIsToldAndNothingIsLost(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		ok := must[Answer](t)
		a := ok(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: "Uno"}))
		b := ok(w.inbox.Draft(w.approver, w.inst.ID, AnswerDraft{ID: a.ID, Text: "Due", Rev: a.Rev}))
		stored, err := w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ID: a.ID, Text: "Tre", Rev: a.Rev})
		if !fault.Is(err, fault.Conflict) || stored.Text != "Due" {
			t.Fatalf("%v, %q", err, stored.Text)
		}
		if again := ok(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ID: a.ID, Text: "Due", Rev: b.Rev})); again.Rev != b.Rev {
			t.Fatal("saving the same made a revision")
		}
		var versions []AnswerVersion
		w.tx(func(tx *db.Tx) (err error) {
			versions, err = AnswerVersions(t.Context(), tx, w.inst.ID, a.ID)
			return err
		})
		if len(versions) != 2 || versions[1].Text != "Uno" {
			t.Fatalf("%+v", versions)
		}
	})
}

func TestFourEyesAnswerIsApprovedByAnother(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		w.fourEyes()
		both := w.person("Bea", people.Approver)
		ok := must[Answer](t)
		a := ok(w.inbox.Draft(both, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: "Sei euro."}))
		if _, err := w.inbox.Send(both, w.inst.ID, a.ID); !fault.Is(err, fault.Conflict) {
			t.Fatalf("sent without approval: %v", err)
		}
		a = ok(w.inbox.Submit(both, w.inst.ID, a.ID))
		if a.State != AnswerSubmitted || len(w.list(Filter{ToApprove: true})) != 1 || len(w.ledger.kept) != 0 {
			t.Fatalf("%+v", a)
		}
		for name, try := range map[string]func() error{
			"author approves":       func() error { _, err := w.inbox.Approve(both, w.inst.ID, a.ID, a.Hash); return err },
			"writer approves":       func() error { _, err := w.inbox.Approve(w.writer, w.inst.ID, a.ID, a.Hash); return err },
			"another text approved": func() error { _, err := w.inbox.Approve(w.approver, w.inst.ID, a.ID, "other"); return err },
		} {
			if err := try(); !fault.Is(err, fault.Forbidden) && !fault.Is(err, fault.Conflict) {
				t.Fatalf("%s: %v", name, err)
			}
		}
		if a = ok(w.inbox.SendBack(w.approver, w.inst.ID, a.ID, "Manca il pasto ridotto")); a.State != AnswerDrafted || a.SentBack == "" {
			t.Fatalf("%+v", a)
		}
		a = ok(w.inbox.Draft(both, w.inst.ID, AnswerDraft{ID: a.ID, Text: "Sei euro, tre ridotto.", Rev: a.Rev}))
		a = ok(w.inbox.Submit(both, w.inst.ID, a.ID))
		a = ok(w.inbox.Approve(w.approver, w.inst.ID, a.ID, a.Hash))
		if a.State != AnswerSent || w.ledger.kept[a.ID] != 2 || a.ApprovedBy != personOf(w.approver) {
			t.Fatalf("%+v, ledger %v", a, w.ledger.kept)
		}
		// A correction needs the other eyes, too.
		a = ok(w.inbox.Correct(both, w.inst.ID, a.ID, a.Rev, "Cinque euro."))
		if a.State != AnswerSubmitted || w.ledger.kept[a.ID] != 2 {
			t.Fatalf("%+v, ledger %v", a, w.ledger.kept)
		}
		ok(w.inbox.Approve(w.approver, w.inst.ID, a.ID, a.Hash))
		if w.ledger.kept[a.ID] != 3 {
			t.Fatal("the approved correction did not go out")
		}
	})
}

func TestCorrectionReachesTheCopyOrSaysWhyNot(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		ok := must[Answer](t)
		a := ok(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: "Sei euro."}))
		if _, err := w.inbox.Correct(w.writer, w.inst.ID, a.ID, a.Rev, "Sette"); !fault.Is(err, fault.Conflict) {
			t.Fatalf("a draft was corrected: %v", err)
		}
		ok(w.inbox.Send(w.writer, w.inst.ID, a.ID))
		w.ends(a.ID, publishing.Delivered, "our-1")
		a = ok(w.inbox.Correct(w.writer, w.inst.ID, a.ID, 1, "Sette euro."))
		if a.Rev != 2 || w.ledger.kept[a.ID] != 2 {
			t.Fatalf("%+v", a)
		}
		if _, err := w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ID: a.ID, Text: "Otto", Rev: 2}); !fault.Is(err, fault.Conflict) {
			t.Fatalf("what is out was edited as a draft: %v", err)
		}
		w.square.edits = false
		if _, err := w.inbox.Correct(w.writer, w.inst.ID, a.ID, 2, "Nove euro."); fault.Of(err).Text.Key != "inbox.answer.correct.channel" {
			t.Fatalf("%v", err)
		}
		if _, err := w.inbox.Withdraw(w.writer, w.inst.ID, a.ID); err != nil {
			t.Fatal(err)
		}
		if !w.ledger.back[a.ID] || !w.only().Waiting || !w.only().AnsweredAt.IsZero() {
			t.Fatalf("%+v", w.only().Conversation)
		}
		w.ends(a.ID, publishing.TakenBack, "our-1")
		if !w.only().Waiting {
			t.Fatal("a withdrawn answer counts as one")
		}
	})
}

func TestWhereNobodyCanAnswerItSaysWhy(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		draft := func() string {
			_, err := w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: "Sei euro."})
			if err != nil && !fault.Is(err, fault.Conflict) {
				t.Fatal(err)
			}
			return fault.Of(err).Text.Key
		}
		w.square.answers = false
		if k := draft(); k != "inbox.answer.why.platform" || w.only().WhyNot != k {
			t.Fatal(k)
		}
		w.square.answers = true
		set := func(state channel.State) {
			w.tx(func(tx *db.Tx) error {
				_, err := tx.Exec(t.Context(), `UPDATE channel SET state = $1`, state)
				return err
			})
		}
		set(channel.Disconnected)
		if k := draft(); k != "inbox.answer.why.channel" || w.only().WhyNot != k {
			t.Fatal(k)
		}
		set(channel.Connected)
		a := must[Answer](t)(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: "Sei euro."}))
		w.hear(channel.Said{Act: channel.Deleted, ID: "c1"})
		if _, err := w.inbox.Send(w.writer, w.inst.ID, a.ID); fault.Of(err).Text.Key != "inbox.answer.why.gone" {
			t.Fatal(err)
		}
		err := w.db.Read(t.Context(), func(tx *db.Tx) error {
			_, err := w.inbox.Outgoing(t.Context(), tx, w.inst.ID, a.ID, 1)
			return err
		})
		if e := (*channel.Error)(nil); !errors.As(err, &e) || e.Class != channel.Refused || e.Code != channel.CodeAnswerGone {
			t.Fatalf("%v", err)
		}
	})
}

func TestRefusedAnswerIsShownUntilItIsOut(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		a := must[Answer](t)(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: "Sei euro."}))
		must[Answer](t)(w.inbox.Send(w.writer, w.inst.ID, a.ID))
		w.ends(a.ID, publishing.Refused, "")
		w.ends(a.ID, publishing.Refused, "")
		if rows := w.list(Filter{Unsent: true}); len(rows) != 1 || !rows[0].Unsent || !rows[0].Waiting || w.only().happened(EventUnsent) != 1 {
			t.Fatalf("%+v", rows)
		}
		w.ends(a.ID, publishing.Delivered, "our-1")
		if len(w.list(Filter{Unsent: true})) != 0 || w.only().Waiting {
			t.Fatal("it is out")
		}
	})
}

func TestPrivateWordIsAnsweredPrivately(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		s := w.says("anna", "p1", "", "Una cosa riservata", 1)
		s.Private = true
		w.hear(s)
		a := must[Answer](t)(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: w.only().ID, Text: "Certo."}))
		if a = must[Answer](t)(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ID: a.ID, Text: "Certo!", Rev: 1})); !a.Private {
			t.Fatal("an answer to a private word was public")
		}
	})
}

func TestTooLongAnswerSaysByHowMuch(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		long := strings.Repeat("a", 90) // with "@anna@square.example " more than 100
		a := must[Answer](t)(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: long}))
		_, err := w.inbox.Send(w.writer, w.inst.ID, a.ID)
		if e := fault.Of(err); e.Kind != fault.Invalid || e.Fields[0].Name != "text" || e.Fields[0].Key != "channel.problem.long" {
			t.Fatalf("%v", err)
		}
		var check AnswerCheck
		w.tx(func(tx *db.Tx) (err error) {
			check, err = w.inbox.CheckAnswer(t.Context(), tx, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: long})
			return err
		})
		if check.Have != 111 || check.Most != 100 || len(check.Problems) != 1 {
			t.Fatalf("%+v", check)
		}
		for name, text := range map[string]string{"empty": " \n ", "huge": strings.Repeat("à", MaxAnswer+1)} {
			b, err := w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: text})
			if err == nil {
				_, err = w.inbox.Send(w.writer, w.inst.ID, b.ID)
			}
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestOnlyWhoMayActsOnConversations(t *testing.T) {
	w, c := asked(t, testkit.SQLite(t))
	reader := w.person("Lea", people.Reader)
	for name, try := range map[string]func() error{
		"draft": func() error {
			_, err := w.inbox.Draft(reader, w.inst.ID, AnswerDraft{ConversationID: c.ID})
			return err
		},
		"assign": func() error { return w.inbox.Assign(reader, w.inst.ID, []string{c.ID}, To{}) },
		"close":  func() error { return w.inbox.Close(reader, w.inst.ID, []string{c.ID}) },
		"note":   func() error { _, err := w.inbox.Note(reader, w.inst.ID, c.ID, "x"); return err },
		"stance": func() error { return w.inbox.SetStance(reader, w.inst.ID, c.words()[0].ID, Agrees) },
		"hide":   func() error { _, err := w.inbox.Hide(reader, w.inst.ID, c.words()[0].ID, "1", "", ""); return err },
		"forget": func() error { return w.inbox.Forget(reader, w.inst.ID, c.AuthorID) },
		"export": func() error { return w.inbox.Export(reader, w.inst.ID, c.AuthorID, &strings.Builder{}) },
	} {
		if err := try(); !fault.Is(err, fault.Forbidden) {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.inbox.Close(w.writer, "another institution", []string{c.ID}); !fault.Is(err, fault.NotFound) {
			t.Errorf("another institution's conversation: %v", err)
		}
	}
}
