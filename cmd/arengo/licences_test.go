package main

import (
	"debug/buildinfo"
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"

	"codeberg.org/arengo/arengo/internal/licence"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// Each module that is linked into the binary, and each package in its assets, has
// its notices in it; and nothing else has.
func TestEveryPartOfTheBinaryHasItsNotice(t *testing.T) {
	all, err := licence.All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) == 0 {
		testkit.Missing(t, "the file of notices", "make assets")
	}
	have := map[string]string{}
	for _, c := range all {
		have[c.Name] = c.Version
		if c.Licence == "" || len(c.Texts) == 0 {
			t.Errorf("%s has no licence", c.Name)
		}
		for _, x := range c.Texts {
			if len(x.Text) < 40 {
				t.Errorf("%s: %s is empty", c.Name, x.File)
			}
		}
	}
	c := &crash{t: t}
	c.build()
	info, err := buildinfo.ReadFile(c.binary)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"Arengo": "", "Go": strings.TrimPrefix(info.GoVersion, "go")}
	if len(info.Deps) < 50 {
		t.Fatalf("only %d modules in the binary", len(info.Deps))
	}
	for _, m := range info.Deps {
		want[m.Path] = m.Version
	}
	for _, name := range assetPackages(t) {
		want[name] = have[name]
		if have[name] == "" {
			t.Errorf("%s is in the assets and has no notice", name)
		}
	}
	for name, version := range want {
		if got, ok := have[name]; !ok || got != version {
			t.Errorf("%s %s is in the binary, the notices have %q", name, version, got)
		}
	}
	for name := range have {
		if _, ok := want[name]; !ok {
			t.Errorf("%s has a notice and is not in the binary", name)
		}
	}

	out, err := exec.Command(c.binary, "licences").Output()
	if err != nil || string(out) != licence.Plain(all) {
		t.Errorf("arengo licences: %v, %d bytes", err, len(out))
	}
	if out, err := exec.Command(c.binary, "licences", "htmx.org").Output(); err != nil || !strings.Contains(string(out), "htmx.org") || len(out) > 5000 {
		t.Errorf("arengo licences htmx.org: %v\n%s", err, out)
	}
	if code, out, errs := (cli{t, ""}).run("", "licences", "nessuno"); code != exitUsage || out != "" || !strings.Contains(errs, "nessuno") {
		t.Errorf("an unknown name: %d %s %s", code, out, errs)
	}
}

// assetPackages are the packages of npm that the assets were made of.
func assetPackages(t *testing.T) (names []string) {
	t.Helper()
	text, err := os.ReadFile("../../internal/web/assets/dist/packages.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &names); err != nil || len(names) < 3 {
		t.Fatalf("%v: %v", names, err)
	}
	return names
}
