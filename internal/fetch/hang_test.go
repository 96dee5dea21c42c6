package fetch_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fetch"
)

// A peer may hang at any step. Each time the exchange ends within its bound, says
// time-out, and knows whether something was sent.
func TestPeerThatHangsIsGivenUpAtEachStep(t *testing.T) {
	silent := func(c net.Conn) { io.Copy(io.Discard, c) }
	request := func(c net.Conn) { http.ReadRequest(bufio.NewReader(c)) }
	steps := []struct {
		name, scheme string
		hang         func(net.Conn)
		sent         bool
	}{
		{"half a TLS handshake", "https", func(c net.Conn) { c.Write([]byte{22, 3, 3, 0, 100, 2}); silent(c) }, false},
		{"takes the connection and says nothing", "http", silent, true},
		{"reads the request and says nothing", "http", func(c net.Conn) { request(c); silent(c) }, true},
		{"sends half of its headers", "http", func(c net.Conn) { request(c); io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-"); silent(c) }, true},
		{"sends a line of its headers now and then", "http", func(c net.Conn) {
			request(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\n")
			for {
				if _, err := io.WriteString(c, "X: y\r\n"); err != nil {
					return
				}
				<-time.After(20 * time.Millisecond)
			}
		}, true},
		{"sends headers and no body", "http", func(c net.Conn) {
			request(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n")
			silent(c)
		}, true},
	}
	c := fetch.New(fetch.Options{AllowLoopback: true, Timeout: time.Minute, Headers: 150 * time.Millisecond, Stall: 150 * time.Millisecond, Connect: 150 * time.Millisecond})
	for _, s := range steps {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			t.Run(s.name+"/"+method, func(t *testing.T) {
				began := time.Now()
				var body io.Reader
				if method == http.MethodPost {
					body = bytes.NewReader(make([]byte, 1000))
				}
				resp, err := send(t, c, method, s.scheme+"://"+rude(t, s.hang)+"/", body)
				if err == nil {
					_, err = io.ReadAll(resp.Body)
				}
				if !errors.Is(err, fetch.ErrTimeout) || fetch.Sent(err) != s.sent {
					t.Errorf("got %v, sent %v", err, fetch.Sent(err))
				}
				if took := time.Since(began); took > 10*time.Second {
					t.Errorf("took %s", took)
				}
			})
		}
	}
}

// upload sends so many bytes to a peer that reads them as told.
func upload(t *testing.T, o fetch.Options, size int, read func(io.Reader)) error {
	t.Helper()
	o.AllowLoopback = true
	address := rude(t, func(c net.Conn) {
		r, err := http.ReadRequest(bufio.NewReaderSize(c, 4096))
		if err != nil {
			return
		}
		read(r.Body)
		io.WriteString(c, "HTTP/1.1 204 No Content\r\n\r\n")
	})
	_, err := send(t, fetch.New(o), http.MethodPost, "http://"+address+"/", bytes.NewReader(make([]byte, size)))
	return err
}

func TestUploadThatDoesNotMoveIsGivenUp(t *testing.T) {
	o := fetch.Options{Timeout: time.Minute, Stall: 200 * time.Millisecond}
	err := upload(t, o, 8<<20, func(r io.Reader) {
		for b := make([]byte, 1); ; <-time.After(20 * time.Millisecond) {
			if _, err := r.Read(b); err != nil {
				return
			}
		}
	})
	if !errors.Is(err, fetch.ErrTimeout) || !fetch.Sent(err) {
		t.Fatalf("got %v", err)
	}
}

// A video on a slow line takes longer than any answer may, and arrives.
func TestUploadThatMovesMayTakeLong(t *testing.T) {
	o := fetch.Options{Timeout: 1500 * time.Millisecond, Stall: 5 * time.Second} // the system holds some megabytes on their way
	began := time.Now()
	err := upload(t, o, 64<<20, func(r io.Reader) {
		for b := make([]byte, 128<<10); ; <-time.After(5 * time.Millisecond) {
			if _, err := io.ReadFull(r, b); err != nil {
				return
			}
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took < o.Timeout {
		t.Fatalf("it took only %s: that proves nothing", took)
	}
}

// What listens waits in a line of its own.
func TestCrowdsDoNotStandInEachOthersWay(t *testing.T) {
	free, entered := make(chan struct{}), make(chan struct{}, 2)
	s := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		entered <- struct{}{}
		select {
		case <-free:
		case <-r.Context().Done():
		}
	})
	defer close(free)
	c := fetch.New(fetch.Options{AllowLoopback: true, PerHost: fetch.Pace{Concurrent: 1}})
	ask := func(crowd string) {
		req, _ := http.NewRequest(http.MethodGet, s.URL, nil)
		if resp, err := c.Do(fetch.Apart(t.Context(), crowd), req); err == nil {
			resp.Body.Close()
		}
	}
	go ask("listen")
	<-entered
	go ask("")
	<-entered // would never come behind the first
}
