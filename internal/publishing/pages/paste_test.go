package pages_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/testkit"
)

// What other programs put on the clipboard comes in as its words, links, lists and
// tables, and the site shows them. Each NAME.html (or the source of a page, NAME.txt)
// of testdata/paste becomes its NAME.md.
func TestPastesComeInClean(t *testing.T) {
	wants, err := filepath.Glob("testdata/paste/*.md")
	if err != nil || len(wants) < 5 {
		t.Fatal(wants, err)
	}
	w := newTown(t)
	b, base := w.open(t)
	p := b.Open(t, base+"/io-sono/writer", testkit.Wide(1280))
	p.Goto(base + "/redazione/messaggi/nuovo")
	paste := func(kind, content string) string {
		clip, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		return testkit.Eval[string](p, fmt.Sprintf(`(() => {
			const f = document.querySelector('#f-body'); f.value = 'Prima '; f.focus(); f.setSelectionRange(6, 6);
			const data = new DataTransfer(); data.setData(%q, %s); data.setData('text/plain', data.getData('text/plain') || 'solo testo');
			const taken = !f.dispatchEvent(new ClipboardEvent('paste', {clipboardData: data, bubbles: true, cancelable: true}));
			return taken ? f.value : '';
		})()`, kind, clip))
	}
	for _, file := range wants {
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		kind, name := "text/html", strings.TrimSuffix(file, ".md")
		content, err := os.ReadFile(name + ".html")
		if err != nil {
			kind = "text/plain"
			if content, err = os.ReadFile(name + ".txt"); err != nil {
				t.Fatal(err)
			}
		}
		if got := paste(kind, string(content)); got != "Prima "+strings.TrimSpace(string(want)) {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
	}
	if testkit.Eval[bool](p, "window.pwned === true") {
		t.Error("a script on the clipboard ran")
	}
	// What needs nobody's help is left to the browser.
	for kind, content := range map[string]string{"text/plain": "Due righe\ndi testo, a < b e <3", "text/html": `<div style="font-family: Consolas; white-space: pre;"><span>if a &lt; b</span></div>`} {
		if got := paste(kind, content); got != "" {
			t.Errorf("%s was taken: %q", kind, got)
		}
	}
	p.WaitFor("document.querySelector('#look-site .ar-prose') !== null")
}
