package web

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/limit"
)

// bounded is a kit whose routes read a form, with bounds that a test can wait for.
func bounded(t *testing.T, b *bodies) *httptest.Server {
	t.Helper()
	bundle, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	k, err := New(Options{Bundle: bundle, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	k.bodies = b
	mux := http.NewServeMux()
	read := func(w http.ResponseWriter, r *http.Request) error {
		form, err := k.ReadForm(r)
		if err == nil {
			_, err = io.WriteString(w, form.String("a"))
		}
		return err
	}
	k.Handle(mux, "POST /read", read, WithoutSession(), AnyOrigin(), MaxBody(64<<10))
	k.Handle(mux, "POST /ignore", func(http.ResponseWriter, *http.Request) error { return fault.Missing("fault.not_found") }, WithoutSession(), AnyOrigin())
	s := httptest.NewServer(k.Wrap(mux))
	t.Cleanup(s.Close)
	return s
}

func bounds() *bodies {
	return &bodies{strangers: limit.NewGate(1<<20, 1<<20), staff: limit.NewGate(1<<20, 1<<20), grace: 300 * time.Millisecond, slowest: 1 << 20, wait: 50 * time.Millisecond}
}

// held sends the start of a request and reports when the server let go of it.
func held(t *testing.T, s *httptest.Server, path string, announced int, more <-chan string) (let time.Duration) {
	t.Helper()
	c, err := net.Dial("tcp", s.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	start := time.Now()
	fmt.Fprintf(c, "POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\na=", path, announced)
	if more != nil {
		go func() {
			for text := range more {
				if _, err := io.WriteString(c, text); err != nil {
					return
				}
			}
		}()
	}
	if err := c.SetReadDeadline(start.Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	_, err = io.Copy(io.Discard, bufio.NewReader(c))
	if err != nil && strings.Contains(err.Error(), "timeout") {
		t.Errorf("%s: held for half a minute", path)
	}
	return time.Since(start)
}

// Measured before: 800 bodies held for 90 seconds.
func TestAttackHeldBodies(t *testing.T) {
	s := bounded(t, bounds())
	for _, path := range []string{"/read", "/ignore", "/nowhere"} {
		if let := held(t, s, path, 60_000, nil); let > 20*time.Second {
			t.Errorf("%s: let go after %v", path, let)
		}
	}
	// A byte now and then does not buy more time than bytes are worth.
	drip, tick := make(chan string), time.NewTicker(50*time.Millisecond)
	defer tick.Stop()
	done := make(chan struct{})
	go func() {
		defer close(drip)
		for {
			select {
			case <-tick.C:
				select {
				case drip <- "x":
				case <-done:
					return
				}
			case <-done:
				return
			}
		}
	}()
	if let := held(t, s, "/read", 60_000, drip); let > 20*time.Second {
		t.Errorf("a dripping body: let go after %v", let)
	}
	close(done)
}

func TestBodyThatSaysItIsTooLargeIsNotRead(t *testing.T) {
	s := bounded(t, bounds())
	sent := &counting{Reader: strings.NewReader("a=" + strings.Repeat("x", 8<<20))}
	r, err := http.NewRequest(http.MethodPost, s.URL+"/read", sent)
	if err != nil {
		t.Fatal(err)
	}
	r.ContentLength = 8<<20 + 2
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Expect", "100-continue")
	c := &http.Client{Transport: &http.Transport{ExpectContinueTimeout: time.Minute}}
	answer, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	if answer.StatusCode != http.StatusRequestEntityTooLarge || sent.n > 0 {
		t.Errorf("%d after %d bytes", answer.StatusCode, sent.n)
	}
}

type counting struct {
	io.Reader
	n int
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}

// Bodies in memory are bounded; whoever finds no room is told to come back, and there
// is room again when the others are done.
func TestBodiesBeyondWhatIsBearableWait(t *testing.T) {
	b := bounds()
	b.strangers = limit.NewGate(64, 64)
	s := bounded(t, b)
	leave, ok := b.strangers.EnterAny(64)
	if !ok {
		t.Fatal("no room in an empty gate")
	}
	post := func() int {
		answer, err := http.Post(s.URL+"/read", "application/x-www-form-urlencoded", strings.NewReader("a=1"))
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	if status := post(); status != http.StatusServiceUnavailable {
		t.Errorf("without room: %d", status)
	}
	leave()
	for range 200 { // each gives its place back
		if status := post(); status != http.StatusOK {
			t.Fatalf("with room: %d", status)
		}
	}
	if n := b.strangers.Inside(); n != 0 {
		t.Errorf("%d KiB are still taken", n)
	}
}
