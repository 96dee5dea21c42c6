package webmention

import (
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/html"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func open(t *testing.T) *town { t.Helper(); return openOn(t, testkit.SQLite(t)) }

func openOn(t *testing.T, d *db.DB) *town {
	t.Helper()
	return newTown(t, d, fetch.Options{AllowLoopback: true})
}

const reply = `<html lang="it"><title>Un diario</title><article class="h-entry"><a class="u-author h-card" href="/anna"><img class="u-photo" src="/anna.jpg" alt="">Anna <i>Neri</i></a>
	<a class="u-in-reply-to" href="%s">Cesate</a> <div class="e-content"><p>Da noi la mensa è <b>buona</b>.</p><script>alert(1)</script></div><time class="dt-published" datetime="2026-05-04T10:00:00Z"></time></article>`

func TestReplyIsHeardHeldEditedAndTakenBack(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, e := openOn(t, d), newElsewhere(t)
		source := e.put("/note/1", fmt.Sprintf(reply, w.target))
		w.must(w.told(source))
		all := w.heard()
		if len(all) != 1 || all[0].MessageID != w.message || !all[0].Held || all[0].Name != "Anna Neri" || all[0].URL != source {
			t.Fatalf("heard %+v; %s", all, w.state(source))
		}
		if got := all[0].Text; !strings.Contains(got, "Da noi la mensa è buona.") || strings.Contains(got, "<") || strings.Contains(got, "alert") {
			t.Errorf("text %q", got)
		}
		w.must(w.told(source))
		if len(w.heard()) != 1 {
			t.Error("told twice, heard twice")
		}
		e.put("/note/1", strings.Replace(fmt.Sprintf(reply, w.target), "buona", "pessima", 1))
		w.must(w.told(source))
		if got := w.heard(); len(got) != 1 || !strings.Contains(got[0].Text, "pessima") {
			t.Errorf("an edit is not followed: %+v", got)
		}
		e.handle("/note/1", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
		w.must(w.told(source))
		if got := w.heard(); !got[0].Deleted || got[0].Text != "" || w.state(source) != "gone gone" {
			t.Errorf("a deletion is not followed: %+v %s", got, w.state(source))
		}
	})
}

func TestLikeAndRepostAreCountedAndCanBeTakenBackOrBecomeWords(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, e := openOn(t, d), newElsewhere(t)
		like := e.put("/like", fmt.Sprintf(`<div class="h-entry"><a class="u-like-of" href="%s">mi piace</a></div>`, w.target))
		boost := e.put("/boost", fmt.Sprintf(`<div class="h-entry"><span class="p-author h-card">Bruno</span><a class="u-repost-of" href="%s#x">x</a></div>`, w.target))
		w.must(w.told(like))
		w.must(w.told(boost))
		w.must(w.told(like))
		if got := w.reactions(); !slices.Equal(got, []string{channel.Boost, channel.Like}) || len(w.heard()) != 0 {
			t.Fatalf("reactions %v, heard %v", got, w.heard())
		}
		e.put("/like", `<div class="h-entry">niente</div>`)
		w.must(w.told(like))
		e.put("/boost", fmt.Sprintf(`<div class="h-entry"><p class="e-content">Ora <a href="%s">parlo</a>.</p></div>`, w.target))
		w.must(w.told(boost))
		if got := w.reactions(); len(got) != 0 || len(w.heard()) != 1 {
			t.Errorf("reactions %v, heard %v", got, w.heard())
		}
	})
}

// What another page says is read as its readers see it.
func TestEntryIsReadAsItsReadersSeeIt(t *testing.T) {
	w, e := open(t), newElsewhere(t)
	w.must(w.told(e.put("/orari", fmt.Sprintf(`<article class="h-entry"><a class="u-in-reply-to" href="%s">Cesate</a> <div class="e-content"><p>Da noi, <del>lunedì</del> martedì:</p>
		<table><tr><th>Giorno</th><th>Ore</th></tr><tr><td>Martedì</td><td>9-12</td></tr></table><ol><li>Modulo</li><li>Firma</li></ol>
		<p>Vedi <a href="https://altrove.example/orari">gli orari</a> e <a href="%s">voi</a>.</p></div></article>`, w.target, w.target))))
	all := w.heard()
	if len(all) != 1 {
		t.Fatalf("%+v", all)
	}
	if want := "Da noi, ~~lunedì~~ martedì:\n\nGiorno | Ore\nMartedì | 9-12\n\n1. Modulo\n2. Firma\n\nVedi gli orari (https://altrove.example/orari) e voi."; all[0].Text != want {
		t.Errorf("%q, want %q", all[0].Text, want)
	}
}

