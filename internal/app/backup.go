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
	"hash"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel/webpush"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/newsletter"
	"codeberg.org/arengo/arengo/internal/publishing"
	"codeberg.org/arengo/arengo/internal/site/comments"
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
var passing = []string{"heartbeat", "session", "one_time_link", "known_device", "rate_limit", "api_answer", "channel_pending"}

// Backup writes a consistent copy of everything to a new file, while the server
// may be running. A file that exists is not overwritten.
func Backup(ctx context.Context, d *db.DB, store blob.Store, file string, now time.Time) (err error) {
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer func() {
		if err = errors.Join(err, f.Close()); err != nil {
			os.Remove(file) // half a backup must not look like one
		}
	}()
	z := zip.NewWriter(f)
	m := manifest{Format: backupFormat, Version: Version, Made: now.UTC()}
	if m.Migrations, err = d.Applied(ctx); err != nil {
		return err
	}
	tables, err := db.Tables()
	if err != nil {
		return err
	}
	var hashes []string
	err = d.Read(ctx, func(tx *db.Tx) error {
		for _, name := range tables {
			if slices.Contains(passing, name) {
				continue
			}
			t, err := dump(ctx, tx, z, name)
			if err != nil {
				return fmt.Errorf("backup of %s: %w", name, err)
			}
			m.Tables = append(m.Tables, t)
		}
		hashes, err = db.All(ctx, tx, db.Col[string], `
			SELECT hash FROM media UNION SELECT hash FROM rendition UNION SELECT avatar_hash FROM profile WHERE avatar_hash <> ''`)
		return err
	})
	if err != nil {
		return err
	}
	for _, h := range hashes {
		if err := packMedia(ctx, z, store, h); err != nil {
			return fmt.Errorf("backup of media %s: %w", h, err)
		}
		m.Media++
	}
	w, err := z.Create("manifest.json")
	if err != nil {
		return err
	}
	if err := json.NewEncoder(w).Encode(m); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return f.Sync()
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

// Restore fills an empty database and media store from a backup, brings them up
// to date, and freezes every institution: what the backup saw as waiting may
// have gone out since, and only a person knows. Nothing is kept when it fails.
func Restore(ctx context.Context, d *db.DB, store blob.Store, file string, now time.Time) error {
	z, err := zip.OpenReader(file)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	defer z.Close()
	m, err := readManifest(z)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if len(m.Migrations) == 0 {
		return errors.New("restore: the backup names no migration")
	}
	if _, err := d.MigrateTo(ctx, m.Migrations[len(m.Migrations)-1]); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	if have, err := d.Applied(ctx); err != nil || !slices.Equal(have, m.Migrations) {
		return errors.Join(err, errors.New("restore: the backup is of another version of Arengo; use the version that made it, or a newer one"))
	}
	for _, f := range z.File {
		if hash, ok := strings.CutPrefix(f.Name, "media/"); ok {
			if err := unpackMedia(ctx, store, f, hash); err != nil {
				return fmt.Errorf("restore of media %s: %w", hash, err)
			}
		}
	}
	err = d.InTx(ctx, func(tx *db.Tx) error {
		var n int
		if err := tx.QueryRow(ctx, `SELECT count(*) FROM institution`).Scan(&n); err != nil {
			return err
		}
		if n > 0 {
			return errors.New("restore: this database is not empty; restore into a new data folder or a new database")
		}
		for _, t := range m.Tables {
			if err := load(ctx, tx, z, t); err != nil {
				return fmt.Errorf("restore of %s: %w", t.Name, err)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if _, err := d.Migrate(ctx); err != nil {
		return err
	}
	return d.InTx(ctx, func(tx *db.Tx) error {
		if err := newsletter.Restored(ctx, tx, now); err != nil {
			return err
		}
		if err := webpush.Restored(ctx, tx, now); err != nil {
			return err
		}
		if err := comments.Restored(ctx, tx); err != nil {
			return err
		}
		return publishing.FreezeRestored(ctx, tx, "Copia di sicurezza ripristinata / Restored from a backup", now)
	})
}

func readManifest(z *zip.ReadCloser) (m manifest, err error) {
	f, err := z.Open("manifest.json")
	if err != nil {
		return m, errors.New("this is not a backup of Arengo, or it is not whole")
	}
	defer f.Close()
	if err := json.NewDecoder(f).Decode(&m); err != nil {
		return m, err
	}
	if m.Format != backupFormat {
		return m, fmt.Errorf("backup format %d is unknown to this version", m.Format)
	}
	return m, nil
}

func unpackMedia(ctx context.Context, store blob.Store, f *zip.File, hash string) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	b, err := store.Put(ctx, r)
	if err == nil && b.Hash != hash {
		err = errors.New("its content is not what its name says")
	}
	return err
}

// load fills a table and checks that it is what the manifest says.
func load(ctx context.Context, tx *db.Tx, z *zip.ReadCloser, t dumped) error {
	known, err := db.Tables()
	if err != nil {
		return err
	}
	if !slices.Contains(known, t.Name) {
		return errors.New("no such table")
	}
	f, err := z.Open("tables/" + t.Name + ".jsonl")
	if err != nil {
		return err
	}
	defer f.Close()
	marks := make([]string, len(t.Columns))
	for i, c := range t.Columns {
		if strings.ContainsFunc(c, func(r rune) bool { return r != '_' && (r < 'a' || r > 'z') && (r < '0' || r > '9') }) {
			return fmt.Errorf("column %q", c)
		}
		marks[i] = fmt.Sprintf("$%d", i+1)
	}
	insert := fmt.Sprintf(`INSERT INTO %s (%s) VALUES (%s)`, t.Name, strings.Join(t.Columns, ", "), strings.Join(marks, ", "))
	sum := sha256.New()
	n, err := loadRows(ctx, tx, io.TeeReader(f, sum), insert, len(t.Columns))
	if err != nil {
		return err
	}
	return whole(t, n, sum)
}

func loadRows(ctx context.Context, tx *db.Tx, r io.Reader, insert string, width int) (n int, err error) {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	for {
		var row []any
		if err := dec.Decode(&row); err == io.EOF {
			_, err = io.Copy(io.Discard, r)
			return n, err
		} else if err != nil {
			return n, err
		}
		if len(row) != width {
			return n, fmt.Errorf("row %d has %d values, not %d", n+1, len(row), width)
		}
		for i, v := range row {
			if row[i], err = native(v); err != nil {
				return n, fmt.Errorf("row %d: %w", n+1, err)
			}
		}
		if _, err := tx.Exec(ctx, insert, row...); err != nil {
			return n, err
		}
		n++
	}
}

// native is a portable value as a driver takes it.
func native(v any) (any, error) {
	switch x := v.(type) {
	case json.Number:
		if i, err := x.Int64(); err == nil {
			return i, nil
		}
		return x.Float64()
	case map[string]any:
		text, ok := x["base64"].(string)
		if !ok {
			return nil, errors.New("unknown kind of value")
		}
		return base64.StdEncoding.DecodeString(text)
	}
	return v, nil
}

func whole(t dumped, rows int, sum hash.Hash) error {
	if rows != t.Rows || hex.EncodeToString(sum.Sum(nil)) != t.SHA256 {
		return fmt.Errorf("the backup is damaged: %d of %d rows, or their checksum differs", rows, t.Rows)
	}
	return nil
}
