package secret

import (
	"bufio"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"codeberg.org/arengo/arengo/internal/disk"
)

const keySize = 32 // bytes: AES-256

// key is a master key with the name by which sealed texts refer to it.
type key struct {
	id    string
	bytes []byte
}

const fileHead = `# Master keys of this Arengo installation, the current one first.
# Without this file sealed tokens cannot be opened: keep a copy, but never
# beside a backup of the database.
`

// Load reads the master keys from a file, which is created with a random key and
// mode 0600 when it does not exist. It refuses a file that others may read.
func Load(path string) (*Box, error) {
	if err := create(path); err != nil {
		return nil, fmt.Errorf("master key %s: %w", path, err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("master key %s may be read by others (mode %o): run chmod 600 on it", path, info.Mode().Perm())
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("master key: %w", err)
	}
	keys, err := parse(string(text))
	if err != nil {
		return nil, fmt.Errorf("master key %s: %w", path, err)
	}
	return newBox(keys)
}

// Rotate puts a new current key into the file, before the others.
func Rotate(path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("rotate master key: %w", err)
	}
	keys, err := parse(string(text))
	if err != nil {
		return fmt.Errorf("rotate master key: %w", err)
	}
	temp, err := writeTemp(path, append([]key{freshKey()}, keys...))
	if err != nil {
		return fmt.Errorf("rotate master key: %w", err)
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("rotate master key: %w", err)
	}
	return disk.SyncDir(filepath.Dir(path))
}

// create makes the file unless it exists. Processes that start together agree:
// a hard link, unlike a rename, never replaces the other's file.
func create(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := disk.Dir(filepath.Dir(path)); err != nil {
		return err
	}
	temp, err := writeTemp(path, []key{freshKey()})
	if err != nil {
		return err
	}
	defer os.Remove(temp)
	if err := os.Link(temp, path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return disk.SyncDir(filepath.Dir(path))
}

// writeTemp writes the keys to a new file beside path, safe on disk.
func writeTemp(path string, keys []key) (name string, err error) {
	f, err := os.CreateTemp(filepath.Dir(path), ".secret-*") // mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(f.Name())
		}
	}()
	if _, err := f.WriteString(format(keys)); err != nil {
		return "", err
	}
	return f.Name(), f.Sync()
}

func format(keys []key) string {
	var b strings.Builder
	b.WriteString(fileHead)
	for _, k := range keys {
		fmt.Fprintf(&b, "%s %s\n", k.id, base64.StdEncoding.EncodeToString(k.bytes))
	}
	return b.String()
}

// parse reads lines of "ID KEY", with empty lines and # comments between them.
// It never repeats a key in its error.
func parse(text string) (keys []key, err error) {
	seen := map[string]bool{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		if len(fields) != 2 || strings.Contains(fields[0], ".") {
			return nil, fmt.Errorf("line %d: want an identifier and a key", n)
		}
		raw, err := base64.StdEncoding.DecodeString(fields[1])
		if err != nil || len(raw) != keySize {
			return nil, fmt.Errorf("line %d: the key is not %d bytes in base64", n, keySize)
		}
		if seen[fields[0]] {
			return nil, fmt.Errorf("line %d: identifier %s is there twice", n, fields[0])
		}
		seen[fields[0]] = true
		keys = append(keys, key{fields[0], raw})
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if len(keys) == 0 {
		return nil, errors.New("no key in the file")
	}
	return keys, nil
}

func freshKey() key {
	k := key{id: strings.ToLower(rand.Text()[:8]), bytes: make([]byte, keySize)}
	rand.Read(k.bytes) // never fails: crypto/rand ends the program instead
	return k
}
