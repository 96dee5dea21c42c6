package webmention

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/limit"
	"codeberg.org/arengo/arengo/internal/retain"
	"codeberg.org/arengo/arengo/internal/secret"
	"codeberg.org/arengo/arengo/internal/web"
)

// Path is the endpoint that our pages announce.
const Path = "/webmention"

// The bounds of what others send.
const (
	maxURL  = 2000    // bytes
	maxPage = 1 << 20 // bytes of a page that is read
	maxTime = 20 * time.Second
)

// Options are what the service is built from. All are required but Log.
type Options struct {
	DB      *db.DB
	Kit     *web.Kit
	Bundle  *i18n.Bundle
	Box     *secret.Box
	Fetch   *fetch.Client
	Clock   func() time.Time
	Log     *slog.Logger
	Address func(institution.Institution) string // of a site, without a final slash
	// Hear keeps what was said; it is inbox.Inbox.Hear.
	Hear func(ctx context.Context, tx *db.Tx, institutionID, channelID string, said []channel.Said) error
}

// Service receives and sends webmentions. Safe for concurrent use.
type Service struct {
	o    Options
	jobs *jobs.Pool
}

// New builds a Service and registers its work.
func New(o Options, r *jobs.Registry) (*Service, error) {
	if o.DB == nil || o.Kit == nil || o.Bundle == nil || o.Box == nil || o.Fetch == nil || o.Clock == nil || o.Address == nil || o.Hear == nil {
		return nil, errors.New("webmention: DB, Kit, Bundle, Box, Fetch, Clock, Address and Hear are required")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{o: o}
	jobs.Handle(r, s.workVerify)
	jobs.Handle(r, s.workGather)
	jobs.Handle(r, s.workSend)
	return s, nil
}

// Use gives the pool in which work is enqueued.
func (s *Service) Use(p *jobs.Pool) { s.jobs = p }

// Mount registers the endpoint.
func (s *Service) Mount(mux *http.ServeMux) {
	s.o.Kit.Handle(mux, "POST "+Path, s.receive, web.WithoutSession(), web.AnyOrigin(), web.MaxBody(16<<10))
}

// receive takes a webmention and answers 202: it is verified afterwards.
func (s *Service) receive(w http.ResponseWriter, r *http.Request) error {
	i, err := institution.Of(r.Context())
	if err != nil {
		return err
	}
	form, err := s.o.Kit.ReadForm(r)
	if err != nil {
		return err
	}
	err = s.Receive(r.Context(), i, form.String("source"), form.String("target"), web.From(r))
	status, text := http.StatusAccepted, s.o.Kit.Printer(r).T("webmention.accepted")
	switch f := fault.Of(err); {
	case err == nil:
	case f.Kind == fault.Invalid:
		// The recommendation asks for 400 (3.2.1).
		status, text = http.StatusBadRequest, s.o.Kit.Printer(r).T(f.Text.Key)
	default:
		return err
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	// A sender who has left is no failure of ours.
	_, _ = io.WriteString(w, text+"\n")
	return nil
}

// Receive takes note that source says it links to target, one of our messages.
// Faults: Invalid, TooMany.
func (s *Service) Receive(ctx context.Context, i institution.Institution, source, target string, from limit.Network) error {
	src, ok := webAddress(source)
	if !ok || s.ours(i, src) {
		return fault.New(fault.Invalid, "webmention.source")
	}
	dst, ok := webAddress(target)
	if !ok || !s.ours(i, dst) {
		return fault.New(fault.Invalid, "webmention.target")
	}
	slug, ok := strings.CutPrefix(dst.Path, "/m/")
	if !ok || slug == "" || strings.Contains(slug, "/") {
		return fault.New(fault.Invalid, "webmention.target")
	}
	// A fragment names a place on the same page.
	src.Fragment, dst.Fragment = "", ""
	now := s.o.Clock()
	return s.o.DB.InTx(ctx, func(tx *db.Tx) error {
		// A flood from one network, or about one site, slows that one only.
		if wait, err := limit.NewBook(s.o.Box).Take(ctx, tx, now, limit.Mentions.From(from), limit.MentionSource.Of(src.Hostname())); err != nil {
			return err
		} else if wait > 0 {
			return fault.New(fault.TooMany, "webmention.too_many")
		}
		var messageID string
		err := tx.QueryRow(ctx, `SELECT message_id FROM publication WHERE institution_id = $1 AND slug = $2 AND withdrawn_at = 0`, i.ID, slug).Scan(&messageID)
		if errors.Is(err, db.ErrNone) {
			return fault.New(fault.Invalid, "webmention.target")
		}
		if err != nil {
			return err
		}
		if err := room(ctx, tx, i.ID, src.String(), dst.String()); err != nil {
			return err
		}
		var id string
		var rev int64
		if err := tx.QueryRow(ctx, `
			INSERT INTO webmention (institution_id, id, source, target, message_id, state, received_at) VALUES ($1, $2, $3, $4, $5, 'waiting', $6)
			ON CONFLICT (institution_id, source, target) DO UPDATE SET rev = webmention.rev + 1, attempts = 0, received_at = excluded.received_at,
				state = CASE WHEN webmention.state = 'shown' THEN 'shown' ELSE 'waiting' END
			RETURNING id, rev`, i.ID, db.NewID(), src.String(), dst.String(), messageID, db.At(now)).Scan(&id, &rev); err != nil {
			return err
		}
		return s.jobs.Enqueue(ctx, tx, verify{i.ID, id, rev}, jobs.When{Queue: jobs.Errand})
	})
}

// room refuses what would be one too many to verify or to keep. Fault: TooMany.
func room(ctx context.Context, tx *db.Tx, institutionID, source, target string) error {
	var waiting, kept, known int
	if err := tx.QueryRow(ctx, `
		SELECT COALESCE(SUM(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), 0), count(*), COALESCE(SUM(CASE WHEN source = $2 AND target = $3 THEN 1 ELSE 0 END), 0)
		FROM webmention WHERE institution_id = $1`, institutionID, source, target).Scan(&waiting, &kept, &known); err != nil {
		return err
	}
	if waiting >= limit.MentionsWaiting.N() || known == 0 && kept >= limit.MentionsKept.N() {
		return fault.New(fault.TooMany, "webmention.too_many")
	}
	return nil
}

// Retention says what is let go of: what was refused, is gone, or was never verified.
func Retention() []retain.Rule {
	return []retain.Rule{{Table: "webmention", Keep: limit.MentionKeptFor.For(), Step: retain.Rows("webmention", `state <> 'shown' AND received_at < $1`, "institution_id", "id")}}
}

// ours reports whether an address is of an institution's own site.
func (s *Service) ours(i institution.Institution, u *url.URL) bool {
	host := institution.Host(u.Host)
	if home, err := url.Parse(s.o.Address(i)); err == nil && host == institution.Host(home.Host) {
		return true
	}
	return slices.Contains(i.Hosts, host)
}

// webAddress is an address of the web, typed by a machine.
func webAddress(text string) (*url.URL, bool) {
	if len(text) > maxURL {
		return nil, false
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return nil, false
	}
	return u, true
}

// get reads a page within the limits; once says that a stranger made us ask: it is one
// request and follows no redirect.
func (s *Service) get(ctx context.Context, address string, once bool) (*http.Response, error) {
	ctx = fetch.WithLimits(ctx, fetch.Limits{Timeout: maxTime, MaxBody: maxPage, Once: once})
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "text/html, application/xhtml+xml;q=0.9, text/plain;q=0.5")
	req.Header.Set("User-Agent", "Arengo Webmention")
	return s.o.Fetch.Do(ctx, req)
}

// code names a failure of fetch, and says whether trying again may help.
func code(err error) (name string, again bool) {
	for _, known := range []struct {
		err   error
		name  string
		again bool
	}{
		{fetch.ErrPrivate, "private", false}, {fetch.ErrScheme, "scheme", false}, {fetch.ErrRedirects, "redirects", false},
		{fetch.ErrDowngrade, "redirects", false}, {fetch.ErrTooLarge, "too_large", false}, {fetch.ErrTimeout, "timeout", true}, {fetch.ErrBusy, "busy", true},
	} {
		if errors.Is(err, known.err) {
			return known.name, known.again
		}
	}
	return "unreachable", true
}

// wait is how long to wait after n attempts; ok is false when that was the last.
func wait(n int) (d time.Duration, ok bool) {
	steps := []time.Duration{time.Minute, 10 * time.Minute, time.Hour, 6 * time.Hour}
	if n < 1 || n > len(steps) {
		return 0, false
	}
	return steps[n-1], true
}
