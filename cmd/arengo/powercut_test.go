package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/png"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// The power is cut again and again while a real server takes messages and
// photographs and publishes them on a server that knows no idempotency key. Each
// time the data folder is made anew with what was synced (see cutDisk): every
// second time with nothing else, else with a random part of the rest. What the API
// had acknowledged must be there, and nothing is out twice.
//
// It is cut a third as often as ARENGO_TEST_CRASHES says, 4 times by default;
// ARENGO_TEST_SEED repeats the choices.
func TestPowerCutCrashLosesNothingAcknowledgedAndRepeatsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the server many times; run it without -short")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		testkit.Missing(t, "strace", "install strace")
	}
	cuts := 4
	if n, err := strconv.Atoi(os.Getenv("ARENGO_TEST_CRASHES")); err == nil {
		cuts = max(4, n/3)
	}
	seed := uint64(time.Now().UnixNano())
	if n, err := strconv.ParseUint(os.Getenv("ARENGO_TEST_SEED"), 10, 64); err == nil {
		seed = n
	}
	t.Logf("%d cuts, ARENGO_TEST_SEED=%d", cuts, seed)
	p := &powercut{crash: &crash{t: t, rng: rand.New(rand.NewPCG(seed, 2)), data: filepath.Join(t.TempDir(), "data"), channels: map[string]string{}, hosts: map[string]string{}}, acked: map[string]*acknowledged{}}
	p.build()
	p.peer()
	p.found()
	p.connectSquare()
	for n := range cuts {
		p.life(n)
		if t.Failed() {
			return
		}
	}
	p.end()
}

type powercut struct {
	*crash
	server *square.Square
	mu     sync.Mutex
	acked  map[string]*acknowledged // by title
	lives  int
}

// acknowledged is what the API has said of one message.
type acknowledged struct {
	id, media, hash   string
	body              string
	publishedIt, read bool
}

func (p *powercut) peer() {
	var err error
	if p.server, err = square.New(square.Options{GoToSocial: true}); err != nil {
		p.t.Fatal(err)
	}
	p.hosts["mastodon"] = p.troubled(p.server.Handler(), tooManyPlain)
	p.env = append(os.Environ(), "ARENGO_DATA="+p.data, "ARENGO_ALLOW_PRIVATE=127.0.0.0/8", "ARENGO_LEASE=3s", "ARENGO_LOG_LEVEL=warn", "ARENGO_BASE_URL=http://localhost:8080")
}

func (p *powercut) connectSquare() {
	token, err := p.server.AddAccount("comune", "Comune di Cesate")
	if err != nil {
		p.t.Fatal(err)
	}
	p.nodes = []*node{{listen: freePort(p.t)}}
	p.start(0)
	var made struct{ ID string }
	p.call(http.MethodPost, "/channels", map[string]any{"profile_id": p.profile, "platform": "mastodon", "typed": map[string]string{"server": p.hosts["mastodon"], "token": token}}, &made)
	p.channels["mastodon"] = made.ID
	p.stop()
	private(p.t, p.data) // the real server leaves nothing that others may read
}

