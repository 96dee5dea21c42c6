package square

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// problem is an answer that refuses, with Mastodon's status code.
type problem struct {
	status int
	text   string
}

func refuse(status int, format string, args ...any) *problem {
	return &problem{status, fmt.Sprintf(format, args...)}
}

// caller is who makes a request, and what with.
type caller struct {
	*account
	scopes string
	params params
	r      *http.Request
}

// handler answers a call of the API while the square is locked.
type handler func(caller) (answer any, p *problem)

func (s *Square) routeAPI(mux *http.ServeMux) {
	open := func(pattern string, h handler) { mux.Handle(pattern, s.answer("", h)) }
	with := func(scope, pattern string, h handler) { mux.Handle(pattern, s.answer(scope, h)) }
	open("GET /api/v2/instance", s.instance)
	open("POST /api/v1/apps", s.register)
	open("POST /oauth/token", s.redeem)
	with("read:accounts", "GET /api/v1/accounts/verify_credentials", s.verify)
	with("any", "GET /api/v1/apps/verify_credentials", s.verifyApp)
	open("GET /api/v1/accounts/{id}", s.showAccount)
	open("GET /api/v1/accounts/{id}/statuses", s.accountStatuses)
	with("write:media", "POST /api/v2/media", s.upload)
	with("write:media", "GET /api/v1/media/{id}", s.showFile)
	with("write:media", "PUT /api/v1/media/{id}", s.describe)
	mux.Handle("POST /api/v1/statuses", s.held(s.answer("write:statuses", s.post)))
	with("read:statuses", "GET /api/v1/statuses/{id}/source", s.source)
	open("GET /api/v1/statuses/{id}", s.showStatus)
	with("write:statuses", "PUT /api/v1/statuses/{id}", s.edit)
	with("write:statuses", "DELETE /api/v1/statuses/{id}", s.delete)
	open("GET /api/v1/statuses/{id}/context", s.context)
	open("GET /api/v1/statuses/{id}/favourited_by", s.reactedBy(like))
	open("GET /api/v1/statuses/{id}/reblogged_by", s.reactedBy(boost))
	open("GET /api/v1/statuses", s.severalStatuses)
	with("write:reports", "POST /api/v1/reports", s.report)
	with("read:notifications", "GET /api/v1/notifications", s.notifications)
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, refuse(http.StatusNotFound, "Record not found"))
	})
}

// partial is an answer with status 206, accepted one with 202.
type (
	partial  struct{ any }
	accepted struct{ any }
)

// maxForm is the most of a call without files that is read.
const maxForm = 1 << 20

func (s *Square) answer(scope string, h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c := caller{r: r}
		if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
			var err error
			if c.params, err = readParams(http.MaxBytesReader(w, r.Body, maxForm), r); err != nil {
				writeProblem(w, refuse(http.StatusBadRequest, "The request is malformed"))
				return
			}
		} else if err := r.ParseMultipartForm(1 << 20); err != nil {
			writeProblem(w, refuse(http.StatusBadRequest, "The upload is malformed"))
			return
		} else {
			defer r.MultipartForm.RemoveAll()
			c.params = params{values: r.MultipartForm.Value}
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		if p := s.identify(&c, scope); p != nil {
			writeProblem(w, p)
			return
		}
		s.rateHeaders(w)
		out, p := h(c)
		if p != nil {
			s.rateProblem(w, c, p)
			writeProblem(w, p)
			return
		}
		status := http.StatusOK
		switch x := out.(type) {
		case partial:
			out, status = x.any, http.StatusPartialContent
		case accepted:
			out, status = x.any, http.StatusAccepted
		}
		writeJSON(w, status, out)
	})
}

