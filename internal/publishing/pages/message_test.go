package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/publishing"
)

func at(m publishing.Message, act string) string {
	return strings.TrimSuffix("/redazione/messaggi/"+m.ID+"/"+act, "/")
}

func TestApprovalIsBoundToWhatWasRead(t *testing.T) {
	w := newTown(t)
	m := w.submitted()
	edited := m.Content
	edited.Body += "\n\nAggiunta dopo la lettura."
	m2 := must[publishing.Message](t)(w.desk.Save(w.as("writer"), w.inst.ID, m.ID, m.Rev, edited))
	must[publishing.Message](t)(w.desk.Submit(w.as("writer"), w.inst.ID, m.ID))
	shows(t, w.do("approver", "POST", at(m, "approva"), url.Values{"hash": {m.Hash}}), http.StatusConflict, "Il testo è cambiato dopo la lettura", "Aggiunta dopo la lettura.")
	shows(t, w.do("approver", "POST", at(m, "approva"), nil), http.StatusConflict, "Il testo è cambiato")
	if got := w.message(m.ID); got.State != publishing.Submitted {
		t.Fatalf("state %s", got.State)
	}
	rec := w.do("approver", "POST", at(m, "approva"), url.Values{"hash": {m2.Hash}})
	if got := w.saved(t, rec); got.State != publishing.Approved || got.ApprovedHash != m2.Hash {
		t.Errorf("approved %+v", got)
	}
}

func TestAuthorDoesNotSeeTheButtonThatWouldBeRefused(t *testing.T) {
	w := newTown(t)
	m := must[publishing.Message](t)(w.desk.Create(w.as("approver"), w.inst.ID, w.content()))
	must[publishing.Message](t)(w.desk.Submit(w.as("approver"), w.inst.ID, m.ID))
	own := w.do("approver", "GET", at(m, ""), nil)
	shows(t, own, http.StatusOK, "non può approvarlo: serve un'altra persona")
	if strings.Contains(own.Body.String(), "/approva") {
		t.Error("the author is offered to approve")
	}
	shows(t, w.do("administrator", "GET", at(m, ""), nil), http.StatusOK, at(m, "approva"), m.ApprovedHash)
}

func TestSentBackMessageWaitsForItsAuthorWithTheReason(t *testing.T) {
	w := newTown(t)
	m := w.submitted()
	shows(t, w.do("approver", "POST", at(m, "rimanda"), url.Values{"reason": {" "}}), http.StatusUnprocessableEntity, "chi ha scritto deve sapere che cosa cambiare")
	w.saved(t, w.do("approver", "POST", at(m, "rimanda"), url.Values{"reason": {"Manca fino a quando."}}))
	shows(t, w.do("writer", "GET", "/redazione", nil), http.StatusOK, "Rimandati: da correggere", m.Content.Title)
	shows(t, w.do("writer", "GET", at(m, "modifica"), nil), http.StatusOK, "Manca fino a quando.")
}

func TestMomentIsCheckedAgainstBothClockChanges(t *testing.T) {
	w := newTown(t)
	m := w.approved()
	for due, said := range map[string]string{"2027-03-28T02:30": "Quest'ora non esiste", "2026-05-01T09:00": "già passato", "domani": "Scrivere una data e un'ora"} {
		shows(t, w.do("writer", "POST", at(m, "programma"), url.Values{"due": {due}}), http.StatusUnprocessableEntity, said, `value="`+due+`"`)
	}
	shows(t, w.do("writer", "POST", at(m, "programma"), url.Values{"due": {"2026-05-06T09:00"}, "not_after": {"2026-05-06T08:00"}}), http.StatusUnprocessableEntity, "deve venire dopo")
	got := w.saved(t, w.do("writer", "POST", at(m, "programma"), url.Values{"due": {"2026-10-25T02:30"}, "not_after": {"2026-10-26T09:00"}}))
	if got.State != publishing.Scheduled || got.Plan.Due.At.UTC().Hour() != 0 {
		t.Errorf("plan %+v", got.Plan)
	}
	shows(t, w.do("writer", "GET", at(m, ""), nil), http.StatusOK, "c'è due volte", "domenica 25 ottobre 2026, ore 02:30", "non esce più")
	if got := w.saved(t, w.do("writer", "POST", at(m, "togli-data"), nil)); got.State != publishing.Approved || got.Plan.Set() {
		t.Errorf("after the date was taken away: %s %+v", got.State, got.Plan)
	}
}

