package main

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/channel/telegram/telegramtest"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// peers starts the far sides: each behind a gate that makes trouble.
func (c *crash) peers() {
	t := c.t
	for name, o := range map[string]square.Options{
		"mastodon": {MaxCharacters: 500, Hold: c.hold}, "gotosocial": {MaxCharacters: 5000, GoToSocial: true, Hold: c.hold},
	} {
		s, err := square.New(o)
		if err != nil {
			t.Fatal(err)
		}
		if o.GoToSocial {
			c.social = s
		} else {
			c.square = s
		}
		c.hosts[name] = c.troubled(s.Handler(), tooManyPlain)
	}
	c.telegram = telegramtest.New(telegramtest.Options{})
	c.telegram.AddBot("1:bot", "cesate_bot")
	c.telegram.AddChat(telegramtest.Chat{ID: -1001, Type: "channel", Title: "Cesate", Username: "cesate"})
	c.telegram.Join("1:bot", -1001, telegramtest.Member{Status: "administrator", Post: true})
	c.hosts["telegram"] = c.troubled(c.telegram.Handler(), tooManyTelegram)
	c.pds = testkit.PDS(t)
	c.account = c.pds.Account(t)
	target, err := url.Parse(c.pds.URL)
	if err != nil {
		t.Fatal(err)
	}
	c.hosts["bluesky"] = c.troubled(httputil.NewSingleHostReverseProxy(target), tooManyPlain)
	c.mail()
}

// hold keeps some of the statuses that arrive for a while, be their caller killed
// and started again meanwhile.
func (c *crash) hold() {
	if c.holding.Load() && c.random(100) < 15 {
		<-time.After(time.Duration(c.random(int(longestHold))))
	}
}

// troubled puts a gate before a peer that, of the writing calls, delays some,
// loses the answers of some after they took effect, and refuses some.
func (c *crash) troubled(peer http.Handler, tooMany func(http.ResponseWriter, time.Duration)) string {
	slow := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodGet {
			select {
			case <-time.After(time.Duration(rand.IntN(120)) * time.Millisecond):
			case <-r.Context().Done():
			}
		}
		peer.ServeHTTP(w, r)
	})
	g := channeltest.NewGate(slow, tooMany)
	g.Clear()
	c.gates = append(c.gates, g)
	return g.Serve(c.t)
}

// trouble arms or calms all gates.
func (c *crash) trouble(on bool) {
	c.holding.Store(on)
	for _, g := range c.gates {
		g.Clear()
		if !on {
			continue
		}
		chance := func(percent int) func(*http.Request) bool {
			return func(r *http.Request) bool { return r.Method != http.MethodGet && c.random(100) < percent }
		}
		g.Arm(channeltest.Rule{When: chance(8), Do: channeltest.DropAnswer})
		g.Arm(channeltest.Rule{When: chance(6), Do: channeltest.ServerError})
		g.Arm(channeltest.Rule{When: chance(6), Do: channeltest.TooMany, Wait: time.Second})
		g.Arm(channeltest.Rule{When: chance(4), Do: channeltest.HangUp})
	}
}

func tooManyPlain(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Retry-After", strconv.Itoa(int(wait.Seconds())))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	io.WriteString(w, `{"error":"Too many requests"}`)
}

func tooManyTelegram(w http.ResponseWriter, wait time.Duration) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	fmt.Fprintf(w, `{"ok":false,"error_code":429,"description":"Too Many Requests: retry after %[1]d","parameters":{"retry_after":%[1]d}}`, int(wait.Seconds()))
}

// mail starts a real SMTP server that keeps every letter.
func (c *crash) mail() {
	c.mailbox = filepath.Join(c.t.TempDir(), "mail")
	port := freePort(c.t)
	cmd := exec.Command("/usr/bin/python3", "-m", "aiosmtpd", "-n", "-l", port, "-c", "aiosmtpd.handlers.Mailbox", c.mailbox)
	if err := cmd.Start(); err != nil {
		testkit.Missing(c.t, "the SMTP sink", "install python3-aiosmtpd")
	}
	c.t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	c.await("the SMTP sink", 20*time.Second, func() bool {
		conn, err := net.Dial("tcp", port)
		if err == nil {
			conn.Close()
		}
		return err == nil
	})
	host, number, _ := strings.Cut(port, ":")
	c.env = append(os.Environ(), "ARENGO_DATA="+c.data, "ARENGO_ALLOW_PRIVATE=127.0.0.0/8", "ARENGO_LEASE="+crashLease.String(), "ARENGO_LOG_LEVEL=warn",
		"ARENGO_BASE_URL=http://localhost:8080", "ARENGO_PLC_DIRECTORY="+c.pds.Directory,
		"ARENGO_SMTP_HOST="+host, "ARENGO_SMTP_PORT="+number, "ARENGO_SMTP_TLS=none", "ARENGO_SMTP_FROM=notizie@cesate.example")
	if c.database != "" {
		c.env = append(c.env, "ARENGO_DATABASE="+c.database)
	}
}

// connect connects one channel of each kind, through the API.
func (c *crash) connect() {
	token, err := c.square.AddAccount("comune", "Comune di Cesate")
	if err != nil {
		c.t.Fatal(err)
	}
	social, err := c.social.AddAccount("comune", "Comune di Cesate")
	if err != nil {
		c.t.Fatal(err)
	}
	for name, typed := range map[string]map[string]string{
		"mastodon":   {"server": c.hosts["mastodon"], "token": token},
		"gotosocial": {"server": c.hosts["gotosocial"], "token": social},
		"telegram":   {"server": c.hosts["telegram"], "token": "1:bot", "chat": "@cesate"},
		"bluesky":    {"server": c.hosts["bluesky"], "handle": c.account.Handle, "password": c.account.AppPassword},
		"email":      {},
	} {
		platform := name
		if name == "gotosocial" {
			platform = "mastodon" // the API it speaks
		}
		var made struct{ ID string }
		c.call(http.MethodPost, "/channels", map[string]any{"profile_id": c.profile, "platform": platform, "typed": typed}, &made)
		c.channels[name] = made.ID
	}
}
