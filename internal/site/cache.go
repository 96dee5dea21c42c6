package site

import (
	"bytes"
	"compress/gzip"
	"context"
	"maps"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/web"
	"codeberg.org/arengo/arengo/internal/web/assets"
)

const (
	cacheBytes = 12 << 20 // rendered pages and feeds of all institutions
	fileBytes  = 2 << 20  // which files may be shown
	// fresh bounds how long a page that says "upcoming" may be older than the
	// clock; its content is bound to the version anyway.
	fresh = time.Minute
)

// answer is a page or a feed, ready to be sent.
type answer struct {
	version  int64 // of the institution, as the answer shows it
	status   int
	kind     string // content type
	body     []byte
	etag     string
	modified time.Time
	open     bool   // other sites' scripts may read it
	links    string // header Link
	until    time.Time

	zip    sync.Once
	plain  form
	zipped form // made for the first reader who takes it; empty when it gains nothing
	always http.Header
}

// form is a body as it is sent, with the headers that only this form has.
type form struct {
	body    []byte
	headers http.Header
}

// prepare makes, once for all readers, the headers that each of them gets beside
// those of the route. They are shared between answers: whoever adds to one gets a
// copy, for none has room left.
func (a *answer) prepare(route http.Header) {
	a.always = maps.Clone(route)
	a.always["Cache-Control"], a.always["Vary"] = []string{"no-cache"}, []string{"Accept-Encoding, Accept-Language, Cookie"}
	if a.open {
		a.always["Access-Control-Allow-Origin"] = []string{"*"}
	}
	if a.links != "" {
		a.always["Link"] = []string{a.links}
	}
	if a.status == http.StatusOK {
		a.etag = web.ETag(a.body)
		a.always["Etag"] = []string{a.etag}
		if !a.modified.IsZero() {
			a.always["Last-Modified"] = []string{a.modified.UTC().Format(http.TimeFormat)}
		}
	}
	a.plain = a.form(a.body, "")
}

func (a *answer) form(body []byte, encoding string) form {
	h := http.Header{"Content-Type": {a.kind}, "Content-Length": {strconv.Itoa(len(body))}}
	if encoding != "" {
		h["Content-Encoding"] = []string{encoding}
	}
	return form{body, h}
}

// size is about what keeping the answer costs; text shrinks to a fifth.
func (a *answer) size() int { return len(a.body)*6/5 + 400 }

// small is the compressed form, or the plain one when the body is too short to gain
// from it.
func (a *answer) small() form {
	a.zip.Do(func() {
		a.zipped = a.plain
		if len(a.body) <= 1024 {
			return
		}
		if body := squeeze(a.body); body != nil {
			a.zipped = a.form(body, "gzip")
		}
	})
	return a.zipped
}

// builder makes the answer to a request whose institution is known.
type builder func(*visit) (*answer, error)

// known are the query parameters of public pages: a request with another one is
// answered, but what was rendered for it is not kept.
var known = map[string]bool{"pagina": true, "mese": true, "profilo": true, "argomento": true, "n": true}