func TestNextFreeSlotOfTheWeekIsOffered(t *testing.T) {
	w := newTown(t)
	first, second := w.approved(), w.draft(w.content())
	shows(t, w.do("writer", "POST", at(first, "programma"), url.Values{"slot": {"1"}}), http.StatusUnprocessableEntity, "non ha orari liberi")
	if err := w.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `INSERT INTO slot (institution_id, id, profile_id, weekday, minute) VALUES ($1, 'mercoledì', $2, 3, 540)`, w.inst.ID, w.profile.ID)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	shows(t, w.do("writer", "GET", at(first, ""), nil), http.StatusOK, "Primo orario libero: mercoledì 6 maggio 2026, ore 09:00")
	if got := w.saved(t, w.do("writer", "POST", at(first, "programma"), url.Values{"slot": {"1"}})); got.Plan.Due.Text != "2026-05-06T09:00" {
		t.Errorf("due %s", got.Plan.Due.Text)
	}
	if got := w.saved(t, w.do("writer", "POST", at(second, "programma"), url.Values{"slot": {"1"}})); got.Plan.Due.Text != "2026-05-13T09:00" {
		t.Errorf("the slot was given twice: %s", got.Plan.Due.Text)
	}
}

func TestPublishingAsksAndSaysWhereItGoes(t *testing.T) {
	w := newTown(t)
	m := w.approved()
	shows(t, w.do("writer", "GET", at(m, "pubblica"), nil), http.StatusOK, "Pubblicare adesso «Via Roma chiusa da lunedì»?", "su Mastodon", "su Bluesky", "su Telegram", "sul sito")
	if got := w.saved(t, w.do("writer", "POST", at(m, "pubblica"), nil)); got.State != publishing.Out {
		t.Errorf("state %s", got.State)
	}
	shows(t, w.do("writer", "GET", at(m, ""), nil), http.StatusOK, "/m/via-roma-chiusa-da-lunedi", "In attesa", "Uscito")
}

func TestCorrectionIsWrittenApprovedAndPublishedWithANote(t *testing.T) {
	w := newTown(t)
	m := w.out()
	form := w.typed("rev", "1")
	form.Set("do", "submit")
	form.Set("title", m.Content.Title)
	shows(t, w.do("writer", "GET", at(m, "modifica"), nil), http.StatusOK, "Correggi il messaggio", "fino ad allora i cittadini leggono")
	w.clock.forward(time.Hour)
	m = w.saved(t, w.do("writer", "POST", at(m, "modifica"), form))
	w.saved(t, w.do("approver", "POST", at(m, "approva"), url.Values{"hash": {m.Hash}}))
	shows(t, w.do("writer", "GET", at(m, ""), nil), http.StatusOK, "Nota per i cittadini", "Pubblica la correzione")
	got := w.saved(t, w.do("writer", "POST", at(m, "pubblica"), url.Values{"note": {"Cambiano gli orari."}}))
	if got.OutRev != 2 {
		t.Errorf("the correction is not out: %+v", got)
	}
	shows(t, w.do("writer", "GET", at(m, ""), nil), http.StatusOK, "Versione 2", "Versione 1", "<del>", "<ins>")
	shows(t, w.do("reader", "GET", at(m, "versioni/1"), nil), http.StatusOK, "via Roma")
	shows(t, w.do("reader", "GET", at(m, "versioni/7"), nil), http.StatusNotFound)
}

func TestWithdrawingAsksForAReason(t *testing.T) {
	w := newTown(t)
	m := w.out()
	shows(t, w.do("writer", "POST", at(m, "ritira"), url.Values{"reason": {""}}), http.StatusUnprocessableEntity, "i cittadini lo leggeranno al posto della pagina", "Non si può annullare")
	if got := w.saved(t, w.do("writer", "POST", at(m, "ritira"), url.Values{"reason": {"Rinviato."}})); got.State != publishing.Withdrawn {
		t.Errorf("state %s", got.State)
	}
	shows(t, w.do("writer", "GET", at(m, "modifica"), nil), http.StatusConflict, "duplicare come nuovo")
	fresh := w.saved(t, w.do("writer", "POST", at(m, "duplica"), nil))
	if fresh.ID == m.ID || fresh.State != publishing.Draft || fresh.Content.Title != m.Content.Title {
		t.Errorf("the copy is %+v", fresh)
	}
}

