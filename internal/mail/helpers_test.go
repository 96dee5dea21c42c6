package mail_test

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// certificate writes a server's certificate and key, and gives the options that
// name them.
func certificate(t testing.TB, dir string, config *tls.Config) []string {
	t.Helper()
	c := config.Certificates[0]
	key, err := x509.MarshalPKCS8PrivateKey(c.PrivateKey)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: c.Certificate[0]}, "key.pem": {Type: "PRIVATE KEY", Bytes: key}}
	for name, block := range files {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return []string{"--smtpscert", filepath.Join(dir, "cert.pem"), "--smtpskey", filepath.Join(dir, "key.pem")}
}

// server is a mail server that behaves as its script says: for each verb, the
// answer; "drop" hangs up without one, "stall" never answers.
type server struct {
	port   int
	script func(verb, line string, connection int) string
	conns  atomic.Int32
	mu     sync.Mutex
	taken  []string // recipients whose letter arrived with its final dot
	lines  []string
	tls    *tls.Config
}

func serve(t *testing.T, script func(verb, line string, connection int) string) *server {
	t.Helper()
	return serveTLS(t, nil, script)
}

func serveTLS(t *testing.T, config *tls.Config, script func(verb, line string, connection int) string) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{port: l.Addr().(*net.TCPAddr).Port, script: script, tls: config}
	stop, cancel := context.WithCancel(context.Background())
	t.Cleanup(func() { cancel(); l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			context.AfterFunc(stop, func() { c.Close() })
			go s.talk(c, int(s.conns.Add(1)))
		}
	}()
	return s
}

func (s *server) talk(c net.Conn, n int) {
	defer func() { c.Close() }()
	r := bufio.NewReader(c)
	say := func(verb, line, usual string) bool {
		answer := usual
		if s.script != nil {
			if a := s.script(verb, line, n); a != "" {
				answer = a
			}
		}
		switch answer {
		case "drop":
			return false
		case "stall":
			r.ReadString(0)
			return false
		}
		_, err := fmt.Fprintf(c, "%s\r\n", answer)
		return err == nil
	}
	if !say("CONNECT", "", "220 prova ESMTP") {
		return
	}
	to := ""
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		switch verb {
		case "EHLO":
			ext := "250-prova\r\n250-AUTH PLAIN LOGIN\r\n250 8BITMIME"
			if _, clear := c.(*net.TCPConn); clear && s.tls != nil {
				ext = "250-prova\r\n250 STARTTLS"
			}
			if !say(verb, line, ext) {
				return
			}
		case "STARTTLS":
			if !say(verb, line, "220 avanti") {
				return
			}
			c = tls.Server(c, s.tls)
			r = bufio.NewReader(c)
		case "AUTH":
			if !say(verb, line, "235 2.7.0 benvenuti") {
				return
			}
		case "RCPT":
			to = line
			if !say(verb, line, "250 ok") {
				return
			}
		case "DATA":
			if !say(verb, line, "354 avanti") {
				return
			}
			if s.script != nil && s.script(verb, line, n) != "" && !strings.HasPrefix(s.script(verb, line, n), "3") {
				continue
			}
			if s.script != nil && s.script("BODY", line, n) == "drop" {
				return
			}
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
			}
			s.mu.Lock()
			s.taken = append(s.taken, to)
			s.mu.Unlock()
			if !say("DOT", "", "250 2.0.0 presa in carico") {
				return
			}
		case "QUIT":
			say(verb, line, "221 arrivederci")
			return
		default:
			if !say(verb, line, "250 ok") {
				return
			}
		}
	}
}

// letters counts what the server has whole.
func (s *server) letters() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.taken)
}

// heard reports whether a line began so.
func (s *server) heard(verb string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.ContainsFunc(s.lines, func(l string) bool { return strings.HasPrefix(l, verb) })
}
