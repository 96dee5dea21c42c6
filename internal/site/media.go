package site

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

var hashForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// media serves a file that some published message shows; to somebody who works
// here, also one of a message that is not out yet. The address holds the hash of
// the content, so browsers keep it for ever.
func (s *Site) media(w http.ResponseWriter, r *http.Request) error {
	hash := r.PathValue("hash")
	if !hashForm.MatchString(hash) {
		return fault.Missing("site.media.missing")
	}
	i, version, err := s.place(r.Context())
	if err != nil {
		return err
	}
	kind, public, err := s.mayShow(r, i, version, hash)
	if err != nil {
		return err
	}
	content, _, err := s.blobs.Open(r.Context(), hash)
	if errors.Is(err, fs.ErrNotExist) || fault.Is(err, fault.NotFound) {
		return fault.Missing("site.media.missing").Because(err)
	}
	if err != nil {
		return fmt.Errorf("open media: %w", err)
	}
	defer content.Close()
	h := w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Disposition", disposition(kind, r.PathValue("name")))
	h.Set("ETag", `"`+hash+`"`)
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Cache-Control", "private, no-store")
	if public {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Del("Vary")
	}
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}

// mayShow returns the type of a file that the reader may see. Fault: NotFound,
// also for a file that exists and is nobody's business yet.
func (s *Site) mayShow(r *http.Request, i institution.Institution, version int64, hash string) (kind string, public bool, err error) {
	key := fmt.Sprint(i.ID, " ", version, " ", hash)
	now := s.clock()
	if a := s.files.get(key, now); a != nil {
		return a.kind, true, nil
	}
	missing := fault.Missing("site.media.missing")
	err = s.db.Read(r.Context(), func(tx *db.Tx) error {
		f, ok, err := fileOf(r.Context(), tx, i.ID, hash)
		if err != nil {
			return err
		}
		if !ok {
			return missing
		}
		kind = f.contentType
		public, err = shown(r.Context(), tx, i.ID, hash, f.source)
		return err
	})
	switch {
	case err != nil:
		return "", false, err
	case public:
		s.files.put(key, &answer{kind: kind, until: now.Add(time.Hour)})
		return kind, true, nil
	}
	if _, err := people.Can(r.Context(), people.See, i.ID); err != nil {
		return "", false, missing
	}
	return kind, false, nil
}

// disposition lets browsers show pictures, videos and PDF in place; anything
// else is saved. The name is the uploader's, in the form of RFC 6266 with
// nothing in it that could end the header or name a folder.
func disposition(kind, name string) string {
	how := "attachment"
	if strings.HasPrefix(kind, "image/") && kind != "image/svg+xml" || strings.HasPrefix(kind, "video/") || kind == "application/pdf" {
		how = "inline"
	}
	name = strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || strings.ContainsRune(`"\/:*?<>|%;`, r) {
			return '_'
		}
		return r
	}, cut(name, 120))
	plain := strings.Map(func(r rune) rune {
		if r > 0x7e {
			return '_'
		}
		return r
	}, name)
	return how + `; filename="` + plain + `"; filename*=UTF-8''` + url.PathEscape(name)
}