func TestPageWithoutMicroformatsIsAMention(t *testing.T) {
	w, e := open(t), newElsewhere(t)
	for path, body := range map[string]string{
		"/plain":  fmt.Sprintf(`<title>Rassegna &amp; altro</title><p><a href="%s#commenti">qui</a>`, w.target),
		"/base":   `<base href="https://piazza.cesate.example/m/"><title>B</title><a href="la-mensa">x</a>`,
		"/image":  fmt.Sprintf(`<title>I</title><img src="%s">`, w.target),
		"/hidden": fmt.Sprintf(`<title>H</title><!-- <a href="%s">x</a> --><script>"%s"</script><p>%s</p>`, w.target, w.target, w.target),
	} {
		source := e.put(path, body)
		w.must(w.told(source))
		if got, want := w.state(source), map[bool]string{true: "refused no_link", false: "shown"}[path == "/hidden"]; got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	names := map[string]bool{}
	for _, h := range w.heard() {
		names[h.Text] = true
	}
	if !names["Rassegna & altro"] || len(w.heard()) != 3 {
		t.Errorf("heard %+v", w.heard())
	}
	source := e.handle("/text", func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/plain; charset=utf-8")
		fmt.Fprintf(rw, "vedi <%s>", w.target)
	})
	w.must(w.told(source))
	if w.state(source) != "shown" {
		t.Errorf("plain text: %s", w.state(source))
	}
}

func TestWhatIsNoWebmentionIsRefusedAtOnce(t *testing.T) {
	w := open(t)
	good := "https://diario.example/1"
	for name, form := range map[string]url.Values{
		"nothing":             {},
		"no source":           {"target": {w.target}},
		"no target":           {"source": {good}},
		"a script as source":  {"source": {"javascript:alert(1)"}, "target": {w.target}},
		"a file":              {"source": {"file:///etc/passwd"}, "target": {w.target}},
		"a password":          {"source": {"https://u:p@diario.example/"}, "target": {w.target}},
		"source is target":    {"source": {w.target}, "target": {w.target}},
		"our own page":        {"source": {w.origin + "/m/altro"}, "target": {w.target}},
		"somebody's page":     {"source": {good}, "target": {"https://altro.example/m/la-mensa"}},
		"no message":          {"source": {good}, "target": {w.origin + "/notizie"}},
		"an unknown message":  {"source": {good}, "target": {w.origin + "/m/mai-vista"}},
		"a picture of one":    {"source": {good}, "target": {w.target + "/foto/1"}},
		"a very long address": {"source": {good + strings.Repeat("a", 3000)}, "target": {w.target}},
	} {
		if rec := w.post(form); rec.Code != http.StatusBadRequest || !strings.HasPrefix(rec.Header().Get("Content-Type"), "text/plain") {
			t.Errorf("%s: %d %s", name, rec.Code, rec.Body)
		}
	}
	if rec := w.post(url.Values{"source": {good}, "target": {w.target + "#commenti"}}); rec.Code != http.StatusAccepted {
		t.Errorf("a fragment of ours: %d", rec.Code)
	}
}

func TestFloodFromOneSiteSlowsThatSiteOnly(t *testing.T) {
	w := open(t)
	last := 0
	for n := range limit.MentionSource.Line().Burst + 1 {
		last = w.post(url.Values{"source": {fmt.Sprintf("https://flood.example/%d", n)}, "target": {w.target}}).Code
	}
	if last != http.StatusTooManyRequests {
		t.Errorf("after %d: %d", limit.MentionSource.Line().Burst, last)
	}
	if rec := w.post(url.Values{"source": {"https://altro.example/1"}, "target": {w.target}}); rec.Code != http.StatusAccepted {
		t.Errorf("another site: %d", rec.Code)
	}
}

