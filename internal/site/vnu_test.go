package site_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestPagesAreValidHTML(t *testing.T) {
	root, err := testkit.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := exec.LookPath("java"); err != nil {
		testkit.Missing(t, "java", "apt-get install default-jre-headless")
	}
	if _, err := os.Stat(filepath.Join(root, "node_modules/vnu-jar")); err != nil {
		testkit.Missing(t, "the HTML checker", "npm ci")
	}
	w := open(t)
	w.furnish()
	dir := t.TempDir()
	for name, path := range map[string]string{"home": "/", "list": "/notizie", "profile": "/p/biblioteca", "message": "/m/mensa-delle-scuole-il-nuovo-menu-e-le-iscrizioni",
		"album": "/m/la-festa-di-primavera-in-nove-fotografie", "photo": "/m/la-festa-di-primavera-in-nove-fotografie/foto/2", "event": "/m/storie-sotto-il-glicine-letture-per-bambini",
		"place": "/m/via-romano-chiusa-al-traffico-per-tre-giorni", "events": "/eventi", "month": "/eventi?mese=2026-05", "topics": "/argomenti", "search": "/cerca?q=scuola",
		"nothing": "/cerca?q=introvabile", "channels": "/canali", "guide": "/incorpora", "embed": "/embed"} {
		w.must(os.WriteFile(filepath.Join(dir, name+".html"), []byte(w.page(path)), 0o644))
	}
	out, err := exec.Command(filepath.Join(root, "scripts/vnu.sh"), dir).CombinedOutput()
	if err != nil {
		t.Errorf("%v\n%s", err, strings.ReplaceAll(string(out), dir, ""))
	}
}
