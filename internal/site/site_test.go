package site_test

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/site"
	"codeberg.org/arengo/arengo/internal/testkit"
	"codeberg.org/arengo/arengo/internal/web"
)

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in\n%s", want, main(text))
		}
	}
}

// main is the part of a page that differs, or all of what is no page.
func main(text string) string {
	if _, after, ok := strings.Cut(text, "<main"); ok {
		return after[:min(len(after), 6000)]
	}
	return text[:min(len(text), 6000)]
}

func lacks(t *testing.T, text string, unwanted ...string) {
	t.Helper()
	for _, u := range unwanted {
		if strings.Contains(text, u) {
			t.Errorf("%q is in\n%s", u, main(text))
		}
	}
}

func TestEmptySiteSaysWhatToDo(t *testing.T) {
	w := open(t)
	contains(t, w.page("/"), "Qui non c&#39;è ancora nessuna notizia", "Nessun evento in programma", `href="/newsletter"`)
	for _, path := range []string{"/notizie", "/p/comune", "/album", "/eventi", "/argomenti", "/canali", "/incorpora", "/cerca", "/feed.rss", "/feed.atom", "/feed.json", "/eventi.ics", "/sitemap.xml", "/robots.txt", "/embed"} {
		w.page(path)
	}
}

func TestEveryPageIsThere(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.furnish()
		home := w.page("/")
		contains(t, home, "Il mercato del giovedì torna in piazza", "Storie sotto il glicine", "Biblioteca", `href="/argomenti/scuola"`, "fetchpriority")
		contains(t, w.page("/p/biblioteca"), "Storie sotto il glicine", "/p/biblioteca/feed.rss")
		lacks(t, w.page("/p/biblioteca"), "Torneo di pallavolo")
		contains(t, w.page("/album"), "La festa di primavera", "9 foto")
		lacks(t, w.page("/album"), "Torneo di pallavolo")
		contains(t, w.page("/argomenti/servizi"), "Mensa delle scuole", "Welcome desk", `lang="en"`)
		contains(t, w.page("/eventi"), "sabato 9 maggio 2026, ore 16:30–17:30", "da sabato 16 maggio 2026, ore 14:00 a domenica 17 maggio 2026, ore 19:00")
		contains(t, w.page("/eventi?mese=2026-05"), "<table>", "Eventi di maggio 2026", "aria-current=\"date\"")
		contains(t, w.page("/"), `lang="en"`)
		contains(t, w.page("/", "Accept-Language", "en"), "Latest news", `<html lang="en">`)
	})
}

func TestMessagePageShowsAllThatTheMessageHolds(t *testing.T) {
	w := open(t)
	w.furnish()
	page := w.page("/m/mensa-delle-scuole-il-nuovo-menu-e-le-iscrizioni")
	contains(t, page, "<strong>scuole</strong>", "menu-primavera.pdf", "PDF", "Corretto sabato 2 maggio 2026, ore 11:05", "La data di chiusura era sbagliata.",
		"22</del>", "29</ins>", `href="/argomenti/scuola"`, `rel="prev"`, `rel="next"`, "mailto:?subject=Mensa%20delle%20scuole",
		`<link rel="canonical" href="https://piazza.cesate.example/m/mensa-delle-scuole-il-nuovo-menu-e-le-iscrizioni">`,
		`property="og:title"`, `"@type":"NewsArticle"`, `data-element="page-name"`)
	album := w.page("/m/la-festa-di-primavera-in-nove-fotografie")
	contains(t, album, "9 foto", `/foto/9"`, `"@type":"ImageGallery"`, "La banda apre la sfilata", "srcset=", `alt="La sfilata dei carri, momento 3"`)
	contains(t, w.page("/m/la-festa-di-primavera-in-nove-fotografie/foto/2"), "Foto 2 di 9", `/foto/1"`, `/foto/3"`)
	event := w.page("/m/storie-sotto-il-glicine-letture-per-bambini")
	contains(t, event, "/evento.ics", `"@type":"Event"`, `"startDate":"2026-05-09T16:30:00+02:00"`)
	place := w.page("/m/via-romano-chiusa-al-traffico-per-tre-giorni")
	contains(t, place, "45.59210, 9.07420", "https://www.openstreetmap.org/?mlat=45.59210&amp;mlon=9.07420#map=17/45.59210/9.07420")
	lacks(t, place, "<iframe")
}

