package newsletter

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// main is the part of a page that differs.
func main(text string) string {
	_, after, _ := strings.Cut(text, "<main")
	return after
}

// confirmations does the work of the confirmation letters that were asked for.
func (w *town) confirmations(subscribe func()) {
	w.Helper()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	subscribe()
	w.must(w.pool.Start(ctx))
	for deadline := time.Now().Add(20 * time.Second); ; {
		var open int
		w.must(w.db.Read(ctx, func(tx *db.Tx) error {
			return tx.QueryRow(ctx, `SELECT count(*) FROM river_job WHERE kind = 'newsletter.confirm' AND state NOT IN ('completed', 'cancelled', 'discarded')`).Scan(&open)
		}))
		if open == 0 {
			break
		}
		if time.Now().After(deadline) {
			w.Fatal("the confirmation letters never went out")
		}
		<-time.After(20 * time.Millisecond)
	}
	w.must(w.pool.Stop(context.Background()))
}

func TestSubscriptionNeedsConfirmationAndKeepsNothingBeforeIt(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		form := url.Values{"email": {" Anna.Verdi@Example.org "}, "cadence": {"daily"}, "profile": {w.profiles["biblioteca"].ID}}
		w.confirmations(func() {
			rec := w.do("POST", "/newsletter", form.Encode())
			if rec.Code != http.StatusSeeOther || rec.Header().Get("Location") != "/newsletter/inviata" {
				t.Fatalf("%d %v", rec.Code, rec.Header())
			}
		})
		for _, table := range []string{"subscriber", "subscriber_scope", "subscription_link", "recipient"} {
			var n int
			w.must(d.Read(t.Context(), func(tx *db.Tx) error { return tx.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n) }))
			if n != 0 {
				t.Errorf("%d rows in %s before the confirmation", n, table)
			}
		}
		letters := w.post.to("anna.verdi@example.org")
		if len(letters) != 1 {
			t.Fatalf("%d confirmation letters", len(letters))
		}
		link := w.link(letters[0], "/newsletter/conferma/")
		if strings.Contains(link, "anna") {
			t.Error("the link shows the address")
		}
		if rec := w.do("GET", link, ""); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), "anna.verdi@example.org") {
			t.Fatalf("the page of the link: %d", rec.Code)
		}
		if _, ok := w.find("anna.verdi@example.org"); ok {
			t.Fatal("opening the link, as mail scanners do, subscribed")
		}
		rec := w.do("POST", link, "")
		if rec.Code != http.StatusSeeOther {
			t.Fatalf("confirming: %d %s", rec.Code, rec.Body)
		}
		u, ok := w.find("anna.verdi@example.org")
		if !ok || u.Cadence != Daily || u.State != Active || len(u.Scopes) != 1 {
			t.Fatalf("subscribed: %+v", u)
		}
		if again := w.do("POST", link, ""); again.Code != http.StatusConflict {
			t.Errorf("the link worked twice: %d", again.Code)
		}
		if page := w.do("GET", rec.Header().Get("Location"), ""); !strings.Contains(page.Body.String(), "Iscrizione confermata") {
			t.Errorf("no welcome: %s", page.Body)
		}
	})
}

func TestLinkThatIsOldForgedOrOfAnotherTownIsRefused(t *testing.T) {
	w := open(t)
	sealed, err := w.list.sealAsked(w.i.ID, asked{Email: "a@example.org", Cadence: Daily, Locale: "it", Nonce: "n", Expires: db.At(w.clock.now().Add(linkLife))})
	w.must(err)
	other, err := w.list.sealAsked("another", asked{Email: "a@example.org", Cadence: Daily, Locale: "it", Nonce: "n", Expires: db.At(w.clock.now().Add(linkLife))})
	w.must(err)
	u := w.subscriber("b@example.org", Daily)
	token := w.list.token(w.i.ID, u.ID)
	for name, path := range map[string]string{
		"cut": "/newsletter/conferma/" + sealed[:len(sealed)-4], "changed": "/newsletter/conferma/" + sealed[:len(sealed)-4] + "AAAA", "of another town": "/newsletter/conferma/" + other,
		"no link": "/newsletter/conferma/x", "long": "/newsletter/conferma/" + strings.Repeat("a", 20_000), "cut token": "/newsletter/gestisci/" + token[:len(token)-3],
		"token of another town": "/newsletter/disiscrivi/" + w.list.token("another", u.ID), "no token": "/newsletter/disiscrivi/%00",
	} {
		for _, method := range []string{"GET", "POST"} {
			if rec := w.do(method, path, ""); rec.Code != http.StatusNotFound {
				t.Errorf("%s %s: %d, want 404", method, name, rec.Code)
			}
		}
	}
	w.clock.advance(linkLife + time.Second)
	rec := w.do("POST", "/newsletter/conferma/"+sealed, "")
	if rec.Code != http.StatusNotFound || !strings.Contains(rec.Body.String(), "scaduto") {
		t.Errorf("an old link: %d", rec.Code)
	}
	if _, ok := w.find("a@example.org"); ok {
		t.Error("an old link subscribed")
	}
}

