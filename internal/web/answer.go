package web

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"net/url"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/web/layout"
)

// ETag is the validator of a body. It is weak (RFC 9110, 8.8.1): the kit sends the
// same answer compressed or not, and both have this one.
func ETag(body []byte) string {
	sum := sha256.Sum256(body)
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// NotModified sets the validators of an answer and, when the reader already has
// it (RFC 9110, 13), answers 304 and returns true. The etag is quoted; the
// modification time may be zero.
func NotModified(w http.ResponseWriter, r *http.Request, etag string, modified time.Time) bool {
	h := w.Header()
	if etag != "" {
		h.Set("ETag", etag)
	}
	if !modified.IsZero() {
		h.Set("Last-Modified", modified.UTC().Format(http.TimeFormat))
	}
	if !Unchanged(r, etag, modified) {
		return false
	}
	if theirs := matching(r.Header.Get("If-None-Match"), etag); theirs != "" {
		h.Set("ETag", theirs) // plain or gzipped, as the reader has it
	}
	w.WriteHeader(http.StatusNotModified)
	return true
}

// Unchanged reports whether the reader of a GET already has the answer with these
// validators.
func Unchanged(r *http.Request, etag string, modified time.Time) bool {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return false
	}
	if known := r.Header.Get("If-None-Match"); known != "" {
		return matching(known, etag) != ""
	}
	given := r.Header.Get("If-Modified-Since")
	if given == "" || modified.IsZero() {
		return false
	}
	since, err := http.ParseTime(given)
	return err == nil && !modified.Truncate(time.Second).After(since)
}

// matching is the validator among those that a reader knows which means the same as
// etag, plain or gzipped; "" for none. It compares weakly: a gzipped answer has the same meaning.
func matching(known, etag string) string {
	if etag == "" {
		return ""
	}
	bare := func(tag string) string {
		tag = strings.TrimPrefix(tag, "W/")
		if plain, ok := strings.CutSuffix(tag, zipped+`"`); ok {
			return plain + `"`
		}
		return tag
	}
	for candidate := range strings.SplitSeq(known, ",") {
		switch candidate = strings.TrimSpace(candidate); {
		case candidate == "*":
			return etag
		case bare(candidate) == bare(etag):
			if strings.HasSuffix(candidate, zipped+`"`) {
				return candidate
			}
			return etag
		}
	}
	return ""
}

// Attachment is the Content-Disposition of a file that is to be saved, not shown, under
// a name that somebody else chose (RFC 6266, RFC 8187).
func Attachment(name string) string {
	var b strings.Builder
	b.WriteString("attachment; filename*=UTF-8''")
	const hex = "0123456789ABCDEF"
	for _, c := range []byte(name) {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '.' || c == '-' || c == '_' {
			b.WriteByte(c)
		} else {
			b.WriteString("%" + string(hex[c>>4]) + string(hex[c&15]))
		}
	}
	return b.String()
}

// Redirect sends the reader on with 303 after a write that succeeded, or with
// HX-Redirect when htmx asked. The target must be a path of this site. It also
// tells the browser that the text it kept for this form has arrived (partial
// "draft-offer"), so it may be forgotten.
func Redirect(w http.ResponseWriter, r *http.Request, path string) error {
	path = LocalPath(path)
	confirmDraft(w, r)
	if isHTMX(r) {
		w.Header().Set("HX-Redirect", path)
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	http.Redirect(w, r, path, http.StatusSeeOther)
	return nil
}

// confirmDraft sets the cookie that the module "draft" reads; it is not HttpOnly
// for that reason and holds nothing but the name of the form.
func confirmDraft(w http.ResponseWriter, r *http.Request) {
	id := r.PostForm.Get("_draft")
	if id == "" || len(id) > 200 {
		return
	}
	http.SetCookie(w, &http.Cookie{Name: "arengo_saved", Value: url.PathEscape(id), Path: "/", MaxAge: 600, SameSite: http.SameSiteLaxMode})
}

// Confirm shows a page that asks before something that cannot be undone, and
// posts to c.Action. Pages with JavaScript ask in place (data-module="confirm").
func (k *Kit) Confirm(w http.ResponseWriter, r *http.Request, c layout.Confirm) error {
	return k.Render(w, r, http.StatusOK, "confirm", layout.Page{Layout: layout.Auto, Title: c.Question, Content: c})
}
