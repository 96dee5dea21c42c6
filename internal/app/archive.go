package app

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/fault"
)

// archive is a backup that is being read.
type archive struct {
	zip      *zip.ReadCloser
	manifest manifest
	media    map[string]*zip.File // by hash
}

// errOtherContent is a file of a backup whose bytes are not those of its name.
var errOtherContent = errors.New("its content is not what its name says")

// CheckBackup reads a backup from end to end and says what is in it, or what is
// wrong with it. It needs no installation.
func CheckBackup(ctx context.Context, file string) (said fault.Text, err error) {
	a, err := openArchive(file)
	if err != nil {
		return said, err
	}
	defer a.zip.Close()
	if err := a.check(ctx); err != nil {
		return said, damaged(file, err)
	}
	for hash, f := range a.media {
		if err := ctx.Err(); err != nil {
			return said, err
		}
		if got, err := digest(f); err != nil || got != hash {
			return said, damaged(file, errors.Join(err, fmt.Errorf("media %s: %w", hash, errOtherContent)))
		}
	}
	rows := 0
	for _, t := range a.manifest.Tables {
		rows += t.Rows
	}
	return fault.Text{Key: "backup.holds", Args: []any{a.manifest.Made, rows, len(a.manifest.Tables), len(a.media)}}, nil
}

func digest(f *zip.File) (string, error) {
	r, err := f.Open()
	if err != nil {
		return "", err
	}
	defer r.Close()
	sum := sha256.New()
	_, err = io.Copy(sum, r)
	return hex.EncodeToString(sum.Sum(nil)), err
}

// openArchive opens a backup and reads its manifest.
func openArchive(file string) (*archive, error) {
	z, err := zip.OpenReader(file)
	if errors.Is(err, zip.ErrFormat) {
		return nil, noBackup(file)
	}
	if err != nil {
		return nil, err
	}
	a := &archive{zip: z, media: map[string]*zip.File{}}
	if a.manifest, err = readManifest(z, file); err != nil {
		z.Close()
		return nil, err
	}
	for _, f := range z.File {
		if hash, ok := strings.CutPrefix(f.Name, "media/"); ok {
			a.media[hash] = f
		}
	}
	return a, nil
}

// noBackup refuses a file that is none of ours, or the beginning of one.
func noBackup(file string) error { return fault.New(fault.Invalid, "backup.none", file) }

// damaged says that a backup is not what it was when it was written, and where.
func damaged(file string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) || fault.Of(err).Kind != fault.Internal {
		return err
	}
	return fault.New(fault.Invalid, "backup.damaged", file, err.Error()).Because(err)
}

func readManifest(z *zip.ReadCloser, file string) (m manifest, err error) {
	f, err := z.Open("manifest.json")
	if err != nil {
		return m, noBackup(file)
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&m); err != nil {
		return m, damaged(file, fmt.Errorf("its manifest: %w", err))
	}
	if m.Format != backupFormat {
		return m, fault.New(fault.Unavailable, "backup.other_version", m.Version)
	}
	return m, nil
}

// check holds the backup to its manifest: every table of its schema once, with its
// rows and checksum, and every media file that the rows name, as many as are said.
func (a *archive) check(ctx context.Context) error {
	want, err := stored(a.manifest.Migrations)
	if err != nil {
		return err
	}
	seen, named := map[string]bool{}, map[string]bool{}
	for _, t := range a.manifest.Tables {
		if seen[t.Name] || !slices.Contains(want, t.Name) && !slices.Contains(passing, t.Name) {
			return fmt.Errorf("the backup is damaged: table %q is there twice, or unknown to this version", t.Name)
		}
		seen[t.Name] = true
		at := slices.Index(t.Columns, mediaNames()[t.Name])
		err := a.rows(ctx, t, func(row []any) error {
			if at >= 0 {
				hash, _ := row[at].(string)
				named[hash] = true
			}
			return nil
		})
		if err != nil {
			return fmt.Errorf("table %s: %w", t.Name, err)
		}
	}
	for _, name := range want {
		if !seen[name] {
			return fmt.Errorf("the backup is damaged: table %s is missing", name)
		}
	}
	delete(named, "")
	for hash := range named {
		if a.media[hash] == nil {
			return fmt.Errorf("the backup is damaged: media %s is missing", hash)
		}
	}
	if len(a.media) != a.manifest.Media {
		return fmt.Errorf("the backup is damaged: %d of %d media are there", len(a.media), a.manifest.Media)
	}
	return nil
}

// rows reads a table to its end, a row at a time, and fails unless it is what the
// manifest says.
func (a *archive) rows(ctx context.Context, t dumped, each func(row []any) error) error {
	f, err := a.zip.Open("tables/" + t.Name + ".jsonl")
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	r := bufio.NewReaderSize(io.TeeReader(f, sum), 1<<16)
	dec := json.NewDecoder(r)
	dec.UseNumber()
	n := 0
	for {
		var row []any
		if err := dec.Decode(&row); err == io.EOF {
			break
		} else if err != nil {
			return fmt.Errorf("row %d: %w", n+1, err)
		}
		n++
		if len(row) != len(t.Columns) {
			return fmt.Errorf("row %d has %d values, not %d", n, len(row), len(t.Columns))
		}
		if err := errors.Join(ctx.Err(), each(row)); err != nil {
			return fmt.Errorf("row %d: %w", n, err)
		}
	}
	if n != t.Rows || hex.EncodeToString(sum.Sum(nil)) != t.SHA256 {
		return fmt.Errorf("the backup is damaged: %d of %d rows, or their checksum differs", n, t.Rows)
	}
	return nil
}
