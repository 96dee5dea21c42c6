package publishing

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/blob"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/prose"
)

// Media is an uploaded file. Equal contents are stored once.
type Media struct {
	InstitutionID, ID string
	Hash              string // of the stored content, after metadata were stripped
	ContentType       string
	Name              string // as the person's file was called
	Size              int64
	Width, Height     int // pixels of a picture
	CreatedAt         time.Time
	Kept              blob.Kept // why a document is as it came, with its notes
}

// IsImage tells a picture from a video or a document.
func (m Media) IsImage() bool { return strings.HasPrefix(m.ContentType, "image/") }

// IsVideo tells a video from a picture or a document.
func (m Media) IsVideo() bool { return strings.HasPrefix(m.ContentType, "video/") }

const mediaColumns = `institution_id, id, hash, content_type, name, size, width, height, created_at, kept`

func scanMedia(s db.Scanner) (m Media, err error) {
	var created int64
	err = s.Scan(&m.InstitutionID, &m.ID, &m.Hash, &m.ContentType, &m.Name, &m.Size, &m.Width, &m.Height, &created, &m.Kept)
	m.CreatedAt = db.When(created)
	return m, err
}

// mediaOf returns the uploaded files that attachments name, by identifier. One
// that does not exist is missing from the map.
func mediaOf(ctx context.Context, tx *db.Tx, institutionID string, as []Attachment) (map[string]Media, error) {
	files := make(map[string]Media, len(as))
	if len(as) == 0 {
		return files, nil
	}
	in, args := make([]string, len(as)), []any{institutionID}
	for i, a := range as {
		args = append(args, a.MediaID)
		in[i] = fmt.Sprintf("$%d", i+2)
	}
	all, err := db.All(ctx, tx, scanMedia, `SELECT `+mediaColumns+` FROM media WHERE institution_id = $1 AND id IN (`+strings.Join(in, ", ")+`)`, args...)
	for _, m := range all {
		files[m.ID] = m
	}
	return files, err
}

// MediaByID returns an uploaded file. Fault: NotFound.
func MediaByID(ctx context.Context, tx *db.Tx, institutionID, id string) (Media, error) {
	files, err := mediaOf(ctx, tx, institutionID, []Attachment{{MediaID: id}})
	if err != nil {
		return Media{}, err
	}
	m, ok := files[id]
	if !ok {
		return m, fault.Missing("media.missing")
	}
	return m, nil
}

// Rendition is a smaller copy of a picture.
type Rendition struct {
	Kind        string `json:"kind"` // thumb, large, or a channel's own
	Hash        string `json:"hash"`
	ContentType string `json:"content_type"`
	Width       int    `json:"width"`
	Height      int    `json:"height"`
	Size        int64  `json:"-"`
}

// rendition is a stored copy of a picture under the name of its use.
func rendition(kind string, s blob.Stored) Rendition {
	return Rendition{Kind: kind, Hash: s.Hash, ContentType: s.Type.MIME, Width: s.W, Height: s.H, Size: s.Size}
}

// largest is the longest side, in pixels, that a photograph is kept with.
const largest = 4096

// siteRenditions are the copies that the site's pages use.
func siteRenditions() []blob.Rendition {
	return []blob.Rendition{
		{Name: "thumb", FitOptions: blob.FitOptions{MaxW: 480, MaxH: 480}},
		{Name: "large", FitOptions: blob.FitOptions{MaxW: 1600, MaxH: 1600}},
	}
}

// Upload takes a file in: its type is read from its content, a picture is
// bounded in pixels and stripped of its metadata, as are videos and documents, which
// are streamed to the store; Kept names those that stay as they came. It keeps nothing of a file it refuses. Faults: Invalid,
// TooLarge, Unavailable.
func (d *Desk) Upload(ctx context.Context, institutionID, name string, r io.Reader) (m Media, err error) {
	actor, err := people.Can(ctx, people.Write, institutionID)
	if err != nil {
		return m, err
	}
	taken, err := d.pictures.Take(ctx, d.blobs, r, blob.TakeOptions{MaxBytes: d.maxUpload, Largest: largest, Renditions: siteRenditions()})
	if err != nil {
		return m, err
	}
	now := d.clock()
	o := taken.Original
	m = Media{InstitutionID: institutionID, ID: db.NewID(), Hash: o.Hash, ContentType: o.Type.MIME, Name: fileName(name, o.Type.Ext),
		Size: o.Size, Width: o.W, Height: o.H, CreatedAt: now, Kept: taken.Kept}
	return m, d.db.InTx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO media (`+mediaColumns+`, created_by) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			m.InstitutionID, m.ID, m.Hash, m.ContentType, m.Name, m.Size, m.Width, m.Height, db.At(m.CreatedAt), m.Kept, actor.PersonID)
		if err != nil {
			return err
		}
		for _, r := range taken.Renditions {
			if err := keepRendition(ctx, tx, m, rendition(r.Name, r)); err != nil {
				return err
			}
		}
		return nil
	})
}

