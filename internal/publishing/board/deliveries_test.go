package board_test

import (
	"bufio"
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/testkit"
)

const boardURL = "/redazione/consegne"

func TestBoardSaysOfEachDeliveryWhatHappenedAndWhatToDo(t *testing.T) {
	w := newTown(t)
	w.fill()
	shows(t, w.do("reader", http.MethodGet, boardURL, nil), http.StatusOK,
		"Aperte le iscrizioni", "Uscita", w.server+"/@comune/1", "Rifiutata", "Il testo è troppo lungo per questo canale. Accorciare la versione.", "Esito ignoto", "In attesa")
	rec := w.do("reader", http.MethodGet, boardURL, nil)
	hides(t, rec, "/riprova", "/abbandona", "/conferma")
	shows(t, w.do("writer", http.MethodGet, boardURL, nil), http.StatusOK, "/riprova", "/abbandona", "/conferma", "Ho guardato: non c")
	rec = w.do("writer", http.MethodGet, boardURL, nil, "Accept-Language", "en")
	shows(t, rec, http.StatusOK, "The text is too long", "Retry now")

	// Ten minutes later, what waits is late.
	w.clock.set(tenOfMonday().Add(11 * time.Minute))
	rec = w.do("writer", http.MethodGet, boardURL+"?stato=late", nil)
	shows(t, rec, http.StatusOK, "In ritardo", "Via Roma chiusa")
	hides(t, rec, "Aperte le iscrizioni")
}

func TestBoardFiltersAndForgetsOnlyWhatHasEnded(t *testing.T) {
	w := newTown(t)
	w.fill()
	rec := w.do("writer", http.MethodGet, boardURL+"?stato=refused", nil)
	shows(t, rec, http.StatusOK, "Rifiutata", `value="refused" selected`)
	hides(t, rec, "Via Roma chiusa")
	rec = w.do("writer", http.MethodGet, boardURL+"?canale="+w.channels[2].ID+"&stato=unconfirmed", nil)
	shows(t, rec, http.StatusOK, "Esito ignoto")
	shows(t, w.do("writer", http.MethodGet, boardURL+"?canale=x", nil), http.StatusOK, "Nessuna consegna corrisponde")
	shows(t, w.do("writer", http.MethodGet, boardURL+"?stato=%27", nil), http.StatusOK, "Via Roma chiusa")

	w.clock.set(tenOfMonday().AddDate(0, 0, 9))
	rec = w.do("writer", http.MethodGet, boardURL, nil)
	shows(t, rec, http.StatusOK, "Rifiutata", "Esito ignoto", "Via Roma chiusa")
	hides(t, rec, w.server+"/@comune/1")
}

// A page is bounded; turned to the end, they show each delivery once.
func TestBoardIsReadPageByPage(t *testing.T) {
	w := newTown(t)
	const messages = 50
	for n := range messages {
		w.out(fmt.Sprint("Avviso numero ", n))
	}
	row, next := regexp.MustCompile(`id="d-([^"]+)"`), regexp.MustCompile(`rel="next" href="([^"]+)"`)
	seen, pages := map[string]int{}, 0
	for at := boardURL; at != ""; pages++ {
		rec := w.do("writer", http.MethodGet, at, nil)
		if rec.Code != http.StatusOK || rec.Body.Len() > 100<<10 {
			t.Fatalf("%s: %d, %d bytes", at, rec.Code, rec.Body.Len())
		}
		for _, m := range row.FindAllStringSubmatch(rec.Body.String(), -1) {
			seen[m[1]]++
		}
		at = ""
		if m := next.FindStringSubmatch(rec.Body.String()); m != nil {
			at = html.UnescapeString(m[1])
		}
	}
	var all int
	w.read(func(ctx context.Context, tx *db.Tx) error {
		return tx.QueryRow(ctx, `SELECT count(*) FROM delivery`).Scan(&all)
	})
	if len(seen) != all || all < 2*messages || pages < 2 {
		t.Errorf("%d of %d deliveries on %d pages", len(seen), all, pages)
	}
	for id, n := range seen {
		if n != 1 {
			t.Errorf("%s is shown %d times", id, n)
		}
	}
}

