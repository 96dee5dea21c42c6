package site_test

import (
	"encoding/json"
	"encoding/xml"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/site"
)

var update = flag.Bool("update", false, "write the golden files")

// topicID is the name of a topic's feed, made of the institution's.
var topicID = regexp.MustCompile(`urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`)

// golden compares a document with the file of its name. The identifiers that a
// database makes anew each time are named first.
func (w *town) golden(name, got string) {
	w.t.Helper()
	got = strings.ReplaceAll(got, w.i.ID, "INSTITUTION")
	for slug, p := range w.profiles {
		got = strings.ReplaceAll(got, p.ID, "PROFILE-"+slug)
	}
	got = topicID.ReplaceAllString(got, "urn:uuid:TOPIC")
	file := filepath.Join("testdata", name)
	if *update {
		w.must(os.WriteFile(file, []byte(got), 0o644))
	}
	want, err := os.ReadFile(file)
	w.must(err)
	if diff := cmp.Diff(string(want), got); diff != "" {
		w.t.Errorf("%s (run with -update when this is meant)\n%s", name, diff)
	}
}

// tricky is what breaks feeds: markup in a title, control characters, line ends,
// emoji, a corrected text, a text in another language, a file, an event.
func tricky(w *town) {
	w.publish(note{Profile: "comune", Title: `Strade & "ponti" <chiusi>, parte 1; fine\`, Tags: []string{"Viabilità", "Lavori & cantieri"}, Published: at("2026-03-28T12:00"),
		Body: "Prima riga; poi, *altro* & ancora.\n\n[Il piano](/m/piano) e [fuori](https://www.example.org/?a=1&b=2).\n\n`]]>` e ancora \x0b controllo."})
	w.publish(note{Profile: "biblioteca", Category: "culture", Title: "Notte dei libri 🎉 un titolo davvero molto lungo perché deve essere spezzato dal calendario a metà di una lettera accentata così così così", Published: at("2026-03-29T01:30"), Tags: []string{"Letture"},
		Start: at("2026-10-24T21:00"), End: at("2026-10-25T03:30"), Place: "Biblioteca; sala grande, piano 1", Lat: degrees(45.5921), Lon: degrees(9.0742), Body: "Si legge tutta la notte.\nAnche quella in cui cambia l'ora.",
		Media: []site.Media{{ID: "m", Hash: strings.Repeat("ab", 32), ContentType: "image/jpeg", Name: "notte & libri.jpg", Alt: `La "sala" <grande>`, Caption: "L'anno scorso", Width: 1600, Height: 1067, Size: 123456,
			Renditions: []site.Rendition{{Kind: "960", Hash: strings.Repeat("cd", 32), ContentType: "image/jpeg", Width: 960, Height: 640}}}}})
	w.publish(note{Profile: "comune", Lang: "en", Title: "Opening hours", Body: "The *desk* opens at nine.", Published: at("2026-04-02T09:00"),
		Media:       []site.Media{{ID: "d", Hash: strings.Repeat("ef", 32), ContentType: "application/pdf", Name: "orari.pdf", Alt: "Opening hours", Size: 4321}},
		Corrections: []site.Correction{{At: db.At(at("2026-04-03T10:00")), Note: "It said ten."}}})
}

func TestFeedsLeaveTheHouseAsTheirStandardsWant(t *testing.T) {
	w := open(t)
	tricky(w)
	for path, file := range map[string]string{
		"/feed.rss": "feed.rss", "/feed.atom": "feed.atom", "/feed.json": "feed.json", "/eventi.ics": "eventi.ics",
		"/p/biblioteca/feed.rss": "biblioteca.rss", "/p/biblioteca/eventi.ics": "biblioteca.ics", "/argomenti/viabilità/feed.atom": "viabilita.atom", "/argomenti/letture/feed.json": "letture.json",
		"/sitemap.xml": "sitemap.xml", "/robots.txt": "robots.txt", "/m/" + "notte-dei-libri-un-titolo-davvero-molto-lungo-perche-deve-essere-spezzato-dal-calendario-a-meta-di-una-lettera-accentata-cosi-cosi-cosi/evento.ics": "evento.ics",
	} {
		w.golden(file, w.page(path))
	}
	for path, kind := range map[string]string{"/feed.rss": "application/rss+xml", "/feed.atom": "application/atom+xml", "/feed.json": "application/feed+json", "/eventi.ics": "text/calendar"} {
		if got := w.get(path).Header().Get("Content-Type"); got != kind+"; charset=utf-8" {
			t.Errorf("%s is %s", path, got)
		}
	}
}

// wellFormed reads an XML document to its end and returns how often each element occurs.
func wellFormed(t *testing.T, text string) map[string]int {
	t.Helper()
	n := map[string]int{}
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		token, err := d.Token()
		if err == io.EOF {
			return n
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if e, ok := token.(xml.StartElement); ok {
			n[strings.TrimPrefix(e.Name.Space+" "+e.Name.Local, " ")]++
		}
	}
}

func TestRSSHasWhatTheSpecificationRequires(t *testing.T) {
	w := open(t)
	tricky(w)
	text := w.page("/feed.rss")
	n := wellFormed(t, text)
	if n["rss"] != 1 || n["channel"] != 1 || n["item"] != 3 || n["guid"] != 3 || n["pubDate"] != 3 || n["http://purl.org/rss/1.0/modules/content/ encoded"] != 3 || n["enclosure"] != 2 || n["http://www.w3.org/2005/Atom link"] != 1 {
		t.Errorf("%v", n)
	}
	var doc struct {
		Items []struct {
			Date string `xml:"pubDate"`
			GUID string `xml:"guid"`
		} `xml:"channel>item"`
	}
	w.must(xml.Unmarshal([]byte(text), &doc))
	for _, i := range doc.Items {
		if _, err := time.Parse(time.RFC1123Z, i.Date); err != nil || !strings.HasPrefix(i.GUID, "urn:uuid:") {
			t.Errorf("%+v: %v", i, err)
		}
	}
}

func TestAtomHasWhatRFC4287Requires(t *testing.T) {
	w := open(t)
	for _, filled := range []bool{false, true} {
		if filled {
			tricky(w)
		}
		text := w.page("/feed.atom")
		wellFormed(t, text)
		type entry struct {
			ID        string `xml:"id"`
			Title     string `xml:"title"`
			Updated   string `xml:"updated"`
			Published string `xml:"published"`
			Author    string `xml:"author>name"`
			Links     []struct {
				Rel  string `xml:"rel,attr"`
				Href string `xml:"href,attr"`
			} `xml:"link"`
		}
		var doc struct {
			XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
			entry
			Entries []entry `xml:"entry"`
		}
		w.must(xml.Unmarshal([]byte(text), &doc))
		ids := map[string]bool{}
		for _, e := range append(doc.Entries, doc.entry) {
			if _, err := time.Parse(time.RFC3339, e.Updated); err != nil || e.ID == "" || e.Title == "" || e.Author == "" || ids[e.ID] {
				t.Errorf("%+v: %v", e, err)
			}
			ids[e.ID] = true
			if n := len(slices.DeleteFunc(slices.Clone(e.Links), func(l struct {
				Rel  string `xml:"rel,attr"`
				Href string `xml:"href,attr"`
			}) bool {
				return l.Rel != "alternate"
			})); n != 1 {
				t.Errorf("%s has %d alternate links", e.ID, n)
			}
		}
		if filled && (len(doc.Entries) != 3 || doc.Entries[0].Updated != "2026-04-03T10:00:00+02:00" || doc.Entries[0].Published != "2026-04-02T09:00:00+02:00") {
			t.Errorf("the corrected message: %+v", doc.Entries)
		}
	}
}

func TestJSONFeedHasWhatVersion11Requires(t *testing.T) {
	w := open(t)
	tricky(w)
	var doc struct {
		Version string `json:"version"`
		Title   string `json:"title"`
		Items   []struct {
			ID, URL   string
			HTML      string `json:"content_html"`
			Published string `json:"date_published"`
			Files     []struct {
				URL  string `json:"url"`
				Type string `json:"mime_type"`
			} `json:"attachments"`
		} `json:"items"`
	}
	w.must(json.Unmarshal([]byte(w.page("/feed.json")), &doc))
	if doc.Version != "https://jsonfeed.org/version/1.1" || doc.Title == "" || len(doc.Items) != 3 {
		t.Fatalf("%+v", doc)
	}
	for _, i := range doc.Items {
		if _, err := time.Parse(time.RFC3339, i.Published); err != nil || i.ID == "" || !strings.HasPrefix(i.URL, "https://piazza.cesate.example/m/") || i.HTML == "" {
			t.Errorf("%+v: %v", i, err)
		}
		if strings.Contains(i.HTML, `href="/`) || strings.Contains(i.HTML, `src="/`) {
			t.Errorf("a link that leads nowhere from a reader: %s", i.HTML)
		}
	}
}

var contentLine = regexp.MustCompile(`^[A-Z-]+(;[A-Z-]+=[^:;]+)*:[^\x00-\x08\x0b\x0c\x0e-\x1f]*$`)

func TestCalendarHasWhatRFC5545Requires(t *testing.T) {
	w := open(t)
	tricky(w)
	text := w.page("/eventi.ics")
	if !strings.HasSuffix(text, "END:VCALENDAR\r\n") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
		t.Error("lines do not end with CRLF")
	}
	for line := range strings.SplitSeq(text, "\r\n") {
		if len(line) > 75 || strings.ContainsRune(line, '\uFFFD') || !slicesValid(line) {
			t.Errorf("%d octets: %q", len(line), line)
		}
	}
	unfolded := strings.ReplaceAll(text, "\r\n ", "")
	properties := map[string]string{}
	for line := range strings.SplitSeq(strings.TrimSuffix(unfolded, "\r\n"), "\r\n") {
		if !contentLine.MatchString(line) {
			t.Errorf("no content line: %q", line)
		}
		name, value, _ := strings.Cut(line, ":")
		properties[name] = value
	}
	for name, want := range map[string]string{
		"UID": "0198a000-0000-7000-8000-000000000002", "DTSTART;TZID=Europe/Rome": "20261024T210000", "DTEND;TZID=Europe/Rome": "20261025T033000", "GEO": "45.592100;9.074200",
		"LOCATION": `Biblioteca\; sala grande\, piano 1`, "CATEGORIES": "Letture", "SEQUENCE": "0", "VERSION": "2.0",
		"SUMMARY": `Notte dei libri 🎉 un titolo davvero molto lungo perché deve essere spezzato dal calendario a metà di una lettera accentata così così così`,
	} {
		if properties[name] != want {
			t.Errorf("%s is %q, want %q", name, properties[name], want)
		}
	}
	if !strings.HasPrefix(properties["DESCRIPTION"], `Si legge tutta la notte.\nAnche quella in cui cambia l'ora.\n\nhttps://piazza.cesate.example/m/`) {
		t.Errorf("DESCRIPTION is %q", properties["DESCRIPTION"])
	}
}

// slicesValid reports whether a folded line begins and ends between characters.
func slicesValid(line string) bool { return strings.ToValidUTF8(line, "") == line }

func TestLongSitemapHasAnIndex(t *testing.T) {
	w := open(t)
	w.many(5200)
	index := w.page("/sitemap.xml")
	if n := wellFormed(t, index); n["http://www.sitemaps.org/schemas/sitemap/0.9 sitemap"] != 2 {
		t.Errorf("%v", n)
	}
	first, second := wellFormed(t, w.page("/sitemap/1.xml")), wellFormed(t, w.page("/sitemap/2.xml"))
	const url = "http://www.sitemaps.org/schemas/sitemap/0.9 url"
	if got := first[url] + second[url]; second[url] != 200 || got < 5200+7 {
		t.Errorf("%d and %d addresses", first[url], second[url])
	}
	if code := w.get("/sitemap/3.xml").Code; code != http.StatusNotFound {
		t.Errorf("a third part: %d", code)
	}
}
