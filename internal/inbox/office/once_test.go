package office_test

import (
	"net/url"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox/office"
)

// together does something in several goroutines at once.
func together(n int, do func()) {
	var all sync.WaitGroup
	for range n {
		all.Go(do)
	}
	all.Wait()
}

func TestNodesThatWatchAtOnceWarnOnce(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.lampAsked()
		w.clock.wall("2026-05-05T15:00")
		together(6, func() {
			if err := w.offices.Watch(t.Context()); err != nil {
				t.Error(err)
			}
		})
		w.letter("lavori@cesate.example.it")
		w.clock.wall("2026-05-06T10:00")
		together(6, func() {
			if err := w.offices.Watch(t.Context()); err != nil {
				t.Error(err)
			}
		})
		w.letter("bruno@cesate.example.it")
	})
}

func TestFormSentByTwoBrowsersAtOnceCountsOnce(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		c := w.lampConversation()
		form := url.Values{"once": {"0198a000-0000-7000-8000-000000000001"}, "text": {"Giovedì."}}
		together(6, func() {
			if rec := w.do("nobody", "POST", c.link, form); rec.Code != 303 {
				t.Errorf("status %d", rec.Code)
			}
		})
		if got := w.notes(c.id); len(got) != 1 {
			t.Errorf("notes %v", got)
		}
	})
}

type asked struct{ id, link string }

// lampConversation is lampAsked with the link of the office's letter.
func (w *town) lampConversation() asked {
	w.t.Helper()
	w.lamps()
	c := w.says("Il lampione è spento")
	return asked{c.ID, w.letter("lavori@cesate.example.it").link(w.t)}
}

func TestRequestAnsweredTwiceAtOnceMakesOneDraft(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		r := w.census()
		link := w.letter("anagrafe@cesate.example.it").link(t)
		goes(t, w.do("nobody", "POST", link, url.Values{"text": {"Trecento famiglie."}}), link+"?esito=inviata")
		together(4, func() { _ = w.offices.MakeDraft(w.as("writer"), w.inst.ID, r.ID) })
		if n := w.count(`SELECT count(*) FROM message`); n != 1 || w.request(r.ID).MessageID == "" {
			t.Errorf("%d drafts", n)
		}
	})
}

// A link opens what it is for only at the institution that it is of.
func TestLinkOfAnotherInstitutionOpensNothing(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		c := w.lampConversation()
		here := w.inst
		w.inst = w.other
		shows(t, w.do("nobody", "GET", c.link, nil), 404, "Questo link non è valido", "Comune di Altrove")
		shows(t, w.do("nobody", "POST", c.link, url.Values{"text": {"Giovedì."}}), 404)
		w.inst = here
		if got := w.notes(c.id); len(got) != 0 {
			t.Errorf("notes %v", got)
		}
	})
}

// What was deleted, hidden or never released is not for the office either.
func TestOfficeSeesOnlyWhatMayBeSeen(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		c := w.lampConversation()
		for column, value := range map[string]any{"hidden_at": 1, "deleted_at": 1, "held": true} {
			w.write(`UPDATE comment SET hidden_at = 0, deleted_at = 0, held = FALSE WHERE conversation_id = $1`, c.id)
			shows(t, w.do("nobody", "GET", c.link, nil), 200, "Il lampione è spento")
			w.write(`UPDATE comment SET `+column+` = $2 WHERE conversation_id = $1`, c.id, value)
			rec := w.do("nobody", "GET", c.link, nil)
			shows(t, rec, 200)
			hides(t, rec, "Il lampione è spento")
		}
	})
}

func TestEveryChangeIsRecorded(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		r := w.census()
		w.must(w.offices.CloseRequest(w.as("writer"), w.inst.ID, r.ID))
		w.must(w.offices.RemoveRule(w.as("administrator"), w.inst.ID, w.lamps().ID))
		var actions []string
		w.tx(func(tx *db.Tx) error {
			all, err := audit.Latest(t.Context(), tx, w.inst.ID, 0, 10)
			for _, e := range all {
				actions = append(actions, e.Action)
			}
			return err
		})
		want := []string{"office.rule.remove", "office.rule.save", "office.request.close", "office.request", "office.setting"}
		if len(actions) != len(want) {
			t.Fatalf("recorded %v", actions)
		}
		for i := range want {
			if actions[i] != want[i] {
				t.Errorf("recorded %v, want %v", actions, want)
				break
			}
		}
	})
}

func TestOldLettersAreForgottenAndAnswersStay(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		r := w.census()
		link := w.letter("anagrafe@cesate.example.it").link(t)
		goes(t, w.do("nobody", "POST", link, url.Values{"text": {"Trecento famiglie."}}), link+"?esito=inviata")
		w.must(w.offices.Tidy(t.Context()))
		if n := w.count(`SELECT count(*) FROM office_link`); n != 1 {
			t.Fatalf("%d links", n)
		}
		w.pass(500 * 24 * time.Hour)
		w.must(w.offices.Tidy(t.Context()))
		var answers []office.Supplied
		w.tx(func(tx *db.Tx) (err error) {
			answers, err = office.Answers(t.Context(), tx, w.inst.ID, r.ID)
			return err
		})
		if n := w.count(`SELECT count(*) FROM office_link`); n != 0 || len(answers) != 1 {
			t.Errorf("%d links, %d answers", n, len(answers))
		}
	})
}
