package inbox

import (
	"slices"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestAssigningSaysWhoAndByWhen(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		to := To{OfficeID: w.office.ID, PersonID: personOf(w.approver), DueAt: w.now.Add(time.Hour)}
		for range 2 {
			if err := w.inbox.Assign(w.writer, w.inst.ID, []string{c.ID, c.ID}, to); err != nil {
				t.Fatal(err)
			}
		}
		row := w.list(Filter{OfficeID: w.office.ID, PersonID: personOf(w.approver)})[0]
		if row.OfficeName != "Scuola" || row.PersonName != "Adele" || !row.DueAt.Equal(to.DueAt) || row.Overdue(w.now) {
			t.Fatalf("%+v", row)
		}
		if c = w.only(); c.happened(EventAssigned) != 1 || c.happened(EventDeadline) != 1 {
			t.Fatal("the same was done twice")
		}
		w.pass(2 * time.Hour)
		if len(w.list(Filter{Overdue: true})) != 1 || len(w.list(Filter{OfficeID: NoOffice})) != 0 {
			t.Fatal("it is late, and somebody has it")
		}
		w.tx(func(tx *db.Tx) error {
			return w.inbox.AssignTx(t.Context(), tx, w.inst.ID, c.ID, To{OfficeID: w.office.ID, DueAt: w.now.Add(time.Hour)}, w.now)
		})
		if c = w.only(); c.PersonID != "" || c.Overdue(w.now) {
			t.Fatalf("%+v", c.Conversation)
		}
	})
}

func TestActOnManyIsAllOrNothing(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		for name, try := range map[string]struct {
			kind fault.Kind
			do   func() error
		}{
			"one is missing":   {fault.NotFound, func() error { return w.inbox.Close(w.writer, w.inst.ID, []string{c.ID, "none"}) }},
			"no such office":   {fault.Invalid, func() error { return w.inbox.Assign(w.writer, w.inst.ID, []string{c.ID}, To{OfficeID: "none"}) }},
			"no such person":   {fault.Invalid, func() error { return w.inbox.Assign(w.writer, w.inst.ID, []string{c.ID}, To{PersonID: "none"}) }},
			"none chosen":      {fault.Invalid, func() error { return w.inbox.Close(w.writer, w.inst.ID, nil) }},
			"too many":         {fault.Invalid, func() error { return w.inbox.Close(w.writer, w.inst.ID, many(MaxAtOnce+1)) }},
			"empty note":       {fault.Invalid, func() error { _, err := w.inbox.Note(w.writer, w.inst.ID, c.ID, " \n\x00"); return err }},
			"unknown stance":   {fault.Invalid, func() error { return w.inbox.SetStance(w.writer, w.inst.ID, c.words()[0].ID, "furious") }},
			"no such comment":  {fault.NotFound, func() error { return w.inbox.SetStance(w.writer, w.inst.ID, "none", Agrees) }},
			"no such answer":   {fault.NotFound, func() error { _, err := w.inbox.Submit(w.writer, w.inst.ID, "none"); return err }},
			"no such author":   {fault.NotFound, func() error { return w.inbox.Forget(w.writer, w.inst.ID, "none") }},
			"no such decision": {fault.Invalid, func() error { _, err := w.inbox.Decide(w.writer, w.inst.ID, "none", "maybe"); return err }},
			"another's word": {fault.NotFound, func() error {
				_, err := w.inbox.Draft(w.writer, w.inst.ID, AnswerDraft{ConversationID: c.ID, CommentID: "none"})
				if fault.Is(err, fault.Conflict) {
					return fault.Missing("inbox.comment.missing")
				}
				return err
			}},
		} {
			if err := try.do(); !fault.Is(err, try.kind) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if now := w.only(); now.State != Open || now.Version != c.Version || len(now.Entries) != len(c.Entries) {
			t.Fatalf("a refused act changed something: %+v", now)
		}
	})
}

func many(n int) (ids []string) {
	for range n {
		ids = append(ids, db.NewID())
	}
	return ids
}

