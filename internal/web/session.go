package web

import (
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"

	"codeberg.org/arengo/arengo/internal/web/layout"
)

// How long a session lasts: a working day after the last page, a fortnight in
// all. The last page is written down at most every sessionSeen, since scs's own
// idle time would cost a write for every page.
const (
	sessionIdle     = 12 * time.Hour
	sessionSeen     = 10 * time.Minute
	sessionLifetime = 14 * 24 * time.Hour
)

const (
	flashKey = "web.flash"
	seenKey  = "web.seen"
)

func newSessions(store scs.CtxStore, secure bool) *scs.SessionManager {
	m := scs.New()
	m.Lifetime = sessionLifetime
	// The store keeps a hash of the token, so that a leaked backup opens no session.
	m.HashTokenInStore = true
	m.Cookie.Name = "arengo_session"
	if secure {
		m.Cookie.Name = "__Host-arengo_session"
	}
	m.Cookie.HttpOnly, m.Cookie.Secure, m.Cookie.SameSite = true, secure, http.SameSiteLaxMode
	if store != nil {
		m.Store = store
	} else {
		m.Store = memstore.NewWithCleanupInterval(0)
	}
	return m
}

// The kinds of flash message.
const (
	Success = layout.Success
	Info    = layout.Info
	Warning = layout.Warning
	Danger  = layout.Danger
)

// Flash keeps a message for the next page this person sees; kind is Success,
// Info, Warning or Danger, key and args are of the catalogue.
func (k *Kit) Flash(r *http.Request, kind, key string, args ...any) {
	k.addFlash(r, layout.Flash{Kind: kind, Text: k.Printer(r).T(key, args...)})
}

// FlashUndo is Flash with a button that posts to undoURL.
func (k *Kit) FlashUndo(r *http.Request, undoURL, key string, args ...any) {
	p := k.Printer(r)
	k.addFlash(r, layout.Flash{Kind: layout.Success, Text: p.T(key, args...), ActionURL: undoURL, ActionLabel: p.T("web.undo")})
}

func (k *Kit) addFlash(r *http.Request, f layout.Flash) {
	if !stateOf(r).session {
		k.log.ErrorContext(r.Context(), "flash on a route without session", "request", RequestID(r), "route", routeOf(r))
		return
	}
	all := append(k.readFlash(r), f)
	text, err := json.Marshal(all)
	if err != nil {
		k.log.ErrorContext(r.Context(), "flash", "request", RequestID(r), "error", err)
		return
	}
	k.Sessions.Put(r.Context(), flashKey, string(text))
}

func (k *Kit) readFlash(r *http.Request) []layout.Flash {
	var all []layout.Flash
	text := k.Sessions.GetString(r.Context(), flashKey)
	if text == "" || json.Unmarshal([]byte(text), &all) != nil {
		return nil
	}
	return all
}

// takeFlash returns the waiting messages and forgets them. Routes without a
// session have none.
func (k *Kit) takeFlash(r *http.Request) []layout.Flash {
	if !stateOf(r).session {
		return nil
	}
	all := k.readFlash(r)
	if len(all) > 0 {
		k.Sessions.Remove(r.Context(), flashKey)
	}
	return all
}

// withSession loads the session, ends one that was idle too long, and answers
// in the reader's language when the store is down.
func (k *Kit) withSession(next http.Handler) http.Handler {
	return k.Sessions.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		stateOf(r).session = true
		if err := k.watchIdle(r); err != nil {
			k.Fail(w, r, fmt.Errorf("end idle session: %w", err))
			return
		}
		next.ServeHTTP(w, r)
	}))
}

func (k *Kit) watchIdle(r *http.Request) error {
	ctx := r.Context()
	if k.Sessions.Token(ctx) == "" {
		return nil
	}
	now, seen := k.now(), time.UnixMicro(k.Sessions.GetInt64(ctx, seenKey))
	if seen.UnixMicro() != 0 && now.Sub(seen) > sessionIdle {
		return k.Sessions.Destroy(ctx)
	}
	if now.Sub(seen) > sessionSeen {
		k.Sessions.Put(ctx, seenKey, now.UnixMicro())
	}
	return nil
}

// Touch writes down that the session is used now. A session that begins must be
// touched: its idle time is counted from there.
func (k *Kit) Touch(r *http.Request) {
	k.Sessions.Put(r.Context(), seenKey, k.now().UnixMicro())
}
