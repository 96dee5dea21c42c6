package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const mit = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated documentation files (the \"Software\"), to deal in the Software without restriction, including without limitation the rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit persons to whom the Software is furnished to do so, subject to the following conditions:\n\nThe above copyright notice and this permission notice shall be included in all copies or substantial portions of the Software.\n\nTHE SOFTWARE IS PROVIDED \"AS IS\", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.\n"

func file(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestComponentWithoutLicenceEndsTheBuildByName(t *testing.T) {
	dir := t.TempDir()
	file(t, filepath.Join(dir, "main.go"), "package x\n")
	file(t, filepath.Join(dir, "licence.go"), mit)
	file(t, filepath.Join(dir, "NOTICE"), "Ask us.\n")
	_, err := component("go", "example.org/without", "v1.2.3", []string{dir})
	if err == nil || !strings.Contains(err.Error(), "example.org/without v1.2.3") {
		t.Errorf("it says %v", err)
	}
}

func TestComponentHasTheNoticesOfEachFolder(t *testing.T) {
	dir := t.TempDir()
	file(t, filepath.Join(dir, "LICENSE"), "Copyright Ada\n\n"+mit)
	file(t, filepath.Join(dir, "NOTICE.txt"), "Made by Ada.\n")
	file(t, filepath.Join(dir, "inner", "License-MIT.md"), "Copyright Bruno\n\n"+mit)
	c, err := component("go", "example.org/with", "v1", []string{dir, filepath.Join(dir, "inner")})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, x := range c.Texts {
		names = append(names, x.File)
	}
	if got := strings.Join(names, " "); c.Licence != "MIT" || got != "LICENSE NOTICE.txt inner/License-MIT.md" {
		t.Errorf("%s, %s", c.Licence, got)
	}
}
