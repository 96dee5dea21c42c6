package internal_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"strings"
	"testing"
)

// There is one notion of the network that a stranger comes from: limit.Network. This
// test reads the source so that no second one appears: nobody else cuts an address
// down to a prefix, makes a bucket of its own, or reads the address of a connection.
func TestNobodyElseHasANotionOfNetwork(t *testing.T) {
	// allowed are the places where such a call means something else, each with its reason.
	allowed := map[string]string{
		"limit.Prefix":      "the notion itself",
		"limit.Limit":       "buckets of the table",
		"limit.RemoteAddr":  "the connections of one network",
		"web.RemoteAddr":    "the one place that reads who is at the other end",
		"demo.RemoteAddr":   "the demo's citizens write from their homes",
		"config.PrefixFrom": "trusted proxies, as an administrator wrote them",
	}
	used := map[string]bool{}
	files := 0
	walk(t, func(dir, file string) {
		files++
		pkg := strings.Split(strings.TrimPrefix(dir, "internal/"), "/")[0]
		set := token.NewFileSet()
		f, err := parser.ParseFile(set, filepath.Join("..", file), nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			name := ""
			switch n := n.(type) {
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok {
					switch s.Sel.Name {
					case "Prefix", "PrefixFrom", "CIDRMask":
						name = s.Sel.Name
					}
				}
			case *ast.SelectorExpr:
				if n.Sel.Name == "RemoteAddr" {
					name = "RemoteAddr"
				}
				if x, ok := n.X.(*ast.Ident); ok && x.Name == "db" && n.Sel.Name == "Limit" {
					name = "Limit"
				}
			}
			if name == "" {
				return true
			}
			if allowed[pkg+"."+name] == "" {
				t.Errorf("%s: %s is a second notion of network or limit; use package limit", set.Position(n.Pos()), name)
			}
			used[pkg+"."+name] = true
			return true
		})
	})
	for what := range allowed {
		if !used[what] {
			t.Errorf("%s is no longer needed: remove it", what)
		}
	}
	if files < 200 {
		t.Fatalf("looked at %d files: the test has lost its subject", files)
	}
}
