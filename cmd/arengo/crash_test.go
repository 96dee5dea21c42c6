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
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/channel/telegram/telegramtest"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// The crash harness: real server processes are killed with SIGKILL at random
// moments, and stand still for longer than a lease, while messages with variants go
// out to a real Bluesky PDS, a real SMTP sink, and fake Mastodon, GoToSocial and
// Telegram servers that delay, hold requests over a restart, lose answers and refuse,
// and while citizens ask and are answered. At the end each variant and each answer is
// out once, or visibly unconfirmed, or a task names the copy that is too much.
//
// ARENGO_TEST_CRASHES is how often something happens to a process (default 8): three
// times of four it is killed, else it stands still. ARENGO_TEST_SEED repeats a run.

// crashLease is the servers' lease. A held request is let go well within it, as
// servers do that are only slow.
const (
	crashLease  = 6 * time.Second
	longestHold = 2500 * time.Millisecond
)

func TestKilledServerSendsEachMessageOnce(t *testing.T) {
	crashRun(t, filepath.Join(t.TempDir(), "data"), "", 1)
}

func TestKilledNodeOfTwoSendsEachMessageOnce(t *testing.T) {
	crashRun(t, filepath.Join(t.TempDir(), "data"), testkit.Address(t, db.Postgres), 2)
}

// crash is one run of the harness.
type crash struct {
	t        *testing.T
	mu       sync.Mutex // of rng
	rng      *rand.Rand
	binary   string
	data     string
	database string
	env      []string
	extra    []string // last on each command line
	nodes    []*node
	token    string
	profile  string
	channels map[string]string // platform → channel id

	messages int

	square   *square.Square
	social   *square.Square // as GoToSocial is
	holding  atomic.Bool    // whether the squares hold requests
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
	events := 8
	if n, err := strconv.Atoi(os.Getenv("ARENGO_TEST_CRASHES")); err == nil {
		events = n
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("ARENGO_TEST_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("%d events, ARENGO_TEST_SEED=%d", events, seed)
	c := &crash{t: t, messages: min(24+events/2, 100), rng: rand.New(rand.NewPCG(seed, 1)), data: data, database: database, channels: map[string]string{}, hosts: map[string]string{}}
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
	c.storm(events)
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
	cmd := exec.Command(c.binary, append(args, c.extra...)...)
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
	n.cmd = exec.Command(c.binary, append([]string{"serve", "--listen", n.listen}, c.extra...)...)
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

// pause lets a process stand still until its leases have run out, as a virtual
// machine does that its host puts aside, and then go on as if nothing had been.
func (c *crash) pause(i int) {
	p := c.nodes[i].cmd.Process
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		c.t.Fatal(err)
	}
	<-time.After(crashLease + time.Duration(500+c.random(2500))*time.Millisecond)
	if err := p.Signal(syscall.SIGCONT); err != nil {
		c.t.Fatal(err)
	}
}

// random is a number below n; the peers ask for some at the same time.
func (c *crash) random(n int) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.rng.IntN(n)
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

// write makes the messages. Their texts hold what GoToSocial takes for formatting.
func (c *crash) write() (ids []string) {
	for i := range c.messages {
		var m struct{ ID string }
		c.call(http.MethodPost, "/messages", map[string]any{
			"profile_id": c.profile, "title": fmt.Sprintf("Avviso numero %d", i+1), "body": fmt.Sprintf("Perché è così: *nota* %d, `nome_del_file` e 5\\*3\\*2.", i+1), "tags": []string{"prova"},
		}, &m)
		ids = append(ids, m.ID)
	}
	return ids
}

// storm publishes the messages while processes are killed and stand still.
func (c *crash) storm(events int) {
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
	if len(ids) != c.messages {
		c.t.Fatalf("%d messages exist, want %d: an API call was lost or done twice", len(ids), c.messages)
	}
	var publishing sync.WaitGroup
	publishing.Go(func() { c.ask(time.Duration(events) * time.Second) })
	c.answerAll(&publishing)
	publishing.Go(func() {
		for _, id := range ids {
			c.call(http.MethodPost, "/messages/"+id+"/submit", map[string]any{}, nil)
			c.call(http.MethodPost, "/messages/"+id+"/publish", map[string]any{}, nil)
			// Spread over the whole storm, so that every event finds work in hand.
			<-time.After(time.Duration(events) * 1100 * time.Millisecond / time.Duration(c.messages))
		}
	})
	for n := range events {
		<-time.After(time.Duration(200+c.random(1800)) * time.Millisecond)
		i := c.random(len(c.nodes))
		if n%4 == 3 {
			c.pause(i)
			continue
		}
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