func TestNotesAndStancesArePeoples(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, c := asked(t, d)
		n := must[Note](t)(w.inbox.Note(w.writer, w.inst.ID, c.ID, "Sentire la cuoca"))
		w.tx(func(tx *db.Tx) (err error) {
			_, err = w.inbox.NoteTx(t.Context(), tx, w.inst.ID, Note{ConversationID: c.ID, OfficeID: w.office.ID, Signed: "Rosa", Text: "Sei euro"}, w.now)
			return err
		})
		var notes []*Note
		for _, e := range w.only().Entries {
			if e.Note != nil {
				notes = append(notes, e.Note)
			}
		}
		if len(notes) != 2 || notes[0].ID != n.ID || notes[0].Signed != "Wanda" || notes[1].OfficeName != "Scuola" || notes[1].PersonID != "" {
			t.Fatalf("%+v", notes)
		}
		word := c.words()[0]
		if err := w.inbox.SetStance(w.writer, w.inst.ID, word.ID, Against); err != nil {
			t.Fatal(err)
		}
		edited := w.says("anna", "c1", "post-1", "Quanto costa, allora?", 5)
		edited.Act = channel.Edited
		w.hear(edited)
		if word = w.only().words()[0]; word.Stance != Against || word.StanceBy != personOf(w.writer) {
			t.Fatalf("a rule overruled a person: %+v", word)
		}
	})
}

func TestConversationIsFoundUnderTheNameItHad(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.hear(w.says("anna", "c2", "c1", "E il sabato?", 2))
		child := w.only()
		must[Note](t)(w.inbox.Note(w.writer, w.inst.ID, child.ID, "Chiedere"))
		w.hear(w.says("mario", "c0", "", "Domanda", 1))
		w.hear(w.says("anna", "c1", "c0", "Mi unisco", 1))
		c := w.only()
		if c.ID == child.ID || len(c.words()) != 3 || c.happened(EventMerged) != 1 || c.happened(EventNoted) != 1 || w.thread(child.ID).ID != c.ID {
			t.Fatalf("%+v", c.Conversation)
		}
		if err := w.inbox.Close(w.writer, w.inst.ID, []string{child.ID}); err != nil || w.only().State != Closed {
			t.Fatal(err)
		}
	})
}

func TestOrderOfLists(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.hear(w.says("anna", "c1", "", "primo lampione", 1), w.says("mario", "c2", "", "secondo lampione", 2), w.says("rita", "c3", "", "terzo, la scuola", 3))
		subjects := func(f Filter) (out []string) {
			for _, r := range w.list(f) {
				out = append(out, r.Subject[:5])
			}
			return out
		}
		due := map[string]time.Duration{"terzo": time.Hour, "primo": 2 * time.Hour}
		for _, r := range w.list(Filter{}) {
			if by := due[r.Subject[:5]]; by > 0 {
				w.tx(func(tx *db.Tx) error {
					return w.inbox.AssignTx(t.Context(), tx, w.inst.ID, r.ID, To{OfficeID: w.office.ID, DueAt: w.now.Add(by)}, w.now)
				})
			}
		}
		for name, c := range map[string]struct {
			f    Filter
			want []string
		}{
			"newest":       {Filter{}, []string{"terzo", "secon", "primo"}},
			"oldest":       {Filter{Sort: Oldest}, []string{"primo", "secon", "terzo"}},
			"deadline":     {Filter{Sort: Deadline}, []string{"terzo", "primo"}},
			"words":        {Filter{Text: "i lampioni"}, []string{"secon", "primo"}},
			"every word":   {Filter{Text: "lampioni primi"}, []string{"primo"}},
			"who said it":  {Filter{Text: "Mario"}, []string{"secon"}},
			"by nobody":    {Filter{Text: "lampioni zebra"}, nil},
			"no office":    {Filter{OfficeID: NoOffice}, []string{"secon"}},
			"closed":       {Filter{State: Closed}, nil},
			"contradicted": {Filter{State: Closed, Waiting: true}, nil},
		} {
			if got := subjects(c.f); !slices.Equal(got, c.want) {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
	})
}
