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
	"codeberg.org/arengo/arengo/internal/limit"
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
	body    *body // nil without one
	trusted bool  // who sends it is known: see Trust
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

// Language is the language in which a public page is read: the reader's choice, else
// the institution's.
func (k *Kit) Language(r *http.Request) string {
	if chosen := chosenLanguage(r); chosen != "" {
		return chosen
	}
	lang, _ := k.place(r)
	return lang
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

// From is the network of the reader, seen through the trusted proxies: what limits
// count by.
func From(r *http.Request) limit.Network { return limit.Of(stateOf(r).client) }

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
		if strings.TrimSpace(hops[i]) == "" {
			continue // a comma too many
		}
		hop, err := parseHop(hops[i])
		if err != nil {
			break
		}
		addr = hop.Unmap()
	}
	return addr
}

// parseHop reads an address as proxies write it: bare, in brackets, with a port.
func parseHop(text string) (netip.Addr, error) {
	text = strings.TrimSpace(text)
	if a, err := netip.ParseAddrPort(text); err == nil {
		return a.Addr(), nil
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(inner, "]")
	}
	return netip.ParseAddr(text)
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
