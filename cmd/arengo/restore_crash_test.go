package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// A real "arengo restore" is followed call by call. After every sync, and now and
// then between, the folder is what a kill would leave there, with all that was
// written, and what a power cut would, with what was synced. Each is an
// installation without anybody, into which a restore can be repeated, or the whole
// town, frozen. A few times it is really killed. The server then sends nothing of
// what the backup saw waiting.
func TestKilledRestoreLeavesNothingOrAFrozenTown(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program many times; run it without -short")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		testkit.Missing(t, "strace", "install strace")
	}
	each, kills := 200, 2 // of the changes that sync nothing every so many
	if n, err := strconv.Atoi(os.Getenv("ARENGO_TEST_CRASHES")); err == nil {
		each, kills = 5, n/10
	}
	r := newRestoring(t)
	whole := r.follow(each)
	for k := range kills {
		data := filepath.Join(t.TempDir(), "data")
		r.restore(data, "", func(p *os.Process) {
			<-time.After(whole * time.Duration(k+1) / time.Duration(kills+1))
			p.Kill()
		})
		r.judgeRestored(data, "")
	}
	t.Logf("ended %v", r.ended)
	if r.ended["empty"] < 5 || r.ended["frozen"] < 2 {
		t.Error("the test has lost its subject")
	}
	r.serve()
}

func TestKilledRestoreIntoPostgresLeavesNothingOrAFrozenTown(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program many times; run it without -short")
	}
	r := newRestoring(t)
	r.database = testkit.Address(t, db.Postgres)
	began := time.Now()
	r.restore(r.data, r.database, nil)
	whole := time.Since(began)
	for k := range 6 {
		where := testkit.Address(t, db.Postgres)
		data := filepath.Join(t.TempDir(), "data")
		r.restore(data, where, func(p *os.Process) {
			<-time.After(whole * time.Duration(k+1) / 7)
			p.Kill()
		})
		r.judgeRestored(data, where)
	}
	t.Logf("ended %v", r.ended)
}

// restoring is a town whose backup is restored again and again.
type restoring struct {
	*powercut
	backup string
	ended  map[string]int
}

func newRestoring(t *testing.T) *restoring {
	p := &powercut{crash: &crash{t: t, rng: rand.New(rand.NewPCG(1, 2)), data: filepath.Join(t.TempDir(), "town"), channels: map[string]string{}, hosts: map[string]string{}}, acked: map[string]*acknowledged{}}
	r := &restoring{powercut: p, backup: filepath.Join(t.TempDir(), "copy.zip"), ended: map[string]int{}}
	p.build()
	p.peer()
	p.found()
	p.connectSquare()
	// The square answers nothing, so that deliveries wait when the backup is made.
	p.gates[0].Arm(channeltest.Rule{When: func(r *http.Request) bool { return r.Method != http.MethodGet }, Do: channeltest.ServerError})
	p.start(0)
	for n := range 4 {
		message := map[string]any{"profile_id": p.profile, "title": fmt.Sprintf("Avviso %d", n), "body": "Testo"}
		id, _ := p.photograph(p.nodes[0].listen)
		message["media"] = []map[string]string{{"media_id": id, "alt": "Una piazza"}}
		var made struct{ ID string }
		p.call(http.MethodPost, "/messages", message, &made)
		p.call(http.MethodPost, "/messages/"+made.ID+"/submit", map[string]any{}, nil)
		p.call(http.MethodPost, "/messages/"+made.ID+"/publish", map[string]any{}, nil)
	}
	p.stop()
	p.arengo("backup", r.backup)
	p.gates[0].Clear()
	return r
}