// fileName is a safe name for downloads: the last part of what was typed, with
// the extension of what the content really is.
func fileName(name, ext string) string {
	name = prose.Clean(name)
	if i := strings.LastIndexAny(name, `/\`); i >= 0 {
		name = name[i+1:]
	}
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		name = name[:i]
	}
	if r := []rune(name); len(r) > 80 {
		name = string(r[:80])
	}
	if name = strings.TrimSpace(name); name == "" {
		name = "file"
	}
	return name + ext
}

// fit makes a rendition of a picture within limits.
func (d *Desk) fit(ctx context.Context, m Media, kind string, o blob.FitOptions) (Rendition, error) {
	f, err := d.pictures.FitStored(ctx, d.blobs, m.Hash, o)
	if err != nil {
		return Rendition{}, err
	}
	b, err := d.blobs.Put(ctx, bytes.NewReader(f.Data))
	return rendition(kind, blob.Stored{Blob: b, Type: f.Type, W: f.W, H: f.H}), err
}

func keepRendition(ctx context.Context, tx *db.Tx, m Media, r Rendition) error {
	_, err := tx.Exec(ctx, `
		INSERT INTO rendition (institution_id, source_hash, kind, hash, content_type, size, width, height)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (institution_id, source_hash, kind) DO NOTHING`,
		m.InstitutionID, m.Hash, r.Kind, r.Hash, r.ContentType, r.Size, r.Width, r.Height)
	return err
}

func renditions(ctx context.Context, tx *db.Tx, institutionID, sourceHash string) ([]Rendition, error) {
	return db.All(ctx, tx, func(s db.Scanner) (r Rendition, err error) {
		err = s.Scan(&r.Kind, &r.Hash, &r.ContentType, &r.Size, &r.Width, &r.Height)
		return r, err
	}, `SELECT kind, hash, content_type, size, width, height FROM rendition
		WHERE institution_id = $1 AND source_hash = $2 ORDER BY width`, institutionID, sourceHash)
}

// shown is the files of a publication with the renditions its pages use.
func (d *Desk) shown(ctx context.Context, tx *db.Tx, institutionID string, as []Attachment) ([]shownMedia, error) {
	files, err := mediaOf(ctx, tx, institutionID, as)
	if err != nil {
		return nil, err
	}
	out := []shownMedia{}
	for _, a := range as {
		f, ok := files[a.MediaID]
		if !ok {
			continue
		}
		all, err := renditions(ctx, tx, institutionID, f.Hash)
		if err != nil {
			return nil, err
		}
		s := shownMedia{ID: f.ID, Hash: f.Hash, ContentType: f.ContentType, Name: f.Name, Alt: a.Alt, Caption: a.Caption, Width: f.Width, Height: f.Height, Size: f.Size}
		for _, r := range all {
			if r.Kind == "thumb" || r.Kind == "large" {
				s.Renditions = append(s.Renditions, r)
			}
		}
		out = append(out, s)
	}
	return out, nil
}

// forChannel turns the attachments that a channel takes into files within its
// limits: a picture that is too large gets a rendition, made once and kept.
func (d *Desk) forChannel(ctx context.Context, as []Attachment, files map[string]Media, caps channel.Capabilities) ([]channel.Media, error) {
	var out []channel.Media
	for _, a := range as {
		f, ok := files[a.MediaID]
		if !ok {
			continue
		}
		m := channel.Media{Hash: f.Hash, ContentType: f.ContentType, Name: f.Name, Alt: a.Alt, Width: f.Width, Height: f.Height, Size: f.Size}
		if f.IsImage() && !within(f, caps) {
			r, err := d.channelRendition(ctx, f, caps)
			if err != nil {
				return nil, err
			}
			m.Hash, m.ContentType, m.Width, m.Height, m.Size = r.Hash, r.ContentType, r.Width, r.Height, r.Size
		}
		hash := m.Hash
		m.Open = func(ctx context.Context) (io.ReadSeekCloser, error) {
			content, _, err := d.blobs.Open(ctx, hash)
			return content, err
		}
		out = append(out, m)
	}
	return out, nil
}

// within reports whether a channel takes a picture as it is.
func within(f Media, c channel.Capabilities) bool {
	ok := len(c.ImageTypes) == 0
	for _, t := range c.ImageTypes {
		ok = ok || t == f.ContentType
	}
	return ok && (c.ImageBytes == 0 || f.Size <= c.ImageBytes) && (c.ImageSide == 0 || max(f.Width, f.Height) <= c.ImageSide)
}

func (d *Desk) channelRendition(ctx context.Context, f Media, c channel.Capabilities) (Rendition, error) {
	side := c.ImageSide
	if side == 0 {
		side = 4096
	}
	kind := fmt.Sprintf("fit-%d-%d", side, c.ImageBytes)
	var have []Rendition
	err := d.db.Read(ctx, func(tx *db.Tx) (err error) {
		have, err = renditions(ctx, tx, f.InstitutionID, f.Hash)
		return err
	})
	if err != nil {
		return Rendition{}, err
	}
	for _, r := range have {
		if r.Kind == kind {
			return r, nil
		}
	}
	r, err := d.fit(ctx, f, kind, blob.FitOptions{MaxW: side, MaxH: side, MaxBytes: c.ImageBytes})
	if err != nil {
		return r, err
	}
	return r, d.db.InTx(ctx, func(tx *db.Tx) error { return keepRendition(ctx, tx, f, r) })
}
