package inbox

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/retain"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func (w *town) log() (all []Moderation) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) (err error) {
		all, err = ModerationLog(w.t.Context(), tx, w.inst.ID, "", 0)
		return err
	})
	return all
}

func TestHiddenWordsNameTheRuleAndWarnTheirAuthor(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		id := c.words()[0].ID
		if _, err := w.inbox.Hide(w.writer, w.inst.ID, id, " ", "", ""); !fault.Is(err, fault.Invalid) || w.only().words()[0].HiddenAt != (time.Time{}) {
			t.Fatalf("hidden without a rule: %v", err)
		}
		l := must[Moderation](t)(w.inbox.Hide(w.writer, w.inst.ID, id, "3. Insulti", "Offende la cuoca", "Il commento è stato nascosto: regola 3."))
		now := w.only()
		if now.words()[0].HiddenAt.IsZero() || now.State != Closed || now.Waiting || now.Subject != "" || now.happened(EventHidden) != 1 {
			t.Fatalf("%+v", now.Conversation)
		}
		answers := now.answers()
		if len(answers) != 1 || answers[0].State != AnswerSent || answers[0].ModerationID != l.ID {
			t.Fatalf("%+v", answers)
		}
		w.ends(answers[0].ID, publishing.Delivered, "our-1")
		if got := w.log(); len(got) != 1 || got[0].Text != "Quanto costa la mensa?" || got[0].Author != "anna (@anna@square.example)" || got[0].Rule != "3. Insulti" || got[0].WarnedAt.IsZero() || got[0].Warning == "" {
			t.Fatalf("%+v", got)
		}
		if _, err := w.inbox.Hide(w.writer, w.inst.ID, id, "3", "", ""); !fault.Is(err, fault.Conflict) {
			t.Fatalf("hidden twice: %v", err)
		}
		work := func() {
			if err := w.inbox.workModerate(t.Context(), moderate{w.inst.ID, l.ID}); err != nil {
				t.Fatal(err)
			}
		}
		w.square.fails = &channel.Error{Class: channel.Refused, Code: channel.CodeForbidden}
		work()
		if got := w.log(); got[0].RemoteError != channel.CodeForbidden {
			t.Fatalf("%+v", got[0])
		}
		w.square.fails = nil
		work()
		work()
		if got := w.log(); got[0].RemoteError != "" || strings.Join(w.square.did, ",") != "hide c1,hide c1,hide c1" {
			t.Fatalf("%+v %v", got[0], w.square.did)
		}
	})
}

func TestAppealIsDecidedOnceAndUndoesWhatWasWrong(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		l := must[Moderation](t)(w.inbox.Hide(w.writer, w.inst.ID, c.words()[0].ID, "3. Insulti", "", ""))
		if _, err := w.inbox.Decide(w.approver, w.inst.ID, l.ID, Overturned); !fault.Is(err, fault.Conflict) {
			t.Fatalf("decided without an appeal: %v", err)
		}
		appeal := func(text string) error {
			return w.db.InTx(t.Context(), func(tx *db.Tx) error { return w.inbox.Appeal(t.Context(), tx, w.inst.ID, l.ID, text) })
		}
		if err := appeal(""); !fault.Is(err, fault.Invalid) {
			t.Fatal(err)
		}
		if err := appeal("Era una domanda."); err != nil {
			t.Fatal(err)
		}
		if err := appeal("Ancora io."); !fault.Is(err, fault.Conflict) {
			t.Fatalf("appealed twice: %v", err)
		}
		if got := must[Moderation](t)(w.inbox.Decide(w.approver, w.inst.ID, l.ID, Overturned)); got.Outcome != Overturned {
			t.Fatalf("%+v", got)
		}
		if _, err := w.inbox.Decide(w.approver, w.inst.ID, l.ID, Upheld); !fault.Is(err, fault.Conflict) {
			t.Fatalf("decided twice: %v", err)
		}
		if now := w.only(); !now.words()[0].HiddenAt.IsZero() || now.Subject == "" {
			t.Fatalf("%+v", now.Conversation)
		}
		if got := w.log(); len(got) != 2 || got[0].Act != ActUnhide || got[1].Appeal != "Era una domanda." || got[1].DecidedBy != personOf(w.approver) {
			t.Fatalf("%+v", got)
		}
	})
}

func TestHeldWordsWaitForUs(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		for _, id := range []string{"h1", "h2"} {
			s := w.says("anna", id, "", "Commento "+id, 1)
			s.Held = true
			w.hear(s)
		}
		rows := w.list(Filter{Held: true})
		if len(rows) != 2 || !rows[0].Held {
			t.Fatalf("%+v", rows)
		}
		c := w.thread(rows[0].ID)
		if c.WhyNot != "inbox.answer.why.held" {
			t.Fatal(c.WhyNot)
		}
		if err := w.inbox.Release(w.writer, w.inst.ID, c.words()[0].ID); err != nil {
			t.Fatal(err)
		}
		other := w.thread(rows[1].ID)
		must[Moderation](t)(w.inbox.Refuse(w.writer, w.inst.ID, other.words()[0].ID, "1. Pubblicità", ""))
		if _, err := w.inbox.Refuse(w.writer, w.inst.ID, other.words()[0].ID, "1. Pubblicità", ""); !fault.Is(err, fault.Conflict) {
			t.Fatal(err)
		}
		if c, other = w.thread(c.ID), w.thread(other.ID); !c.CanAnswer() || !c.Waiting || other.State != Closed || other.words()[0].Held || other.words()[0].HiddenAt.IsZero() {
			t.Fatalf("%+v %+v", c.Conversation, other.Conversation)
		}
	})
}

