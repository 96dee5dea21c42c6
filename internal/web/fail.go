package web

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime/debug"
	"strings"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/web/layout"
)

// Fail answers with an error: a page in the reader's language, a fragment for
// htmx, or problem+json (RFC 9457) for a program. Only the safe text of a fault
// is shown; an internal error shows the request id and is logged once, here.
func (k *Kit) Fail(w http.ResponseWriter, r *http.Request, err error) {
	e := classify(err)
	k.logFailure(r, e, err)
	if r.Context().Err() != nil && !errors.Is(err, http.ErrAbortHandler) && e.Kind == fault.Internal {
		return // the reader left
	}
	if e.Kind == fault.Unavailable && w.Header().Get("Retry-After") == "" {
		w.Header().Set("Retry-After", "30") // seconds; RFC 9110, 10.2.3
	}
	switch {
	case wantsJSON(r):
		k.failJSON(w, r, e)
	case e.Kind == fault.Unsigned && k.signIn != "" && r.Method == http.MethodGet:
		k.toSignIn(w, r)
	default:
		k.failPage(w, r, e)
	}
}

// classify turns the errors of the standard library into faults.
func classify(err error) *fault.Error {
	e := fault.Of(err)
	var large *http.MaxBytesError
	if e.Kind == fault.Internal && errors.As(err, &large) {
		return fault.New(fault.TooLarge, "fault.too_large").Because(err)
	}
	return e
}

// logFailure records what an operator must know; what a reader did wrong is no
// event. The route's pattern is logged, the address is not: it may hold what somebody
// typed, or a link that opens something.
func (k *Kit) logFailure(r *http.Request, e *fault.Error, err error) {
	if e.Kind != fault.Internal && e.Kind != fault.Unavailable {
		return
	}
	if r.Context().Err() != nil {
		return
	}
	k.log.ErrorContext(r.Context(), "request failed", "request", RequestID(r), "method", r.Method, "route", routeOf(r), "kind", e.Kind.String(), "error", err.Error())
}

// routeOf is the pattern of the route that a request took, without its method: what
// the log may know of an address.
func routeOf(r *http.Request) string {
	if _, path, ok := strings.Cut(r.Pattern, " "); ok {
		return path
	}
	return r.Pattern
}

func wantsJSON(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "json") && !strings.Contains(accept, "text/html")
}

// Problem is the body of an error for a program (RFC 9457).
type Problem struct {
	Type    string            `json:"type"`
	Title   string            `json:"title"`
	Status  int               `json:"status"`
	Detail  string            `json:"detail"`
	Request string            `json:"request"`
	Fields  map[string]string `json:"fields,omitempty"`
}

func (k *Kit) failJSON(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	text, fields := k.Printer(r).Fault(e)
	status := e.Kind.Status()
	body, err := json.Marshal(Problem{
		Type: "urn:arengo:fault:" + e.Kind.String(), Title: http.StatusText(status), Status: status,
		Detail: text, Request: RequestID(r), Fields: fields,
	})
	if err != nil {
		http.Error(w, http.StatusText(http.StatusInternalServerError), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	w.Write(body)
}

func (k *Kit) toSignIn(w http.ResponseWriter, r *http.Request) {
	target := k.signIn + "?next=" + url.QueryEscape(r.URL.RequestURI())
	if isHTMX(r) {
		w.Header().Set("HX-Redirect", k.signIn+"?next="+url.QueryEscape(currentPath(r)))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, target, http.StatusSeeOther)
}

// currentPath is the page an htmx request was made from.
func currentPath(r *http.Request) string {
	u, err := url.Parse(r.Header.Get("HX-Current-URL"))
	if err != nil {
		return "/"
	}
	return LocalPath(u.RequestURI())
}

// cameFrom is the page of this site that a form was sent from, "/" when unknown:
// after signing in, the person finds there what was typed.
func cameFrom(r *http.Request) string {
	if isHTMX(r) {
		return currentPath(r)
	}
	u, err := url.Parse(r.Referer())
	if err != nil || u.Host != r.Host {
		return "/"
	}
	return LocalPath(u.RequestURI())
}

// failure is what the page "error" shows.
type failure struct {
	Status  int
	Kind    string
	Text    string
	Fields  []string
	Request string // shown only when it helps: internal errors
	SignIn  string
}

func (k *Kit) failPage(w http.ResponseWriter, r *http.Request, e *fault.Error) {
	text, fields := k.Printer(r).Fault(e)
	f := failure{Status: e.Kind.Status(), Kind: e.Kind.String(), Text: text}
	for _, field := range e.Fields {
		if said := fields[field.Name]; said != "" {
			f.Fields = append(f.Fields, said)
			delete(fields, field.Name)
		}
	}
	if e.Kind == fault.Internal {
		f.Request = RequestID(r)
	}
	if e.Kind == fault.Unsigned {
		f.SignIn = k.signIn
		if back := cameFrom(r); k.signIn != "" && back != "/" {
			f.SignIn += "?next=" + url.QueryEscape(back)
		}
	}
	w.Header().Set("Cache-Control", "no-store")
	if isHTMX(r) {
		k.failFragment(w, r, f)
		return
	}
	if err := k.Render(w, r, f.Status, "error", layout.Page{Layout: layout.Auto, Content: f}); err != nil {
		k.log.ErrorContext(r.Context(), "error page", "request", RequestID(r), "error", err.Error())
		http.Error(w, text, f.Status)
	}
}

// failFragment puts the message into the page's live region and leaves the
// rest of it, and what was typed, alone. The status stays 200 because htmx
// swaps nothing otherwise; X-Arengo-Status carries the real one.
func (k *Kit) failFragment(w http.ResponseWriter, r *http.Request, f failure) {
	w.Header().Set("HX-Retarget", "#messages")
	w.Header().Set("HX-Reswap", "innerHTML show:window:top")
	w.Header().Set("HX-Trigger", "arengo:failed")
	w.Header().Set("X-Arengo-Status", fmt.Sprint(f.Status))
	if err := k.RenderFragment(w, r, http.StatusOK, "error", "error-fragment", f); err != nil {
		k.log.ErrorContext(r.Context(), "error fragment", "request", RequestID(r), "error", err.Error())
		http.Error(w, f.Text, f.Status)
	}
}

func isHTMX(r *http.Request) bool {
	return r.Header.Get("HX-Request") == "true" && r.Header.Get("HX-Boosted") != "true"
}

// recover turns a panic into an internal error. http.ErrAbortHandler is the
// standard way to break off an answer and stays one.
func (k *Kit) recover(w http.ResponseWriter, r *http.Request) {
	v := recover()
	if v == nil {
		return
	}
	if v == http.ErrAbortHandler {
		panic(v)
	}
	k.Fail(w, r, fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
}

func refusedOrigin(err error) error {
	return fault.New(fault.Forbidden, "fault.origin").Because(err)
}

// unmatched asks the mux for its own answer to a request that it has no route
// for: a redirect to the clean path is passed on, a wrong method keeps its Allow
// header, anything else is a missing page.
func unmatched(mux *http.ServeMux, w http.ResponseWriter, r *http.Request) error {
	answer := httptest.NewRecorder()
	h, _ := mux.Handler(r)
	h.ServeHTTP(answer, r)
	switch answer.Code {
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", answer.Header().Get("Allow"))
		return fault.New(fault.WrongMethod, "fault.method")
	case http.StatusMovedPermanently, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		http.Redirect(w, r, answer.Header().Get("Location"), answer.Code)
		return nil
	}
	return fault.Missing("fault.not_found")
}
