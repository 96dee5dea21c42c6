package square

import (
	"embed"
	"fmt"
	"html"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/i18n"
)

//go:embed pages
var pageFiles embed.FS

// views are the pages in each language.
type views struct {
	by    map[string]*template.Template
	style []byte
}

func readViews(texts *i18n.Bundle, zone *time.Location) (*views, error) {
	v := &views{by: map[string]*template.Template{}}
	var err error
	if v.style, err = pageFiles.ReadFile("pages/stile.css"); err != nil {
		return nil, err
	}
	for _, lang := range i18n.Languages() {
		p := texts.For(lang, zone)
		funcs := template.FuncMap{
			"T": p.T, "lang": p.Lang, "date": p.DateTimeShort,
			"machine": func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		}
		if v.by[lang], err = template.New("").Funcs(funcs).ParseFS(pageFiles, "pages/*.html"); err != nil {
			return nil, fmt.Errorf("pages of the simulated square: %w", err)
		}
	}
	return v, nil
}

func (s *Square) routePages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.page(s.home))
	mux.HandleFunc("GET /tags/{tag}", s.page(s.tagged))
	mux.HandleFunc("GET /{who}", s.page(s.profile))
	mux.HandleFunc("GET /{who}/{id}", s.page(s.statusPage))
	mux.HandleFunc("GET /oauth/authorize", s.page(s.authorizePage))
	mux.HandleFunc("POST /oauth/authorize", s.page(s.authorized))
	mux.HandleFunc("GET /media/{id}", s.media)
	mux.HandleFunc("GET /stile.css", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		w.Header().Set("Cache-Control", "max-age=3600")
		w.Write(s.views.style)
	})
}

// view is a page to be written: a template and its data, an address to go to, or
// nothing at all.
type view struct {
	name  string
	data  any
	moved string
}

// page writes what show makes while the square is locked.
func (s *Square) page(show func(*http.Request, *i18n.Printer) view) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		lang := i18n.Match(r.Header.Get("Accept-Language"))
		if lang == "" {
			lang = i18n.Italian
		}
		printer := s.texts.For(lang, s.o.Zone)
		s.mu.Lock()
		v := show(r, printer)
		s.mu.Unlock()
		if v.moved != "" {
			http.Redirect(w, r, v.moved, http.StatusSeeOther)
			return
		}
		h := w.Header()
		h.Set("Content-Type", "text/html; charset=utf-8")
		h.Set("Vary", "Accept-Language")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; media-src 'self'; base-uri 'none'; frame-ancestors 'none'")
		if v.name == "" {
			v = view{name: "nothing.html", data: map[string]any{"Title": printer.T("channel.square.not_found")}}
			w.WriteHeader(http.StatusNotFound)
		}
		if err := s.views.by[lang].ExecuteTemplate(w, v.name, v.data); err != nil {
			panic(http.ErrAbortHandler) // the reader has gone, or the page is half written
		}
	}
}

// What the pages show.
type (
	personView struct {
		Handle, Name, Initial string
		Tint                  int
	}
	fileView struct {
		ID, Alt        string
		Video, ShowAlt bool
		Width, Height  int
	}
	postView struct {
		By                     personView
		Text                   template.HTML
		Warning, Language      string
		Path                   string
		Created                time.Time
		Edited                 bool
		Files                  []fileView
		Likes, Boosts, Replies int
	}
)

func personOf(a *account) personView {
	p := personView{Handle: a.Handle, Name: a.Name, Tint: int(chance(a.ID, a.Handle) * 6)}
	if p.Name == "" {
		p.Name = a.Handle
	}
	_, n := utf8.DecodeRuneInString(p.Name)
	p.Initial = strings.ToUpper(p.Name[:n])
	return p
}

func (s *Square) postOf(st *status, showAlt bool) postView {
	a := s.byID(st.Account)
	v := postView{
		By: personOf(a), Text: template.HTML(readable(st.Text)), Warning: st.Warning, Language: st.Language,
		Path: "/@" + a.Handle + "/" + st.ID, Created: st.Created, Edited: !st.Edited.IsZero(),
		Likes: len(s.reactions(st, like)), Boosts: len(s.reactions(st, boost)), Replies: s.publicly(s.descendants(st)),
	}
	for _, id := range st.Files {
		f := s.state.Files[id]
		v.Files = append(v.Files, fileView{ID: f.ID, Alt: f.Alt, Video: !strings.HasPrefix(f.Type, "image/"), ShowAlt: showAlt, Width: f.Width, Height: f.Height})
	}
	return v
}

// readable is a text as HTML with links and hashtags, whole.
func readable(text string) string {
	var b strings.Builder
	last := 0
	b.WriteString("<p>")
	for _, e := range count.Entities(text) {
		b.WriteString(paragraphs(text[last:e.Start]))
		last = e.End
		shown := html.EscapeString(text[e.Start:e.End])
		switch e.Kind {
		case count.URL:
			fmt.Fprintf(&b, `<a href="%s" rel="nofollow noopener">%s</a>`, html.EscapeString(e.Name), shown)
		case count.Hashtag:
			fmt.Fprintf(&b, `<a href="/tags/%s">%s</a>`, url.PathEscape(e.Name), shown)
		default:
			b.WriteString(shown)
		}
	}
	b.WriteString(paragraphs(text[last:]))
	b.WriteString("</p>")
	return b.String()
}