func TestHeldMessageWaitsForADecision(t *testing.T) {
	w := newTown(t)
	hold := func() publishing.Message {
		m := must[publishing.Message](t)(w.desk.Schedule(w.as("writer"), w.inst.ID, w.approved().ID, publishing.FormatWall(w.clock.now().Add(time.Hour), w.inst.Location()), ""))
		w.clock.forward(26 * time.Hour) // the server was down
		if err := w.db.InTx(t.Context(), func(tx *db.Tx) error {
			_, err := tx.Exec(t.Context(), `UPDATE message SET held = 'late' WHERE id = $1`, m.ID)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		return m
	}
	m := hold()
	shows(t, w.do("writer", "GET", "/redazione", nil), http.StatusOK, "Trattenuti: da decidere", "Il sistema era fermo")
	shows(t, w.do("writer", "POST", at(m, "decidi"), nil), http.StatusUnprocessableEntity)
	if got := w.saved(t, w.do("writer", "POST", at(m, "decidi"), url.Values{"verdict": {"drop"}})); got.Held != "" || got.State != publishing.Approved {
		t.Errorf("dropped: %+v", got)
	}
	m = hold()
	if got := w.saved(t, w.do("writer", "POST", at(m, "decidi"), url.Values{"verdict": {"keep"}})); got.Held != "" || got.State == publishing.Approved {
		t.Errorf("kept: %+v", got)
	}
}

func TestHomeSaysWhatGoesOutWhatWaitsAndWhatWentWrong(t *testing.T) {
	w := newTown(t)
	shows(t, w.do("writer", "GET", "/redazione", nil), http.StatusOK, "Buongiorno, Giulia", "Oggi non esce nulla", "Niente aspetta te", "Niente è andato storto")
	today := must[publishing.Message](t)(w.desk.Schedule(w.as("writer"), w.inst.ID, w.approved().ID, "2026-05-04T18:30", ""))
	waits := w.submitted()
	out := w.out()
	now := db.At(w.clock.now())
	if err := w.db.InTx(t.Context(), func(tx *db.Tx) error {
		for _, q := range []string{
			`UPDATE delivery SET state = 'refused', error_class = 'refused', error_code = 'too_long', updated_at = $1 WHERE channel_id = '` + w.channels[0].ID + `'`,
			`UPDATE delivery SET state = 'unconfirmed', updated_at = $1 WHERE channel_id = '` + w.channels[1].ID + `'`,
			`UPDATE channel SET state = 'revoked', failing_since = $1 WHERE id = '` + w.channels[2].ID + `'`,
		} {
			if _, err := tx.Exec(t.Context(), q, now); err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if err := w.desk.Freeze(w.as("approver"), w.inst.ID, "Lutto cittadino", []publishing.Category{publishing.Emergency}); err != nil {
		t.Fatal(err)
	}
	shows(t, w.do("approver", "GET", "/redazione", nil), http.StatusOK, at(today, ""), at(waits, ""), at(out, "")+"#consegne",
		"Rifiutata", "Il testo è troppo lungo per questo canale", "Esito ignoto", "Da ricollegare", "Lutto cittadino", "Escono lo stesso: Emergenze")
	reader := w.do("reader", "GET", "/redazione", nil).Body.String()
	if strings.Contains(reader, "Da approvare</h3>") || strings.Contains(reader, "/nuovo") {
		t.Error("a reader is offered what a reader may not do")
	}
}

func TestDisconnectedChannelKeepsItsNameInTheHistory(t *testing.T) {
	w := newTown(t)
	m := w.out()
	if err := w.db.InTx(t.Context(), func(tx *db.Tx) error {
		return channel.Disconnect(t.Context(), tx, w.inst.ID, w.channels[0].ID)
	}); err != nil {
		t.Fatal(err)
	}
	shows(t, w.do("reader", "GET", at(m, ""), nil), http.StatusOK, "Mastodon")
}

func TestListFiltersAndPagesShowEachMessageOnce(t *testing.T) {
	w := newTown(t)
	want := map[string]bool{}
	for i := range 60 { // all at the same moment, as after a freeze is lifted
		c := w.content()
		c.Title = fmt.Sprintf("Messaggio %d", i)
		want[w.draft(c).ID] = true
	}
	path := "/redazione/messaggi?testo=messaggio"
	for pages := 0; path != ""; pages++ {
		if pages > 3 {
			t.Fatal("the list does not end")
		}
		body := w.do("reader", "GET", path, nil).Body.String()
		for _, m := range messageID.FindAllStringSubmatch(body, -1) {
			if !want[m[1]] {
				t.Fatalf("%s is shown twice, or is not one of them", m[1])
			}
			delete(want, m[1])
		}
		path = nextPage(body)
	}
	if len(want) > 0 {
		t.Errorf("%d messages are on no page", len(want))
	}
	for query, n := range map[string]int{"testo=Messaggio+59": 1, "stato=out": 0, "stato=draft&profilo=" + w.profile.ID: 25, "profilo=" + w.library.ID: 0, "testo=%25": 0, "stato=held": 0} {
		if got := len(messageID.FindAllString(w.do("writer", "GET", "/redazione/messaggi?"+query, nil).Body.String(), -1)); got != n {
			t.Errorf("%s: %d messages, want %d", query, got, n)
		}
	}
	if got := len(messageID.FindAllString(w.do("approver", "GET", "/redazione/messaggi?miei=1", nil).Body.String(), -1)); got != 0 {
		t.Errorf("%d messages of somebody else are called mine", got)
	}
	shows(t, w.do("reader", "GET", "/redazione/messaggi?dopo=rotto", nil), http.StatusNotFound)
}

func nextPage(body string) string {
	_, after, found := strings.Cut(body, `rel="next" href="`)
	if !found {
		return ""
	}
	path, _, _ := strings.Cut(after, `"`)
	return strings.ReplaceAll(path, "&amp;", "&")
}

// many stores messages in all states as fast as the database takes them.
func (w *town) many(n int) {
	w.t.Helper()
	m := w.approved()
	states := []publishing.State{publishing.Draft, publishing.Submitted, publishing.Approved, publishing.Scheduled, publishing.Out}
	if err := w.db.InTx(w.t.Context(), func(tx *db.Tx) error {
		for i := range n {
			_, err := tx.Exec(w.t.Context(), `
				INSERT INTO message (institution_id, id, profile_id, author_id, state, title, category, content, rev, hash, text_hash, edited_by, created_at, updated_at, out_at)
				SELECT institution_id, $2, profile_id, author_id, $3, title || $4, category, content, 1, hash, $5, edited_by, created_at, created_at + $6, $7
				FROM message WHERE id = $1`, m.ID, db.NewID(), states[i%len(states)], fmt.Sprintf(" %d", i), fmt.Sprint(i), int64(i)*1_000_000, db.At(w.clock.now()))
			if err != nil {
				return err
			}
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
}

func TestListAndHomeCostAFixedNumberOfQueries(t *testing.T) {
	w := newTown(t)
	cost := func(path string) int64 {
		ctx, n := db.CountQueries(t.Context())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if rec := w.send("approver", r); rec.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, rec.Code)
		}
		return n.Load()
	}
	list, home := cost("/redazione/messaggi"), cost("/redazione")
	w.many(5000)
	if got := cost("/redazione/messaggi"); got != list || got > 5 {
		t.Errorf("the list costs %d queries, %d when empty", got, list)
	}
	if got := cost("/redazione"); got != home || got > 15 {
		t.Errorf("the home page costs %d queries, %d when empty", got, home)
	}
}

// BenchmarkList reports the 95th percentile of a page of the list, with a word
// searched for, among 5,000 messages.
func BenchmarkList(b *testing.B) {
	w := newTown(b)
	w.many(5000)
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		if rec := w.do("approver", "GET", "/redazione/messaggi?testo=roma", nil); rec.Code != http.StatusOK {
			b.Fatal(rec.Code)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}
