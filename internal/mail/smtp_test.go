package mail_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/mail"
)

func sender(t *testing.T, s *server, change func(*mail.SMTPOptions)) *mail.SMTP {
	t.Helper()
	o := mail.SMTPOptions{Host: "127.0.0.1", Port: s.port, Security: mail.Clear, Timeout: 300 * time.Millisecond, Patience: 400 * time.Millisecond, Grace: 200 * time.Millisecond}
	if change != nil {
		change(&o)
	}
	m, err := mail.NewSMTP(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

func TestEachWayOfFailingHasItsOutcome(t *testing.T) {
	at := func(verb, answer string) func(string, string, int) string {
		return func(v, _ string, _ int) string {
			if v == verb {
				return answer
			}
			return ""
		}
	}
	cases := []struct {
		name    string
		script  func(string, string, int) string
		want    mail.Outcome
		code    int
		status  string
		ours    bool
		arrived bool // whether the server had the whole letter
	}{
		{"all is well", nil, mail.Sent, 250, "", false, true},
		{"unknown mailbox", at("RCPT", "550 5.1.1 non esiste"), mail.Refused, 550, "5.1.1", false, false},
		{"mailbox full", at("RCPT", "452 4.2.2 casella piena"), mail.Deferred, 452, "4.2.2", false, false},
		{"greylisting", at("RCPT", "450 4.7.1 riprova"), mail.Deferred, 450, "4.7.1", false, false},
		{"content refused", at("DOT", "554 5.7.1 spam"), mail.Refused, 554, "5.7.1", false, true},
		{"server out of space", at("DOT", "452 4.3.1 spazio"), mail.Deferred, 452, "4.3.1", false, true},
		{"no data taken", at("DATA", "451 4.3.0 poi"), mail.Deferred, 451, "4.3.0", false, false},
		{"our address not allowed", at("MAIL", "553 5.7.1 non tuo"), mail.Deferred, 553, "5.7.1", true, false},
		{"not welcome", at("CONNECT", "554 via"), mail.Deferred, 554, "", true, false},
		{"closing down", at("RCPT", "421 4.3.2 chiudo"), mail.Deferred, 421, "4.3.2", true, false},
		{"hangs up at the greeting", at("CONNECT", "drop"), mail.Deferred, 0, "", true, false},
		{"hangs up at the recipient", at("RCPT", "drop"), mail.Deferred, 0, "", true, false},
		{"hangs up at data", at("DATA", "drop"), mail.Deferred, 0, "", true, false},
		{"hangs up after the whole letter", at("DOT", "drop"), mail.Unknown, 0, "", false, true},
		{"silent at the greeting", at("CONNECT", "stall"), mail.Deferred, 0, "", true, false},
		{"silent at the recipient", at("RCPT", "stall"), mail.Deferred, 0, "", true, false},
		{"silent after the whole letter", at("DOT", "stall"), mail.Unknown, 0, "", false, true},
		{"answers nonsense", at("DOT", "buongiorno"), mail.Unknown, 0, "", false, true},
	}
	for _, pipelining := range []bool{false, true} {
		for _, c := range cases {
			t.Run(fmt.Sprintf("%s, pipelining %v", c.name, pipelining), func(t *testing.T) {
				t.Parallel()
				s := serve(t, c.script)
				s.pipelining = pipelining
				got := sender(t, s, nil).Send(t.Context(), letter(1))
				if got.Outcome != c.want || got.Code != c.code || got.Enhanced != c.status || got.Ours != c.ours {
					t.Errorf("got %v %d %q, ours %v: %v", got.Outcome, got.Code, got.Enhanced, got.Ours, got.Err)
				}
				if (got.Err == nil) != (c.want == mail.Sent) {
					t.Errorf("the error is %v", got.Err)
				}
				if n := s.letters(); (n == 1) != c.arrived {
					t.Errorf("the server has %d letters", n)
				}
			})
		}
	}
}

func TestServerThatIsNotThere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	got := sender(t, &server{port: l.Addr().(*net.TCPAddr).Port}, nil).Send(t.Context(), letter(1))
	if got.Outcome != mail.Deferred || !got.Ours {
		t.Fatalf("got %+v", got)
	}
}

// A refused recipient must not cost the others their connection.
func TestConnectionIsKeptOverManyLetters(t *testing.T) {
	s := serve(t, func(verb, line string, _ int) string {
		if verb == "RCPT" && strings.Contains(line, "lettore3@") {
			return "550 5.1.1 non esiste"
		}
		return ""
	})
	m := sender(t, s, func(o *mail.SMTPOptions) { o.PerConn = 5 })
	for i := range 12 {
		want := mail.Sent
		if i == 3 {
			want = mail.Refused
		}
		if got := m.Send(t.Context(), letter(i)); got.Outcome != want {
			t.Fatalf("letter %d: %+v", i, got)
		}
	}
	if n := s.conns.Load(); n != 3 {
		t.Errorf("%d connections, want 3 of at most 5 letters", n)
	}
}

// The server closed a connection that was kept: the letter goes on a new one.
func TestDeadConnectionIsReplaced(t *testing.T) {
	for _, end := range []string{"drop", "421 4.4.2 troppo tempo"} {
		var letters atomic.Int32
		s := serve(t, func(verb, _ string, connection int) string {
			if verb == "MAIL" && letters.Add(1) == 2 && connection == 1 {
				return end
			}
			return ""
		})
		m := sender(t, s, nil)
		for i := range 2 {
			if got := m.Send(t.Context(), letter(i)); got.Outcome != mail.Sent {
				t.Fatalf("%s: letter %d: %+v", end, i, got)
			}
		}
		if s.letters() != 2 || s.conns.Load() != 2 {
			t.Errorf("%s: %d letters on %d connections", end, s.letters(), s.conns.Load())
		}
	}
}

// Handed over on a kept connection that then breaks: never a second time.
func TestUnknownOutcomeIsNeverRepeated(t *testing.T) {
	var letters atomic.Int32
	s := serve(t, func(verb, _ string, _ int) string {
		if verb == "DOT" && letters.Add(1) == 2 {
			return "drop"
		}
		return ""
	})
	m := sender(t, s, nil)
	m.Send(t.Context(), letter(1))
	if got := m.Send(t.Context(), letter(2)); got.Outcome != mail.Unknown {
		t.Fatalf("got %+v", got)
	}
	if n := s.letters(); n != 2 {
		t.Fatalf("the server has %d letters, want 2", n)
	}
}

func TestCancelledWhileWaitingForTheAnswer(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(verb, _ string, _ int) string {
		if verb == "DOT" {
			cancel()
			return "stall"
		}
		return ""
	})
	m := sender(t, s, func(o *mail.SMTPOptions) { o.Timeout = time.Minute })
	if got := m.Send(ctx, letter(1)); got.Outcome != mail.Unknown {
		t.Fatalf("got %+v", got)
	}
	if got := m.Send(ctx, letter(2)); got.Outcome != mail.Deferred || !got.Ours || !errors.Is(got.Err, context.Canceled) {
		t.Fatalf("got %+v", got)
	}
}

