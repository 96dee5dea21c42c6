// Package assets serves the style, scripts, fonts and icons of the pages.
//
// They are made by "npm run build" from Bootstrap Italia, htmx and the sources
// in src/, and built into the program. Every file has a hash of its content in
// its name, so browsers keep it for ever, and is stored compressed.
//
// Adding to them is adding a file; nothing has to be registered:
//
//	src/scss/desk/calendar.scss   rules for the desk (site/, both/), never purged
//	src/js/desk/calendar.js       a module: export default function (element) {…},
//	                              started by data-module="calendar" (site/, both/)
//	{{icon "it-pin"}}             puts the symbol into the sprite
//	class="col-md-6"              keeps the rule of Bootstrap Italia
//
// A page of the public site loads scripts only when layout.Page.Scripts is set.
//
// Before the assets have been built the program still compiles: addresses are
// then without a hash and answer 404.
package assets

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"regexp"
	"strings"
)

//go:embed all:dist
var dist embed.FS

// Prefix is the path below which assets are served.
const Prefix = "/assets/"

// Set is the built assets. It is immutable.
type Set struct {
	files    fs.FS
	manifest map[string]string // "desk.css" → "desk.3f2a91c0.css"
	known    map[string]bool   // hashed names
	icons    map[string]bool   // symbols of the sprite
	built    bool
}

// Load reads the assets built into the program.
func Load() (*Set, error) {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		return nil, fmt.Errorf("assets: %w", err)
	}
	return LoadFS(files)
}

// LoadFS reads assets with their manifest.json from a file system.
func LoadFS(files fs.FS) (*Set, error) {
	s := &Set{files: files, manifest: map[string]string{}, known: map[string]bool{}, icons: map[string]bool{}}
	text, err := fs.ReadFile(files, "manifest.json")
	if errors.Is(err, fs.ErrNotExist) {
		return s, nil
	}
	if err != nil {
		return nil, fmt.Errorf("assets: %w", err)
	}
	if err := json.Unmarshal(text, &s.manifest); err != nil {
		return nil, fmt.Errorf("assets: manifest: %w", err)
	}
	for _, hashed := range s.manifest {
		s.known[hashed] = true
	}
	sprite, err := fs.ReadFile(files, s.manifest["sprite.svg"])
	if err != nil {
		return nil, fmt.Errorf("assets: sprite: %w", err)
	}
	for _, id := range symbol.FindAllSubmatch(sprite, -1) {
		s.icons[string(id[1])] = true
	}
	s.built = true
	return s, nil
}

// Built tells whether "npm run build" has run.
func (s *Set) Built() bool { return s.built }

// URL is the address of an asset by its plain name. It fails for a name that
// was not built, so that a page with a missing file fails its test.
func (s *Set) URL(name string) (string, error) {
	if !s.built {
		return Prefix + name, nil
	}
	hashed, ok := s.manifest[name]
	if !ok {
		return "", fmt.Errorf("no asset named %q: run make assets", name)
	}
	return Prefix + hashed, nil
}

var symbol = regexp.MustCompile(`<symbol id="([^"]+)"`)

// Icon is the address of a symbol of the sprite, which holds only the symbols
// that templates and code named when it was built.
func (s *Set) Icon(name string) (string, error) {
	if s.built && !s.icons[name] {
		return "", fmt.Errorf("no icon named %q in the sprite: run make assets", name)
	}
	sprite, err := s.URL("sprite.svg")
	return sprite + "#" + name, err
}

// ServeHTTP answers with an asset, compressed in the best way that the reader
// takes.
func (s *Set) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, Prefix)
	if !s.known[name] {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Type", contentType(name))
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	file := name
	if !compressed(name) {
		h.Add("Vary", "Accept-Encoding")
		for _, c := range []struct{ coding, suffix string }{{"br", ".br"}, {"gzip", ".gz"}} {
			if Accepts(r.Header.Get("Accept-Encoding"), c.coding) {
				file = name + c.suffix
				h.Set("Content-Encoding", c.coding)
				break
			}
		}
	}
	body, err := fs.ReadFile(s.files, file)
	if err != nil {
		h.Del("Content-Encoding")
		h.Del("Cache-Control")
		http.NotFound(w, r)
		return
	}
	h.Set("Content-Length", fmt.Sprint(len(body)))
	if r.Method != http.MethodHead {
		// A reader who has left is no failure of ours.
		_, _ = w.Write(body)
	}
}

// compressed names the formats that gain nothing from compression.
func compressed(name string) bool {
	switch path.Ext(name) {
	case ".woff2", ".png", ".webp", ".jpg", ".ico":
		return true
	}
	return false
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".woff2":
		return "font/woff2"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// Accepts reads an Accept-Encoding header; ";q=0" is a refusal.
func Accepts(header, coding string) bool {
	for item := range strings.SplitSeq(header, ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(item), ";")
		if strings.TrimSpace(name) != coding {
			continue
		}
		q := strings.ReplaceAll(params, " ", "")
		return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
	}
	return false
}