func TestHostileSourceIsRefusedOrBoundedAndHeardOfNever(t *testing.T) {
	w, e := open(t), newElsewhere(t)
	link := fmt.Sprintf(`<a href="%s">x</a>`, w.target)
	zipped := func(rw http.ResponseWriter, _ *http.Request) {
		rw.Header().Set("Content-Type", "text/html")
		rw.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(rw)
		fmt.Fprint(z, link)
		for range 64 {
			z.Write(make([]byte, 1<<20))
		}
		z.Close()
	}
	loop := func(rw http.ResponseWriter, r *http.Request) { http.Redirect(rw, r, r.URL.Path, http.StatusFound) }
	inside := func(rw http.ResponseWriter, r *http.Request) {
		http.Redirect(rw, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
	}
	for path, want := range map[string]string{
		e.put("/deep", strings.Repeat("<div>", 20_000)+link):                              "refused",
		e.put("/huge", link+strings.Repeat("<p>x", 2<<20/4)):                              "refused too_large",
		e.handle("/bomb", zipped):                                                         "refused too_large",
		e.handle("/loop", loop):                                                           "refused redirects",
		e.handle("/inside", inside):                                                       "refused redirects",
		e.put("/pdf", link, "Content-Type", "application/pdf"):                            "refused kind",
		e.put("/json", `{"url":"`+w.target+`"}`, "Content-Type", "application/json"):      "refused kind",
		e.URL + "/missing":                                                                "refused 404",
		e.put("/binary", "\x00\xff\xfe"+link+"\x00", "Content-Type", "text/html"):         "",
		e.put("/charset", link, "Content-Type", "text/html; charset=klingon"):             "",
		e.put("/script", `<title><script>alert(1)</script></title><b onclick=x>`+link):    "",
		e.put("/entry", `<div class="h-entry h-entry h-card"><div class="h-entry">`+link): "",
	} {
		err := w.told(path)
		if got := w.state(path); err != nil || want != "" && !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s; %v", path, got, want, err)
		}
	}
	for _, h := range w.heard() {
		if !h.Held || strings.ContainsRune(h.Text, 0) {
			t.Errorf("heard %+v", h)
		}
	}
	private := newTown(t, testkit.SQLite(t), fetch.Options{})
	if err := private.told(e.URL + "/deep"); err != nil || private.state(e.URL+"/deep") != "refused private" {
		t.Errorf("a private address: %v %s", err, private.state(e.URL+"/deep"))
	}
}

// Whoever tells us decides whom we call: one call for each time that we are told.
func TestSourceIsReadOnceForEachTimeThatWeAreTold(t *testing.T) {
	w, e := open(t), newElsewhere(t)
	calls := 0
	source := e.handle("/down", func(rw http.ResponseWriter, _ *http.Request) { calls++; rw.WriteHeader(http.StatusBadGateway) })
	for n := range 3 {
		w.must(w.told(source))
		if w.state(source) != "refused 502" || calls != n+1 {
			t.Errorf("told %d times: %s after %d calls", n+1, w.state(source), calls)
		}
	}
	moved := e.handle("/moved", func(rw http.ResponseWriter, r *http.Request) {
		calls++
		http.Redirect(rw, r, "/moved", http.StatusFound)
	})
	calls = 0
	w.must(w.told(moved))
	if w.state(moved) != "refused redirects" || calls != 1 {
		t.Errorf("a page that has moved: %s after %d calls", w.state(moved), calls)
	}
}