// follow restores into a new folder, and judges what was there at each moment. It
// returns how long a restore takes, without being watched.
func (r *restoring) follow(each int) time.Duration {
	t := r.t
	base := t.TempDir()
	data := filepath.Join(base, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	disk := newCutDisk(t, data)
	log := filepath.Join(base, "calls")
	cmd := exec.Command("strace", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "4194304", "-o", log, "-e", "trace="+tracedCalls, r.binary, "restore", r.backup)
	cmd.Env = append(r.env, "ARENGO_DATA="+data)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	calls, moments := 0, 0
	disk.look = func(synced string) {
		calls++
		if database := strings.Contains(filepath.Base(synced), "arengo.db"); !database && calls%each != 0 {
			return
		}
		moments++
		for name, keep := range map[string]func() bool{"killed": func() bool { return true }, "cut": nil} {
			dir := filepath.Join(base, fmt.Sprint(name, moments))
			disk.cut(dir, keep)
			institutions, frozen := r.look(dir, "")
			switch {
			case institutions != frozen:
				t.Errorf("%s after %d calls: %d institutions, %d of them frozen", name, calls, institutions, frozen)
			case institutions > 0:
				r.ended["frozen"]++
			case moments%4 == 0:
				r.judgeRestored(dir, "")
			default:
				r.ended["empty"]++
			}
			if err := os.RemoveAll(dir); err != nil {
				t.Fatal(err)
			}
		}
	}
	disk.replay(log)
	began := time.Now()
	again := filepath.Join(base, "again")
	if out, err := r.restore(again, "", nil); err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	took := time.Since(began)
	r.judgeRestored(data, "")
	return took
}

// restore runs the program; kill may end it.
func (r *restoring) restore(data, database string, kill func(*os.Process)) (out string, err error) {
	cmd := exec.Command(r.binary, "restore", r.backup)
	cmd.Env = append(r.env, "ARENGO_DATA="+data, "ARENGO_DATABASE="+database)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	if kill != nil {
		kill(cmd.Process)
	}
	err = cmd.Wait()
	return said.String(), err
}

// judgeRestored looks at what a restore left, and repeats it where nothing is there.
func (r *restoring) judgeRestored(data, database string) {
	t := r.t
	t.Helper()
	if institutions, frozen := r.look(data, database); institutions > 0 {
		if frozen != institutions {
			t.Errorf("%d institutions, %d of them frozen", institutions, frozen)
		}
		r.ended["frozen"]++
		return
	}
	r.ended["empty"]++
	if out, err := r.restore(data, database, nil); err != nil {
		t.Errorf("a restore that was killed cannot be repeated: %v\n%s", err, out)
		return
	}
	if institutions, frozen := r.look(data, database); institutions != 1 || frozen != 1 {
		t.Errorf("repeated: %d institutions, %d frozen", institutions, frozen)
	}
}

func (r *restoring) look(data, database string) (institutions, frozen int) {
	t := r.t
	t.Helper()
	where := database
	if where == "" {
		where = filepath.Join(data, "arengo.db")
		if _, err := os.Stat(where); errors.Is(err, fs.ErrNotExist) {
			return 0, 0
		}
	}
	d, err := db.Open(t.Context(), where)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	if done, err := d.Applied(t.Context()); err != nil {
		t.Fatal(err)
	} else if len(done) == 0 {
		return 0, 0
	}
	err = d.Read(t.Context(), func(tx *db.Tx) error {
		if err := tx.QueryRow(t.Context(), `SELECT count(*) FROM institution`).Scan(&institutions); err != nil || institutions == 0 {
			return err
		}
		if err := tx.QueryRow(t.Context(), `SELECT count(*) FROM freeze_period WHERE lifted_at = 0 AND allowed = '[]'`).Scan(&frozen); err != nil {
			return err
		}
		var waiting, messages int
		if err := tx.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM delivery WHERE state = 'waiting'), (SELECT count(*) FROM message)`).Scan(&waiting, &messages); err != nil {
			return err
		}
		if waiting > 0 || messages != 4 {
			t.Errorf("restored: %d deliveries wait without being asked about, %d of 4 messages", waiting, messages)
		}
		hashes, err := db.All(t.Context(), tx, db.Col[string], `SELECT hash FROM media UNION SELECT hash FROM rendition`)
		for _, h := range hashes {
			if _, err := os.Stat(filepath.Join(data, "media", h[:2], h[2:4], h)); err != nil {
				t.Errorf("a row names media that is not there: %v", err)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return institutions, frozen
}

// serve starts the server on a restored folder: nothing leaves it.
func (r *restoring) serve() {
	key, err := os.ReadFile(filepath.Join(r.data, "secret.key"))
	if err != nil {
		r.t.Fatal(err)
	}
	data := filepath.Join(r.t.TempDir(), "data")
	if out, err := r.restore(data, "", nil); err != nil {
		r.t.Fatalf("%v\n%s", err, out)
	}
	if err := os.WriteFile(filepath.Join(data, "secret.key"), key, 0o600); err != nil {
		r.t.Fatal(err)
	}
	before := len(r.server.Accepted())
	r.env = append(r.env, "ARENGO_DATA="+data)
	r.start(0)
	r.data = data
	// Every delivery is asked about, and ends waiting behind the freeze.
	r.await("the deliveries to be asked about", time.Minute, func() bool {
		open := -1
		r.query(func(tx *db.Tx) error {
			return tx.QueryRow(r.t.Context(), `SELECT count(*) FROM delivery WHERE channel_id = '`+r.channels["mastodon"]+`' AND NOT (state = 'waiting' AND error_code = 'frozen')`).Scan(&open)
		})
		return open == 0
	})
	if n := len(r.server.Accepted()); n != before {
		r.t.Errorf("a frozen town published %d messages", n-before)
	}
	r.stop()
}
