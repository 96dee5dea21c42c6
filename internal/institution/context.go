package institution

import (
	"context"
	"net/http"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
)

type contextKey struct{}

// resolved is what the host of a request led to.
type resolved struct {
	institution Institution
	err         error
}

// With returns a context whose institution is i.
func With(ctx context.Context, i Institution) context.Context {
	return context.WithValue(ctx, contextKey{}, &resolved{institution: i})
}

// From returns the institution that the request's host name leads to.
func From(ctx context.Context) (i Institution, ok bool) {
	r, ok := ctx.Value(contextKey{}).(*resolved)
	if !ok || r.err != nil {
		return Institution{}, false
	}
	return r.institution, true
}

// Of is From with a fault: NotFound when the host leads to no institution,
// Unavailable or Internal when the database could not say.
func Of(ctx context.Context) (Institution, error) {
	r, ok := ctx.Value(contextKey{}).(*resolved)
	if !ok {
		return Institution{}, fault.Missing("institution.host.unknown")
	}
	return r.institution, r.err
}

// rememberFor is how long a host's institution is believed without asking the
// database: another node's change shows within it.
const rememberFor = 2 * time.Second

// rememberHosts bounds the memory that made-up host names can take.
const rememberHosts = 1024

// Resolver finds the institution of each request by its host name.
type Resolver struct {
	db  *db.DB
	now func() time.Time

	mu    sync.Mutex
	known map[string]remembered
}

type remembered struct {
	*resolved
	until time.Time
}

// NewResolver returns a resolver with a clock.
func NewResolver(d *db.DB, now func() time.Time) *Resolver {
	return &Resolver{db: d, now: now, known: map[string]remembered{}}
}

// Around puts the institution into the context of each request. A host that
// leads nowhere is not refused here, so that assets and health checks answer on
// any host: handlers learn it from Of.
func (v *Resolver) Around(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), contextKey{}, v.resolve(r.Context(), r.Host))))
	})
}

// Resolve returns the institution of a host name. Fault: NotFound.
func (v *Resolver) Resolve(ctx context.Context, host string) (Institution, error) {
	r := v.resolve(ctx, host)
	return r.institution, r.err
}

func (v *Resolver) resolve(ctx context.Context, host string) *resolved {
	host, now := Host(host), v.now()
	v.mu.Lock()
	k, ok := v.known[host]
	v.mu.Unlock()
	if ok && now.Before(k.until) {
		return k.resolved
	}
	var i Institution
	err := v.db.Read(ctx, func(tx *db.Tx) (err error) {
		i, err = ByHost(ctx, tx, host)
		return err
	})
	if err != nil {
		return &resolved{err: err}
	}
	i.zone = i.Location()
	r := &resolved{institution: i}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= rememberHosts {
		clear(v.known)
	}
	v.known[host] = remembered{r, now.Add(rememberFor)}
	return r
}

// Forget makes this process ask again: the person who changed the institution
// sees the change at once.
func (v *Resolver) Forget() {
	v.mu.Lock()
	defer v.mu.Unlock()
	clear(v.known)
}