// life runs the server until the power goes, and puts the folder where the disk
// would be.
func (p *powercut) life(n int) {
	t := p.t
	disk := newCutDisk(t, p.data)
	log := filepath.Join(t.TempDir(), "calls")
	listen := freePort(t)
	cmd := exec.Command("strace", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "4194304", "-o", log, "-e", "trace="+tracedCalls, p.binary, "serve", "--listen", listen)
	cmd.Env = p.env
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	child := func() int {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", cmd.Process.Pid))
		pid, _ := strconv.Atoi(strings.TrimSpace(string(text)))
		return pid
	}
	p.await("a traced server: "+said.String(), time.Minute, func() bool {
		r, err := http.Get("http://" + listen + "/healthz")
		if err == nil {
			r.Body.Close()
		}
		return err == nil && r.StatusCode == http.StatusOK
	})
	var work sync.WaitGroup
	gone := make(chan struct{})
	for w := range 3 {
		work.Go(func() { p.citizenOffice(listen, fmt.Sprintf("Avviso %d-%d", n, w), gone) })
	}
	<-time.After(time.Duration(300+p.rng.IntN(1500)) * time.Millisecond)
	victim, err := os.FindProcess(child())
	if err != nil || victim.Pid == 0 {
		t.Fatalf("no traced process: %v\n%s", err, said.String())
	}
	victim.Kill()
	cmd.Wait() // strace writes its last lines and ends
	close(gone)
	work.Wait()

	disk.replay(log)
	if disk.seen["pwrite64"] == 0 || disk.seen["sync of a file"] == 0 || disk.seen["sync of a folder"] == 0 {
		t.Fatalf("strace saw nothing: %s\n%s", disk, tail(said.Bytes(), 2000))
	}
	var chance func() bool
	if n%2 == 1 {
		chance = func() bool { return p.rng.IntN(2) == 0 }
	}
	look := filepath.Join(t.TempDir(), "look")
	disk.cut(look, nil)
	p.judgeDisk(look)
	if err := os.RemoveAll(p.data); err != nil {
		t.Fatal(err)
	}
	disk.cut(p.data, chance)
	if chance != nil {
		copied := filepath.Join(t.TempDir(), "copied")
		if err := os.CopyFS(copied, os.DirFS(p.data)); err != nil {
			t.Fatal(err)
		}
		p.judgeDisk(copied)
	}
	os.Remove(log)
	p.lives++
}

// citizenOffice writes and publishes messages with a photograph until the server
// is gone, and notes what was acknowledged.
func (p *powercut) citizenOffice(listen, name string, gone chan struct{}) {
	ask := func(method, path string, in, out any) bool {
		body, err := json.Marshal(in)
		if err != nil {
			p.t.Error(err)
			return false
		}
		status, answer, err := p.once(listen, method, path, db.NewID(), body)
		if err != nil {
			return false
		}
		if status >= 300 {
			p.t.Errorf("%s %s: %d %s", method, path, status, answer)
			return false
		}
		return out == nil || json.Unmarshal(answer, out) == nil
	}
	for i := 0; ; i++ {
		select {
		case <-gone:
			return
		case <-time.After(300 * time.Millisecond): // a fast disk would let it ask more than a program may
		}
		title := fmt.Sprintf("%s-%d", name, i)
		a := &acknowledged{body: "Testo di " + title}
		message := map[string]any{"profile_id": p.profile, "title": title, "body": a.body}
		if i%2 == 0 {
			if a.media, a.hash = p.photograph(listen); a.media == "" {
				return
			}
			message["media"] = []map[string]string{{"media_id": a.media, "alt": "Una piazza"}}
		}
		var made struct{ ID string }
		if !ask(http.MethodPost, "/messages", message, &made) {
			return
		}
		a.id = made.ID
		p.note(title, a)
		if !ask(http.MethodPost, "/messages/"+a.id+"/submit", map[string]any{}, nil) || !ask(http.MethodPost, "/messages/"+a.id+"/publish", map[string]any{}, nil) {
			return
		}
		p.mu.Lock()
		a.publishedIt = true
		p.mu.Unlock()
	}
}

func (p *powercut) note(title string, a *acknowledged) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acked[title] = a
}

// photograph uploads a picture that was never there before.
func (p *powercut) photograph(listen string) (id, hash string) {
	img := image.NewRGBA(image.Rect(0, 0, 24, 24))
	var noise [8]byte
	p.mu.Lock()
	binary.LittleEndian.PutUint64(noise[:], p.rng.Uint64())
	p.mu.Unlock()
	for i := range noise {
		img.Set(i, i, color.RGBA{noise[i], byte(crc32.ChecksumIEEE(noise[:])), 9, 255})
	}
	var file bytes.Buffer
	if err := png.Encode(&file, img); err != nil {
		p.t.Error(err)
		return "", ""
	}
	r, err := http.NewRequest(http.MethodPost, "http://"+listen+"/api/v1/media?name=piazza.png", &file)
	if err != nil {
		p.t.Error(err)
		return "", ""
	}
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", "application/octet-stream")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", ""
	}
	defer resp.Body.Close()
	var m struct{ ID, Hash string }
	if err := json.NewDecoder(resp.Body).Decode(&m); err != nil {
		return "", ""
	}
	if resp.StatusCode != http.StatusCreated || m.ID == "" {
		p.t.Errorf("upload: %d %+v", resp.StatusCode, m)
		return "", ""
	}
	return m.ID, m.Hash
}