func TestDeliveriesAreRetriedGivenUpAndConfirmed(t *testing.T) {
	w := newTown(t)
	m := w.out("La fiera è aperta")
	refused, unsure, waiting := w.byPlatform(m.ID, channel.Bluesky), w.byPlatform(m.ID, channel.Telegram), w.byPlatform(m.ID, channel.Mastodon)
	w.becomes(refused, publishing.Refused, channel.Refused, channel.CodeTooLong, "")
	w.becomes(unsure, publishing.Unconfirmed, channel.Unknown, channel.CodeCannotRead, "")
	act := func(d publishing.Delivery, what string, form url.Values) *httptest.ResponseRecorder {
		return w.do("writer", http.MethodPost, boardURL+"/"+d.ID+"/"+what, form)
	}
	filtered := boardURL + "?stato=refused"
	shows(t, w.goes("writer", act(refused, "riprova", url.Values{"next": {filtered}}), filtered), http.StatusOK, "Si riprova adesso")

	shows(t, act(unsure, "conferma", url.Values{"address": {"t.me/cesate"}, "next": {filtered}}), http.StatusUnprocessableEntity, "comincia con https://", `value="refused" selected`)
	shows(t, act(waiting, "conferma", nil), http.StatusUnprocessableEntity, "non attende una conferma")
	if got := w.byPlatform(m.ID, channel.Telegram).State; got != publishing.Unconfirmed {
		t.Fatalf("a refused word changed the delivery: %s", got)
	}
	w.goes("writer", act(unsure, "conferma", url.Values{"address": {"https://t.me/cesate/7"}}), boardURL)
	w.goes("writer", act(waiting, "abbandona", nil), boardURL)
	shows(t, act(waiting, "abbandona", nil), http.StatusUnprocessableEntity, "non si può abbandonare")
	for p, want := range map[channel.Platform]publishing.DeliveryState{channel.Bluesky: publishing.Waiting, channel.Telegram: publishing.Delivered, channel.Mastodon: publishing.GivenUp} {
		if got := w.byPlatform(m.ID, p); got.State != want {
			t.Errorf("%s: %s, want %s", p, got.State, want)
		}
	}
	if got := w.byPlatform(m.ID, channel.Telegram).Remote.URL; got != "https://t.me/cesate/7" {
		t.Errorf("address %q", got)
	}
}

func TestTaskIsShownWithItsLinkAndEndsWithdrawn(t *testing.T) {
	w := newTown(t)
	m := w.out("La fiera è aperta")
	d := w.byPlatform(m.ID, channel.Telegram)
	w.becomes(d, publishing.ByHand, "", "", "")
	w.addTask("task-1", m.ID, d.ID)
	shows(t, w.do("writer", http.MethodGet, "/redazione/compiti", nil), http.StatusOK, "Togliere a mano la copia da @cesate", "https://t.me/cesate/7", "/fatto")
	hides(t, w.do("reader", http.MethodGet, "/redazione/compiti", nil), "/fatto")
	shows(t, w.goes("writer", w.do("writer", http.MethodPost, "/redazione/compiti/task-1/fatto", nil), "/redazione/compiti"), http.StatusOK, "Segnato come fatto", "Nulla da fare a mano")
	if got := w.byPlatform(m.ID, channel.Telegram).State; got != publishing.TakenBack {
		t.Errorf("state %s", got)
	}
	shows(t, w.do("writer", http.MethodPost, "/redazione/compiti/task-1/fatto", nil), http.StatusNotFound)
}

// TestStreamAnnouncesOnlyTheOwnInstitution: what happens elsewhere is never
// heard, and nobody listens without a role here.
func TestStreamAnnouncesOnlyTheOwnInstitution(t *testing.T) {
	w := newTown(t)
	for who, want := range map[string]int{"nobody": http.StatusUnauthorized, "stranger": http.StatusNotFound} {
		if rec := w.do(who, http.MethodGet, "/redazione/eventi-vivi", nil); rec.Code != want {
			t.Errorf("%s: %d, want %d", who, rec.Code, want)
		}
	}
	srv := httptest.NewServer(w.handler)
	defer srv.Close()
	defer w.kit.Streams.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, srv.URL+"/redazione/eventi-vivi", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: "who", Value: "reader"})
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	notify := func(topic, about string) {
		if err := w.db.InTx(ctx, func(tx *db.Tx) error { return tx.Notify(ctx, topic, about) }); err != nil {
			t.Fatal(err)
		}
	}
	lines := bufio.NewScanner(res.Body)
	if !lines.Scan() || lines.Text() != ": open" {
		t.Fatalf("the stream begins with %q, %v", lines.Text(), lines.Err())
	}
	notify("delivery", w.other.ID)
	notify("channel", w.inst.ID)
	for lines.Scan() {
		if event, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			if event != "channel" {
				t.Errorf("heard %q", event)
			}
			return
		}
	}
	t.Fatalf("the stream ended without an event: %v", lines.Err())
}

