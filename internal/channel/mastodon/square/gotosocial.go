package square

import (
	"bytes"
	"io"
	"net/http"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/renderer/html"
)

// A square with Options.GoToSocial is modelled on GoToSocial 0.20, as met in trials:
// it knows no Idempotency-Key, so that the same request twice makes two statuses; it
// renders what it gets as Markdown unless content_type is text/plain, so that the text read back is not the one that
// was sent, and gives the source beside it; it does not know since_id.

func (s *Square) version() string {
	if s.o.GoToSocial {
		return "0.20.3+git-5c2a9f1"
	}
	return "4.3.0"
}

// rendered is a text as Markdown makes HTML of it.
func rendered(text string) string {
	var b bytes.Buffer
	md := goldmark.New(goldmark.WithExtensions(extension.Linkify, extension.Strikethrough), goldmark.WithRendererOptions(html.WithHardWraps()))
	if err := md.Convert([]byte(text), &b); err != nil {
		panic(err) // a buffer takes everything: cannot happen
	}
	return b.String()
}

// shownSource is the text as it was typed where the entity carries it.
func (s *Square) shownSource(st *status) string {
	if s.o.GoToSocial && !s.o.Sourceless {
		return st.Text
	}
	return ""
}

// source tells the author how a status was typed.
func (s *Square) source(c caller) (any, *problem) {
	if s.o.Sourceless {
		return nil, refuse(http.StatusNotFound, "Record not found")
	}
	st, p := s.own(c)
	if p != nil {
		return nil, p
	}
	return map[string]string{"id": st.ID, "text": st.Text, "spoiler_text": st.Warning}, nil
}

// held keeps a request until Options.Hold lets it go, whether its caller still
// waits or not.
func (s *Square) held(next http.Handler) http.Handler {
	if s.o.Hold == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxForm))
		if err != nil {
			writeProblem(w, refuse(http.StatusBadRequest, "The request is malformed"))
			return
		}
		s.o.Hold()
		r.Body = io.NopCloser(bytes.NewReader(body))
		next.ServeHTTP(w, r)
	})
}
