package demo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
)

// faults stands before the square and lets it have a bad moment, as real ones
// do: a status is taken and the answer is lost on the way; after that, the list
// of statuses cannot be read.
type faults struct {
	next http.Handler
	lose atomic.Bool // the answer to the next status
	hide atomic.Bool // the lists of statuses
}

// ServeHTTP passes the request on, and the answer back unless the moment is bad.
func (f *faults) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodPost && r.URL.Path == "/api/v1/statuses" && f.lose.CompareAndSwap(true, false):
		f.hide.Store(true)
		f.next.ServeHTTP(httptest.NewRecorder(), r)
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case f.hide.Load() && strings.HasPrefix(r.URL.Path, "/api/v1/accounts/") && strings.HasSuffix(r.URL.Path, "/statuses"):
		http.Error(w, `{"error":"Record not found"}`, http.StatusNotFound)
	default:
		f.next.ServeHTTP(w, r)
	}
}
