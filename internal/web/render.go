package web

import (
	"bytes"
	"errors"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// pages are the parsed templates. A set is bound to a language and a zone the
// first time it is needed, since template functions cannot take the request.
type pages struct {
	kit    *Kit
	base   []source            // layouts and partials, shared by all
	shared map[string][]source // page name → the partials of its file system
	own    map[string]source   // page name → its own file

	bound sync.Map // binding → *template.Template
}

type source struct{ name, text string }

type binding struct {
	page, lang string
	zone       string
}

func newPages(k *Kit) *pages {
	return &pages{kit: k, shared: map[string][]source{}, own: map[string]source{}}
}

// AddTemplates registers the pages of a domain. It fails when a page has the
// name of another one or cannot be parsed. Not safe to call while serving.
func (k *Kit) AddTemplates(fsys fs.FS) error { return k.pages.add(fsys) }

// addBase reads the layouts, the shared partials and the kit's own pages.
func (p *pages) addBase(fsys fs.FS) error {
	partials, own, err := readTemplates(fsys)
	if err != nil {
		return err
	}
	p.base = partials
	return p.register(nil, own)
}

func (p *pages) add(fsys fs.FS) error {
	partials, own, err := readTemplates(fsys)
	if err != nil {
		return fmt.Errorf("templates: %w", err)
	}
	if len(own)+len(partials) == 0 {
		return errors.New("templates: none in the file system")
	}
	return p.register(partials, own)
}

func (p *pages) register(partials, own []source) error {
	for _, s := range own {
		if _, twice := p.own[s.name]; twice {
			return fmt.Errorf("templates: two pages named %q", s.name)
		}
		p.own[s.name], p.shared[s.name] = s, partials
		set, err := p.parse(s.name, p.kit.bundle.For(i18n.Italian, time.UTC))
		if err != nil {
			return err
		}
		if err := checkReferences(s.name, set); err != nil {
			return err
		}
	}
	return nil
}

func readTemplates(fsys fs.FS) (partials, own []source, err error) {
	err = fs.WalkDir(fsys, ".", func(file string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || path.Ext(file) != ".html" {
			return err
		}
		text, err := fs.ReadFile(fsys, file)
		if err != nil {
			return err
		}
		s := source{strings.TrimSuffix(strings.TrimPrefix(file, "templates/"), ".html"), string(text)}
		if strings.HasPrefix(path.Base(file), "_") {
			partials = append(partials, s)
		} else {
			own = append(own, s)
		}
		return nil
	})
	return partials, own, err
}

func (p *pages) parse(name string, printer *i18n.Printer) (*template.Template, error) {
	own, found := p.own[name]
	if !found {
		return nil, fmt.Errorf("no page named %q", name)
	}
	set := template.New("").Funcs(p.kit.funcs(printer)).Option("missingkey=error")
	for _, group := range [][]source{p.base, p.shared[name], {own}} {
		for _, s := range group {
			if _, err := set.New(s.name).Parse(s.text); err != nil {
				return nil, fmt.Errorf("page %q: %w", name, err)
			}
		}
	}
	return set, nil
}

func (p *pages) get(name string, printer *i18n.Printer) (*template.Template, error) {
	key := binding{name, printer.Lang(), printer.Location().String()}
	if set, ok := p.bound.Load(key); ok {
		return set.(*template.Template), nil
	}
	set, err := p.parse(name, printer)
	if err != nil {
		return nil, err
	}
	first, _ := p.bound.LoadOrStore(key, set)
	return first.(*template.Template), nil
}

// Render answers with a whole page. The page argument is the content of the
// template, or a layout.Page whose Content is. Nothing is written when the
// template fails, so that the error becomes a page of its own.
func (k *Kit) Render(w http.ResponseWriter, r *http.Request, status int, name string, page any) error {
	printer := k.Printer(r)
	set, err := k.pages.get(name, printer)
	if err != nil {
		return fmt.Errorf("render: %w", err)
	}
	full := k.complete(r, printer, page)
	var title, body bytes.Buffer
	if full.Title == "" && set.Lookup("title") != nil {
		if err := set.ExecuteTemplate(&title, "title", full.Content); err != nil {
			return fmt.Errorf("render %s: %w", name, err)
		}
		full.TitleHTML = template.HTML(strings.TrimSpace(title.String()))
	}
	if err := set.ExecuteTemplate(&body, full.Layout+"-layout", full); err != nil {
		return fmt.Errorf("render %s: %w", name, err)
	}
	return writeHTML(w, status, body.Bytes())
}

// RenderFragment answers with one block of a page's template set, for htmx.
func (k *Kit) RenderFragment(w http.ResponseWriter, r *http.Request, status int, name, block string, data any) error {
	set, err := k.pages.get(name, k.Printer(r))
	if err != nil {
		return fmt.Errorf("render: %w", err)
	}
	var body bytes.Buffer
	if err := set.ExecuteTemplate(&body, block, data); err != nil {
		return fmt.Errorf("render %s of %s: %w", block, name, err)
	}
	return writeHTML(w, status, body.Bytes())
}

func writeHTML(w http.ResponseWriter, status int, body []byte) error {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	// The language is chosen by the browser, or by the reader in a cookie.
	w.Header().Add("Vary", "Accept-Language, Cookie")
	if w.Header().Get("Cache-Control") == "" {
		// A back-office page is never kept by a browser that several people use.
		w.Header().Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	// A reader who has left is no failure of ours.
	_, _ = w.Write(body)
	return nil
}

// complete fills the parts of the page that the handler left to the kit.
func (k *Kit) complete(r *http.Request, printer *i18n.Printer, page any) layout.Page {
	full, ok := page.(layout.Page)
	if p, isPointer := page.(*layout.Page); isPointer {
		full, ok = *p, true
	}
	if !ok {
		full = layout.Page{Content: page}
	}
	full.Lang, full.Path, full.RequestPath = printer.Lang(), r.URL.Path, r.URL.RequestURI()
	full.Flash = append(k.takeFlash(r), full.Flash...)
	k.shell(r, &full)
	if full.Layout == layout.Auto {
		full.Layout = layout.Site
		if full.Person != nil {
			full.Layout = layout.Desk
		}
	}
	if full.Layout == "" {
		full.Layout = layout.Desk
	}
	if color := full.Institution.Color; color != "" {
		full.ThemeURL = themeURL(color)
	}
	return full
}
