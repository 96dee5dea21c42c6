package web_test

import (
	"net/http"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/web"
)

func TestFormSentAfterTheSessionEndedLeadsBackToItsPage(t *testing.T) {
	s := newSite(t, func(o *web.Options) { o.SignIn = "/accedi" })
	s.Handle(s.mux, "POST /scrivi", func(http.ResponseWriter, *http.Request) error {
		return fault.New(fault.Unsigned, "fault.unsigned")
	})
	for referer, want := range map[string]string{
		"http://example.com/scrivi?a=1": `href="/accedi?next=%2Fscrivi%3Fa%3D1"`,
		"http://evil.example/scrivi":    `href="/accedi"`,
		"":                              `href="/accedi"`,
	} {
		w := s.do(request(http.MethodPost, "/scrivi", "a=b", "Referer", referer))
		if w.Code != http.StatusUnauthorized || !strings.Contains(w.Body.String(), want) {
			t.Errorf("from %q: %d without %s", referer, w.Code, want)
		}
	}
}
