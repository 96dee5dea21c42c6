// Command notices gathers the licences and notices of what the program is made of and
// writes them to the file that the program embeds:
//
//	go run ./scripts/notices internal/licence/dist/notices.json.gz
//
// It reads what go list says is linked into the binary, the toolchain's own folder, and
// the packages that scripts/assets.mjs built from (packages.json). A component without
// a licence file ends it, by name: such a thing cannot be given on.
package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/google/licensecheck"

	"codeberg.org/arengo/arengo/internal/licence"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: notices FILE")
		os.Exit(2)
	}
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "notices:", err)
		os.Exit(1)
	}
}

func write(path string) error {
	own, err := component("arengo", "Arengo", "", []string{"."})
	if err != nil {
		return err
	}
	tool, err := toolchain()
	if err != nil {
		return err
	}
	all := []licence.Component{own, tool}
	for _, gather := range []func() ([]licence.Component, error){modules, packages} {
		some, err := gather()
		if err != nil {
			return err
		}
		all = append(all, some...)
	}
	var out bytes.Buffer
	if err := licence.Write(&out, all); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	// Whole or not at all: a program may be compiled meanwhile.
	temp := path + ".new"
	if err := os.WriteFile(temp, out.Bytes(), 0o644); err != nil {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	fmt.Printf("notices → %s: %d components, %d bytes\n", path, len(all), out.Len())
	return nil
}

// noticeFile matches what a licence asks to be given on.
var noticeFile = regexp.MustCompile(`(?i)^((un)?licen[cs]e|copying|copyright|notice|patents|ofl|third[-_ ]?party)([-_. ].*)?$`)

// code may be called like a licence and is none.
var code = regexp.MustCompile(`(?i)\.(go|js|mjs|ts|json|scss|css|html|svg|sum|mod)$`)

// component reads the notices in folders, of which the first is the component's own and
// must hold a licence.
func component(kind, name, version string, folders []string) (licence.Component, error) {
	c := licence.Component{Kind: kind, Name: name, Version: version}
	for _, folder := range folders {
		entries, err := os.ReadDir(folder)
		if err != nil {
			return c, err
		}
		for _, e := range entries {
			if !e.Type().IsRegular() || !noticeFile.MatchString(e.Name()) || code.MatchString(e.Name()) {
				continue
			}
			text, err := os.ReadFile(filepath.Join(folder, e.Name()))
			if err != nil {
				return c, err
			}
			path, err := filepath.Rel(folders[0], filepath.Join(folder, e.Name()))
			if err != nil {
				return c, err
			}
			c.Texts = append(c.Texts, licence.Text{File: filepath.ToSlash(path), Text: strings.ToValidUTF8(string(text), "�")})
		}
	}
	var ids []string
	for _, t := range c.Texts {
		for _, m := range licensecheck.Scan([]byte(t.Text)).Match {
			if !m.IsURL && m.ID != "GooglePatentsFile" && !slices.Contains(ids, m.ID) {
				ids = append(ids, m.ID)
			}
		}
	}
	if len(ids) == 0 && kind != "arengo" {
		return c, fmt.Errorf("%s %s has no licence in %s", name, version, folders[0])
	}
	if c.Licence = strings.Join(ids, " AND "); kind == "arengo" {
		c.Licence = "EUPL-1.2"
	}
	return c, nil
}

// toolchain is Go itself, whose runtime and library are in the binary.
func toolchain() (licence.Component, error) {
	out, err := exec.Command("go", "env", "GOROOT", "GOVERSION").Output()
	if err != nil {
		return licence.Component{}, err
	}
	root, version, _ := strings.Cut(strings.TrimSpace(string(out)), "\n")
	return component("go", "Go", strings.TrimPrefix(version, "go"), []string{root})
}

// modules are those that have a package in the binary, with the notices of each folder
// between such a package and the module's root.
func modules() ([]licence.Component, error) {
	cmd := exec.Command("go", "list", "-deps", "-json=Dir,Module", "./cmd/arengo")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("go list: %w", err)
	}
	type module struct {
		Path, Version, Dir string
		Main               bool
		Replace            *struct{ Path, Version string }
	}
	found, folders := map[string]module{}, map[string][]string{}
	for d := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			Dir    string
			Module *module
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if p.Module == nil || p.Module.Main {
			continue
		}
		m := *p.Module
		if found[m.Path] = m; folders[m.Path] == nil {
			folders[m.Path] = []string{m.Dir}
		}
		for dir := p.Dir; dir != m.Dir && strings.HasPrefix(dir, m.Dir); dir = filepath.Dir(dir) {
			if !slices.Contains(folders[m.Path], dir) {
				folders[m.Path] = append(folders[m.Path], dir)
			}
		}
	}
	var all []licence.Component
	for path, m := range found {
		slices.Sort(folders[path])
		c, err := component("go", path, m.Version, folders[path])
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	slices.SortFunc(all, byName)
	return all, nil
}

func byName(a, b licence.Component) int { return strings.Compare(a.Name, b.Name) }

// packages are those of npm that scripts/assets.mjs took something from.
func packages() (all []licence.Component, err error) {
	text, err := os.ReadFile("internal/web/assets/dist/packages.json")
	if err != nil {
		return nil, fmt.Errorf("%w: run make assets", err)
	}
	var names []string
	if err := json.Unmarshal(text, &names); err != nil {
		return nil, err
	}
	for _, name := range names {
		folder := filepath.Join("node_modules", filepath.FromSlash(name))
		var about struct{ Version string }
		text, err := os.ReadFile(filepath.Join(folder, "package.json"))
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(text, &about); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		c, err := component("npm", name, about.Version, []string{folder})
		if err != nil {
			return nil, err
		}
		all = append(all, c)
	}
	return all, nil
}
