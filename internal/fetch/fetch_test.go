package fetch_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/fetch"
)

func get(t *testing.T, c *fetch.Client, address string) (*http.Response, error) {
	t.Helper()
	return send(t, c, http.MethodGet, address, nil)
}

func send(t *testing.T, c *fetch.Client, method, address string, body io.Reader) (*http.Response, error) {
	t.Helper()
	req, err := http.NewRequest(method, address, body)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(t.Context(), req)
	if err == nil {
		t.Cleanup(func() { resp.Body.Close() })
	}
	return resp, err
}

// serve starts a peer on loopback.
func serve(t *testing.T, h http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func TestPrivateAddressIsRefusedBeforeAnythingIsSent(t *testing.T) {
	var reached atomic.Int32
	s := serve(t, func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	port := s.Listener.Addr().(*net.TCPAddr).Port
	c := fetch.New(fetch.Options{})
	for _, host := range []string{
		"127.0.0.1", "localhost", "[::1]", "[::ffff:127.0.0.1]", "[::ffff:10.0.0.1]", "0.0.0.0", "[::]",
		"10.1.2.3", "172.20.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1", "255.255.255.255",
		"[fe80::1]", "[fd00::1]", "[ff02::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[2001:0:1::]",
	} {
		_, err := send(t, c, http.MethodPost, fmt.Sprintf("http://%s:%d/", host, port), strings.NewReader("x"))
		if !errors.Is(err, fetch.ErrPrivate) {
			t.Errorf("%s: got %v, want ErrPrivate", host, err)
			continue
		}
		if fetch.Sent(err) {
			t.Errorf("%s: a refused address counts as sent", host)
		}
		if f := fetch.Explain(err); f.Kind != fault.Invalid || f.Text.Key != "fetch.private" {
			t.Errorf("%s: explained as %v %s", host, f.Kind, f.Text.Key)
		}
	}
	if reached.Load() != 0 {
		t.Fatal("the peer was reached")
	}
}

func TestConfiguredExceptionIsReached(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "ok") })
	for name, o := range map[string]fetch.Options{
		"loopback": {AllowLoopback: true},
		"prefix":   {AllowPrivate: []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}},
	} {
		if _, err := get(t, fetch.New(o), s.URL); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	other := fetch.New(fetch.Options{AllowPrivate: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	if _, err := get(t, other, s.URL); !errors.Is(err, fetch.ErrPrivate) {
		t.Errorf("an exception for another network let it through: %v", err)
	}
}

// A public page that redirects into the town's network is the classic way in.
func TestRedirectIsJudgedAgain(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "http://169.254.169.254/latest/meta-data", http.StatusFound)
	})
	if _, err := get(t, fetch.New(fetch.Options{AllowLoopback: true}), s.URL); !errors.Is(err, fetch.ErrPrivate) {
		t.Fatalf("got %v, want ErrPrivate", err)
	}
}

func TestRedirectsAreBounded(t *testing.T) {
	var hops atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		hops.Add(1)
		http.Redirect(w, r, fmt.Sprintf("/%d", hops.Load()), http.StatusFound)
	})
	_, err := get(t, fetch.New(fetch.Options{AllowLoopback: true}), s.URL)
	if !errors.Is(err, fetch.ErrRedirects) || hops.Load() != 6 {
		t.Fatalf("got %v after %d hops, want ErrRedirects after 6", err, hops.Load())
	}
}

func TestDowngradeToPlainHTTPIsRefused(t *testing.T) {
	clear := serve(t, func(http.ResponseWriter, *http.Request) { t.Error("reached in clear") })
	secure := httptest.NewTLSServer(http.RedirectHandler(clear.URL, http.StatusFound))
	defer secure.Close()
	conf := secure.Client().Transport.(*http.Transport).TLSClientConfig
	_, err := get(t, fetch.New(fetch.Options{AllowLoopback: true, TLS: conf}), secure.URL)
	if !errors.Is(err, fetch.ErrDowngrade) {
		t.Fatalf("got %v", err)
	}
}

// Following would repeat the post elsewhere, or turn it into a GET whose
// failure says nothing about the post.
func TestRedirectOfAPostIsHandedBack(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		var seen atomic.Int32
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			seen.Add(1)
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(status)
		})
		resp, err := send(t, fetch.New(fetch.Options{AllowLoopback: true}), http.MethodPost, s.URL, strings.NewReader("x"))
		if err != nil || resp.StatusCode != status || seen.Load() != 1 {
			t.Errorf("%d: got %v %v, %d requests", status, resp, err, seen.Load())
		}
	}
}

