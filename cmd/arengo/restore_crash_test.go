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

// changing are the calls by which a restore changes the disk: it is killed in each
// of them, or, when there are many, in as many as the test has time for.
const changing = "pwrite64,fsync,fdatasync,renameat,mkdirat,ftruncate"

// A real "arengo restore" is killed at many moments. What it leaves, as the kernel
// has it and as a power cut would leave it, is an installation without anybody, into
// which it can be repeated, or the whole town, frozen. The server then sends nothing
// of what the backup saw waiting.
func TestKilledRestoreLeavesNothingOrAFrozenTown(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts the program many times; run it without -short")
	}
	if _, err := exec.LookPath("strace"); err != nil {
		testkit.Missing(t, "strace", "install strace")
	}
	kills := 8
	if n, err := strconv.Atoi(os.Getenv("ARENGO_TEST_CRASHES")); err == nil {
		kills = max(kills, n/3)
	}
	r := newRestoring(t)
	most := r.once(0)
	if most < 10 || r.ended["frozen"] != 2 {
		t.Fatalf("a restore changes the disk %d times and ends %v: the test has lost its subject", most, r.ended)
	}
	moments := []int{most, most - 1, most - 2}
	for k := range kills - len(moments) {
		moments = append(moments, 1+k*most/(kills-len(moments)))
	}
	for _, at := range moments {
		r.once(at)
	}
	t.Logf("%d changes; ended %v", most, r.ended)
	if r.ended["empty"] == 0 {
		t.Error("no restore was killed before its end: the test has lost its subject")
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

// once restores into a new folder, killed in the at-th change of the disk (0: not at
// all), and returns how many changes there were at most in one thread.
func (r *restoring) once(at int) (changes int) {
	t := r.t
	base := t.TempDir()
	data := filepath.Join(base, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	disk := newCutDisk(t, data)
	log := filepath.Join(base, "calls")
	args := []string{"-f", "-y", "-xx", "-s", "4194304", "-o", log, "-e", "trace=" + tracedCalls}
	if at > 0 {
		args = append(args, "-e", "inject="+changing+":signal=KILL:when="+strconv.Itoa(at))
	}
	cmd := exec.Command("strace", append(args, r.binary, "restore", r.backup)...)
	cmd.Env = append(r.env, "ARENGO_DATA="+data, "GOMAXPROCS=1")
	out, err := cmd.CombinedOutput()
	if at == 0 && err != nil {
		t.Fatalf("restore: %v\n%s", err, out)
	}
	disk.replay(log)
	cut := filepath.Join(base, "cut")
	disk.cut(cut, nil)
	r.judgeRestored(cut, "")
	r.judgeRestored(data, "")
	return busiest(t, log)
}

// busiest counts the changing calls of the thread that made most.
func busiest(t *testing.T, log string) (most int) {
	text, err := os.ReadFile(log)
	if err != nil {
		t.Fatal(err)
	}
	calls := map[string]int{}
	for line := range bytes.Lines(text) {
		thread, call, _ := strings.Cut(string(line[:min(len(line), 60)]), " ")
		name, _, _ := strings.Cut(strings.TrimSpace(call), "(")
		if strings.Contains(","+changing+",", ","+name+",") {
			calls[thread]++
			most = max(most, calls[thread])
		}
	}
	return most
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