func TestWithdrawnMessageSaysSoAndIsNowhereElse(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.furnish()
		const path = "/m/il-mercato-del-giovedi-torna-in-piazza"
		w.page(path)
		photo := w.photo(1, "", "").Original()
		if code := w.get(photo).Code; code != http.StatusOK {
			t.Fatalf("the picture of a published message: %d", code)
		}
		w.withdraw(path, "Il mercato è stato rinviato.")
		gone := w.get(path)
		if gone.Code != http.StatusGone {
			t.Fatalf("a withdrawn message answers %d, want 410", gone.Code)
		}
		contains(t, gone.Body.String(), "Il mercato è stato rinviato.", "è stata ritirata lunedì 4 maggio 2026, ore 18:30", "noindex")
		lacks(t, gone.Body.String(), "piazza IV Novembre")
		for _, list := range []string{"/", "/notizie", "/p/comune", "/feed.rss", "/feed.atom", "/feed.json", "/sitemap.xml", "/embed", "/cerca?q=pavimentazione", "/argomenti"} {
			lacks(t, w.page(list), "Il mercato del giovedì")
		}
		if code := w.get(photo).Code; code != http.StatusNotFound {
			t.Errorf("the picture of a withdrawn message: %d, want 404", code)
		}
	})
}

func TestCorrectionIsSeenAtOnceOnEveryNode(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		first := newTown(t, d)
		path := first.publish(note{Title: "Orari della piscina", Body: "Aperta alle nove."})
		second := *first
		second.open()
		for _, node := range []*town{first, &second} {
			contains(t, node.page(path), "Aperta alle nove.")
		}
		first.must(d.InTx(context.Background(), func(tx *db.Tx) error {
			if _, err := tx.Exec(context.Background(), `UPDATE publication SET body_html = '<p>Aperta alle dieci.</p>'`); err != nil {
				return err
			}
			_, err := tx.Exec(context.Background(), `UPDATE institution SET version = version + 1`)
			return err
		}))
		for _, node := range []*town{first, &second} {
			contains(t, node.page(path), "Aperta alle dieci.")
		}
	})
}

func TestPageIsSentOnceToWhoHasIt(t *testing.T) {
	w := open(t)
	w.furnish()
	for _, path := range []string{"/", "/m/torneo-di-pallavolo-al-parco", "/feed.rss", "/feed.atom", "/feed.json", "/eventi.ics"} {
		first := w.get(path)
		etag := first.Header().Get("ETag")
		if etag == "" || first.Header().Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: ETag %q, Cache-Control %q", path, etag, first.Header().Get("Cache-Control"))
		}
		if again := w.get(path, "If-None-Match", etag); again.Code != http.StatusNotModified || again.Body.Len() > 0 {
			t.Errorf("%s with its ETag: %d, %d bytes", path, again.Code, again.Body.Len())
		}
		zipped := w.get(path, "Accept-Encoding", "gzip")
		if zipped.Header().Get("Content-Encoding") != "gzip" || zipped.Body.Len() >= first.Body.Len() {
			t.Errorf("%s is not compressed: %d of %d bytes", path, zipped.Body.Len(), first.Body.Len())
		}
	}
	feed := w.get("/feed.rss")
	if again := w.get("/feed.rss", "If-Modified-Since", feed.Header().Get("Last-Modified")); again.Code != http.StatusNotModified {
		t.Errorf("a feed since its last change: %d", again.Code)
	}
	w.publish(note{Title: "Appena uscita", Body: "Ora.", Published: w.now})
	if again := w.get("/feed.rss", "If-None-Match", feed.Header().Get("ETag")); again.Code != http.StatusOK {
		t.Errorf("a feed with something new: %d", again.Code)
	}
}

