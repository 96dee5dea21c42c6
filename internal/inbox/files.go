package inbox

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

// LetterFile is a file that came with a letter.
type LetterFile struct {
	N           int
	Name        string
	ContentType string // what the content is; "" when it is nothing that we know
	Size        int64  // bytes
	Kept        bool   // its content is there
}

// markLen is how many bytes stand before the content of a file in the media store.
// They are of the letter's own: two letters with the same file have two contents, so
// that one can go without the other, and nobody can learn by a hash who has what.
const markLen = 16

// KeepFiles puts the files of letters into the media store, before the transaction
// that hears the letters: until then nothing refers to them. The content is kept as
// it came, since it is proof of what was sent, and judged as uploads are: by its
// bytes, never by its name. Told again it is the same content.
func (in *Inbox) KeepFiles(ctx context.Context, institutionID, channelID string, said []channel.Said) error {
	for _, s := range said {
		for n := range s.Files {
			f := &s.Files[n]
			if f.Content == nil {
				f.ContentType = ""
				continue
			}
			kind, err := blob.Sniff(bytes.NewReader(f.Content))
			if err != nil && !fault.Is(err, fault.Invalid) {
				return err
			}
			f.ContentType, f.Size = kind.MIME, int64(len(f.Content))
			mark := sha256.Sum256([]byte(strings.Join([]string{institutionID, channelID, identifier(s.ID), fmt.Sprint(n)}, "\x00")))
			b, err := in.files.Put(ctx, io.MultiReader(bytes.NewReader(mark[:markLen]), bytes.NewReader(f.Content)))
			if err != nil {
				return err
			}
			f.Hash, f.Content = b.Hash, nil
		}
	}
	return nil
}

// noteFiles notes the files of a letter that was heard. Those of one that nobody kept (of a
// blocked author, say) are to be taken from the store again.
func (h *hearing) noteFiles(ctx context.Context, s channel.Said) error {
	if len(s.Files) == 0 {
		return nil
	}
	var kept bool
	if err := h.tx.QueryRow(ctx, `
		SELECT EXISTS (SELECT 1 FROM comment WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3 AND deleted_at = 0)
			OR EXISTS (SELECT 1 FROM letter_aside WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3 AND said <> '')
			OR EXISTS (SELECT 1 FROM early WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3)`,
		h.institution(), h.channel.ID, s.ID).Scan(&kept); err != nil {
		return err
	}
	for n, f := range s.Files {
		hash, gone := f.Hash, ""
		if !kept {
			f.Name, hash, gone = "", "", f.Hash
		}
		if _, err := h.tx.Exec(ctx, `
			INSERT INTO letter_file (institution_id, channel_id, remote_id, n, name, content_type, size, hash, gone) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
			ON CONFLICT DO NOTHING`, h.institution(), h.channel.ID, s.ID, n, f.Name, f.ContentType, f.Size, hash, gone); err != nil {
			return err
		}
	}
	return nil
}

// dropFiles lets the files of a letter go; their contents go within the hour.
func dropFiles(ctx context.Context, tx *db.Tx, institutionID, channelID, remoteID string) error {
	_, err := tx.Exec(ctx, `
		UPDATE letter_file SET name = '', gone = CASE WHEN hash = '' THEN gone ELSE hash END, hash = ''
		WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3`, institutionID, channelID, remoteID)
	return err
}

