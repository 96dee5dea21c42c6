package app_test

import (
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"

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

// An example that its own schema refuses teaches a mistake.
func TestExamplesOfTheOpenAPIDocumentAreValid(t *testing.T) {
	document, err := jsonschema.UnmarshalJSON(get(newTown(t, settings(t, db.SQLite)), "/api/v1/openapi.json").Body)
	if err != nil {
		t.Fatal(err)
	}
	const address = "https://arengo.example/openapi.json"
	c := jsonschema.NewCompiler()
	c.DefaultDraft(jsonschema.Draft2020)
	c.AssertFormat()
	if err := c.AddResource(address, document); err != nil {
		t.Fatal(err)
	}
	n := 0
	var look func(pointer string, v any)
	look = func(pointer string, v any) {
		switch v := v.(type) {
		case []any:
			for i, x := range v {
				look(fmt.Sprintf("%s/%d", pointer, i), x)
			}
		case map[string]any:
			if all, ok := v["examples"].([]any); ok {
				schema, err := c.Compile(address + "#" + pointer)
				if err != nil {
					t.Fatalf("%s: %v", pointer, err)
				}
				for _, x := range all {
					if n++; schema.Validate(x) != nil {
						t.Errorf("%s: %v", pointer, schema.Validate(x))
					}
				}
			}
			for name, x := range v {
				if name != "examples" {
					look(pointer+"/"+url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name)), x)
				}
			}
		}
	}
	look("", document)
	if n < 30 {
		t.Errorf("only %d examples", n)
	}
}
