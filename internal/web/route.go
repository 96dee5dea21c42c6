package web

import (
	"maps"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzhttp"

	"codeberg.org/arengo/arengo/internal/web/assets"
)

// DefaultMaxBody is the largest request body, in bytes, of a route that sets
// no other: room for any form of text, not for files.
const DefaultMaxBody = 1 << 20

type route struct {
	maxBody       int64
	noSession     bool
	noCompression bool
	anyOrigin     bool
	embeddable    bool
	fixed         http.Header // sent with every answer; shared, see headers
	secretPath    bool        // the address itself is a secret
}

// RouteOption changes how one route is served.
type RouteOption func(*route)

// MaxBody allows request bodies up to n bytes.
func MaxBody(n int64) RouteOption { return func(r *route) { r.maxBody = n } }

// WithoutSession neither reads nor writes a session: for public pages and
// whatever many people read, since it saves a query.
func WithoutSession() RouteOption { return func(r *route) { r.noSession = true } }

// WithoutCompression is for answers that are compressed already, and for
// streams.
func WithoutCompression() RouteOption { return func(r *route) { r.noCompression = true } }

// AnyOrigin accepts writes from other sites: only for routes that prove the
// sender in another way (API tokens, signed ActivityPub requests, one-click
// unsubscription).
func AnyOrigin() RouteOption { return func(r *route) { r.anyOrigin = true } }

// Embeddable lets other sites show the page in a frame.
func Embeddable() RouteOption { return func(r *route) { r.embeddable = true } }

// withSecretPath marks the routes whose address opens something to whoever has it: by
// convention those with a part named token or link.
func withSecretPath(pattern string) RouteOption {
	return func(r *route) {
		r.secretPath = strings.Contains(pattern, "{token}") || strings.Contains(pattern, "{link}")
	}
}

func newRoute(options []RouteOption, secure bool) *route {
	r := &route{maxBody: DefaultMaxBody}
	for _, option := range options {
		option(r)
	}
	r.fixed = http.Header{
		"Content-Security-Policy":    {policy(r.embeddable)},
		"X-Content-Type-Options":     {"nosniff"},
		"Referrer-Policy":            {"strict-origin-when-cross-origin"},
		"Permissions-Policy":         {"camera=(), microphone=(), geolocation=(self), payment=(), usb=()"},
		"Cross-Origin-Opener-Policy": {"same-origin"},
	}
	if !r.embeddable {
		r.fixed["X-Frame-Options"] = []string{"DENY"}
	}
	if r.secretPath {
		// Not even our own proxy's log gets it as the page before. "no-referrer" would make
		// browsers send forms with the origin "null", which is refused.
		r.fixed["Referrer-Policy"] = []string{"strict-origin"}
		r.fixed["X-Robots-Tag"] = []string{"noindex, nofollow, noarchive"}
		r.fixed["Cache-Control"] = []string{"no-store"}
	}
	if secure {
		r.fixed["Strict-Transport-Security"] = []string{"max-age=31536000"}
	}
	return r
}

func (rt *route) limit(w http.ResponseWriter, r *http.Request) {
	if r.Body == nil || r.Body == http.NoBody {
		return
	}
	if b := stateOf(r).body; b != nil {
		b.most = rt.maxBody
		if b.size > rt.maxBody {
			// It says itself that it is too large: none of it is read.
			b.failed = &http.MaxBytesError{Limit: rt.maxBody}
			w.Header().Set("Connection", "close")
		}
	}
	r.Body = http.MaxBytesReader(w, r.Body, rt.maxBody)
}

// policy is the content security policy of every page: nothing but our own
// files, no inline script and no inline style. data: images are the icons in
// the style sheet, blob: is the preview of a photograph not yet uploaded.
func policy(embeddable bool) string {
	ancestors := "'none'"
	if embeddable {
		ancestors = "*"
	}
	return strings.Join([]string{
		"default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data: blob:",
		"media-src 'self' blob:", "font-src 'self'", "connect-src 'self'", "manifest-src 'self'",
		"worker-src 'self'", "frame-src 'self'", "form-action 'self'", "frame-ancestors " + ancestors, "base-uri 'none'",
	}, "; ")
}

// headers sets what every answer of the route has. The values are shared by all
// answers and full, so that adding to one makes a copy.
func (rt *route) headers(w http.ResponseWriter) { maps.Copy(w.Header(), rt.fixed) }

// RouteHeaders are what every answer of a route with these options has, for who
// answers in its place.
func (k *Kit) RouteHeaders(options ...RouteOption) http.Header {
	return newRoute(options, k.secure).fixed
}

// zipped ends the validator of a gzipped answer.
const zipped = "-gz"

// compress gzips what is text and large enough to gain from it.
func compress(next http.Handler) http.Handler {
	// A strong validator is of the very bytes (RFC 9110, 8.8.1), so the gzipped ones
	// have one of their own.
	wrap, err := gzhttp.NewWrapper(gzhttp.MinSize(1024), gzhttp.EnableZstd(false), gzhttp.ContentTypeFilter(textual), gzhttp.SuffixETag(zipped))
	if err != nil {
		panic("web: constant compression options: " + err.Error())
	}
	wrapped := wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// gzhttp overlooks a refusal (RFC 9110, 12.5.3: a weight of 0).
		if assets.Accepts(r.Header.Get("Accept-Encoding"), "gzip") {
			wrapped.ServeHTTP(w, r)
			return
		}
		w.Header().Add("Vary", "Accept-Encoding")
		next.ServeHTTP(w, r)
	})
}

// textual says which answers are compressed. Event streams are not: a reader
// must get each event at once.
func textual(contentType string) bool {
	kind, _, _ := strings.Cut(contentType, ";")
	switch kind {
	case "text/event-stream":
		return false
	case "application/json", "application/problem+json", "application/javascript", "application/xml", "application/manifest+json",
		"application/activity+json", "application/ld+json", "application/feed+json", "application/rss+xml", "application/atom+xml", "image/svg+xml":
		return true
	}
	return strings.HasPrefix(kind, "text/")
}
