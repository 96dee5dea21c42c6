package site

import (
	"bytes"
	"compress/gzip"
	"context"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/web"
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
	status   int
	kind     string // content type
	body     []byte
	zip      sync.Once
	zipped   []byte // made for the first reader who takes it
	etag     string
	modified time.Time
	open     bool   // other sites' scripts may read it
	links    string // header Link
	until    time.Time
}

// size is about what keeping the answer costs; text shrinks to a fifth.
func (a *answer) size() int { return len(a.body)*6/5 + 400 }

// small is the compressed body, nil when the body is too short to gain from it.
func (a *answer) small() []byte {
	a.zip.Do(func() {
		if len(a.body) > 1024 {
			a.zipped = squeeze(a.body)
		}
	})
	return a.zipped
}

// builder makes the answer to a request whose institution is known.
type builder func(*visit) (*answer, error)

// known are the query parameters of public pages: a request with another one is
// answered, but what was rendered for it is not kept.
var known = map[string]bool{"pagina": true, "mese": true, "profilo": true, "argomento": true, "n": true}

// cached answers from the rendered pages, or has build render one.
func (s *Site) cached(build builder) web.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		i, version, err := s.place(r.Context())
		if err != nil {
			return err
		}
		key := i.ID + " " + strconv.FormatInt(version, 10) + " " + s.kit.Printer(r).Lang() + " " + r.URL.RequestURI()
		now := s.clock()
		if a := s.pages.get(key, now); a != nil {
			return a.send(w, r)
		}
		made, err, _ := s.pages.group.Do(key, func() (any, error) {
			a, err := s.render(r, i, build, now)
			if err == nil && keepable(r) && a.status == http.StatusOK {
				a.until = now.Add(fresh)
				s.pages.put(key, a)
			}
			return a, err
		})
		if err != nil {
			return err
		}
		return made.(*answer).send(w, r)
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
	a.etag = "W/" + web.ETag(a.body)
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

// send writes the answer, or 304 when the reader has it.
func (a *answer) send(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h["Cache-Control"] = revalidate
	h["Vary"] = varies
	if a.open {
		h.Set("Access-Control-Allow-Origin", "*")
	}
	if a.links != "" {
		h.Add("Link", a.links)
	}
	if a.status == http.StatusOK && web.NotModified(w, r, a.etag, a.modified) {
		return nil
	}
	body := a.body
	if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		if zipped := a.small(); zipped != nil {
			body = zipped
			h.Set("Content-Encoding", "gzip")
		}
	}
	h.Set("Content-Type", a.kind)
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(a.status)
	if r.Method != http.MethodHead {
		// A reader who has left is no failure of ours.
		_, _ = w.Write(body)
	}
	return nil
}

// A page may be kept by browsers and proxies, and is asked for again each time:
// a correction must reach everybody at once.
var (
	revalidate = []string{"no-cache"}
	varies     = []string{"Accept-Encoding, Accept-Language, Cookie"}
)

// cache holds answers up to a number of bytes. What it holds is never stale, for
// the version is part of the key; old versions go when room is needed.
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
	db *db.DB
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

func newVersions(d *db.DB) *versions { return &versions{db: d, at: map[string]*queue{}} }

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
		// Requests that are ready to run join before the read begins.
		runtime.Gosched()
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
	v.mu.Lock()
	c := q.next
	q.next = nil
	v.mu.Unlock()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	c.err = v.db.Read(ctx, func(tx *db.Tx) error {
		return tx.QueryRow(ctx, `SELECT version FROM institution WHERE id = $1`, id).Scan(&c.version)
	})
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