// Kept answers with the pages that are kept before anything else is done for a
// request: finding its route and all that the kit puts around a handler would cost
// more than the page. Whatever is not kept goes on to next.
func (s *Site) Kept(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet || r.Method == http.MethodHead {
			if a := s.kept(r); a != nil {
				a.send(w, r)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// kept is the answer that is kept for the request and still true; nil when there is
// none. The database is asked for the version each time.
func (s *Site) kept(r *http.Request) *answer {
	i, ok := institution.From(r.Context())
	if !ok {
		return nil
	}
	a := s.pages.get(s.key(r, i), s.clock())
	if a == nil {
		return nil
	}
	if version, err := s.versions.read(r.Context(), i.ID); err != nil || version != a.version {
		return nil
	}
	return a
}

func (s *Site) key(r *http.Request, i institution.Institution) string {
	return i.ID + " " + s.kit.Language(r) + " " + r.URL.RequestURI()
}

// cached answers with what build makes, and keeps it for the next readers. options
// are those of the route.
func (s *Site) cached(build builder, options []web.RouteOption) web.Handler {
	headers := s.kit.RouteHeaders(options...)
	return func(w http.ResponseWriter, r *http.Request) error {
		if a := s.kept(r); a != nil {
			a.send(w, r)
			return nil
		}
		i, version, err := s.place(r.Context())
		if err != nil {
			return err
		}
		key, now := s.key(r, i), s.clock()
		made, err, _ := s.pages.group.Do(key+" "+strconv.FormatInt(version, 10), func() (any, error) {
			a, err := s.render(r, i, build, now)
			if err != nil {
				return nil, err
			}
			a.prepare(headers)
			if keepable(r) && a.status == http.StatusOK {
				a.version, a.until = version, now.Add(fresh)
				s.pages.put(key, a)
			}
			return a, nil
		})
		if err != nil {
			return err
		}
		made.(*answer).send(w, r)
		return nil
	}
}

func keepable(r *http.Request) bool {
	if len(r.URL.RawQuery) > 200 {
		return false
	}
	for name, values := range r.URL.Query() {
		if !known[name] || len(values) > 1 {
			return false
		}
	}
	return true
}

// place is the institution of the request as it is now, and its version.
func (s *Site) place(ctx context.Context) (i institution.Institution, version int64, err error) {
	if i, err = institution.Of(ctx); err != nil {
		return i, 0, err
	}
	version, err = s.versions.read(ctx, i.ID)
	return i, version, err
}

// render runs build in one reading transaction. What the middleware remembers
// of the institution may be seconds old: a page that will be kept is not.
func (s *Site) render(r *http.Request, i institution.Institution, build builder, now time.Time) (a *answer, err error) {
	// Others wait for this page: it is not given up when its first reader leaves.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), 20*time.Second)
	defer cancel()
	err = s.db.Read(ctx, func(tx *db.Tx) error {
		if i, err = institution.ByID(ctx, tx, i.ID); err != nil {
			return err
		}
		profiles, err := institution.Profiles(ctx, tx, i.ID)
		if err != nil {
			return err
		}
		v := &visit{Request: r.WithContext(institution.With(ctx, i)), tx: tx, i: i, profiles: profiles, origin: Origin(s.base, i), now: now}
		a, err = build(v)
		return err
	})
	if err != nil {
		return nil, err
	}
	return a, nil
}

// squeeze compresses a body once for all its readers.
func squeeze(body []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, 6)
	if err != nil {
		return nil // the level is a constant that exists
	}
	if _, err := z.Write(body); err != nil || z.Close() != nil {
		return nil
	}
	return b.Bytes()
}

// send writes the answer, or 304 when the reader has it. A page may be kept by
// browsers and proxies, and is asked for again each time: a correction must reach
// everybody at once.
func (a *answer) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	maps.Copy(h, a.always)
	if a.status == http.StatusOK && web.Unchanged(r, a.etag, a.modified) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	f := a.plain
	if assets.Accepts(r.Header.Get("Accept-Encoding"), "gzip") {
		f = a.small()
	}
	maps.Copy(h, f.headers)
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		// A reader who has left is no failure of ours.
		_, _ = w.Write(f.body)
	}
}

// cache holds answers up to a number of bytes, each with the version that it shows.
type cache struct {
	limit int
	group singleflight.Group

	mu   sync.RWMutex
	held map[string]*answer
	size int
}

func newCache(limit int) *cache { return &cache{limit: limit, held: map[string]*answer{}} }

func (c *cache) get(key string, now time.Time) *answer {
	c.mu.RLock()
	a := c.held[key]
	c.mu.RUnlock()
	if a == nil || now.After(a.until) {
		return nil
	}
	return a
}

func (c *cache) put(key string, a *answer) {
	cost := a.size() + len(key)
	if cost > c.limit/4 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if held := c.held[key]; held != nil && held.version > a.version {
		return
	}
	c.drop(key)
	for other := range c.held {
		if c.size+cost <= c.limit {
			break
		}
		c.drop(other)
	}
	c.held[key] = a
	c.size += cost
}

func (c *cache) drop(key string) {
	if a, ok := c.held[key]; ok {
		c.size -= a.size() + len(key)
		delete(c.held, key)
	}
}

// versions reads institutions' versions. Requests that arrive before a read has
// begun share it, so that each sees the database as it was after it arrived, and
// a crowd costs few queries.
type versions struct {
	lookup *db.Lookup

	mu sync.Mutex
	at map[string]*queue
}

// queue is what one institution's readers wait for.
type queue struct {
	reading bool
	next    *call // has not begun: whoever arrives may still join
}

type call struct {
	done    chan struct{}
	version int64
	err     error
}

func newVersions(d *db.DB) *versions {
	return &versions{lookup: d.Lookup(`SELECT version FROM institution WHERE id = $1`), at: map[string]*queue{}}
}

func (v *versions) read(ctx context.Context, id string) (int64, error) {
	v.mu.Lock()
	q := v.at[id]
	if q == nil {
		q = &queue{}
		v.at[id] = q
	}
	if q.next == nil {
		q.next = &call{done: make(chan struct{})}
	}
	c := q.next
	first := !q.reading
	q.reading = true
	v.mu.Unlock()
	if first {
		v.serve(id, q)
	}
	select {
	case <-c.done:
		return c.version, c.err
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// serve does the read that is waited for, and leaves a further one to a
// goroutine of its own: the request that began need not work for all others.
func (v *versions) serve(id string, q *queue) {
	// Requests that are ready to run join before the read begins: under load a dozen
	// share it.
	runtime.Gosched()
	v.mu.Lock()
	c := q.next
	q.next = nil
	v.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	c.err = v.lookup.Scan(ctx, id, &c.version)
	cancel()
	close(c.done)
	v.mu.Lock()
	more := q.next != nil
	q.reading = more
	v.mu.Unlock()
	if more {
		go v.serve(id, q)
	}
}