func paragraphs(text string) string {
	text = strings.ReplaceAll(html.EscapeString(text), "\n\n", "</p><p>")
	return strings.ReplaceAll(text, "\n", "<br>")
}

// pageLength is how many posts a page shows.
const pageLength = 20

// timeline shows the public statuses that pass, newest first, in pages.
func (s *Square) timeline(r *http.Request, title, note string, pass func(*status) bool) view {
	data := struct {
		Title, Note, Older string
		Accounts           []personView
		Posts              []postView
	}{Title: title, Note: note}
	before := r.URL.Query().Get("prima")
	if _, err := strconv.ParseInt(before, 10, 64); err != nil {
		before = ""
	}
	for _, st := range slices.Backward(s.state.Statuses) {
		if st.Visibility != "public" || !pass(st) || before != "" && !newer(before, st.ID) {
			continue
		}
		if len(data.Posts) == pageLength {
			data.Older = "?prima=" + data.Posts[pageLength-1].id()
			break
		}
		data.Posts = append(data.Posts, s.postOf(st, false))
	}
	if r.URL.Path == "/" {
		for _, a := range s.state.Accounts {
			data.Accounts = append(data.Accounts, personOf(a))
		}
	}
	return view{name: "timeline.html", data: data}
}

func (p postView) id() string { return p.Path[strings.LastIndexByte(p.Path, '/')+1:] }

func (s *Square) home(r *http.Request, p *i18n.Printer) view {
	return s.timeline(r, p.T("channel.square.latest"), "", func(*status) bool { return true })
}

func (s *Square) tagged(r *http.Request, _ *i18n.Printer) view {
	tag := r.PathValue("tag")
	return s.timeline(r, "#"+tag, "", func(st *status) bool {
		return slices.ContainsFunc(count.Entities(st.Text), func(e count.Entity) bool {
			return e.Kind == count.Hashtag && strings.EqualFold(e.Name, tag)
		})
	})
}

// named finds the account or follower of an address like /@comune.
func (s *Square) named(r *http.Request) *account {
	handle, found := strings.CutPrefix(r.PathValue("who"), "@")
	if !found {
		return nil
	}
	if a := s.byHandle(handle); a != nil {
		return a
	}
	for _, f := range s.crowd.Followers {
		if strings.EqualFold(f.Handle, handle) {
			return s.byID(f.ID)
		}
	}
	return nil
}

func (s *Square) profile(r *http.Request, _ *i18n.Printer) view {
	a := s.named(r)
	if a == nil {
		return view{}
	}
	return s.timeline(r, personOf(a).Name, a.Note, func(st *status) bool { return st.Account == a.ID })
}

func (s *Square) statusPage(r *http.Request, p *i18n.Printer) view {
	a, st := s.named(r), s.anyStatus(r.PathValue("id"))
	if a == nil || st == nil || st.Account != a.ID || st.Visibility != "public" && st.Visibility != "unlisted" {
		return view{}
	}
	data := struct {
		Title         string
		Post          postView
		Likes, Boosts []personView
		Answers       []postView
	}{Title: p.T("channel.square.post_by", personOf(a).Name), Post: s.postOf(st, true)}
	for _, r := range s.reactions(st, like) {
		data.Likes = append(data.Likes, personOf(r.By))
	}
	for _, r := range s.reactions(st, boost) {
		data.Boosts = append(data.Boosts, personOf(r.By))
	}
	for _, d := range s.descendants(st) {
		if s.sees(caller{}, d) {
			data.Answers = append(data.Answers, s.postOf(d, true))
		}
	}
	return view{name: "status.html", data: data}
}

// authorizePage asks whoever is there for which account the application may act:
// nobody is signed in at a simulated square.
func (s *Square) authorizePage(r *http.Request, p *i18n.Printer) view {
	a, ok := s.askingFrom(r.URL.Query())
	if !ok || len(s.state.Accounts) == 0 {
		return view{}
	}
	data := struct {
		Title, App, Scopes string
		Query              template.URL
		Accounts           []personView
	}{p.T("channel.square.authorize_title"), a.app.Name, a.scopes, template.URL(r.URL.Query().Encode()), nil}
	for _, who := range s.state.Accounts {
		data.Accounts = append(data.Accounts, personOf(who))
	}
	return view{name: "authorize.html", data: data}
}

func (s *Square) authorized(r *http.Request, _ *i18n.Printer) view {
	a, ok := s.askingFrom(r.URL.Query())
	if !ok {
		return view{}
	}
	handle := ""
	if r.PostFormValue("answer") == "yes" {
		if handle = r.PostFormValue("account"); handle == "" {
			return view{}
		}
	}
	back, ok := s.grant(a, handle)
	if !ok {
		return view{}
	}
	return view{moved: back}
}

// media shows a file.
func (s *Square) media(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.state.Files[r.PathValue("id")]
	s.mu.Unlock()
	if f == nil {
		http.NotFound(w, r)
		return
	}
	content, err := s.open(f)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	defer content.Close()
	w.Header().Set("Content-Type", f.Type)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	w.Header().Set("Cache-Control", "max-age=31536000, immutable")
	http.ServeContent(w, r, "", time.Time{}, content)
}
