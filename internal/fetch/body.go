package fetch

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"
)

// body is an answer that ends: at its last byte, at the size limit, or when the
// time of the exchange is over. Its place at the host is given back as soon as
// one of these happens or the reader closes it.
type body struct {
	ctx     context.Context
	inner   io.ReadCloser
	rest    int64 // bytes that may still be read
	refused bool  // the peer announced more than the limit
	dog     *watchdog
	done    func()
}

func newBody(ctx context.Context, resp *http.Response, limit int64, dog *watchdog, done func()) *body {
	// A reader that never closes must not hold the place for ever.
	stop := context.AfterFunc(ctx, done)
	return &body{
		ctx: ctx, inner: resp.Body, rest: limit, dog: dog,
		refused: resp.ContentLength > limit && resp.Request != nil && resp.Request.Method != http.MethodHead,
		done:    func() { stop(); done() },
	}
}

// left is what remains of the exchange's time; never zero, which would mean
// the default.
func (b *body) left() time.Duration { return max(b.dog.left(), time.Nanosecond) }

// Read fails with ErrTooLarge as soon as one byte more than the limit exists.
func (b *body) Read(p []byte) (int, error) {
	if b.refused {
		return 0, &exchangeError{ErrTooLarge, true}
	}
	if len(p) == 0 {
		return 0, nil
	}
	if int64(len(p)) > b.rest+1 {
		p = p[:b.rest+1]
	}
	b.dog.reading()
	n, err := b.inner.Read(p)
	b.dog.rest()
	if int64(n) > b.rest {
		n, b.rest = int(b.rest), 0
		b.refused = true
		b.done()
		return n, &exchangeError{ErrTooLarge, true}
	}
	b.rest -= int64(n)
	switch {
	case err == io.EOF:
		b.done()
	case err != nil:
		err = &exchangeError{because(b.ctx, err), true}
		b.done()
	}
	return n, err
}

// Close gives the connection and the place back.
func (b *body) Close() error {
	err := b.inner.Close()
	b.done()
	return err
}

// DecodeJSON reads one JSON value of at most limit bytes into v and closes the
// body. When the peer answers something else, typically an HTML page of a
// proxy or a login form, the error is ErrNotJSON and says the status, the
// content type and how the answer begins. Larger answers fail with ErrTooLarge.
func DecodeJSON(resp *http.Response, v any, limit int64) error {
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, limit+1))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if int64(len(data)) > limit {
		return &exchangeError{ErrTooLarge, true}
	}
	kind := resp.Header.Get("Content-Type")
	if media, _, err := mime.ParseMediaType(kind); err == nil && strings.HasSuffix(media, "html") {
		return notJSON(resp, kind, data, nil)
	}
	if err := json.Unmarshal(data, v); err != nil {
		var shape *json.UnmarshalTypeError
		if errors.As(err, &shape) {
			return fmt.Errorf("decode answer of status %d: %w", resp.StatusCode, err)
		}
		return notJSON(resp, kind, data, err)
	}
	return nil
}

// excerptLen is how much of a wrong answer the log keeps, in bytes.
const excerptLen = 120

func notJSON(resp *http.Response, kind string, data []byte, cause error) error {
	excerpt := string(bytes.Join(bytes.Fields(data), []byte(" ")))
	if len(excerpt) > excerptLen {
		excerpt = excerpt[:excerptLen]
		for !utf8.ValidString(excerpt) && len(excerpt) > excerptLen-utf8.UTFMax {
			excerpt = excerpt[:len(excerpt)-1]
		}
	}
	err := fmt.Errorf("%w: status %d, content type %q, begins %q", ErrNotJSON, resp.StatusCode, kind, excerpt)
	if cause != nil {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	return &exchangeError{err, true}
}
