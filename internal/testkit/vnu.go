package testkit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// ValidHTML checks pages with the Nu HTML checker and fails for every error, by
// the name of the page. All pages go in one call, since the checker takes
// seconds to start: gather them first.
func ValidHTML(t testing.TB, pages map[string]string) {
	t.Helper()
	if len(pages) == 0 {
		t.Fatal("no page to check")
	}
	for _, fault := range HTMLFaults(t, pages) {
		t.Errorf("%s, line %d: %s\n\t%s", fault.Page, fault.Line, fault.Message, fault.Extract)
	}
}

// HTMLFault is one error that the checker found.
type HTMLFault struct {
	Page    string
	Line    int
	Message string
	Extract string
}

// HTMLFaults is what ValidHTML would complain about.
func HTMLFaults(t testing.TB, pages map[string]string) []HTMLFault {
	t.Helper()
	root, err := ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	jar := filepath.Join(root, "node_modules/vnu-jar/build/dist/vnu.jar")
	if _, err := os.Stat(jar); err != nil {
		Missing(t, "the HTML checker", "run npm ci")
	}
	java, err := exec.LookPath("java")
	if err != nil {
		Missing(t, "Java", "install default-jre-headless")
	}
	dir := t.TempDir()
	names := map[string]string{}
	args := []string{"-Xss8m", "-jar", jar, "--format", "json", "--errors-only", "--exit-zero-always"}
	for name, html := range pages {
		file := filepath.Join(dir, fmt.Sprintf("%d.html", len(names)))
		names["file:"+file] = name
		if err := os.WriteFile(file, []byte(html), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, file)
	}
	return runChecker(t, java, args, names)
}

func runChecker(t testing.TB, java string, args []string, names map[string]string) []HTMLFault {
	t.Helper()
	cmd := exec.Command(java, args...)
	var report, noise bytes.Buffer
	cmd.Stderr, cmd.Stdout = &report, &noise
	if err := cmd.Run(); err != nil {
		t.Fatalf("HTML checker: %v\n%s%s", err, noise.String(), report.String())
	}
	var found struct {
		Messages []struct {
			Type, URL, Message, Extract string
			LastLine                    int
		}
	}
	if err := json.Unmarshal(report.Bytes(), &found); err != nil {
		t.Fatalf("HTML checker: %v", errors.Join(err, errors.New(report.String())))
	}
	var faults []HTMLFault
	for _, m := range found.Messages {
		page := names[m.URL]
		if page == "" {
			page = m.URL
		}
		faults = append(faults, HTMLFault{page, m.LastLine, m.Message, m.Extract})
	}
	return faults
}
