package office_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/inbox/office"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// census is a request for a text on the census by Friday noon.
func (w *town) census() office.Request {
	w.t.Helper()
	r, err := w.offices.Request(w.as("writer"), w.inst.ID, office.Request{OfficeID: w.registry.ID, ProfileID: w.profile.ID, Title: "Censimento permanente",
		Question: "Chi è coinvolto, e da quando?", DueAt: wall("2026-05-08T12:00")})
	w.must(err)
	return r
}

func (w *town) request(id string) (r office.Request) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) (err error) { r, err = office.RequestByID(w.t.Context(), tx, w.inst.ID, id); return err })
	return r
}

func (w *town) message(id string) (m publishing.Message) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) (err error) { m, err = publishing.ByID(w.t.Context(), tx, w.inst.ID, id); return err })
	return m
}

func (w *town) count(sql string, args ...any) (n int) {
	w.t.Helper()
	w.tx(func(tx *db.Tx) error { return tx.QueryRow(w.t.Context(), sql, args...).Scan(&n) })
	return n
}

func TestAnswerToARequestBecomesADraft(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		r := w.census()
		m := w.letter("anagrafe@cesate.example.it")
		if !strings.Contains(m.text, "Chi è coinvolto, e da quando?") || !strings.Contains(m.text, "venerdì 8 maggio 2026, ore 12:00") {
			t.Errorf("letter\n%s", m.text)
		}
		link := m.link(t)
		page := w.do("nobody", "GET", link, nil)
		shows(t, page, 200, "Censimento permanente", "Chi è coinvolto, e da quando?")
		form := url.Values{"once": {once(t, page.Body.String())}, "text": {"Il censimento riguarda 300 famiglie."}, "signed": {"Rosa Villa"}}
		goes(t, w.do("nobody", "POST", link, form), link+"?esito=inviata")
		goes(t, w.do("nobody", "POST", link, form), link+"?esito=inviata")
		if told := w.letter("writer@cesate.example.it"); !strings.Contains(told.text, origin+"/redazione/richieste/"+r.ID) {
			t.Errorf("told\n%s", told.text)
		}
		if n := w.count(`SELECT count(*) FROM river_job WHERE kind = 'office.draft'`); n != 1 {
			t.Errorf("%d jobs make the draft", n)
		}
		for range 2 { // a job runs at least once
			_ = w.offices.MakeDraftFor(t.Context(), w.inst.ID, r.ID)
		}
		r = w.request(r.ID)
		got := w.message(r.MessageID)
		if r.State != office.RequestAnswered || got.Content.Title != "Censimento permanente" || got.Content.Body != "Il censimento riguarda 300 famiglie." ||
			got.State != publishing.Draft || got.AuthorID != w.people["writer"].ID || got.Content.ProfileID != w.profile.ID {
			t.Errorf("request %+v\ndraft %+v", r, got)
		}
		if n := w.count(`SELECT count(*) FROM message`); n != 1 {
			t.Errorf("%d drafts", n)
		}
		shows(t, w.do("writer", "GET", "/redazione/richieste/"+r.ID, nil), 200, "Il censimento riguarda 300 famiglie.", "Rosa Villa", "/redazione/messaggi/"+got.ID)
	})
}

// The person who asked may not write any more: somebody else makes the draft.
func TestDraftIsLeftToAPersonWhenWhoAskedIsGone(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		r := w.census()
		link := w.letter("anagrafe@cesate.example.it").link(t)
		if err := w.offices.MakeDraft(w.as("approver"), w.inst.ID, r.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("a draft of nothing: %v", err)
		}
		goes(t, w.do("nobody", "POST", link, url.Values{"text": {"Trecento famiglie."}}), link+"?esito=inviata")
		w.tx(func(tx *db.Tx) error {
			return people.SetRoles(t.Context(), tx, w.inst.ID, w.people["writer"].ID, []people.Role{people.Reader}, w.clock.now())
		})
		w.must(w.offices.MakeDraftFor(t.Context(), w.inst.ID, r.ID))
		if got := w.request(r.ID); got.MessageID != "" {
			t.Fatal("a reader wrote a draft")
		}
		goes(t, w.do("approver", "POST", "/redazione/richieste/"+r.ID+"/bozza", nil), "/redazione/richieste/"+r.ID)
		if got := w.message(w.request(r.ID).MessageID); got.AuthorID != w.people["approver"].ID {
			t.Errorf("draft of %s", got.AuthorID)
		}
		if err := w.offices.MakeDraft(w.as("approver"), w.inst.ID, r.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second draft: %v", err)
		}
	})
}

