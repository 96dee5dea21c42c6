package i18n

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	template "text/template/parse"
)

// keyShape is what a key looks like: lower-case names joined by dots.
var keyShape = regexp.MustCompile(`^[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)+$`)

// uses are the keys that templates and code name.
type uses struct {
	bundle   *Bundle
	areas    map[string]bool   // first names of keys
	must     map[string]string // key → where; used where only a key makes sense
	literals map[string]bool   // every string literal: a key among them counts as used
	prefixes []string          // "web.error." in print "web.error." .Kind
}

func TestEveryKeyUsedIsInTheCatalogueAndEveryKeyIsUsed(t *testing.T) {
	b, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	u := &uses{bundle: b, areas: map[string]bool{}, must: map[string]string{}, literals: map[string]bool{}}
	for _, key := range b.Keys() {
		area, _, _ := strings.Cut(key, ".")
		u.areas[area] = true
	}
	files := 0
	for _, dir := range []string{"../../internal", "../../cmd"} {
		files += u.walk(t, dir)
	}
	if files < 10 {
		t.Fatalf("only %d files read: the test looks in the wrong place", files)
	}
	for _, key := range slices.Sorted(maps.Keys(u.must)) {
		if !b.Has(key) {
			t.Errorf("%s: no text for %q in the catalogue", u.must[key], key)
		}
	}
	for _, key := range b.Keys() {
		if !u.used(key) {
			t.Errorf("%q is in the catalogue but nothing uses it", key)
		}
	}
}

func (u *uses) used(key string) bool {
	return u.literals[key] || slices.ContainsFunc(u.prefixes, func(p string) bool { return strings.HasPrefix(key, p) })
}

func (u *uses) walk(t *testing.T, dir string) (files int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "testdata" || d.Name() == "dist") {
			return filepath.SkipDir
		}
		switch {
		case strings.HasSuffix(path, "_test.go"):
			return nil
		case strings.HasSuffix(path, ".go"):
			files++
			return u.readGo(path)
		case strings.HasSuffix(path, ".html") || strings.Contains(path, "/templates/") && strings.HasSuffix(path, ".txt"):
			files++
			return u.readTemplate(path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func (u *uses) literal(text string) {
	u.literals[text] = true
	if strings.HasSuffix(text, ".") && keyShape.MatchString(text+"x") {
		area, _, _ := strings.Cut(text, ".")
		if u.areas[area] {
			u.prefixes = append(u.prefixes, text)
		}
	}
}

// keyArgument says which argument of a call is a key, by the name of the
// function: T(key), fault.New(kind, key), Missing(key), InvalidField(name, key),
// Fields.Add(name, key), Flash(r, kind, key), FlashUndo(r, url, key).
func keyArgument(function string) (index int, found bool) {
	switch function {
	case "T", "Missing", "Refused", "Clash":
		return 0, true
	case "New", "InvalidField", "Add":
		return 1, true
	case "Flash", "FlashUndo":
		return 2, true
	}
	return 0, false
}

func (u *uses) readGo(path string) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil // somebody is writing it; the compiler will tell
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.BasicLit:
			if text, ok := literalOf(n); ok {
				u.literal(text)
			}
		case *ast.CallExpr:
			u.call(set, n)
		}
		return true
	})
	return nil
}

func (u *uses) call(set *token.FileSet, call *ast.CallExpr) {
	selector, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return
	}
	index, found := keyArgument(selector.Sel.Name)
	if !found || index >= len(call.Args) {
		return
	}
	if receiver, ok := selector.X.(*ast.Ident); ok && selector.Sel.Name == "New" && receiver.Name != "fault" {
		return
	}
	if text, ok := literalOf(call.Args[index]); ok && keyShape.MatchString(text) {
		u.must[text] = set.Position(call.Pos()).String()
	}
}

func literalOf(n ast.Node) (string, bool) {
	lit, ok := n.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(lit.Value)
	return text, err == nil
}

func (u *uses) readTemplate(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	tree := template.New(path)
	tree.Mode = template.SkipFuncCheck
	trees := map[string]*template.Tree{}
	if _, err := tree.Parse(string(text), "", "", trees); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	trees[path] = tree
	for _, tr := range trees {
		if tr.Root != nil {
			u.node(path, tr.Root)
		}
	}
	return nil
}

// node visits a template. The first argument of t must be a key; any other text
// of that shape in a known area must be one too, since it is a label given to a
// partial, unless it is the name of a file.
func (u *uses) node(path string, n template.Node) {
	switch n := n.(type) {
	case *template.ListNode:
		if n == nil {
			return
		}
		for _, child := range n.Nodes {
			u.node(path, child)
		}
	case *template.ActionNode:
		u.node(path, n.Pipe)
	case *template.IfNode:
		u.branch(path, &n.BranchNode)
	case *template.RangeNode:
		u.branch(path, &n.BranchNode)
	case *template.WithNode:
		u.branch(path, &n.BranchNode)
	case *template.TemplateNode:
		if n.Pipe != nil {
			u.node(path, n.Pipe)
		}
	case *template.PipeNode:
		if n == nil {
			return
		}
		for _, command := range n.Cmds {
			for i, argument := range command.Args {
				if s, ok := argument.(*template.StringNode); ok {
					u.text(path, s.Text, i > 0 && command.Args[0].String() == "t" && i == 1)
				}
				u.node(path, argument)
			}
		}
	}
}

func (u *uses) branch(path string, b *template.BranchNode) {
	u.node(path, b.Pipe)
	u.node(path, b.List)
	u.node(path, b.ElseList)
}

func (u *uses) text(path, text string, certain bool) {
	u.literal(text)
	area, _, _ := strings.Cut(text, ".")
	file := slices.Contains([]string{".css", ".js", ".svg", ".png", ".woff2", ".webmanifest", ".xml", ".json", ".ics"}, filepath.Ext(text))
	if certain || (keyShape.MatchString(text) && u.areas[area] && !file) {
		u.must[text] = path
	}
}
