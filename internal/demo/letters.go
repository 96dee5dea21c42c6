package demo

import (
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/i18n"
)

//go:embed templates
var templates embed.FS

// maxLetters is how many of the newest letters are listed.
const maxLetters = 100

// letters are the pages on which a visitor reads what was sent by mail, beside
// the square's and in its style.
type letters struct {
	folder string // of the Maildir's new letters
	pages  map[string]*template.Template
}

func newLetters(folder string, zone *time.Location) (*letters, error) {
	bundle, err := i18n.Load()
	if err != nil {
		return nil, err
	}
	l := &letters{folder, map[string]*template.Template{}}
	for _, lang := range i18n.Languages() {
		p := bundle.For(lang, zone)
		funcs := template.FuncMap{"T": p.T, "lang": p.Lang, "date": p.DateTimeShort, "machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) }}
		if l.pages[lang], err = template.New("letters.html").Funcs(funcs).ParseFS(templates, "templates/letters.html"); err != nil {
			return nil, fmt.Errorf("pages of the demonstration: %w", err)
		}
	}
	return l, nil
}

// around serves the letters, and leaves every other address to next.
func (l *letters) around(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", next)
	mux.HandleFunc("GET /lettere", l.list)
	mux.HandleFunc("GET /lettere/{name}", l.one)
	return mux
}

// namedLetter is a letter with the name of its file.
type namedLetter struct {
	letter
	Name string
}

// Paragraphs are the text's, in lines.
func (l letter) Paragraphs() (all [][]string) {
	for p := range strings.SplitSeq(strings.ReplaceAll(l.Text, "\r\n", "\n"), "\n\n") {
		if p = strings.Trim(p, "\n"); p != "" {
			all = append(all, strings.Split(p, "\n"))
		}
	}
	return all
}

type lettersPage struct {
	All     []namedLetter
	One     *letter
	Missing bool
}

func (l *letters) list(w http.ResponseWriter, r *http.Request) {
	files, err := os.ReadDir(l.folder)
	if err != nil {
		files = nil // there is no outbox before the first letter
	}
	var page lettersPage
	for _, f := range slices.Backward(files) { // names begin with the time
		if read, err := readLetter(filepath.Join(l.folder, f.Name())); err == nil && len(page.All) < maxLetters {
			page.All = append(page.All, namedLetter{read, f.Name()})
		}
	}
	l.show(w, r, http.StatusOK, page)
}

func (l *letters) one(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("name")
	if name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		l.show(w, r, http.StatusNotFound, lettersPage{Missing: true})
		return
	}
	read, err := readLetter(filepath.Join(l.folder, name))
	if err != nil {
		l.show(w, r, http.StatusNotFound, lettersPage{Missing: true})
		return
	}
	l.show(w, r, http.StatusOK, lettersPage{One: &read})
}

func (l *letters) show(w http.ResponseWriter, r *http.Request, status int, page lettersPage) {
	lang := i18n.Match(r.Header.Get("Accept-Language"))
	if lang == "" {
		lang = i18n.Italian
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Vary", "Accept-Language")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'")
	w.WriteHeader(status)
	if err := l.pages[lang].Execute(w, page); err != nil {
		panic(http.ErrAbortHandler) // the reader has gone
	}
}