func TestBodyBeyondTheLimitIsAnError(t *testing.T) {
	const limit = 1000
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	z.Write(make([]byte, 1<<20))
	z.Close()
	answers := map[string]http.HandlerFunc{
		"announced": func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, limit+1)) },
		"chunked": func(w http.ResponseWriter, _ *http.Request) {
			for range 20 {
				w.Write(make([]byte, 100))
				w.(http.Flusher).Flush()
			}
		},
		"compressed": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Write(zipped.Bytes())
		},
	}
	c := fetch.New(fetch.Options{AllowLoopback: true, MaxBody: limit})
	for name, h := range answers {
		resp, err := get(t, c, serve(t, h).URL)
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(resp.Body)
		if !errors.Is(err, fetch.ErrTooLarge) || len(data) > limit {
			t.Errorf("%s: read %d bytes, %v", name, len(data), err)
		}
	}
	exact := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, limit)) })
	resp, err := get(t, c, exact.URL)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := io.ReadAll(resp.Body); err != nil || len(data) != limit {
		t.Errorf("exactly the limit: read %d bytes, %v", len(data), err)
	}
}

func TestOwnLimitsOfOneRequest(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 5000)) })
	c := fetch.New(fetch.Options{AllowLoopback: true, MaxBody: 10})
	req, _ := http.NewRequest(http.MethodGet, s.URL, nil)
	resp, err := c.Do(fetch.WithLimits(t.Context(), fetch.Limits{MaxBody: 5000}), req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if data, err := io.ReadAll(resp.Body); err != nil || len(data) != 5000 {
		t.Fatalf("read %d bytes, %v", len(data), err)
	}
}

func TestDrippingBodyIsCutByTheTotalTimeout(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-r.Context().Done():
				return
			case <-tick.C:
				w.Write([]byte("."))
				w.(http.Flusher).Flush()
			}
		}
	})
	resp, err := get(t, fetch.New(fetch.Options{AllowLoopback: true, Timeout: 100 * time.Millisecond}), s.URL)
	if err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	if !errors.Is(err, fetch.ErrTimeout) || !fetch.Sent(err) {
		t.Fatalf("got %v", err)
	}
}

// Each hop alone would be in time; the chain is not.
func TestRedirectsShareOneTimeout(t *testing.T) {
	const limit = 200 * time.Millisecond
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(limit / 2):
		case <-r.Context().Done():
		}
		http.Redirect(w, r, r.URL.Path+"x", http.StatusFound)
	})
	_, err := get(t, fetch.New(fetch.Options{AllowLoopback: true, Timeout: limit}), s.URL)
	if !errors.Is(err, fetch.ErrTimeout) {
		t.Fatalf("got %v, want ErrTimeout", err)
	}
}

func TestSchemeOtherThanHTTPIsRefused(t *testing.T) {
	for _, address := range []string{"file:///etc/passwd", "ftp://example.org/", "gopher://example.org/"} {
		_, err := get(t, fetch.New(fetch.Options{}), address)
		if !errors.Is(err, fetch.ErrScheme) || fetch.Sent(err) {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestUserAgentIsSentUnlessGiven(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, r.UserAgent()) })
	c := fetch.New(fetch.Options{AllowLoopback: true, UserAgent: "Arengo/1 (+https://comune.example)"})
	resp, err := get(t, c, s.URL)
	if err != nil {
		t.Fatal(err)
	}
	if b, _ := io.ReadAll(resp.Body); string(b) != "Arengo/1 (+https://comune.example)" {
		t.Fatalf("got %q", b)
	}
}

// One slow host must slow only itself.
func TestSlowHostDoesNotHoldOthers(t *testing.T) {
	free := make(chan struct{})
	slow := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-free:
		case <-r.Context().Done():
		}
	})
	quick := serve(t, func(http.ResponseWriter, *http.Request) {})
	c := fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 1}})
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			if _, err := get(t, c, slow.URL); err != nil {
				t.Error(err)
			}
		})
	}
	for range 20 {
		if _, err := get(t, c, quick.URL); err != nil {
			t.Fatal(err)
		}
	}
	close(free)
	wg.Wait()
}

func TestConcurrencyPerHostIsBounded(t *testing.T) {
	var now, most atomic.Int32
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		w.(http.Flusher).Flush()
		now.Add(-1)
	})
	c := fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 2}})
	var wg sync.WaitGroup
	for range 50 {
		wg.Go(func() {
			resp, err := get(t, c, s.URL)
			if err != nil {
				t.Error(err)
				return
			}
			resp.Body.Close()
		})
	}
	wg.Wait()
	if most.Load() > 2 {
		t.Fatalf("%d at once, want at most 2", most.Load())
	}
}