func TestBlockedAuthorIsUnblockedByAnOverturnedAppeal(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		l := must[Moderation](t)(w.inbox.Block(w.writer, w.inst.ID, c.AuthorID, "2. Minacce", ""))
		if _, err := w.inbox.Block(w.writer, w.inst.ID, c.AuthorID, "2. Minacce", ""); !fault.Is(err, fault.Conflict) {
			t.Fatal(err)
		}
		w.hear(w.says("anna", "c2", "c1", "Ancora", 5))
		if n := len(w.only().words()); n != 1 {
			t.Fatal("a blocked author was heard")
		}
		w.tx(func(tx *db.Tx) error { return w.inbox.Appeal(t.Context(), tx, w.inst.ID, l.ID, "Scusate") })
		must[Moderation](t)(w.inbox.Decide(w.approver, w.inst.ID, l.ID, Overturned))
		w.hear(w.says("anna", "c3", "c1", "Grazie", 6))
		if n := len(w.only().words()); n != 2 {
			t.Fatalf("%d words", n)
		}
	})
}

func TestClosedConversationIsReducedToCounts(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		w.hear(channel.Said{Act: channel.Reacts, Reaction: channel.Like, Parent: "post-1", Author: citizen("rita"), At: w.minute(2)},
			channel.Said{Act: channel.Reacts, Reaction: channel.Like, Parent: "c1", Author: citizen("rita"), At: w.minute(2)})
		a := must[Answer](t)(w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, Text: "Sei euro."}))
		must[Answer](t)(w.inbox.Send(w.writer, w.inst.ID, a.ID))
		w.ends(a.ID, publishing.Delivered, "our-1")
		must[Note](t)(w.inbox.Note(w.writer, w.inst.ID, c.ID, "La signora ha due figli"))
		if err := w.inbox.Close(w.writer, w.inst.ID, []string{c.ID}); err != nil {
			t.Fatal(err)
		}
		reduceNow := func() {
			if err := retain.Work(t.Context(), d, w.inbox.Retention(0, 0), w.inbox.clock(), nil); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(179 * 24 * time.Hour)
		reduceNow()
		if len(w.only().words()) != 1 {
			t.Fatal("reduced too early")
		}
		w.pass(2 * 24 * time.Hour)
		reduceNow()
		reduceNow()
		now := w.only()
		if len(now.words()) != 0 || now.Subject != "" || now.ReducedAt.IsZero() || len(now.answers()) != 1 || now.WhyNot != "inbox.answer.why.reduced" || now.happened(EventReduced) != 1 {
			t.Fatalf("%+v", now)
		}
		for _, table := range []string{"author", "reaction", "conversation_word", "note", "comment_earlier"} {
			if n := w.count(table); n != 0 {
				t.Errorf("%d rows left in %s", n, table)
			}
		}
		type counted struct {
			what string
			n    int
		}
		var all []counted
		w.tx(func(tx *db.Tx) (err error) {
			all, err = db.All(t.Context(), tx, func(s db.Scanner) (c counted, err error) { err = s.Scan(&c.what, &c.n); return c, err },
				`SELECT what, n FROM reaction_tally WHERE message_id = $1 AND day = '2026-05-04' ORDER BY what`, c.MessageID)
			return err
		})
		if len(all) != 4 || all[0] != (counted{"comment", 1}) || all[1] != (counted{"comment_reaction:like", 1}) || all[2] != (counted{"reaction:like", 1}) || all[3] != (counted{"stance:question", 1}) {
			t.Fatalf("%+v", all)
		}
		if err := w.inbox.Reopen(w.writer, w.inst.ID, []string{c.ID}); !fault.Is(err, fault.Conflict) {
			t.Fatal(err)
		}
	})
}

func TestForgottenOnRequest(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		w.hear(channel.Said{Act: channel.Reacts, Reaction: channel.Like, Parent: "post-1", Author: citizen("anna"), At: w.minute(2)})
		must[Moderation](t)(w.inbox.Hide(w.writer, w.inst.ID, c.words()[0].ID, "3", "", ""))
		var out strings.Builder
		if err := w.inbox.Export(w.writer, w.inst.ID, c.AuthorID, &out); err != nil {
			t.Fatal(err)
		}
		var data struct {
			Author     struct{ Handle string }
			Comments   []struct{ Text string }
			Reactions  []struct{ Reaction string }
			Answers    []any
			Moderation []struct {
				Rule string
				Text string
			}
		}
		if err := json.Unmarshal([]byte(out.String()), &data); err != nil {
			t.Fatalf("%v: %s", err, out.String())
		}
		if data.Author.Handle != "@anna@square.example" || len(data.Comments) != 1 || data.Comments[0].Text != "Quanto costa la mensa?" || len(data.Reactions) != 1 || len(data.Moderation) != 1 {
			t.Fatalf("%+v", data)
		}
		if err := w.inbox.Forget(w.writer, w.inst.ID, c.AuthorID); err != nil {
			t.Fatal(err)
		}
		for table, column := range map[string]string{"comment": "text", "author": "handle || name || remote_id", "moderation": "text || author", "conversation": "subject", "audit": "detail"} {
			var n int
			w.tx(func(tx *db.Tx) error {
				return tx.QueryRow(t.Context(), `SELECT count(*) FROM `+table+` WHERE `+column+` LIKE '%anna%' OR `+column+` LIKE '%mensa%'`).Scan(&n)
			})
			if n != 0 {
				t.Errorf("%s still holds the person or the words", table)
			}
		}
		if n := w.count("reaction_tally"); n != 1 {
			t.Fatalf("%d counts left", n)
		}
	})
}