func FuzzLinks(f *testing.F) {
	t := f
	w := newTown(t, testkit.SQLite(t))
	u := w.subscriber("b@example.org", Daily)
	f.Add(w.list.token(w.i.ID, u.ID))
	f.Add("s1.abc.AAAA")
	f.Add("")
	good := w.list.token(w.i.ID, u.ID)
	f.Fuzz(func(t *testing.T, text string) {
		if id, err := w.list.holder(w.i.ID, text); err == nil && (text != good || id != u.ID) {
			t.Fatalf("a token nobody made opens %q", id)
		}
		if _, err := w.list.openAsked(w.i.ID, text, w.clock.now()); err == nil {
			t.Fatal("a link nobody made opens")
		}
	})
}

func TestAnswerIsTheSameWhoeverIsSubscribed(t *testing.T) {
	w := open(t)
	w.subscriber("known@example.org", Daily)
	said := map[string]bool{}
	for _, email := range []string{"known@example.org", "unknown@example.org"} {
		rec := w.do("POST", "/newsletter", url.Values{"email": {email}, "cadence": {"weekly"}}.Encode())
		said[fmt.Sprint(rec.Code, rec.Header().Get("Location"), rec.Body.String())] = true
	}
	if len(said) != 1 {
		t.Errorf("the answers differ: %v", said)
	}
}

func TestFormKeepsWhatWasTypedAndSaysWhatIsWrong(t *testing.T) {
	w := open(t)
	for _, bad := range []string{"", "nobody", "a@b", "a b@example.org", "a@example.org\r\nBcc: b@example.org", strings.Repeat("a", 300) + "@example.org", "<script>@example.org"} {
		rec := w.do("POST", "/newsletter", url.Values{"email": {bad}, "cadence": {"daily"}}.Encode())
		if rec.Code != http.StatusUnprocessableEntity || !strings.Contains(rec.Body.String(), `value="daily" checked`) {
			t.Errorf("%.30q: %d", bad, rec.Code)
		}
		if strings.Contains(rec.Body.String(), "<script>@") {
			t.Error("what was typed is not escaped")
		}
	}
	if rec := w.do("POST", "/newsletter", url.Values{"email": {"a@example.org"}, "cadence": {"hourly"}}.Encode()); rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("an unknown cadence: %d", rec.Code)
	}
	if rec := w.do("POST", "/newsletter", "email=a@example.org", "Sec-Fetch-Site", "cross-site"); rec.Code != http.StatusForbidden {
		t.Errorf("a form of another site: %d", rec.Code)
	}
}

