package square

import (
	"bytes"
	"image"
	_ "image/gif" // so that image.DecodeConfig knows what Mastodon accepts
	_ "image/jpeg"
	_ "image/png"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	_ "golang.org/x/image/webp"
)

// maxAlt is the longest description in characters.
const maxAlt = 1500

type nopCloser struct{ io.ReadSeeker }

func (nopCloser) Close() error { return nil }

type readCloser struct{ io.Reader }

func (readCloser) Close() error { return nil }

func newReader(b []byte) io.ReadSeeker { return bytes.NewReader(b) }

// upload takes a file, judged by its content.
func (s *Square) upload(c caller) (any, *problem) {
	if p := s.paced(c); p != nil {
		return nil, p
	}
	part, header, err := c.r.FormFile("file")
	if err != nil {
		return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: File can't be blank")
	}
	defer part.Close()
	if header.Size > s.o.MaxFile {
		return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: File size must be less than %d bytes", s.o.MaxFile)
	}
	content, err := io.ReadAll(part)
	if err != nil {
		return nil, refuse(http.StatusBadRequest, "The upload is malformed")
	}
	f := &file{ID: s.newID(), Account: c.ID, Alt: c.params.one("description"), Looks: s.o.Processing}
	f.Type = http.DetectContentType(content)
	if !slices.Contains(mediaTypes(), f.Type) {
		return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: File content type is invalid")
	}
	if strings.HasPrefix(f.Type, "image/") {
		size, _, err := image.DecodeConfig(bytes.NewReader(content))
		if err != nil {
			return nil, refuse(http.StatusUnprocessableEntity, "Error processing thumbnail for uploaded media")
		}
		f.Width, f.Height = size.Width, size.Height
	}
	if utf8.RuneCountInString(f.Alt) > maxAlt {
		return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: Description is too long")
	}
	if err := s.keepFile(f, content); err != nil {
		return nil, refuse(http.StatusInternalServerError, "The simulated square cannot write the file")
	}
	s.state.Files[f.ID] = f
	c.Uploads = append(c.Uploads, s.o.Now())
	if f.Looks > 0 {
		return s.saved(accepted{s.fileEntity(f)})
	}
	return s.saved(s.fileEntity(f))
}

// paced refuses the 31st upload in half an hour.
func (s *Square) paced(c caller) *problem {
	c.Uploads = slices.DeleteFunc(c.Uploads, func(t time.Time) bool { return s.o.Now().Sub(t) >= uploadTime })
	if s.o.Pace && len(c.Uploads) >= uploadPace {
		return refuse(http.StatusTooManyRequests, "Too many requests")
	}
	return nil
}

func mediaTypes() []string {
	return []string{"image/jpeg", "image/png", "image/gif", "image/webp", "video/mp4", "video/webm"}
}

// unattached finds the caller's file, if no status has it: Mastodon gives no
// other away.
func (s *Square) unattached(c caller) (*file, *problem) {
	f := s.state.Files[c.r.PathValue("id")]
	if f == nil || f.Account != c.ID || f.Status != "" {
		return nil, refuse(http.StatusNotFound, "Record not found")
	}
	return f, nil
}

// showFile answers 206 while the file is being processed, which here takes a
// number of looks.
func (s *Square) showFile(c caller) (any, *problem) {
	f, p := s.unattached(c)
	if p != nil {
		return nil, p
	}
	if f.Looks > 0 {
		f.Looks--
		return partial{s.fileEntity(f)}, nil
	}
	return s.fileEntity(f), nil
}

func (s *Square) describe(c caller) (any, *problem) {
	f, p := s.unattached(c)
	if p != nil {
		return nil, p
	}
	if alt := c.params.one("description"); utf8.RuneCountInString(alt) <= maxAlt {
		f.Alt = alt
		return s.saved(s.fileEntity(f))
	}
	return nil, refuse(http.StatusUnprocessableEntity, "Validation failed: Description is too long")
}
