package main

import (
	"bytes"
	"context"
	"encoding/json"
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
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/channel/telegram/telegramtest"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// The crash harness: real server processes are killed with SIGKILL at random
// moments while messages with variants go out to a real Bluesky PDS, a real SMTP
// sink, and fake Mastodon and Telegram servers that delay, lose answers and
// refuse, and while citizens ask and are answered. At the end each variant and
// each answer is out once, or visibly unconfirmed.
//
// ARENGO_TEST_CRASHES is how often a process is killed (default 8); ARENGO_TEST_SEED
// repeats a run.

const crashMessages = 50

func TestKilledServerSendsEachMessageOnce(t *testing.T) {
	crashRun(t, filepath.Join(t.TempDir(), "data"), "", 1)
}

func TestKilledNodeOfTwoSendsEachMessageOnce(t *testing.T) {
	crashRun(t, filepath.Join(t.TempDir(), "data"), testkit.Address(t, db.Postgres), 2)
}

// crash is one run of the harness.
type crash struct {
	t        *testing.T
	rng      *rand.Rand
	binary   string
	data     string
	database string
	env      []string
	nodes    []*node
	token    string
	profile  string
	channels map[string]string // platform → channel id

	square   *square.Square
	telegram *telegramtest.Server
	pds      testkit.PDSPeer
	account  testkit.PDSAccount
	mailbox  string
	gates    []*channeltest.Gate
	hosts    map[string]string
}

// node is one server process.
type node struct {
	listen string
	cmd    *exec.Cmd
	log    *os.File
}

func crashRun(t *testing.T, data, database string, nodes int) {
	if testing.Short() {
		t.Skip("the crash harness takes minutes; run it without -short")
	}
	kills := 8
	if n, err := strconv.Atoi(os.Getenv("ARENGO_TEST_CRASHES")); err == nil {
		kills = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("ARENGO_TEST_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("%d kills, ARENGO_TEST_SEED=%d", kills, seed)
	c := &crash{t: t, rng: rand.New(rand.NewPCG(seed, 1)), data: data, database: database, channels: map[string]string{}, hosts: map[string]string{}}
	c.build()
	c.peers()
	c.found()
	for i := range nodes {
		c.nodes = append(c.nodes, &node{listen: freePort(t)})
		c.start(i)
	}
	c.connect()
	c.subscribe("anna@example.org", "bruno@example.org")
	ids := c.write()
	c.storm(kills)
	c.calm()
	c.judgeAnswers()
	c.judge(ids)
}

func freePort(t testing.TB) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (c *crash) build() {
	c.binary = filepath.Join(c.t.TempDir(), "arengo")
	if out, err := exec.Command("go", "build", "-o", c.binary, ".").CombinedOutput(); err != nil {
		c.t.Fatalf("build: %v\n%s", err, out)
	}
}

// peers starts the far sides: each behind a gate that makes trouble.
func (c *crash) peers() {
	t := c.t
	var err error
	if c.square, err = square.New(square.Options{MaxCharacters: 500}); err != nil {
		t.Fatal(err)
	}
	c.hosts["mastodon"] = c.troubled(c.square.Handler(), tooManyPlain)
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
	for _, g := range c.gates {
		g.Clear()
		if !on {
			continue
		}
		var mu sync.Mutex
		chance := func(percent int) func(*http.Request) bool {
			return func(r *http.Request) bool {
				mu.Lock()
				defer mu.Unlock()
				return r.Method != http.MethodGet && c.rng.IntN(100) < percent
			}
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
	c.env = append(os.Environ(), "ARENGO_DATA="+c.data, "ARENGO_ALLOW_PRIVATE=127.0.0.0/8", "ARENGO_LEASE=4s", "ARENGO_LOG_LEVEL=warn",
		"ARENGO_BASE_URL=http://localhost:8080", "ARENGO_PLC_DIRECTORY="+c.pds.Directory,
		"ARENGO_SMTP_HOST="+host, "ARENGO_SMTP_PORT="+number, "ARENGO_SMTP_TLS=none", "ARENGO_SMTP_FROM=notizie@cesate.example")
	if c.database != "" {
		c.env = append(c.env, "ARENGO_DATABASE="+c.database)
	}
}

func (c *crash) await(what string, within time.Duration, ok func() bool) {
	c.t.Helper()
	deadline := time.Now().Add(within)
	for !ok() {
		if time.Now().After(deadline) {
			c.t.Fatalf("%s: not within %v", what, within)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// arengo runs a short command and returns what it printed.
func (c *crash) arengo(args ...string) string {
	c.t.Helper()
	cmd := exec.Command(c.binary, args...)
	cmd.Env = c.env
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		c.t.Fatalf("arengo %v: %v\n%s", args, err, errs.String())
	}
	return strings.TrimSpace(out.String())
}

// found makes the institution, its profile and a token.
func (c *crash) found() {
	out := c.arengo("institution", "create", "--name", "Comune di Cesate", "--profile", "Comune", "--without-four-eyes")
	c.profile = out[strings.LastIndexByte(out, ' ')+1:]
	c.token = c.arengo("token", "create", "--name", "crash", "--role", "administrator")
}

func (c *crash) start(i int) {
	c.t.Helper()
	n := c.nodes[i]
	var err error
	if n.log == nil {
		if n.log, err = os.Create(filepath.Join(c.t.TempDir(), "log")); err != nil {
			c.t.Fatal(err)
		}
	}
	n.cmd = exec.Command(c.binary, "serve", "--listen", n.listen)
	n.cmd.Env, n.cmd.Stdout, n.cmd.Stderr = c.env, n.log, n.log
	if err := n.cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { n.cmd.Process.Kill() })
	c.await("a server on "+n.listen, 30*time.Second, func() bool {
		r, err := http.Get("http://" + n.listen + "/healthz")
		if err == nil {
			r.Body.Close()
		}
		return err == nil && r.StatusCode == http.StatusOK
	})
}

// stop ends all nodes as an administrator would.
func (c *crash) stop() {
	for _, n := range c.nodes {
		n.cmd.Process.Signal(os.Interrupt)
		n.cmd.Wait()
	}
}

func (c *crash) kill(i int) {
	c.nodes[i].cmd.Process.Kill()
	c.nodes[i].cmd.Wait()
}

// call asks the API until it is answered: a request whose server died is
// repeated with the same key, as a careful program would.
func (c *crash) call(method, path string, in, out any) {
	c.t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		c.t.Fatal(err)
	}
	key := db.NewID()
	deadline := time.Now().Add(4 * time.Minute) // longer than an interrupted request stays reserved
	for try := 0; ; try++ {
		status, answer, err := c.once(c.nodes[try%len(c.nodes)].listen, method, path, key, body)
		switch {
		case err == nil && status < 300:
			if out != nil {
				if err := json.Unmarshal(answer, out); err != nil {
					c.t.Fatalf("%s %s: %v", method, path, err)
				}
			}
			return
		case err == nil && status != http.StatusConflict && status < 500 && status != http.StatusTooManyRequests:
			c.t.Fatalf("%s %s: %d %s", method, path, status, answer)
		case time.Now().After(deadline):
			c.t.Fatalf("%s %s: %d %s %v", method, path, status, answer, err)
		}
		<-time.After(100 * time.Millisecond)
	}
}

func (c *crash) once(listen, method, path, key string, body []byte) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, "http://"+listen+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	if method != http.MethodGet {
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Idempotency-Key", key)
	} else {
		r.Body = http.NoBody
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(resp.Body)
	return resp.StatusCode, answer, err
}

// connect connects one channel of each kind, through the API.
func (c *crash) connect() {
	token, err := c.square.AddAccount("comune", "Comune di Cesate")
	if err != nil {
		c.t.Fatal(err)
	}
	for platform, typed := range map[string]map[string]string{
		"mastodon": {"server": c.hosts["mastodon"], "token": token},
		"telegram": {"server": c.hosts["telegram"], "token": "1:bot", "chat": "@cesate"},
		"bluesky":  {"server": c.hosts["bluesky"], "handle": c.account.Handle, "password": c.account.AppPassword},
		"email":    {},
	} {
		var made struct{ ID string }
		c.call(http.MethodPost, "/channels", map[string]any{"profile_id": c.profile, "platform": platform, "typed": typed}, &made)
		c.channels[platform] = made.ID
	}
}

// write makes the messages and publishes them while trouble begins.
func (c *crash) write() (ids []string) {
	for i := range crashMessages {
		var m struct{ ID string }
		c.call(http.MethodPost, "/messages", map[string]any{
			"profile_id": c.profile, "title": fmt.Sprintf("Avviso numero %d", i+1), "body": fmt.Sprintf("Perché è così: *nota* %d.", i+1), "tags": []string{"prova"},
		}, &m)
		ids = append(ids, m.ID)
	}
	return ids
}

// storm publishes the messages while processes are killed.
func (c *crash) storm(kills int) {
	c.trouble(true)
	var ids []string
	var list struct {
		Items []struct{ ID string }
		Next  string
	}
	for cursor := ""; ; cursor = list.Next {
		list.Next, list.Items = "", nil
		c.call(http.MethodGet, "/messages?limit=50&cursor="+url.QueryEscape(cursor), nil, &list)
		for _, m := range list.Items {
			ids = append(ids, m.ID)
		}
		if list.Next == "" {
			break
		}
	}
	if len(ids) != crashMessages {
		c.t.Fatalf("%d messages exist, want %d: an API call was lost or done twice", len(ids), crashMessages)
	}
	var publishing sync.WaitGroup
	publishing.Go(func() { c.ask(time.Duration(kills) * time.Second) })
	c.answerAll(&publishing)
	publishing.Go(func() {
		for _, id := range ids {
			c.call(http.MethodPost, "/messages/"+id+"/submit", map[string]any{}, nil)
			c.call(http.MethodPost, "/messages/"+id+"/publish", map[string]any{}, nil)
			// Spread over the whole storm, so that every kill finds work in hand.
			<-time.After(time.Duration(kills) * 1100 * time.Millisecond / crashMessages)
		}
	})
	for range kills {
		<-time.After(time.Duration(200+c.rng.IntN(1800)) * time.Millisecond)
		i := c.rng.IntN(len(c.nodes))
		c.kill(i)
		c.start(i)
	}
	publishing.Wait()
}

// delivered is a delivery as the API tells it.
type delivered struct {
	ChannelID string `json:"channel_id"`
	State     string
	URL       string
	Code      string
}

// calm ends the trouble and waits until nothing is on its way.
func (c *crash) calm() {
	c.trouble(false)
	defer func() {
		if c.t.Failed() {
			c.explain()
		}
	}()
	c.await("all deliveries to settle", 4*time.Minute, func() bool {
		<-time.After(time.Second)
		var open int
		for _, d := range c.open() {
			if d.State == "waiting" || d.State == "attempting" {
				open++
			}
		}
		return open == 0
	})
	c.await("all answers to settle", 4*time.Minute, func() bool {
		<-time.After(time.Second)
		var open int
		c.query(func(tx *db.Tx) error {
			return tx.QueryRow(c.t.Context(), `SELECT count(*) FROM delivery WHERE kind = 'answer' AND state IN ('waiting', 'attempting')`).Scan(&open)
		})
		return open == 0
	})
	c.await("all letters to settle", 4*time.Minute, func() bool {
		<-time.After(time.Second)
		states := map[string]int{}
		for _, r := range c.recipients() {
			states[r.state]++
		}
		return states["waiting"]+states["attempting"] == 0
	})
}

// open is every delivery of every message.
func (c *crash) open() (all []delivered) {
	var list struct{ Items []struct{ ID string } }
	c.call(http.MethodGet, "/messages?limit=100", nil, &list)
	for _, m := range list.Items {
		var ds struct{ Items []delivered }
		c.call(http.MethodGet, "/messages/"+m.ID+"/deliveries", nil, &ds)
		all = append(all, ds.Items...)
	}
	return all
}

// judge compares what the ledger says with what the far sides have.
func (c *crash) judge(ids []string) {
	platform := map[string]string{}
	for name, id := range c.channels {
		platform[id] = name
	}
	seen := c.truth()
	states := map[string]map[string]int{}
	for i, id := range ids {
		title := fmt.Sprintf("Avviso numero %d", i+1)
		var ds struct{ Items []delivered }
		c.call(http.MethodGet, "/messages/"+id+"/deliveries", nil, &ds)
		if len(ds.Items) != len(c.channels) {
			c.t.Errorf("%s: %d deliveries, want %d", title, len(ds.Items), len(c.channels))
		}
		for _, d := range ds.Items {
			name := platform[d.ChannelID]
			if states[name] == nil {
				states[name] = map[string]int{}
			}
			states[name][d.State]++
			n := seen[name][title]
			switch {
			case n > 1:
				c.t.Errorf("%s is on %s %d times", title, name, n)
			case d.State == "out" && n != 1 && name != "email":
				c.t.Errorf("%s: the ledger says out, %s has it %d times", title, name, n)
			case d.State == "out" && name != "email" && d.URL == "":
				c.t.Errorf("%s: out on %s without its address", title, name)
			case d.State != "out" && d.State != "unconfirmed":
				c.t.Errorf("%s on %s ended %s (%s)", title, name, d.State, d.Code)
			}
		}
	}
	c.judgeMail()
	c.t.Logf("ended: %v", states)
	if c.t.Failed() {
		c.explain()
	}
}

// explain logs what is needed to understand a failed run: what is open, what the
// queue holds, what the servers said.
func (c *crash) explain() {
	for _, q := range []string{
		`SELECT state || ' ' || error_code || ' lease until ' || CAST(lease_until - $1 AS TEXT) || ' next ' || CAST(next_at - $1 AS TEXT) || ' attempts ' || CAST(attempts AS TEXT), count(*)
			FROM delivery WHERE state IN ('waiting', 'attempting') GROUP BY 1`,
		`SELECT kind || ' ' || CAST(state AS TEXT) || CASE WHEN $1 > 0 THEN '' ELSE '' END, count(*) FROM river_job GROUP BY 1`,
	} {
		c.query(func(tx *db.Tx) error {
			rows, err := db.All(c.t.Context(), tx, func(s db.Scanner) (line string, err error) {
				var what string
				var n int
				err = s.Scan(&what, &n)
				return fmt.Sprintf("%6d %s", n, what), err
			}, q, db.At(time.Now()))
			c.t.Logf("%s\n%v", strings.Join(rows, "\n"), err)
			return nil
		})
	}
	for _, n := range c.nodes {
		text, _ := os.ReadFile(n.log.Name())
		c.t.Logf("log of %s:\n%s", n.listen, tail(text, 6000))
	}
}

func tail(b []byte, n int) []byte {
	if len(b) > n {
		return b[len(b)-n:]
	}
	return b
}

// truth counts, for each platform, how often each title is there.
func (c *crash) truth() map[string]map[string]int {
	seen := map[string]map[string]int{"mastodon": {}, "telegram": {}, "bluesky": {}}
	count := func(name, text string) {
		first, _, _ := strings.Cut(text, "\n")
		seen[name][strings.TrimSpace(first)]++
	}
	for _, a := range c.square.Accepted() {
		count("mastodon", a.Text)
	}
	for _, m := range c.telegram.Accepted() {
		count("telegram", m.Text)
	}
	for _, r := range c.pds.Posts(c.t, c.account.DID) {
		var post struct{ Text string }
		if err := json.Unmarshal(r.Value, &post); err != nil {
			c.t.Fatal(err)
		}
		count("bluesky", post.Text)
	}
	return seen
}