func TestListsCostAFixedNumberOfQueries(t *testing.T) {
	w := open(t)
	w.page("/") // the resolver of host names remembers for a while
	spent := func(path string) int64 {
		w.publish(note{Title: fmt.Sprintf("Uno in più %d", w.n), Body: "Testo.", Tags: []string{"Prova"}, Start: w.now.Add(time.Hour)})
		ctx, n := db.CountQueries(context.Background())
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://piazza.cesate.example"+path, nil)
		w.must(err)
		rec := discard{h: http.Header{}}
		w.handler.ServeHTTP(rec, r)
		return n.Load()
	}
	for _, path := range []string{"/", "/notizie", "/eventi", "/argomenti/prova", "/feed.rss", "/cerca?q=testo"} {
		few := spent(path)
		for range 20 {
			w.publish(note{Title: fmt.Sprintf("Altro %d", w.n), Body: "Testo.", Tags: []string{"Prova"}, Start: w.now.Add(time.Hour)})
		}
		if many := spent(path); many != few || few == 0 {
			t.Errorf("%s: %d queries with few messages, %d with many", path, few, many)
		}
	}
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

func TestLongListHasPages(t *testing.T) {
	w := open(t)
	for n := range 30 {
		w.publish(note{Title: fmt.Sprintf("Notizia numero %d", n), Body: "Testo."})
	}
	contains(t, w.page("/notizie"), "Notizia numero 29", `href="/notizie?pagina=2"`, `rel="next"`)
	last := w.page("/notizie?pagina=3")
	contains(t, last, "Notizia numero 0<", `rel="prev"`)
	lacks(t, last, `rel="next"`)
	for _, bad := range []string{"/notizie?pagina=4", "/notizie?pagina=0", "/notizie?pagina=x", "/notizie?pagina=-1", "/p/nessuno", "/m/niente", "/argomenti/niente", "/eventi?mese=2026-13", "/m/notizia-numero-1/foto/1", "/m/notizia-numero-1/evento.ics", "/p/comune/feed.xml", "/sitemap/2.xml", "/sitemap/01.xml"} {
		if code := w.get(bad).Code; code != http.StatusNotFound {
			t.Errorf("%s: %d, want 404", bad, code)
		}
	}
}

func TestEventsFollowTheClockOverTheNightOfTheChange(t *testing.T) {
	w := open(t)
	// On 25 October 2026 at three the clocks go back: 2:30 is twice, and the
	// day has 25 hours.
	w.publish(note{Title: "Veglia d'autunno", Body: "Si veglia.", Start: at("2026-10-24T22:00"), End: at("2026-10-25T03:30")})
	calendar := w.page("/eventi.ics")
	contains(t, calendar, "DTSTART;TZID=Europe/Rome:20261024T220000\r\n", "DTEND;TZID=Europe/Rome:20261025T033000\r\n")
	month := w.page("/eventi?mese=2026-10")
	if n := strings.Count(month, "<td class"); n%7 != 0 || n < 28 {
		t.Errorf("October 2026 is shown in %d days", n)
	}
	contains(t, w.page("/m/veglia-d-autunno"), "da sabato 24 ottobre 2026, ore 22:00 a domenica 25 ottobre 2026, ore 03:30")
	w.now = at("2026-10-25T03:29")
	contains(t, w.page("/eventi"), "Veglia d&#39;autunno")
	w.now = at("2026-10-25T03:31")
	lacks(t, w.page("/eventi"), "Veglia d&#39;autunno")
}

func TestMediaIsServedOnlyWhenAMessageShowsIt(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		draft := w.photo(7, "Bozza", "")
		for _, path := range []string{draft.Original(), draft.Src(480), "/media/" + strings.Repeat("0", 64) + "/originale/x.jpg", "/media/xyz/originale/x.jpg"} {
			if code := w.get(path).Code; code != http.StatusNotFound {
				t.Errorf("%s before it is out: %d, want 404", path, code)
			}
		}
		staff := w.get(draft.Original(), "X-Test-Staff", "1")
		if staff.Code != http.StatusOK || staff.Header().Get("Cache-Control") != "private, no-store" {
			t.Errorf("a draft's picture for who works here: %d, %q", staff.Code, staff.Header().Get("Cache-Control"))
		}
		w.publish(note{Title: "Con foto", Body: "Testo.", Media: []site.Media{draft}})
		for _, path := range []string{draft.Original(), draft.Src(480), draft.Src(960)} {
			rec := w.get(path)
			if rec.Code != http.StatusOK || rec.Header().Get("Content-Type") != "image/jpeg" || rec.Header().Get("X-Content-Type-Options") != "nosniff" ||
				rec.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
				t.Errorf("%s: %d %v", path, rec.Code, rec.Header())
			}
		}
		part := w.get(draft.Original(), "Range", "bytes=10-19")
		if part.Code != http.StatusPartialContent || part.Body.Len() != 10 {
			t.Errorf("ten bytes: %d, %d bytes", part.Code, part.Body.Len())
		}
		if again := w.get(draft.Original(), "If-None-Match", `"`+draft.Hash+`"`); again.Code != http.StatusNotModified {
			t.Errorf("with its hash: %d", again.Code)
		}
	})
}

