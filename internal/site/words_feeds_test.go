package site_test

import (
	"encoding/json"
	"encoding/xml"
	"html"
	"strings"
	"testing"
)

// A sign that looks like a tag stays in what a reader of each feed shows: where the
// format says that a text is HTML, as RSS does of descriptions, it is escaped twice.
func TestReaderOfAFeedSeesEveryWord(t *testing.T) {
	w := open(t)
	w.publish(note{Profile: "comune", Title: "Sconti", Published: at("2026-04-02T09:00"),
		Body: "minore<di> 3 &amp; ~~lunedì~~ martedì\nvedi [orari](/m/orari)\n\n1. Modulo\n2. Firma"})
	const summary = "minore<di> 3 & ~~lunedì~~ martedì vedi orari 1. Modulo 2. Firma"
	const text = "minore<di> 3 & ~~lunedì~~ martedì\nvedi orari (https://piazza.cesate.example/m/orari)\n\n1. Modulo\n2. Firma"
	const page = "<p>minore&lt;di&gt; 3 &amp; <del>lunedì</del> martedì<br>\nvedi <a href=\"https://piazza.cesate.example/m/orari\">orari</a></p>\n<ol>\n<li>Modulo</li>\n<li>Firma</li>\n</ol>"

	var rss struct {
		Item struct {
			Description string `xml:"description"`
			Content     string `xml:"http://purl.org/rss/1.0/modules/content/ encoded"`
		} `xml:"channel>item"`
	}
	w.must(xml.Unmarshal([]byte(w.page("/feed.rss")), &rss))
	if got := html.UnescapeString(rss.Item.Description); got != summary || strings.Contains(rss.Item.Description, "<") {
		t.Errorf("RSS: %q", rss.Item.Description)
	}
	if strings.TrimSpace(rss.Item.Content) != page {
		t.Errorf("RSS: %q", rss.Item.Content)
	}
	var atom struct {
		Entry struct {
			Summary struct {
				Type string `xml:"type,attr"`
				Text string `xml:",chardata"`
			} `xml:"summary"`
			Content string `xml:"content"`
		} `xml:"entry"`
	}
	w.must(xml.Unmarshal([]byte(w.page("/feed.atom")), &atom))
	if s := atom.Entry.Summary; s.Text != summary || s.Type != "" && s.Type != "text" || strings.TrimSpace(atom.Entry.Content) != page {
		t.Errorf("Atom: %+v", atom)
	}
	var feed struct {
		Items []struct {
			Text    string `json:"content_text"`
			HTML    string `json:"content_html"`
			Summary string `json:"summary"`
		} `json:"items"`
	}
	w.must(json.Unmarshal([]byte(w.page("/feed.json")), &feed))
	if i := feed.Items[0]; i.Text != text || i.Summary != summary || strings.TrimSpace(i.HTML) != page {
		t.Errorf("JSON: %+v", i)
	}
	if got := w.page("/m/sconti"); !strings.Contains(got, `<meta property="og:description" content="`+html.EscapeString(summary)+`">`) {
		t.Error("the page's description for other sites has not every word")
	}
}
