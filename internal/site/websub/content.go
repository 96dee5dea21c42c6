package websub

import (
	"bytes"
	"context"
	"fmt"
	"net/http"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/institution"
)

// Through reads feeds from the application's own handler, without a network, as a
// reader without a preferred language gets them. handler is asked late, since it is
// built after the hub.
func Through(handler func() http.Handler, address func(institution.Institution) string) func(context.Context, institution.Institution, string) (Content, error) {
	return func(ctx context.Context, i institution.Institution, path string) (Content, error) {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, address(i)+path, nil)
		if err != nil {
			return Content{}, fault.Missing("fault.not_found").Because(err)
		}
		r.RemoteAddr = "127.0.0.1:1"
		w := &recorder{header: http.Header{}, status: http.StatusOK}
		handler().ServeHTTP(w, r)
		switch w.status {
		case http.StatusOK:
			return Content{Kind: w.header.Get("Content-Type"), Body: w.Bytes()}, nil
		case http.StatusNotFound, http.StatusGone:
			return Content{}, fault.Missing("fault.not_found")
		}
		return Content{}, fmt.Errorf("feed %s: status %d", path, w.status)
	}
}

// recorder keeps an answer.
type recorder struct {
	bytes.Buffer
	header http.Header
	status int
}

func (w *recorder) Header() http.Header    { return w.header }
func (w *recorder) WriteHeader(status int) { w.status = status }
