package fetch_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fetch"
)

// rude is a peer that handles each raw connection as told.
func rude(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); handle(c) }()
		}
	}()
	return l.Addr().String()
}

// The ledger repeats a post only after Sent says no, so each way of failing is
// pinned here with what really happened at the peer.
func TestSentKnowsHowFarARequestGot(t *testing.T) {
	closed, _ := net.Listen("tcp", "127.0.0.1:0")
	closed.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()

	readAll := func(c net.Conn) *http.Request {
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err == nil {
			io.Copy(io.Discard, r.Body)
		}
		return r
	}
	cases := []struct {
		name    string
		address string
		sent    bool
	}{
		{"the connection is refused", "http://" + closed.Addr().String(), false},
		{"the name does not exist", "http://nessuno.invalid/", false},
		{"the certificate is not trusted", untrusted.URL, false},
		{"the peer hangs up in the TLS handshake", "https://" + rude(t, func(net.Conn) {}), false},
		{"the peer never finishes the TLS handshake", "https://" + rude(t, func(c net.Conn) { io.Copy(io.Discard, c) }), false},
		{"the peer takes the request and hangs up", "http://" + rude(t, func(c net.Conn) { readAll(c) }), true},
		{"the peer takes the request and never answers", "http://" + rude(t, func(c net.Conn) { readAll(c); io.Copy(io.Discard, c) }), true},
		{"the peer answers half a status line", "http://" + rude(t, func(c net.Conn) { readAll(c); io.WriteString(c, "HTTP/1.1 2") }), true},
		{"the peer answers no HTTP", "http://" + rude(t, func(c net.Conn) { readAll(c); io.WriteString(c, "220 mail.example ESMTP\r\n") }), true},
	}
	c := fetch.New(fetch.Options{AllowLoopback: true, Timeout: 300 * time.Millisecond})
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			_, err := send(t, c, http.MethodPost, tc.address, strings.NewReader(`{"status":"Buongiorno"}`))
			if err == nil {
				t.Fatal("no error")
			}
			if fetch.Sent(err) != tc.sent {
				t.Fatalf("Sent is %v for %v", fetch.Sent(err), err)
			}
		})
	}
}

func TestSentAfterTheAnswerBrokeInItsBody(t *testing.T) {
	address := rude(t, func(c net.Conn) {
		http.ReadRequest(bufio.NewReader(c))
		io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{")
	})
	resp, err := send(t, fetch.New(fetch.Options{AllowLoopback: true}), http.MethodPost, "http://"+address, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(resp.Body); err == nil || !fetch.Sent(err) {
		t.Fatalf("got %v", err)
	}
}

func TestSentOverHTTP2(t *testing.T) {
	entered := make(chan struct{}, 1)
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 2 {
			t.Errorf("got %s", r.Proto)
		}
		entered <- struct{}{}
		<-r.Context().Done()
	}))
	s.EnableHTTP2 = true
	s.StartTLS()
	defer s.Close()
	conf := &tls.Config{RootCAs: s.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	c := fetch.New(fetch.Options{AllowLoopback: true, TLS: conf, Timeout: 300 * time.Millisecond})
	_, err := send(t, c, http.MethodPost, s.URL, strings.NewReader("x"))
	if !errors.Is(err, fetch.ErrTimeout) || !fetch.Sent(err) {
		t.Fatalf("got %v", err)
	}
	<-entered
}

func TestCancelledBeforeItsTurnSendsNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	req, _ := http.NewRequest(http.MethodPost, "http://192.0.2.1/", nil)
	_, err := fetch.New(fetch.Options{}).Do(ctx, req)
	if err == nil || fetch.Sent(err) {
		t.Fatalf("got %v", err)
	}
}

func TestUnknownErrorCountsAsSent(t *testing.T) {
	if !fetch.Sent(errors.New("somebody else's")) {
		t.Fatal("certainty out of nothing")
	}
}
