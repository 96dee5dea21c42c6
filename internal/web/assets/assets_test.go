package assets_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/fstest"

	"codeberg.org/arengo/arengo/internal/web/assets"
)

func built(t *testing.T) *assets.Set {
	t.Helper()
	s, err := assets.LoadFS(fstest.MapFS{
		"manifest.json":      {Data: []byte(`{"desk.css": "desk.abc.css", "f.woff2": "f.abc.woff2", "sprite.svg": "sprite.abc.svg"}`)},
		"desk.abc.css":       {Data: []byte("body{}")},
		"desk.abc.css.gz":    {Data: []byte("zipped")},
		"desk.abc.css.br":    {Data: []byte("smaller")},
		"f.abc.woff2":        {Data: []byte("font")},
		"sprite.abc.svg":     {Data: []byte(`<svg><symbol id="it-calendar" viewBox="0 0 24 24"></symbol></svg>`)},
		"secret.txt":         {Data: []byte("not an asset")},
		"desk.abc.css.other": {Data: []byte("not an asset")},
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestAssetIsServedCompressedAndKeptForEver(t *testing.T) {
	s := built(t)
	cases := []struct{ path, accept, body, coding string }{
		{"/assets/desk.abc.css", "", "body{}", ""},
		{"/assets/desk.abc.css", "gzip", "zipped", "gzip"},
		{"/assets/desk.abc.css", "gzip, deflate, br, zstd", "smaller", "br"},
		{"/assets/desk.abc.css", "br;q=0, gzip;q=0.5", "zipped", "gzip"},
		{"/assets/f.abc.woff2", "gzip, br", "font", ""},
	}
	for _, c := range cases {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, c.path, nil)
		r.Header.Set("Accept-Encoding", c.accept)
		s.ServeHTTP(w, r)
		if w.Code != 200 || w.Body.String() != c.body || w.Header().Get("Content-Encoding") != c.coding || w.Header().Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("%s for %q: %d %q %v", c.path, c.accept, w.Code, w.Body, w.Header())
		}
		if w.Header().Get("Content-Type") == "" {
			t.Errorf("%s has no type", c.path)
		}
	}
}

func TestOnlyAssetsOfTheManifestAreServed(t *testing.T) {
	s := built(t)
	for _, path := range []string{"/assets/desk.css", "/assets/secret.txt", "/assets/manifest.json", "/assets/", "/assets/../assets.go", "/assets/desk.abc.css.gz"} {
		w := httptest.NewRecorder()
		s.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: %d %q", path, w.Code, w.Body)
		}
	}
}

func TestMissingAssetOrIconIsAnError(t *testing.T) {
	s := built(t)
	if url, err := s.URL("desk.css"); err != nil || url != "/assets/desk.abc.css" {
		t.Errorf("got %q, %v", url, err)
	}
	if _, err := s.URL("dsk.css"); err == nil {
		t.Error("a misspelt asset has an address")
	}
	if url, err := s.Icon("it-calendar"); err != nil || url != "/assets/sprite.abc.svg#it-calendar" {
		t.Errorf("got %q, %v", url, err)
	}
	if _, err := s.Icon("it-calender"); err == nil {
		t.Error("a misspelt icon has an address")
	}
}

func TestProgramRunsBeforeAssetsAreBuilt(t *testing.T) {
	s, err := assets.LoadFS(fstest.MapFS{".keep": {}})
	if err != nil {
		t.Fatal(err)
	}
	if url, err := s.URL("desk.css"); err != nil || url != "/assets/desk.css" || s.Built() {
		t.Errorf("got %q, %v, built %v", url, err, s.Built())
	}
	if _, err := assets.LoadFS(fstest.MapFS{"manifest.json": {Data: []byte("{")}}); err == nil {
		t.Error("a broken manifest was accepted")
	}
}