func TestPlaceIsGivenBackWhenTheBodyIsForgotten(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 100_000)) })
	c := fetch.New(fetch.Options{AllowLoopback: true, Timeout: 50 * time.Millisecond, PerHost: fetch.Pace{Concurrent: 1}})
	for range 3 {
		req, _ := http.NewRequest(http.MethodGet, s.URL, nil)
		if _, err := c.Do(t.Context(), req); err != nil { // never closed
			t.Fatal(err)
		}
	}
}

func TestWaitingTooLongForATurnSendsNothing(t *testing.T) {
	free := make(chan struct{})
	entered := make(chan struct{}, 1)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		select {
		case <-free:
		case <-r.Context().Done():
		}
	})
	c := fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 1, MaxWait: 20 * time.Millisecond}})
	var wg sync.WaitGroup
	wg.Go(func() { get(t, c, s.URL) })
	<-entered
	_, err := get(t, c, s.URL)
	if !errors.Is(err, fetch.ErrBusy) || fetch.Sent(err) {
		t.Errorf("got %v", err)
	}
	close(free)
	wg.Wait()
}

func TestPaceSpacesRequests(t *testing.T) {
	s := serve(t, func(http.ResponseWriter, *http.Request) {})
	const every = 20 * time.Millisecond
	c := fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Every: every, Burst: 1}})
	start := time.Now()
	for range 4 {
		if _, err := get(t, c, s.URL); err != nil {
			t.Fatal(err)
		}
	}
	if d := time.Since(start); d < 3*every {
		t.Fatalf("4 requests in %v, want at least %v", d, 3*every)
	}
}

func TestBodyOfHTTPClientIsLimitedToo(t *testing.T) {
	s := serve(t, func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 100)) })
	h := fetch.New(fetch.Options{AllowLoopback: true, MaxBody: 10}).HTTPClient()
	resp, err := h.Get(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.ReadAll(resp.Body); !errors.Is(err, fetch.ErrTooLarge) {
		t.Fatalf("got %v", err)
	}
	if _, err := fetch.New(fetch.Options{}).HTTPClient().Get(s.URL); !errors.Is(err, fetch.ErrPrivate) {
		t.Fatalf("got %v", err)
	}
}

func TestDecodeJSON(t *testing.T) {
	cases := []struct {
		name, kind, body string
		status           int
		want             error // nil, or the sentinel
		says             string
	}{
		{"an object", "application/json; charset=utf-8", `{"a":1}`, 200, nil, ""},
		{"a problem", "application/problem+json", `{"a":1}`, 422, nil, ""},
		{"JSON of a careless server", "text/plain", `{"a":1}`, 200, nil, ""},
		{"HTML of a proxy", "text/html; charset=utf-8", "<!doctype html>\n<title>Accedi</title>", 200, fetch.ErrNotJSON, `text/html; charset=utf-8`},
		{"HTML that says JSON", "application/json", "<html>", 502, fetch.ErrNotJSON, "status 502"},
		{"nothing", "application/json", "", 200, fetch.ErrNotJSON, ""},
		{"two values", "application/json", `{"a":1}{"a":2}`, 200, fetch.ErrNotJSON, ""},
		{"cut short", "application/json", `{"a":`, 200, fetch.ErrNotJSON, ""},
		{"too much", "application/json", `{"a":1}` + strings.Repeat(" ", 100), 200, fetch.ErrTooLarge, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			resp := &http.Response{StatusCode: c.status, Header: http.Header{"Content-Type": {c.kind}}, Body: io.NopCloser(strings.NewReader(c.body))}
			var v struct{ A int }
			err := fetch.DecodeJSON(resp, &v, 50)
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if err == nil && v.A != 1 {
				t.Fatalf("decoded %+v", v)
			}
			if err != nil && !strings.Contains(err.Error(), c.says) {
				t.Fatalf("%v does not say %q", err, c.says)
			}
		})
	}
}

func TestCallersContextEndsTheRequest(t *testing.T) {
	entered := make(chan struct{})
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body)
		close(entered)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-entered; cancel() }()
	req, _ := http.NewRequest(http.MethodPost, s.URL, strings.NewReader("x"))
	_, err := fetch.New(fetch.Options{AllowLoopback: true}).Do(ctx, req)
	if !errors.Is(err, context.Canceled) || !fetch.Sent(err) {
		t.Fatalf("got %v, sent %v", err, fetch.Sent(err))
	}
}
