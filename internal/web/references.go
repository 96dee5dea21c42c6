package web

import (
	"fmt"
	"html/template"
	"text/template/parse"
)

// checkReferences fails when a template calls one that nobody defines, so that
// a misspelt partial stops the program at its start instead of breaking a page.
// "content" is the page's own block, which a page of fragments may lack.
func checkReferences(page string, set *template.Template) error {
	for _, t := range set.Templates() {
		if t.Tree == nil {
			continue
		}
		for _, name := range references(t.Tree.Root) {
			if name != "content" && set.Lookup(name) == nil {
				return fmt.Errorf("page %q: template %q calls %q, which nobody defines (files that start with an underscore need \"go:embed all:templates\")", page, t.Name(), name)
			}
		}
	}
	return nil
}

// references are the names of the templates that a list of nodes calls.
func references(list *parse.ListNode) []string {
	if list == nil {
		return nil
	}
	var names []string
	for _, node := range list.Nodes {
		switch n := node.(type) {
		case *parse.TemplateNode:
			names = append(names, n.Name)
		case *parse.IfNode:
			names = append(names, append(references(n.List), references(n.ElseList)...)...)
		case *parse.RangeNode:
			names = append(names, append(references(n.List), references(n.ElseList)...)...)
		case *parse.WithNode:
			names = append(names, append(references(n.List), references(n.ElseList)...)...)
		}
	}
	return names
}
