package office_test

import (
	"net/http/httptest"
	"testing"

	"codeberg.org/arengo/arengo/internal/testkit"
)

// open starts the town's server and a browser in which somebody is at work.
func (w *town) openBrowser(t *testing.T, who, path string, options ...testkit.PageOption) (*testkit.Page, string) {
	t.Helper()
	if !w.kit.Assets.Built() {
		testkit.Missing(t, "the built style sheet", "run make assets")
	}
	b := testkit.Browser(t)
	srv := httptest.NewServer(w.handler)
	t.Cleanup(func() { w.kit.Streams.Close(); srv.Close() })
	return b.Open(t, srv.URL+"/io-sono/"+who+"?next="+path, options...), srv.URL
}

func TestPagesAreAccessibleAtBothWidths(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	pages := w.pages()
	p, base := w.openBrowser(t, "administrator", "/redazione/uffici", testkit.Wide(1360))
	phone, _ := w.openBrowser(t, "administrator", "/redazione/uffici", testkit.Phone())
	for name, path := range pages {
		p.Goto(base + path)
		p.Axe()
		p.Screenshot("office-" + name)
		phone.Goto(base + path)
		phone.Axe()
		phone.FitsWidth()
		phone.Screenshot("office-" + name + "-phone")
	}
}

// An employee opens the letter's link on a phone without JavaScript, writes, sends.
func TestLinkWorksWithoutJavaScript(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	names := w.names()
	p, base := w.openBrowser(t, testkit.Nobody, names["link"], testkit.Phone(), testkit.NoScript())
	p.Goto(base + names["link"])
	p.Fill("#f-text", "La ditta passa giovedì.")
	p.Submit("form.ar-panel .ar-actions button")
	p.Wait(".alert-success")
	p.FitsWidth()
	if got := w.notes(names["conversation"]); len(got) != 1 {
		t.Errorf("notes %v", got)
	}
}