func TestProgramsAndFloodsSendNoLetters(t *testing.T) {
	w := open(t)
	asked := func() (n int) {
		w.must(w.db.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM river_job WHERE kind = 'newsletter.confirm'`).Scan(&n)
		}))
		return n
	}
	if rec := w.do("POST", "/newsletter", "email=a@example.org&cadence=daily&website=http://spam.example"); rec.Code != http.StatusSeeOther || asked() != 0 {
		t.Errorf("a filled trap: %d, %d letters", rec.Code, asked())
	}
	for range 10 {
		if err := w.list.Subscribe(t.Context(), w.i, Subscriber{Email: "victim@example.org", Locale: "it", Cadence: Daily}, anywhere); err != nil {
			t.Fatal(err)
		}
	}
	if n := asked(); n != limit.NewsletterAddress.Line().Burst {
		t.Errorf("one address was written to %d times", n)
	}
	var err error
	for n := 0; err == nil && n < 100; n++ {
		err = w.list.Subscribe(t.Context(), w.i, Subscriber{Email: fmt.Sprintf("a%d@example.org", n), Locale: "it", Cadence: Daily}, anywhere)
	}
	if !fault.Is(err, fault.TooMany) {
		t.Errorf("a hundred subscriptions from one network: %v", err)
	}
}

func TestMessageReachesThoseWhoAskedForItAndNobodyElse(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.subscriber("all@example.org", Immediate)
		w.subscriber("library@example.org", Immediate, Scope{"profile", w.profiles["biblioteca"].ID})
		w.subscriber("town@example.org", Immediate, Scope{"profile", w.profiles["comune"].ID})
		w.subscriber("school@example.org", Immediate, Scope{"tag", "scuola"})
		w.subscriber("sport@example.org", Immediate, Scope{"tag", "sport"}, Scope{"tag", "feste"})
		w.subscriber("daily@example.org", Daily)
		w.hand("biblioteca", "k1", "Storie sotto il glicine", "Scuola", "Letture")
		w.work()
		for address, want := range map[string]int{"all": 1, "library": 1, "town": 0, "school": 1, "sport": 0, "daily": 0} {
			if got := len(w.post.to(address + "@example.org")); got != want {
				t.Errorf("%s received %d letters, want %d", address, got, want)
			}
		}
		l := w.post.to("all@example.org")[0]
		if l.Subject != "Storie sotto il glicine" || !strings.HasPrefix(l.Unsubscribe, "https://piazza.cesate.example/newsletter/disiscrivi/") || l.From.Name != "Comune di Cesate" || l.ReplyTo.Addr != "urp@comune.cesate.example" {
			t.Errorf("%+v", l)
		}
		if got := w.outcomes(); got != "sent 3" {
			t.Error(got)
		}
	})
}

// hand hands a message over to the newsletter.
func (w *town) hand(profile, key, title string, tags ...string) channel.Remote {
	w.Helper()
	r, err := w.list.HandOver(context.Background(), w.channels[profile], channel.Post{Key: key, Title: title, Text: "Testo di " + title + ".\n\nSecondo paragrafo.", Link: w.origin + "/m/" + institution.Slug(title), Lang: "it", Tags: tags})
	w.must(err)
	return r
}

func TestSameMessageHandedOverTwiceIsSentOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.subscriber("a@example.org", Immediate)
		first := w.hand("comune", "k1", "Avviso")
		if second := w.hand("comune", "k1", "Avviso"); second != first {
			t.Errorf("%+v and %+v", first, second)
		}
		w.work()
		w.hand("comune", "k1", "Avviso")
		w.work()
		if n := w.post.count(); n != 1 {
			t.Errorf("%d letters", n)
		}
	})
}

func TestOneClickUnsubscribesWithoutAQuestion(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.subscriber("a@example.org", Immediate)
		w.hand("comune", "k1", "Avviso")
		w.work()
		path := strings.TrimPrefix(w.post.letters[0].Unsubscribe, w.origin)
		if rec := w.do("GET", path, ""); rec.Code != http.StatusOK || !strings.Contains(rec.Body.String(), `method="post"`) {
			t.Fatalf("the page: %d", rec.Code)
		}
		if _, ok := w.find("a@example.org"); !ok {
			t.Fatal("opening the page unsubscribed")
		}
		w.hand("comune", "k2", "Secondo avviso") // waits while the reader leaves
		for range 2 {
			if rec := w.do("POST", path, "List-Unsubscribe=One-Click", "Sec-Fetch-Site", "cross-site"); rec.Code != http.StatusOK {
				t.Fatalf("one click: %d %s", rec.Code, rec.Body)
			}
		}
		var kept int
		w.must(d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM subscriber WHERE email <> ''`).Scan(&kept)
		}))
		if kept != 0 {
			t.Error("the address was kept")
		}
		w.work()
		if n := w.post.count(); n != 1 {
			t.Errorf("%d letters, want none after leaving", n)
		}
		if got := w.outcomes(); got != "cancelled 1, sent 1" {
			t.Error(got)
		}
		if rec := w.do("GET", strings.Replace(path, "disiscrivi", "gestisci", 1), ""); !strings.Contains(rec.Body.String(), "Iscrizione cancellata") {
			t.Error("the manage page does not say that it is over")
		}
	})
}

func TestReaderChangesWhatArrives(t *testing.T) {
	w := open(t)
	u := w.subscriber("a@example.org", Daily)
	path := "/newsletter/gestisci/" + w.list.token(w.i.ID, u.ID)
	if rec := w.do("GET", path, ""); !strings.Contains(rec.Body.String(), `value="daily" checked`) {
		t.Errorf("%s", rec.Body)
	}
	rec := w.do("POST", path, url.Values{"cadence": {"immediate"}, "profile": {w.profiles["comune"].ID, "made-up"}}.Encode())
	if rec.Code != http.StatusSeeOther {
		t.Fatalf("%d %.3000s", rec.Code, main(rec.Body.String()))
	}
	if u, _ := w.find("a@example.org"); u.Cadence != Immediate || len(u.Scopes) != 1 {
		t.Errorf("%+v", u)
	}
	if rec := w.do("POST", path, "cadence=never"); rec.Code != http.StatusUnprocessableEntity {
		t.Errorf("an unknown cadence: %d", rec.Code)
	}
}
