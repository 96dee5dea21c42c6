package square

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// restore reads the state of an earlier run, if there was one.
func (s *Square) restore() error {
	if s.o.File == "" {
		return nil
	}
	text, err := os.ReadFile(s.o.File)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("simulated square: %w", err)
	}
	if err := json.Unmarshal(text, &s.state); err != nil {
		return fmt.Errorf("simulated square: %s: %w", s.o.File, err)
	}
	if s.state.Files == nil {
		s.state.Files = map[string]*file{}
	}
	if s.state.Keys == nil {
		s.state.Keys = map[string]used{}
	}
	return nil
}

// save writes the state beside the old one and then takes its place, so that a
// crash leaves one or the other.
func (s *Square) save() error {
	for key, u := range s.state.Keys {
		if s.o.Now().Sub(u.At) > keyLife {
			delete(s.state.Keys, key)
		}
	}
	if s.o.File == "" {
		return nil
	}
	text, err := json.MarshalIndent(s.state, "", "\t")
	if err != nil {
		return err
	}
	return write(s.o.File, func(f io.Writer) error { _, err := f.Write(text); return err })
}

func write(name string, fill func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".square-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // nothing to remove once it has its name
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	if closed := f.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	return err
}

// file is an uploaded picture or video.
type file struct {
	ID      string `json:"id"`
	Account string `json:"account"`
	Status  string `json:"status,omitempty"` // that it is attached to
	Type    string `json:"type"`
	Alt     string `json:"alt"`
	Width   int    `json:"width,omitempty"`
	Height  int    `json:"height,omitempty"`
	Size    int64  `json:"size"`
	Looks   int    `json:"looks,omitempty"` // how often it will still be found processing
	content []byte // when there is no folder
}

func (s *Square) folder() string { return s.o.File + ".media" }

func (s *Square) open(f *file) (io.ReadSeekCloser, error) {
	if s.o.File == "" {
		return nopCloser{newReader(f.content)}, nil
	}
	return os.Open(filepath.Join(s.folder(), f.ID))
}

// keepFile stores an upload's content.
func (s *Square) keepFile(f *file, content []byte) error {
	f.Size = int64(len(content))
	if s.o.File == "" {
		f.content = content
		return nil
	}
	if err := os.MkdirAll(s.folder(), 0o755); err != nil {
		return err
	}
	return write(filepath.Join(s.folder(), f.ID), func(w io.Writer) error { _, err := w.Write(content); return err })
}

func (s *Square) dropFile(id string) {
	delete(s.state.Files, id)
	if s.o.File != "" {
		os.Remove(filepath.Join(s.folder(), id))
	}
}