func TestRequestIsRemindedOfAndReported(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		w.must(w.offices.SaveSetting(w.as("administrator"), w.inst.ID, office.Setting{OfficeID: w.registry.ID, HeadEmail: "capo@cesate.example.it", Target: time.Hour, Reminder: 4 * time.Hour, Letters: true}))
		r := w.census()
		w.letters()
		// Four working hours before Friday noon: Thursday at 17.
		w.clock.wall("2026-05-07T17:00")
		w.looks(2)
		w.letter("anagrafe@cesate.example.it")
		if err := w.offices.Remind(w.as("writer"), w.inst.ID, r.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("reminded by hand a minute later: %v", err)
		}
		w.clock.wall("2026-05-08T12:00")
		w.looks(2)
		w.letter("capo@cesate.example.it")
		w.clock.wall("2026-05-08T13:30")
		w.must(w.offices.Remind(w.as("writer"), w.inst.ID, r.ID))
		link := w.letter("anagrafe@cesate.example.it").link(t)
		shows(t, w.do("reader", "GET", "/redazione/richieste", nil), 200, "Censimento permanente", "In ritardo")
		// Closed: links take nothing, no more letters.
		w.must(w.offices.CloseRequest(w.as("writer"), w.inst.ID, r.ID))
		rec := w.do("nobody", "GET", link, nil)
		shows(t, rec, 200, "La richiesta è stata chiusa")
		hides(t, rec, "Chi è coinvolto")
		shows(t, w.do("nobody", "POST", link, url.Values{"text": {"x"}}), 422)
		if err := w.offices.CloseRequest(w.as("writer"), w.inst.ID, r.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("closed twice: %v", err)
		}
		if err := w.offices.Remind(w.as("writer"), w.inst.ID, r.ID); !fault.Is(err, fault.Conflict) {
			t.Errorf("reminded of a closed one: %v", err)
		}
		w.pass(48 * time.Hour)
		if w.looks(1); len(w.letters()) != 0 {
			t.Error("warned of a closed request")
		}
		shows(t, w.do("reader", "GET", "/redazione/richieste?stato=chiuse", nil), 200, "Censimento permanente", "Chiusa")
	})
}

func TestWrongRequestIsRefusedAndNothingIsSent(t *testing.T) {
	both(t, func(t *testing.T, w *town) {
		whole := office.Request{OfficeID: w.registry.ID, ProfileID: w.profile.ID, Title: "Censimento", Question: "Chi?", DueAt: wall("2026-05-08T12:00")}
		for name, change := range map[string]func(*office.Request){
			"no office":     func(r *office.Request) { r.OfficeID = "none" },
			"no profile":    func(r *office.Request) { r.ProfileID = "none" },
			"no title":      func(r *office.Request) { r.Title = "" },
			"no question":   func(r *office.Request) { r.Question = "" },
			"no deadline":   func(r *office.Request) { r.DueAt = time.Time{} },
			"a past one":    func(r *office.Request) { r.DueAt = w.clock.now() },
			"a distant one": func(r *office.Request) { r.DueAt = w.clock.now().AddDate(3, 0, 0) },
		} {
			r := whole
			change(&r)
			if _, err := w.offices.Request(w.as("writer"), w.inst.ID, r); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if _, err := w.offices.Request(w.as("reader"), w.inst.ID, whole); !fault.Is(err, fault.Forbidden) {
			t.Errorf("a reader asks: %v", err)
		}
		shows(t, w.do("writer", "POST", "/redazione/richieste", url.Values{"office": {w.registry.ID}, "title": {"Il censimento"}, "question": {"Chi è coinvolto?"}, "due": {"2026-05-01T12:00"}, "profile": {w.profile.ID}}),
			422, "La scadenza è già passata", "Il censimento", "Chi è coinvolto?")
		if n := w.count(`SELECT count(*) FROM office_request`) + len(w.letters()); n != 0 {
			t.Errorf("%d requests and letters", n)
		}
	})
}
