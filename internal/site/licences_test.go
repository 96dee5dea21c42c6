package site_test

import (
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/licence"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// Every page leads to the licences, and they to each text, in both languages.
func TestLicencesOfTheProgramAreOnTheSite(t *testing.T) {
	all, err := licence.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		testkit.Missing(t, "the file of notices", "make assets")
	}
	w := open(t)
	if !strings.Contains(w.page("/"), `href="/licenze"`) {
		t.Error("the first page does not lead to the licences")
	}
	contains(t, w.page("/licenze"), "Licenze del programma", "Go e i suoi moduli")
	list := w.page("/licenze", "Accept-Language", "en")
	contains(t, list, "Licences of the program", "Style, fonts and scripts")
	for _, c := range all {
		contains(t, list, `href="/licenze/`+c.Name+`"`)
		if got := w.get("/licenze/" + c.Name); got.Code != http.StatusOK || got.Body.Len() < 1000 || got.Body.Len() > 100_000 {
			t.Errorf("%s: %d, %d bytes", c.Name, got.Code, got.Body.Len())
		}
	}
	contains(t, w.page("/licenze/@fontsource/titillium-web"), "SIL OPEN FONT LICENSE")
	if got := w.get("/licenze/nessuno"); got.Code != http.StatusNotFound {
		t.Errorf("an unknown name: %d", got.Code)
	}
}
