// Package licence holds the notices of everything that the program is made of: our
// own licence, the Go toolchain and each module in the binary, each package in the
// assets. The licences (MIT, BSD, OFL, Apache) ask that their text go with every
// copy, and a copy is one file.
//
// "make build" gathers them (scripts/notices); without it the program still compiles,
// and holds none.
package licence

import (
	"compress/gzip"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

// File is the name, in dist, of the notices: Component as JSON, compressed.
const File = "notices.json.gz"

// Text is a file of a component's: LICENSE, NOTICE, PATENTS…
type Text struct {
	File string `json:"file"`
	Text string `json:"text"`
}

// Component is a part of the program.
type Component struct {
	Kind    string `json:"kind"` // arengo, go (toolchain and modules) or npm
	Name    string `json:"name"` // of the module or package
	Version string `json:"version"`
	Licence string `json:"licence"` // SPDX expression
	Texts   []Text `json:"texts"`
}

// Write compresses components; the same ones always make the same bytes.
func Write(w io.Writer, all []Component) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	if err := json.NewEncoder(z).Encode(all); err != nil {
		return err
	}
	return z.Close()
}

// Read returns what Write wrote.
func Read(r io.Reader) (all []Component, err error) {
	z, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("licences: %w", err)
	}
	if err := json.NewDecoder(z).Decode(&all); err != nil {
		return nil, fmt.Errorf("licences: %w", err)
	}
	return all, nil
}

// All are the components of this program; none when it was built without "make build".
var All = sync.OnceValues(func() ([]Component, error) {
	f, err := dist.Open("dist/" + File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("licences: %w", err)
	}
	defer f.Close()
	return Read(f)
})

// Known reports whether the program holds its notices.
func Known() bool {
	_, err := fs.Stat(dist, "dist/"+File)
	return err == nil
}

// Plain writes components as one text, for a terminal or a file.
func Plain(all []Component) string {
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "%s\n%s\n%s\n", strings.Repeat("=", 78), strings.TrimSpace(c.Name+" "+c.Version), c.Licence)
		for _, t := range c.Texts {
			fmt.Fprintf(&b, "\n--- %s\n\n%s\n", t.File, strings.TrimSpace(t.Text))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// Named are the components with a name.
func Named(all []Component, name string) (some []Component) {
	for _, c := range all {
		if c.Name == name {
			some = append(some, c)
		}
	}
	return some
}