func TestSpoiltLetterNeverReachesTheServer(t *testing.T) {
	s := serve(t, nil)
	l := letter(1)
	l.To.Addr = "nessuno"
	if got := sender(t, s, nil).Send(t.Context(), l); got.Outcome != mail.Refused || !fault.Is(got.Err, fault.Invalid) || s.conns.Load() != 0 {
		t.Fatalf("got %+v, %d connections", got, s.conns.Load())
	}
}

func TestSignInOnlyUnderTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate
	defer web.Close()
	config := &tls.Config{Certificates: web.TLS.Certificates}
	pool := web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	s := serveTLS(t, config, nil)
	m := sender(t, s, func(o *mail.SMTPOptions) {
		o.Security, o.User, o.Password, o.Timeout = mail.StartTLS, "comune", "segreta", 5*time.Second
		o.TLS = &tls.Config{RootCAs: pool}
	})
	if got := m.Send(t.Context(), letter(1)); got.Outcome != mail.Sent {
		t.Fatalf("got %+v", got)
	}
	if err := m.Check(t.Context()); err != nil {
		t.Error(err)
	}
	if !s.heard("AUTH") {
		t.Error("nobody signed in")
	}

	untrusting := sender(t, s, func(o *mail.SMTPOptions) { o.Security = mail.StartTLS })
	if got := untrusting.Send(t.Context(), letter(2)); got.Outcome != mail.Deferred || !got.Ours {
		t.Errorf("an unknown certificate: %+v", got)
	}
	stripped := sender(t, serve(t, nil), func(o *mail.SMTPOptions) { o.Security, o.User = mail.StartTLS, "comune" })
	if got := stripped.Send(t.Context(), letter(3)); got.Outcome != mail.Deferred || !got.Ours {
		t.Errorf("a server without STARTTLS: %+v", got)
	}
	wrong := sender(t, serveTLS(t, config, func(verb, _ string, _ int) string {
		if verb == "AUTH" {
			return "535 5.7.8 parola sbagliata"
		}
		return ""
	}), func(o *mail.SMTPOptions) {
		o.Security, o.User, o.Timeout, o.TLS = mail.StartTLS, "comune", 5*time.Second, &tls.Config{RootCAs: pool}
	})
	if got := wrong.Send(t.Context(), letter(4)); got.Outcome != mail.Deferred || !got.Ours || got.Code != 535 {
		t.Errorf("a wrong password: %+v", got)
	}
}