func TestDownloadNameCannotBreakTheHeader(t *testing.T) {
	w := open(t)
	odd := w.document("perché \"no\"\r\nX-Evil: 1;.odt", "application/vnd.oasis.opendocument.text", "", []byte("odt"))
	w.publish(note{Title: "Modulo", Body: "Testo.", Media: []site.Media{odd}})
	rec := w.get(odd.Original())
	if rec.Code != http.StatusOK {
		t.Fatal(rec.Code)
	}
	if got, want := rec.Header().Get("Content-Disposition"), `attachment; filename="perch_ _no___X-Evil_ 1_.odt"; filename*=UTF-8''perch%C3%A9%20_no___X-Evil_%201_.odt`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestSearchFindsTheWordInAnyForm(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.publish(note{Title: "Riunione in municipio", Body: "Si parla delle scuole, di scuole e ancora scuole, scuole, scuole, scuole, scuole, scuole, scuole, scuole, scuole, scuole."})
		w.publish(note{Title: "La scuola di via Bellini riapre", Body: "Domani."})
		w.publish(note{Title: "Una scuola nuova", Body: "Dopodomani, con l'acqua calda <script>alert(1)</script> e la città."})
		w.publish(note{Title: "Schools open day", Body: "Visit our schools.", Lang: "en"})
		order := func(q string) (titles []string) {
			page := w.page("/cerca?q=" + q)
			for _, part := range strings.Split(page, `<h3><a href="/m/`)[1:] {
				titles = append(titles, part[:strings.IndexByte(part, '"')])
			}
			return titles
		}
		want := "[una-scuola-nuova la-scuola-di-via-bellini-riapre riunione-in-municipio]"
		for _, q := range []string{"scuola", "le+scuole", "SCUOLE", "scuola%20%20della"} {
			if got := fmt.Sprint(order(q)); got != want {
				t.Errorf("%s finds %s, want %s", q, got, want)
			}
		}
		if got := fmt.Sprint(order("school")); got != "[schools-open-day]" {
			t.Errorf("school finds %s", got)
		}
		if got := fmt.Sprint(order("scuola+citta")); got != "[una-scuola-nuova]" {
			t.Errorf("both words, without the accent: %s", got)
		}
		if got := order("scuola+introvabile"); got != nil {
			t.Errorf("a word that is nowhere finds %v", got)
		}
		marked := w.page("/cerca?q=caldo")
		contains(t, marked, "l&#39;acqua <mark>calda</mark>", `value="caldo"`)
		lacks(t, marked, "<script>alert")
		contains(t, w.page("/cerca?q=di+il"), "Scrivere almeno una parola")
		contains(t, w.page("/cerca?q="+strings.Repeat("%22%3E%3Cb%3E", 100)), "&#34;&gt;&lt;b&gt;")
		contains(t, w.page("/cerca?q=%00%ff%27%3B--"), "Scrivere almeno una parola")
	})
}

func TestInterfaceAddsNoCookieForReaders(t *testing.T) {
	w := open(t)
	w.furnish()
	for _, path := range []string{"/", "/m/torneo-di-pallavolo-al-parco", "/cerca?q=scuola", "/embed", "/embed.js", "/feed.json"} {
		if c := w.get(path).Header().Get("Set-Cookie"); c != "" {
			t.Errorf("%s sets %s", path, c)
		}
	}
}

func TestEmbedMayBeFramedAndNothingElse(t *testing.T) {
	w := open(t)
	w.furnish()
	for path, may := range map[string]bool{"/embed?profilo=comune&n=2": true, "/": false, "/m/torneo-di-pallavolo-al-parco": false} {
		h := w.get(path).Header()
		if got := strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors *"); got != may {
			t.Errorf("%s: %s", path, h.Get("Content-Security-Policy"))
		}
	}
	two := w.page("/embed?profilo=comune&n=2")
	if n := strings.Count(two, "https://piazza.cesate.example/m/"); n != 2 {
		t.Errorf("%d messages, want 2\n%s", n, two)
	}
	contains(t, w.page("/embed?argomento=Scuola"), "Mensa delle scuole")
	contains(t, w.page("/incorpora?profilo=biblioteca&n=3"), "data-profilo=&#34;biblioteca&#34;", "&lt;iframe src=&#34;https://piazza.cesate.example/embed?n=3&amp;amp;profilo=biblioteca")
	if h := w.get("/feed.json").Header(); h.Get("Access-Control-Allow-Origin") != "*" {
		t.Error("a script of another site cannot read the feed")
	}
}

func TestKeptPageIsTheSameAnswer(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.publish(note{Title: "Una notizia", Body: "Testo."})
	for _, path := range []string{"/", "/m/una-notizia", "/feed.rss", "/embed", "/m/non-esiste"} {
		// The first reader has the page made by its route, the second gets what is kept.
		first, second := w.get(path), w.get(path)
		if first.Code != second.Code || first.Body.String() != second.Body.String() {
			t.Errorf("%s: %d, then %d, or another text", path, first.Code, second.Code)
		}
		made, kept := first.Header().Clone(), second.Header().Clone()
		made.Del(web.RequestIDHeader)
		kept.Del(web.RequestIDHeader)
		if !reflect.DeepEqual(made, kept) {
			t.Errorf("%s: the headers were\n%v\nand are\n%v", path, made, kept)
		}
	}
}

func TestSecurityContactIsTheInstitutions(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	contains(t, w.page("/.well-known/security.txt"), "Contact: mailto:urp@comune.cesate.example\n", "Expires: 2026-11-04T", "Canonical: https://piazza.cesate.example/.well-known/security.txt\n")
}