// identify finds the token's account. A call without a scope needs no token, and
// uses one that is there.
func (s *Square) identify(c *caller, scope string) *problem {
	value, found := strings.CutPrefix(c.r.Header.Get("Authorization"), "Bearer ")
	for _, a := range s.state.Accounts {
		for _, t := range a.Tokens {
			if found && !t.Ended && t.Value == value {
				c.account, c.scopes = a, t.Scopes
			}
		}
	}
	if scope == "" {
		return nil
	}
	if c.account == nil {
		return refuse(http.StatusUnauthorized, "The access token is invalid")
	}
	broad, _, _ := strings.Cut(scope, ":")
	for _, own := range strings.Fields(c.scopes) {
		if scope == "any" || own == scope || own == broad {
			return nil
		}
	}
	return refuse(http.StatusForbidden, "This action is outside the authorized scopes")
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func writeProblem(w http.ResponseWriter, p *problem) {
	writeJSON(w, p.status, map[string]string{"error": p.text})
}

// uploadPace is Mastodon's limit for files (config/initializers/rack_attack.rb).
const (
	uploadPace = 30
	uploadTime = 30 * time.Minute
)

// rateHeaders say what is left of the general allowance, which is not enforced.
func (s *Square) rateHeaders(w http.ResponseWriter) {
	h := w.Header()
	h.Set("X-RateLimit-Limit", "300")
	h.Set("X-RateLimit-Remaining", "299")
	h.Set("X-RateLimit-Reset", s.o.Now().Add(5*time.Minute).UTC().Format(time.RFC3339Nano))
	h.Set("Date", s.o.Now().UTC().Format(http.TimeFormat))
}

// rateProblem says when a caller that goes too fast may come back.
func (s *Square) rateProblem(w http.ResponseWriter, c caller, p *problem) {
	if p.status != http.StatusTooManyRequests || len(c.Uploads) == 0 {
		return
	}
	w.Header().Set("X-RateLimit-Limit", strconv.Itoa(uploadPace))
	w.Header().Set("X-RateLimit-Remaining", "0")
	w.Header().Set("X-RateLimit-Reset", c.Uploads[0].Add(uploadTime).UTC().Format(time.RFC3339Nano))
}

// params are the parameters of a call: of its address, a form or a JSON object.
type params struct{ values map[string][]string }

func readParams(body io.Reader, r *http.Request) (params, error) {
	p := params{map[string][]string{}}
	for k, v := range r.URL.Query() {
		p.values[strings.TrimSuffix(k, "[]")] = v
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		var object map[string]any
		if err := json.NewDecoder(body).Decode(&object); err != nil && !errors.Is(err, io.EOF) {
			return p, err
		}
		for k, v := range object {
			p.values[k] = texts(v)
		}
	case "application/x-www-form-urlencoded":
		r.Body = readCloser{body}
		if err := r.ParseForm(); err != nil {
			return p, err
		}
		for k, v := range r.PostForm {
			p.values[strings.TrimSuffix(k, "[]")] = v
		}
	}
	return p, nil
}

// texts turns a JSON value into what a form would hold.
func texts(v any) []string {
	switch x := v.(type) {
	case nil:
		return nil
	case []any:
		list := []string{}
		for _, item := range x {
			list = append(list, texts(item)...)
		}
		return list
	case string:
		return []string{x}
	}
	return []string{fmt.Sprint(v)}
}

func (p params) one(name string) string {
	if v := p.values[name]; len(v) > 0 {
		return v[0]
	}
	return ""
}

func (p params) list(name string) []string { return p.values[name] }

func (p params) has(name string) bool { _, ok := p.values[name]; return ok }

func (p params) yes(name string) bool { return p.one(name) == "true" || p.one(name) == "1" }

// limit reads the length of a page.
func (p params) limit(usual, most int) int {
	n, err := strconv.Atoi(p.one("limit"))
	if err != nil || n <= 0 {
		n = usual
	}
	return min(n, most)
}

// within reports whether an identifier is in the asked part of a list.
func (p params) within(id string) bool {
	if older := p.one("max_id"); older != "" && !newer(older, id) {
		return false
	}
	for _, name := range []string{"since_id", "min_id"} {
		if since := p.one(name); since != "" && !newer(id, since) {
			return false
		}
	}
	return true
}