func TestImplicitTLS(t *testing.T) {
	web := httptest.NewTLSServer(nil)
	defer web.Close()
	dir := t.TempDir()
	port := sink(t, dir, web.TLS)
	m := sender(t, &server{port: port}, func(o *mail.SMTPOptions) {
		o.Security, o.Timeout = mail.Implicit, 5*time.Second
		o.TLS = &tls.Config{RootCAs: web.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs}
	})
	if got := m.Send(t.Context(), letter(1)); got.Outcome != mail.Sent {
		t.Fatalf("got %+v", got)
	}
}

func TestWrongSecurityIsRefused(t *testing.T) {
	if _, err := mail.NewSMTP(mail.SMTPOptions{Host: "localhost", Port: 25, Security: "ssl"}); err == nil {
		t.Fatal("accepted")
	}
}

func TestOutboxWritesAMaildir(t *testing.T) {
	dir := t.TempDir()
	o, err := mail.NewOutbox(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := letter(1).Bytes(nil)
	for range 2 {
		if got := o.Send(t.Context(), letter(1)); got.Outcome != mail.Sent {
			t.Fatalf("got %+v", got)
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "new", "*"))
	left, _ := filepath.Glob(filepath.Join(dir, "tmp", "*"))
	if len(files) != 2 || len(left) != 0 {
		t.Fatalf("%d letters, %d half written", len(files), len(left))
	}
	if got, err := os.ReadFile(files[0]); err != nil || string(got) != string(want) {
		t.Fatalf("other bytes, %v", err)
	}
	bad := letter(1)
	bad.Subject = ""
	if got := o.Send(t.Context(), bad); got.Outcome != mail.Refused {
		t.Fatalf("got %+v", got)
	}
}

// sink runs a real mail server, Debian's python3-aiosmtpd, that writes a Maildir.
func sink(t testing.TB, dir string, config *tls.Config) (port int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = l.Addr().(*net.TCPAddr).Port
	l.Close()
	args := []string{"-m", "aiosmtpd", "-n", "-l", fmt.Sprintf("127.0.0.1:%d", port), "-c", "aiosmtpd.handlers.Mailbox", filepath.Join(dir, "maildir")}
	if config != nil {
		args = append(args, certificate(t, dir, config)...)
	}
	cmd := exec.Command("/usr/bin/python3", args...)
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatalf("start python3-aiosmtpd: %v", err)
	}
	exited := make(chan error, 1)
	go func() { exited <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Kill(); <-exited })
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-exited:
			exited <- err
			t.Fatalf("python3-aiosmtpd (apt install python3-aiosmtpd) ended: %v", err)
		case <-tick.C:
			if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)); err == nil {
				c.Close()
				return port
			}
		}
	}
}

func TestNewsletterReachesARealServer(t *testing.T) {
	dir := t.TempDir()
	m := sender(t, &server{port: sink(t, dir, nil)}, func(o *mail.SMTPOptions) { o.Timeout = 10 * time.Second })
	const letters = 200
	sendAll(t, m, letters)
	files, err := filepath.Glob(filepath.Join(dir, "maildir", "new", "*"))
	if err != nil || len(files) != letters {
		t.Fatalf("%d letters arrived, %v", len(files), err)
	}
	seen := map[string]bool{}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(data)) {
			if id, ok := strings.CutPrefix(strings.TrimSpace(line), "Message-ID: "); ok {
				seen[id] = true
			}
		}
	}
	if len(seen) != letters {
		t.Fatalf("%d different letters of %d", len(seen), letters)
	}
}

func sendAll(t testing.TB, m mail.Sender, n int) {
	t.Helper()
	next := make(chan int)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for i := range next {
				if got := m.Send(t.Context(), letter(i)); got.Outcome != mail.Sent {
					t.Errorf("letter %d: %+v", i, got)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// BenchmarkNewsletter: 10,000 letters to a local server must take under 2 minutes.
func BenchmarkNewsletter(b *testing.B) {
	dir := b.TempDir()
	m, err := mail.NewSMTP(mail.SMTPOptions{Host: "127.0.0.1", Port: sink(b, dir, nil), Security: mail.Clear})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	for b.Loop() {
		sendAll(b, m, 1000)
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "letters/s")
}
