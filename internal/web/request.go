package web

import (
	"context"
	"crypto/rand"
	"errors"
	"mime/multipart"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/i18n"
)

// RequestIDHeader carries the id that an error page shows and the log holds.
const RequestIDHeader = "X-Request-Id"

// languageCookie holds the language a reader chose; it is not a session.
const languageCookie = "arengo_lang"

type contextKey struct{}

// request is what the kit knows about the request at hand.
type request struct {
	id      string
	client  netip.Addr
	printer *i18n.Printer
	session bool // the session is loaded
	spooled []*multipart.Form
}

// removeSpooled deletes the files that forms left on disk. net/http does so only
// for the request it made itself, not for the copies with a context of ours.
func (s *request) removeSpooled() error {
	var errs []error
	for _, form := range s.spooled {
		errs = append(errs, form.RemoveAll())
	}
	return errors.Join(errs...)
}

// enter prepares a request once, however many times it is called for it.
func (k *Kit) enter(w http.ResponseWriter, r *http.Request) *http.Request {
	if _, entered := r.Context().Value(contextKey{}).(*request); entered {
		return r
	}
	state := &request{id: rand.Text()[:12], client: clientIP(r, k.proxies)}
	r = r.WithContext(context.WithValue(r.Context(), contextKey{}, state))
	state.printer = k.printerFor(r)
	w.Header().Set(RequestIDHeader, state.id)
	return r
}

func (k *Kit) printerFor(r *http.Request) *i18n.Printer {
	lang, loc := k.place(r)
	if loc == nil {
		loc = time.UTC
	}
	if chosen := chosenLanguage(r); chosen != "" {
		lang = chosen
	}
	return k.bundle.For(lang, loc)
}

// chosenLanguage is the reader's own choice: the cookie, else the browser's.
func chosenLanguage(r *http.Request) string {
	if c, err := r.Cookie(languageCookie); err == nil {
		if lang := i18n.Match(c.Value); lang != "" {
			return lang
		}
	}
	return i18n.Match(r.Header.Get("Accept-Language"))
}

func stateOf(r *http.Request) *request {
	if s, ok := r.Context().Value(contextKey{}).(*request); ok {
		return s
	}
	return &request{}
}

// RequestID is the id of the request, "" outside the kit.
func RequestID(r *http.Request) string { return stateOf(r).id }

// ClientIP is the address of the reader, seen through the trusted proxies.
func ClientIP(r *http.Request) netip.Addr { return stateOf(r).client }

// Network is the part of an address that counts as one place when tries are
// counted: /24, or /48 of IPv6.
func Network(a netip.Addr) string {
	bits := 24
	if a.Is6() {
		bits = 48
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return "unknown"
	}
	return p.String()
}

// Printer writes in the reader's language and the institution's zone.
func (k *Kit) Printer(r *http.Request) *i18n.Printer {
	if p := stateOf(r).printer; p != nil {
		return p
	}
	return k.printerFor(r)
}

// UseLanguage makes the rest of the request speak a language, for instance the
// one a signed-in person set in the profile.
func (k *Kit) UseLanguage(r *http.Request, lang string) {
	if s := stateOf(r); s.printer != nil && lang != "" {
		s.printer = k.bundle.For(lang, s.printer.Location())
	}
}

// clientIP walks X-Forwarded-For from the right, as long as the address that
// said so is a trusted proxy; what an untrusted one claims is ignored.
func clientIP(r *http.Request, trusted []netip.Prefix) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	addr := peer.Addr().Unmap()
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0 && within(addr, trusted); i-- {
		hop, err := netip.ParseAddr(strings.TrimSpace(hops[i]))
		if err != nil {
			break
		}
		addr = hop.Unmap()
	}
	return addr
}

func within(addr netip.Addr, prefixes []netip.Prefix) bool {
	for _, p := range prefixes {
		if p.Contains(addr) {
			return true
		}
	}
	return false
}

// chooseLanguage remembers a language for a year and goes back to the page.
func (k *Kit) chooseLanguage(w http.ResponseWriter, r *http.Request) error {
	form, err := k.ReadForm(r)
	if err != nil {
		return err
	}
	lang := form.Choice("lang", i18n.Languages()...)
	if err := form.Err(); err != nil {
		return err
	}
	http.SetCookie(w, &http.Cookie{
		Name: languageCookie, Value: lang, Path: "/", MaxAge: 365 * 24 * 3600,
		HttpOnly: true, Secure: k.secure, SameSite: http.SameSiteLaxMode,
	})
	http.Redirect(w, r, LocalPath(form.String("next")), http.StatusSeeOther)
	return nil
}

// LocalPath is a path of this site, safe to redirect to; anything else, such as
// an address of another site, becomes "/".
func LocalPath(path string) string {
	if !strings.HasPrefix(path, "/") || strings.HasPrefix(path, "//") || strings.ContainsAny(path, "\\\r\n\t") {
		return "/"
	}
	return path
}