// judgeDisk looks at a folder as the power cut left it.
func (p *powercut) judgeDisk(dir string) {
	t := p.t
	d, err := db.Open(t.Context(), filepath.Join(dir, "arengo.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = d.Read(t.Context(), func(tx *db.Tx) error {
		sound, err := db.All(t.Context(), tx, db.Col[string], `PRAGMA integrity_check`)
		if err != nil || len(sound) != 1 || sound[0] != "ok" {
			return fmt.Errorf("the database is damaged: %v %w", sound, err)
		}
		broken, err := tx.Query(t.Context(), `PRAGMA foreign_key_check`)
		if err != nil {
			return err
		}
		if broken.Next() {
			t.Error("rows refer to rows that are not there")
		}
		broken.Close()
		for title, a := range p.acked {
			var state, content string
			err := tx.QueryRow(t.Context(), `SELECT state, content FROM message WHERE id = $1`, a.id).Scan(&state, &content)
			switch {
			case errors.Is(err, db.ErrNone):
				t.Errorf("%s was acknowledged and is lost", title)
			case err != nil:
				return err
			case !strings.Contains(content, a.body) || a.media != "" && !strings.Contains(content, a.media):
				t.Errorf("%s: its content is %s", title, content)
			case a.publishedIt && state != "out":
				t.Errorf("%s: its publication was acknowledged, and it is %s", title, state)
			}
		}
		hashes, err := db.All(t.Context(), tx, db.Col[string], `SELECT hash FROM media UNION SELECT hash FROM rendition`)
		for _, h := range hashes {
			content, err := os.ReadFile(filepath.Join(dir, "media", h[:2], h[2:4], h))
			if sum := sha256.Sum256(content); err != nil || hex.EncodeToString(sum[:]) != h {
				t.Errorf("a row names media %s, which is lost: %v, %d bytes", h, err, len(content))
			}
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

// end lets all settle, and compares what is out with what the ledger says.
func (p *powercut) end() {
	t := p.t
	p.start(0)
	state := map[string]string{}
	p.await("all deliveries to settle", 4*time.Minute, func() bool {
		open := 0
		p.query(func(tx *db.Tx) error {
			_, err := db.All(t.Context(), tx, func(s db.Scanner) (x struct{}, err error) {
				var title, is string
				err = s.Scan(&title, &is)
				state[title] = is
				if is == "waiting" || is == "attempting" {
					open++
				}
				return x, err
			}, `SELECT m.title, d.state FROM delivery d JOIN message m ON m.institution_id = d.institution_id AND m.id = d.message_id WHERE d.channel_id = '`+p.channels["mastodon"]+`'`)
			return err
		})
		return open == 0
	})
	there := map[string]int{}
	for _, a := range p.server.Accepted() {
		title, _, _ := strings.Cut(a.Text, "\n")
		there[strings.TrimSpace(title)]++
	}
	published, ended := 0, map[string]int{}
	for title, a := range p.acked {
		ended[state[title]]++
		if a.publishedIt {
			published++
		}
		switch n := there[title]; {
		case n > 1:
			t.Errorf("%s is out %d times", title, n)
		case a.publishedIt && n == 0 && state[title] != "unconfirmed":
			t.Errorf("%s was to be published; the ledger says %q, and it is nowhere", title, state[title])
		case state[title] == "out" && n != 1:
			t.Errorf("%s: the ledger says out, the square has it %d times", title, n)
		}
	}
	for title := range there {
		if p.acked[title] == nil && there[title] > 1 {
			t.Errorf("%s is out %d times", title, there[title])
		}
	}
	if published < p.lives {
		t.Fatalf("only %d messages were published in %d lives: the test has lost its subject", published, p.lives)
	}
	t.Logf("%d messages acknowledged, %d published, %d posts; ended %v", len(p.acked), published, len(p.server.Accepted()), ended)
	if t.Failed() {
		p.explain()
	}
	p.stop()
}