func TestFreezeStopsAndIsLiftedOneByOne(t *testing.T) {
	w := newTown(t)
	const page = "/redazione/blocco"
	passed, dropped, open, ahead := w.scheduled(w.library, "Passato", "2026-05-05T09:00"), w.scheduled(w.library, "Superato", "2026-05-05T10:00"),
		w.scheduled(w.library, "In dubbio", "2026-05-05T11:00"), w.scheduled(w.library, "Futuro", "2026-05-08T09:00")
	shows(t, w.do("duty", http.MethodPost, page, url.Values{"allowed": {"emergency"}}), http.StatusUnprocessableEntity, "Scrivere il motivo", `value="emergency" checked`)
	shows(t, w.do("duty", http.MethodPost, page, url.Values{"reason": {"Lutto"}, "allowed": {"gossip"}}), http.StatusUnprocessableEntity, "categorie")
	rec := w.do("duty", http.MethodPost, page, url.Values{"reason": {"Lutto cittadino"}, "allowed": {"emergency"}})
	shows(t, w.goes("duty", rec, page), http.StatusOK, "Uscite sospese", "Lutto cittadino", "Sara Verdi", "Escono lo stesso: Emergenze", "Futuro")
	shows(t, w.do("approver", http.MethodPost, page, url.Values{"reason": {"Ancora"}}), http.StatusUnprocessableEntity, "già sospese")
	rec = w.do("reader", http.MethodGet, page, nil)
	shows(t, rec, http.StatusOK, "Lutto cittadino")
	hides(t, rec, "<button class=\"btn btn-primary\"", "verdict-")

	w.clock.set(time.Date(2026, 5, 6, 8, 0, 0, 0, time.UTC))
	shows(t, w.do("duty", http.MethodGet, page, nil), http.StatusOK, "3 messaggi dovevano già uscire", "doveva già uscire")
	shows(t, w.do("duty", http.MethodPost, page+"/togli", url.Values{"verdict-" + passed.ID: {"burn"}}), http.StatusUnprocessableEntity)
	rec = w.do("duty", http.MethodPost, page+"/togli", url.Values{"verdict-" + passed.ID: {"keep"}, "verdict-" + dropped.ID: {"drop"}, "verdict-" + open.ID: {"stay"}})
	shows(t, w.goes("duty", rec, page), http.StatusOK, "Sospensione tolta", "Sospensioni passate", "Lutto cittadino", "riaperto da Sara Verdi")

	for m, want := range map[string]string{passed.ID: "scheduled//2026-05-06T10:00", dropped.ID: "approved//", open.ID: "scheduled/freeze/2026-05-05T11:00", ahead.ID: "scheduled//2026-05-08T09:00"} {
		got := w.message(m)
		if is := string(got.State) + "/" + got.Held + "/" + got.Plan.Due.Text; is != want {
			t.Errorf("%s: %s, want %s", got.Content.Title, is, want)
		}
	}
	shows(t, w.do("duty", http.MethodPost, page+"/togli", nil), http.StatusUnprocessableEntity, "non sono sospese")
}

func TestPagesSayTheSameOnBothDatabases(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTownOn(t, d)
		w.fill()
		shows(t, w.do("administrator", http.MethodGet, calendarURL, nil), http.StatusOK, "Il mercato si sposta", "Nuovi libri sugli scaffali")
		shows(t, w.do("administrator", http.MethodGet, boardURL, nil), http.StatusOK, "Rifiutata", "Esito ignoto")
		w.clock.set(tenOfMonday().Add(time.Hour))
		shows(t, w.do("administrator", http.MethodGet, boardURL+"?stato=late&canale="+w.channels[0].ID, nil), http.StatusOK, "In ritardo")
		shows(t, w.do("administrator", http.MethodGet, "/redazione/coda", nil), http.StatusOK, "martedì", "09:00", "Letture ad alta voce")
		shows(t, w.do("administrator", http.MethodGet, "/redazione/canali", nil), http.StatusOK, "Collegato", "una consegna da fare")
		w.goes("duty", w.do("duty", http.MethodPost, "/redazione/blocco", url.Values{"reason": {"Lutto"}}), "/redazione/blocco")
		shows(t, w.goes("duty", w.do("duty", http.MethodPost, "/redazione/blocco/togli", nil), "/redazione/blocco"), http.StatusOK, "Sospensioni passate")
	})
}

// TestPagesCostAFixedNumberOfQueries: a page costs the same with one message as
// with thirty.
func TestPagesCostAFixedNumberOfQueries(t *testing.T) {
	w := newTown(t)
	cost := func(path string) int {
		ctx, count := db.CountQueries(people.With(t.Context(), w.actor("administrator")))
		r := httptest.NewRequest(http.MethodGet, path, nil).WithContext(ctx)
		r.AddCookie(&http.Cookie{Name: "who", Value: "administrator"})
		rec := httptest.NewRecorder()
		w.handler.ServeHTTP(rec, r)
		if rec.Code != http.StatusOK {
			t.Fatalf("%s: %d", path, rec.Code)
		}
		return int(count.Load())
	}
	w.fill()
	paths := []string{calendarURL, boardURL, "/redazione/coda", "/redazione/compiti", "/redazione/blocco", "/redazione/canali"}
	before := map[string]int{}
	for _, p := range paths {
		before[p] = cost(p)
	}
	for i := range 30 {
		w.out("Uscito " + string(rune('a'+i)))
		w.scheduled(w.comune, "Programmato "+string(rune('a'+i)), "2026-05-09T10:00")
	}
	for _, p := range paths {
		if after := cost(p); after != before[p] || after == 0 {
			t.Errorf("%s: %d queries with few messages, %d with many", p, before[p], after)
		}
	}
}
