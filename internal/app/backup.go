package app

import (
	"archive/zip"
	"bufio"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/disk"
	"codeberg.org/arengo/arengo/internal/fault"
)

// A backup is one zip file: every table as JSON lines, every media file, and a
// manifest with counts and checksums. It is the same for both engines, so that
// it also moves an installation from SQLite to PostgreSQL. The master key is not
// in it: whoever holds the backup cannot read the channels' tokens.

// manifest says what a backup holds.
type manifest struct {
	Format     int       `json:"format"`
	Version    string    `json:"version"`
	Made       time.Time `json:"made"`
	Migrations []string  `json:"migrations"`
	Tables     []dumped  `json:"tables"`
	Media      int       `json:"media"`
}

// dumped is one table in a backup.
type dumped struct {
	Name    string   `json:"name"`
	Columns []string `json:"columns"`
	Rows    int      `json:"rows"`
	SHA256  string   `json:"sha256"`
}

const backupFormat = 1

// passing are the tables whose rows are of no use elsewhere.
var passing = []string{"heartbeat", "session", "one_time_link", "known_device", "rate_limit", "api_answer", "channel_pending", "master_key"}

// Backup writes a consistent copy of everything to a new file, while the server
// may be running. A file that exists is not overwritten, and one that a crash
// left half written does not have the name.
func Backup(ctx context.Context, d *db.DB, store blob.Store, file string, now time.Time) (err error) {
	if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
		return errors.Join(err, fault.Clash("backup.exists", file))
	}
	f, err := disk.Create(filepath.Dir(file), filepath.Base(file)+".*.part")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if err := pack(ctx, d, store, f, now); err != nil {
		f.Drop()
		return fmt.Errorf("backup: %w", err)
	}
	if err := f.KeepNew(file); errors.Is(err, fs.ErrExist) { // another backup took the name meanwhile
		return fault.Clash("backup.exists", file).Because(err)
	} else if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return nil
}

// pack writes the zip. The media are those that the rows name at the same moment:
// the sweep leaves them for longer than this takes.
func pack(ctx context.Context, d *db.DB, store blob.Store, w io.Writer, now time.Time) (err error) {
	z := zip.NewWriter(w)
	m := manifest{Format: backupFormat, Version: Version, Made: now.UTC()}
	if m.Migrations, err = d.Applied(ctx); err != nil {
		return err
	}
	tables, err := stored(m.Migrations)
	if err != nil {
		return err
	}
	var hashes []string
	err = d.Read(ctx, func(tx *db.Tx) error {
		for _, name := range tables {
			t, err := dump(ctx, tx, z, name)
			if err != nil {
				return fmt.Errorf("table %s: %w", name, err)
			}
			m.Tables = append(m.Tables, t)
		}
		hashes, err = namedMedia(ctx, tx, tables)
		return err
	})
	if err != nil {
		return err
	}
	for _, h := range hashes {
		if err := packMedia(ctx, z, store, h); err != nil {
			return fmt.Errorf("media %s: %w", h, err)
		}
		m.Media++
	}
	out, err := z.Create("manifest.json")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(m); err != nil {
		return err
	}
	return z.Close()
}

// stored are the tables that a backup of a schema holds.
func stored(migrations []string) ([]string, error) {
	if len(migrations) == 0 {
		return nil, errors.New("it names no migration")
	}
	tables, err := db.TablesOf(migrations)
	return slices.DeleteFunc(tables, func(name string) bool { return slices.Contains(passing, name) }), err
}

// dump writes a table as JSON lines, one array a row.
func dump(ctx context.Context, tx *db.Tx, z *zip.Writer, name string) (t dumped, err error) {
	rows, err := tx.Query(ctx, `SELECT * FROM `+name)
	if err != nil {
		return t, err
	}
	defer rows.Close()
	t.Name = name
	if t.Columns, err = rows.Columns(); err != nil {
		return t, err
	}
	types, err := rows.ColumnTypes()
	if err != nil {
		return t, err
	}
	w, err := z.Create("tables/" + name + ".jsonl")
	if err != nil {
		return t, err
	}
	sum := sha256.New()
	out := bufio.NewWriterSize(io.MultiWriter(w, sum), 1<<16)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	values, targets := make([]any, len(t.Columns)), make([]any, len(t.Columns))
	for i := range values {
		targets[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(targets...); err != nil {
			return t, err
		}
		for i, v := range values {
			values[i] = portable(v, types[i])
		}
		if err := enc.Encode(values); err != nil {
			return t, err
		}
		t.Rows++
	}
	if err := errors.Join(rows.Err(), out.Flush()); err != nil {
		return t, err
	}
	t.SHA256 = hex.EncodeToString(sum.Sum(nil))
	return t, nil
}

// binary is how bytes travel in JSON, told apart from a text.
type binary struct {
	Base64 string `json:"base64"`
}

// portable is a value as both engines understand it.
func portable(v any, t *sql.ColumnType) any {
	switch x := v.(type) {
	case []byte:
		return binary{base64.StdEncoding.EncodeToString(x)}
	case int64:
		if strings.HasPrefix(strings.ToUpper(t.DatabaseTypeName()), "BOOL") {
			return x != 0
		}
	}
	return v
}

func packMedia(ctx context.Context, z *zip.Writer, store blob.Store, hash string) error {
	content, _, err := store.Open(ctx, hash)
	if err != nil {
		return err
	}
	defer content.Close()
	// Pictures and videos are compressed already.
	w, err := z.CreateHeader(&zip.FileHeader{Name: "media/" + hash, Method: zip.Store})
	if err != nil {
		return err
	}
	_, err = io.Copy(w, content)
	return err
}
