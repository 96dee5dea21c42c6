package web_test

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/web/layout"
)

// firstView is the most a reader's first page may send, in bytes, without images.
const firstView = 100_000

var (
	linked  = regexp.MustCompile(`(?:href|src)="(/assets/[^"#]+)`)
	inStyle = regexp.MustCompile(`url\(["']?(/assets/[^"')]+)`)
)

func TestFirstViewOfThePublicSiteIsLight(t *testing.T) {
	srv := galleryServer(t)
	page := fetch(t, http.MethodGet, srv.URL+"/", "it")
	if strings.Contains(page, "<script") {
		t.Error("a public page without modules loads a script")
	}
	sent := map[string]int{"/": wire(t, srv.URL+"/")}
	for _, m := range linked.FindAllStringSubmatch(page, -1) {
		sent[m[1]] = wire(t, srv.URL+m[1])
	}
	for path := range sent {
		if strings.HasSuffix(path, ".css") {
			for _, m := range inStyle.FindAllStringSubmatch(fetch(t, http.MethodGet, srv.URL+path, "it"), -1) {
				sent[m[1]] = wire(t, srv.URL+m[1])
			}
		}
	}
	total, fonts := 0, 0
	for path, n := range sent {
		total += n
		if strings.HasSuffix(path, ".woff2") {
			fonts++
		}
		t.Logf("%6d %s", n, path)
	}
	if fonts < 2 || len(sent) < 5 {
		t.Fatalf("the test counts too little: %v", sent)
	}
	if total > firstView {
		t.Errorf("the first view sends %d bytes, more than %d", total, firstView)
	}
}

// wire is how many bytes an answer has when compressed the way browsers ask.
func wire(t *testing.T, url string) int {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s %v", url, answer.Status, err)
	}
	return len(body)
}

func BenchmarkPublicPage(b *testing.B) {
	s := newSite(b, nil)
	s.Handle(s.mux, "GET /{$}", func(w http.ResponseWriter, r *http.Request) error {
		return s.Render(w, r, http.StatusOK, "greeting", layout.Page{Layout: layout.Site, Content: person{"Ada"}})
	})
	for b.Loop() {
		if w := s.get("/"); w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
	}
}