func TestEachLinkOfAMessageIsToldOncePerRevision(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, e := openOn(t, d), newElsewhere(t)
		e.endpoint("/wm", http.StatusAccepted)
		byHeader := e.put("/a", "<p>a", "Link", `<https://other.example/>; rel="next", </wm?x=1>; rel="foo webmention"`)
		byTag := e.put("/b", `<p>b</p><a rel="nofollow webmention" href="wm">x</a><link rel="webmention" href="/later">`)
		none := e.put("/c", "<p>c")
		id := w.publish("Rassegna", fmt.Sprintf(`<p><a href="%s">a</a> <a href="%s">b</a> <a href="%s">b</a> <a href="%s">c</a> <a href="/m/la-mensa">nostra</a> <a href="mailto:x@example.org">m</a> <a href="%s">assoluta</a></p>`,
			byHeader, byTag, byTag, none, w.target))
		w.send(id)
		w.send(id)
		if e.count() != 2 || w.out(byHeader) != "sent" || w.out(byTag) != "sent" || w.out(none) != "none" {
			t.Fatalf("told %v; %s, %s, %s", e.told, w.out(byHeader), w.out(byTag), w.out(none))
		}
		if got := e.told[0].Get("source"); got != w.origin+"/m/rassegna" {
			t.Errorf("source %q", got)
		}
		w.correct(id, fmt.Sprintf(`<p><a href="%s">a</a></p>`, byHeader))
		w.send(id)
		w.send(id)
		if e.count() != 4 {
			t.Errorf("after a correction that took a link away: %d told, want both again", e.count())
		}
		var ours int
		w.must(d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM webmention_out WHERE target LIKE '%cesate.example%' OR target LIKE 'mailto%'`).Scan(&ours)
		}))
		if ours != 0 {
			t.Error("we tell ourselves")
		}
	})
}

func TestEndpointThatFailsIsToldAgainAndOneThatRefusesIsNot(t *testing.T) {
	w, e := open(t), newElsewhere(t)
	e.endpoint("/down", http.StatusServiceUnavailable)
	e.endpoint("/no", http.StatusBadRequest)
	down, no := e.put("/a", "", "Link", `</down>; rel=webmention`), e.put("/b", "", "Link", `</no>; rel=webmention`)
	private := e.put("/c", "", "Link", `<http://10.0.0.1/wm>; rel="webmention"`)
	odd := e.put("/d", "", "Link", `<javascript:alert(1)>; rel="webmention"`)
	id := w.publish("Rassegna", fmt.Sprintf(`<a href="%s">a</a><a href="%s">b</a><a href="%s">c</a><a href="%s">d</a>`, down, no, private, odd))
	for range 7 {
		w.send(id)
	}
	if w.out(down) != "given_up 503" || w.out(no) != "refused 400" || w.out(private) != "refused private" || w.out(odd) != "refused endpoint" {
		t.Errorf("%s; %s; %s; %s", w.out(down), w.out(no), w.out(private), w.out(odd))
	}
	if e.count() != 6 {
		t.Errorf("told %d times, want five and one", e.count())
	}
}

func TestTwoTownsTellEachOther(t *testing.T) {
	here, there := open(t), open(t)
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == Path {
			there.handler.ServeHTTP(w, r)
			return
		}
		w.Header().Set("Link", `</webmention>; rel="webmention"`)
	}))
	t.Cleanup(site.Close)
	there.origin = site.URL
	there.must(there.db.InTx(t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `UPDATE institution_host SET host = 'piazza.solaro.example'`)
		return err
	}))
	id := here.publish("Rassegna", `<a href="`+site.URL+`/m/la-mensa">b</a>`)
	here.send(id)
	if got := here.out(site.URL + "/m/la-mensa"); got != "sent" {
		t.Fatal(got)
	}
	if m := there.row(here.origin + "/m/rassegna"); m.state != "waiting" || m.messageID != there.message {
		t.Errorf("there: %+v", m)
	}
}

func FuzzLinkHeaderIsReadWithoutHarm(f *testing.F) {
	for _, s := range []string{`<a>; rel="webmention"`, `<a>;rel=webmention, <b>; x="\",<c>; rel=webmention"; rel="y webmention"`, `<`, `<a`, `<a>;`, `<a>;;,`, `<>; rel="webmention`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, line string) {
		for _, l := range parseLinks(line) {
			if !strings.Contains(line, l.target) {
				t.Fatalf("%q is not in %q", l.target, line)
			}
		}
	})
}

func TestLinkHeaders(t *testing.T) {
	for line, want := range map[string]string{
		`<a>; rel="webmention"`: "a", `<a>;rel=webmention`: "a", `<a>; REL="x Webmention y"`: "a", `<a>; rel="next", <b>; title="a, <c>"; rel="webmention"`: "b",
		`<a>; rel="notwebmention"`: "", `<a>; title="rel=webmention"`: "", `a; rel=webmention`: "", `<a>; rel=next; rel=webmention`: "", `<>; rel="webmention"`: "<empty>",
	} {
		got := ""
		for _, l := range parseLinks(line) {
			if slices.Contains(l.rels, rel) {
				if got = l.target; got == "" {
					got = "<empty>"
				}
				break
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func FuzzPageIsReadWithoutHarm(f *testing.F) {
	base, err := url.Parse("https://diario.example/1")
	if err != nil {
		f.Fatal(err)
	}
	const target = "https://piazza.example/m/a"
	f.Add(fmt.Sprintf(reply, target))
	f.Add(`<a href="` + target + `"><div class="h-entry"><div class="p-author h-card"><data class="dt-published" value="x"><a class="u-like-of h-cite" href="` + target + `">`)
	f.Add(`<base href="::"><a href="` + target + `"><object data=x class="h-entry u-photo"><time class="dt-start value" datetime="2026-13-40">`)
	f.Fuzz(func(t *testing.T, text string) {
		doc, err := html.Parse(strings.NewReader(text))
		if err != nil {
			return
		}
		m, err := parse(doc, base, target)
		if err != nil {
			return
		}
		if m.Author.ID == "" || m.URL == "" || len([]rune(m.Text)) > maxExcerpt || m.Act == "" {
			t.Fatalf("%+v", m)
		}
	})
}
