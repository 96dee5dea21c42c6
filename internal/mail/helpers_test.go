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
	"strconv"
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
// answer; "drop" hangs up without one, "stall" never answers, and a command that it
// obeys only in its place is refused elsewhere, as Postfix does. The verbs CONNECT,
// TEXT (before the text is read) and DOT are no commands.
type server struct {
	port   int
	script func(verb, line string, connection int) string
	conns  atomic.Int32
	mu     sync.Mutex
	taken  []string // the commands RCPT of letters that came with their final dot
	texts  []string // of those letters, as sent
	lines  []string
	tls    *tls.Config
	// pipelining makes the server offer what others offer, and more than is needed.
	pipelining bool
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

// talker is one connection to the server.
type talker struct {
	*server
	conn net.Conn
	r    *bufio.Reader
	n    int // which connection
}

// say answers a verb as the script says, or as usual, and returns the code; 0 when
// the connection is over.
func (c *talker) say(verb, line, usual string) int {
	answer := usual
	if c.script != nil {
		if a := c.script(verb, line, c.n); a != "" {
			answer = a
		}
	}
	switch answer {
	case "drop":
		return 0
	case "stall":
		c.r.ReadString(0)
		return 0
	}
	if _, err := fmt.Fprintf(c.conn, "%s\r\n", answer); err != nil {
		return 0
	}
	code, err := strconv.Atoi(answer[:3])
	if err != nil {
		return 1
	}
	if code == 421 {
		return 0
	}
	return code
}

func (s *server) talk(conn net.Conn, n int) {
	c := &talker{s, conn, bufio.NewReader(conn), n}
	defer func() { c.conn.Close() }()
	if c.say("CONNECT", "", "220 prova ESMTP") == 0 {
		return
	}
	from, to := false, ""
	for {
		line, err := c.r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimSpace(line)
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		s.mu.Lock()
		s.lines = append(s.lines, line)
		s.mu.Unlock()
		usual, ok := "250 ok", 0
		switch {
		case verb == "EHLO":
			usual = c.offers()
		case verb == "STARTTLS":
			usual = "220 avanti"
		case verb == "AUTH":
			usual = "235 2.7.0 benvenuti"
		case verb == "MAIL" && from:
			usual = "503 5.5.1 una lettera è già in corso"
		case verb == "RCPT" && !from, verb == "DATA" && to == "":
			usual = "503 5.5.1 prima il resto"
		case verb == "DATA":
			usual = "354 avanti"
		case verb == "QUIT":
			usual = "221 arrivederci"
		}
		if ok = c.say(verb, line, usual); ok == 0 || verb == "QUIT" {
			return
		}
		switch {
		case ok >= 400:
		case verb == "STARTTLS":
			c.conn = tls.Server(c.conn, s.tls)
			c.r = bufio.NewReader(c.conn)
		case verb == "MAIL":
			from = true
		case verb == "RCPT":
			to = line
		case verb == "DATA":
			if !c.letter(to) {
				return
			}
			from, to = false, ""
		case verb == "RSET":
			from, to = false, ""
		}
	}
}

// offers is what the server says it can do.
func (c *talker) offers() string {
	_, clear := c.conn.(*net.TCPConn)
	switch {
	case clear && c.tls != nil:
		return "250-prova\r\n250 STARTTLS"
	case c.pipelining:
		return "250-prova\r\n250-PIPELINING\r\n250-SMTPUTF8\r\n250-SIZE 1000\r\n250 8BITMIME"
	}
	return "250-prova\r\n250-AUTH PLAIN LOGIN\r\n250-SMTPUTF8\r\n250 8BITMIME"
}

// letter takes the text of a letter and answers its final dot.
func (c *talker) letter(to string) bool {
	if c.script != nil && c.script("TEXT", to, c.n) == "drop" {
		return false
	}
	var text strings.Builder
	for line := ""; line != ".\r\n"; text.WriteString(line) {
		var err error
		if line, err = c.r.ReadString('\n'); err != nil {
			return false
		}
	}
	if to == "" { // nobody to deliver it to
		return c.say("DOT", to, "554 5.5.1 senza destinatario") > 0
	}
	c.mu.Lock()
	c.taken, c.texts = append(c.taken, to), append(c.texts, text.String())
	c.mu.Unlock()
	return c.say("DOT", to, "250 2.0.0 presa in carico") > 0
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
