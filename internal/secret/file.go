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
	"codeberg.org/arengo/arengo/internal/fault"
)

const keySize = 32 // bytes: AES-256

// key is a master key with the name by which sealed texts refer to it.
type key struct {
	id      string
	bytes   []byte
	retired bool // only the key of look-up values is left of it
}

const fileHead = `# Master keys of this Arengo installation, the current one first.
# Without this file sealed tokens cannot be opened: keep a copy, but never
# beside a backup of the database.
`

// Load reads the master keys from a file, which is created with a random key and
// mode 0600 when it does not exist. It refuses a file that others may read. Faults:
// as Read.
func Load(path string) (*Box, error) {
	if err := create(path); err != nil {
		return nil, fault.New(fault.Unavailable, "secret.unreadable", path).Because(err)
	}
	return Read(path)
}

// Read is Load of a file that must be there. Faults: Unavailable, with what to do.
func Read(path string) (*Box, error) {
	keys, err := readFile(path)
	if err != nil {
		return nil, err
	}
	b, err := newBox(keys)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "secret.broken", path, 1)
	}
	return b, nil
}

func readFile(path string) ([]key, error) {
	if have, err := exists(path); err == nil && !have {
		return nil, fault.New(fault.Unavailable, "secret.missing", path)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "secret.unreadable", path).Because(err)
	}
	if info.IsDir() { // as Docker makes one where a file to mount is missing
		return nil, fault.New(fault.Unavailable, "secret.folder", path)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fault.New(fault.Unavailable, "secret.open", path)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "secret.unreadable", path).Because(err)
	}
	keys, line, err := parse(string(text))
	if err != nil {
		return nil, fault.New(fault.Unavailable, "secret.broken", path, line)
	}
	return keys, nil
}

// create makes the file unless it exists. Processes that start together agree:
// a hard link, unlike a rename, never replaces the other's file.
func create(path string) error {
	if have, err := exists(path); err != nil || have {
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
		kind := ""
		if k.retired {
			kind = retiredWord + " "
		}
		fmt.Fprintf(&b, "%s %s%s\n", k.id, kind, base64.StdEncoding.EncodeToString(k.bytes))
	}
	return b.String()
}

// retiredWord stands before the bytes of a key that was retired.
const retiredWord = "mac"

// parse reads lines of "ID KEY", or "ID mac KEY" for a retired one, with empty
// lines and # comments between them. It never repeats a key in its error; line is
// the one that is wrong.
func parse(text string) (keys []key, line int, err error) {
	seen := map[string]bool{}
	lines := bufio.NewScanner(strings.NewReader(text))
	for line = 1; lines.Scan(); line++ {
		fields := strings.Fields(lines.Text())
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		k := key{id: fields[0], retired: len(fields) == 3 && fields[1] == retiredWord}
		if len(fields) != 2 && !k.retired || strings.Contains(k.id, ".") {
			return nil, line, errors.New("want an identifier and a key")
		}
		k.bytes, err = base64.StdEncoding.DecodeString(fields[len(fields)-1])
		if err != nil || len(k.bytes) != keySize {
			return nil, line, fmt.Errorf("the key is not %d bytes in base64", keySize)
		}
		if seen[k.id] {
			return nil, line, fmt.Errorf("identifier %s is there twice", k.id)
		}
		seen[k.id] = true
		keys = append(keys, k)
	}
	if err := lines.Err(); err != nil {
		return nil, line, err
	}
	if len(keys) == 0 || keys[0].retired {
		return nil, line, errors.New("no current key in the file")
	}
	return keys, 0, nil
}

func freshKey() key {
	k := key{id: strings.ToLower(rand.Text()[:8]), bytes: make([]byte, keySize)}
	rand.Read(k.bytes) // never fails: crypto/rand ends the program instead
	return k
}