// tidyFiles takes away the files of letters that are let go of. A content goes before
// its row: whoever dies in between does it again.
func (in *Inbox) tidyFiles(ctx context.Context, tx *db.Tx, _ time.Time, n int) (int, error) {
	type file struct {
		institution, channel, remote, hash, gone string
		n                                        int
	}
	all, err := db.All(ctx, tx, func(s db.Scanner) (f file, err error) {
		err = s.Scan(&f.institution, &f.channel, &f.remote, &f.n, &f.hash, &f.gone)
		return f, err
	}, `
		SELECT f.institution_id, f.channel_id, f.remote_id, f.n, f.hash, f.gone FROM letter_file f
		WHERE f.gone <> '' OR (
			NOT EXISTS (SELECT 1 FROM comment m WHERE m.institution_id = f.institution_id AND m.channel_id = f.channel_id AND m.remote_id = f.remote_id AND m.deleted_at = 0)
			AND NOT EXISTS (SELECT 1 FROM letter_aside l WHERE l.institution_id = f.institution_id AND l.channel_id = f.channel_id AND l.remote_id = f.remote_id AND l.said <> '')
			AND NOT EXISTS (SELECT 1 FROM early e WHERE e.institution_id = f.institution_id AND e.channel_id = f.channel_id AND e.remote_id = f.remote_id))
		LIMIT $1`, min(n, filesAtOnce))
	if err != nil {
		return 0, err
	}
	for _, f := range all {
		for _, hash := range []string{f.hash, f.gone} {
			if hash == "" {
				continue
			}
			if err := in.files.Delete(ctx, hash); err != nil && !fault.Is(err, fault.NotFound) {
				return 0, err
			}
		}
		if _, err := tx.Exec(ctx, `DELETE FROM letter_file WHERE institution_id = $1 AND channel_id = $2 AND remote_id = $3 AND n = $4`, f.institution, f.channel, f.remote, f.n); err != nil {
			return 0, err
		}
	}
	return len(all), nil
}

// filesAtOnce bounds one transaction: the store may be at the other end of a network.
const filesAtOnce = 20

const fileColumns = `f.n, f.name, f.content_type, f.size, f.hash <> ''`

func scanFile(s db.Scanner, more ...any) (f LetterFile, err error) {
	err = s.Scan(append([]any{&f.N, &f.Name, &f.ContentType, &f.Size, &f.Kept}, more...)...)
	return f, err
}

// threadFiles adds to the words of a conversation the files that came with them.
func threadFiles(ctx context.Context, tx *db.Tx, t *Thread, index map[string]*Word) error {
	type row struct {
		LetterFile
		comment string
	}
	all, err := db.All(ctx, tx, func(s db.Scanner) (r row, err error) { r.LetterFile, err = scanFile(s, &r.comment); return r, err }, `
		SELECT `+fileColumns+`, m.id FROM letter_file f
		JOIN comment m ON m.institution_id = f.institution_id AND m.channel_id = f.channel_id AND m.remote_id = f.remote_id
		WHERE m.institution_id = $1 AND m.conversation_id = $2 AND m.deleted_at = 0 ORDER BY m.id, f.n`, t.InstitutionID, t.ID)
	for _, r := range all {
		if w := index[r.comment]; w != nil {
			w.Files = append(w.Files, r.LetterFile)
		}
	}
	return err
}

// OpenFile opens a file that came with a comment. Faults: NotFound, Unavailable.
func (in *Inbox) OpenFile(ctx context.Context, institutionID, commentID string, n int) (f LetterFile, content io.ReadCloser, err error) {
	var hash string
	err = in.db.Read(ctx, func(tx *db.Tx) (err error) {
		f, err = scanFile(tx.QueryRow(ctx, `
			SELECT `+fileColumns+`, f.hash FROM letter_file f
			JOIN comment m ON m.institution_id = f.institution_id AND m.channel_id = f.channel_id AND m.remote_id = f.remote_id
			WHERE m.institution_id = $1 AND m.id = $2 AND m.deleted_at = 0 AND f.n = $3`, institutionID, commentID, n), &hash)
		return err
	})
	if errors.Is(err, db.ErrNone) || err == nil && hash == "" {
		return f, nil, fault.Missing("inbox.file.missing")
	}
	if err != nil {
		return f, nil, err
	}
	r, _, err := in.files.Open(ctx, hash)
	if err != nil {
		return f, nil, err
	}
	if _, err := r.Seek(markLen, io.SeekStart); err != nil {
		r.Close()
		return f, nil, err
	}
	return f, r, nil
}
