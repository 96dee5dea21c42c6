package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/db"
)

// The real program is told to stop while a platform hangs in the irreversible call,
// the mail server hangs in a newsletter and a visitor has sent half of a form: it is gone in less than five seconds, without an error, and
// the ledgers say what is not known.
func TestStopTakesLessThanFiveSecondsWhateverIsUnderWay(t *testing.T) {
	s, err := square.New(square.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var hangs atomic.Bool
	inside := make(chan string, 100)
	platform := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hangs.Load() && r.Method == http.MethodPost {
			inside <- r.URL.Path
			io.Copy(io.Discard, r.Body)
			<-r.Context().Done()
			return
		}
		s.Handler().ServeHTTP(w, r)
	}))
	t.Cleanup(func() { platform.CloseClientConnections(); platform.Close() })
	letters := &silentMail{inside: inside}
	data := filepath.Join(t.TempDir(), "data")
	host, port, _ := strings.Cut(letters.serve(t), ":")
	c := &crash{t: t, data: data, channels: map[string]string{}, hosts: map[string]string{}}
	c.build()
	c.env = append(os.Environ(), "ARENGO_DATA="+data, "ARENGO_ALLOW_PRIVATE=127.0.0.0/8", "ARENGO_LOG_LEVEL=warn", "ARENGO_BASE_URL=http://localhost:8080",
		"ARENGO_SMTP_HOST="+host, "ARENGO_SMTP_PORT="+port, "ARENGO_SMTP_TLS=none", "ARENGO_SMTP_FROM=notizie@cesate.example")
	c.found()
	c.nodes = []*node{{listen: freePort(t)}}
	c.start(0)
	token, err := s.AddAccount("comune", "Comune di Cesate")
	if err != nil {
		t.Fatal(err)
	}
	for platformName, typed := range map[string]map[string]string{"mastodon": {"server": platform.URL, "token": token}, "email": {}} {
		c.call(http.MethodPost, "/channels", map[string]any{"profile_id": c.profile, "platform": platformName, "typed": typed}, nil)
	}
	c.change(func(tx *db.Tx) error {
		_, err := tx.Exec(t.Context(), `
			INSERT INTO subscriber (institution_id, id, email, locale, cadence, state, confirmed_at, changed_at)
			SELECT id, 's1', 'anna@example.org', 'it', 'immediate', 'active', 1, 1 FROM institution`)
		return err
	})
	hangs.Store(true)
	var m struct{ ID string }
	c.call(http.MethodPost, "/messages", map[string]any{"profile_id": c.profile, "title": "Avviso", "body": "Testo."}, &m)
	c.call(http.MethodPost, "/messages/"+m.ID+"/submit", map[string]any{}, nil)
	c.call(http.MethodPost, "/messages/"+m.ID+"/publish", map[string]any{}, nil)
	for got := map[string]bool{}; !got["/api/v1/statuses"] || !got["smtp"]; {
		select {
		case where := <-inside:
			got[where] = true
		case <-time.After(time.Minute):
			t.Fatalf("only %v are under way", got)
		}
	}
	half, err := net.Dial("tcp", c.nodes[0].listen)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	fmt.Fprintf(half, "POST /newsletter HTTP/1.1\r\nHost: localhost:8080\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\nemail=")
	began := time.Now()
	cmd := c.nodes[0].cmd
	cmd.Process.Signal(syscall.SIGTERM)
	if err := cmd.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
	c.query(func(tx *db.Tx) error {
		var attempting, taken int
		err := tx.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM delivery WHERE state = 'attempting'), (SELECT count(*) FROM delivery WHERE lease_until > 0)`).Scan(&attempting, &taken)
		if attempting != 1 || taken != 0 {
			t.Errorf("%d deliveries are attempting, want 1; %d are still taken", attempting, taken)
		}
		return err
	})
}

// silentMail is a mail server that takes a letter and never says that it has it.
type silentMail struct{ inside chan string }

func (m *silentMail) serve(t *testing.T) string {
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
			go m.talk(c)
		}
	}()
	return l.Addr().String()
}

func (m *silentMail) talk(c net.Conn) {
	defer c.Close()
	io.WriteString(c, "220 posta.example ESMTP\r\n")
	for r := bufio.NewScanner(c); r.Scan(); {
		switch verb, _, _ := strings.Cut(strings.ToUpper(r.Text()), " "); verb {
		case "DATA":
			io.WriteString(c, "354 go on\r\n")
			for r.Scan() && r.Text() != "." {
			}
			m.inside <- "smtp"
			io.Copy(io.Discard, c)
			return
		case "QUIT":
			io.WriteString(c, "221 bye\r\n")
			return
		default:
			io.WriteString(c, "250 posta.example\r\n")
		}
	}
}
