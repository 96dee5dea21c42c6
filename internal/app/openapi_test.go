package app_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// An independent program reads the document: what our own tests hold answers to must
// itself be right.
func TestOpenAPIDocumentPassesAnIndependentLinter(t *testing.T) {
	root, err := testkit.ModuleRoot()
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		testkit.Missing(t, "Node", "install Node 20")
	}
	if _, err := os.Stat(filepath.Join(root, "node_modules/@redocly/openapi-core")); err != nil {
		testkit.Missing(t, "the OpenAPI linter", "run npm ci")
	}
	file := filepath.Join(t.TempDir(), "openapi.json")
	if err := os.WriteFile(file, get(newTown(t, settings(t, db.SQLite)), "/api/v1/openapi.json").Body.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(node, filepath.Join(root, "scripts/openapi.mjs"), file).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}
