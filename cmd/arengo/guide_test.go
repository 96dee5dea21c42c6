package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/testkit"
)

const guidePhrase = "molto lunga e solo per la prova"

func guides() []string { return []string{"it/amministratore.md", "en/administrator.md"} }

// example is the only block of a kind (the word after the fence) in a guide that
// holds a text.
func example(t *testing.T, guide, kind, holds string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", guide))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, m := range regexp.MustCompile("(?ms)^```"+kind+"\n(.*?)^```$").FindAllStringSubmatch(string(text), -1) {
		if strings.Contains(m[1], holds) {
			found = append(found, m[1])
		}
	}
	if len(found) != 1 {
		t.Fatalf("%s has %d examples of %s with %q, want 1", guide, len(found), kind, holds)
	}
	return found[0]
}

// put replaces what belongs to the machine of the guide; each must stand there once.
func put(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for i := 0; i < len(pairs); i += 2 {
		if strings.Count(text, pairs[i]) != 1 {
			t.Fatalf("%q stands %d times in\n%s", pairs[i], strings.Count(text, pairs[i]), text)
		}
		text = strings.Replace(text, pairs[i], pairs[i+1], 1)
	}
	return text
}

// proxied is an Arengo with the configuration of a guide, behind a proxy of the guide.
type proxied struct {
	*crash
	host          string
	plain, secure string // addresses of the proxy: http, https
	roots         *x509.CertPool
}

func TestProxiesOfTheGuideServeAsTheyShould(t *testing.T) {
	for _, guide := range guides() {
		for name, start := range map[string]func(*proxied, string){"nginx": (*proxied).nginx, "caddy": (*proxied).caddy} {
			t.Run(guide+"/"+name, func(t *testing.T) {
				p := &proxied{crash: &crash{t: t, channels: map[string]string{}, hosts: map[string]string{}}, plain: freePort(t), secure: freePort(t), roots: x509.NewCertPool()}
				lookFor(t, name)
				p.town(guide)
				start(p, guide)
				p.pages()
				p.uploads()
				p.stream()
				p.networks()
			})
		}
	}
}

// lookFor ends the test when a program of the machine is missing.
func lookFor(t *testing.T, name string) string {
	t.Helper()
	for _, path := range []string{name, "/usr/sbin/" + name} {
		if found, err := exec.LookPath(path); err == nil {
			return found
		}
	}
	testkit.Missing(t, name, "scripts/ensure.sh nginx caddy systemd trace")
	return ""
}

// town starts Arengo with the guide's arengo.toml; the folder and the port are the test's own.
func (p *proxied) town(guide string) {
	t := p.t
	p.data = filepath.Join(t.TempDir(), "data")
	settings, _, ok := strings.Cut(example(t, guide, "toml", "trusted_proxies"), "[smtp]")
	if !ok {
		t.Fatal("the guide's configuration has no mail server")
	}
	file := filepath.Join(t.TempDir(), "arengo.toml")
	if err := os.WriteFile(file, []byte(put(t, settings, "/var/lib/arengo", p.data)), 0o600); err != nil {
		t.Fatal(err)
	}
	base := regexp.MustCompile(`(?m)^base_url = "https://(.*)"$`).FindStringSubmatch(settings)
	if base == nil {
		t.Fatal("the guide's address is not https")
	}
	p.host = base[1]
	p.env = append(os.Environ(), "ARENGO_LOG_LEVEL=warn")
	p.build()
	p.extra = []string{"--config", file}
	p.found()
	cmd := exec.Command(p.binary, "user", "create", "--config", file, "--email", "ada@comune.example", "--name", "Ada", "--role", "administrator")
	cmd.Env, cmd.Stdin = p.env, strings.NewReader(guidePhrase+"\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("user create: %v\n%s", err, out)
	}
	p.nodes = []*node{{listen: freePort(t)}}
	p.start(0)
}

// certificate writes what Let's Encrypt would have: a chain and its key.
func (p *proxied) certificate() (chain, key string) {
	t := p.t
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{p.host}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	chain, key = filepath.Join(dir, "fullchain.pem"), filepath.Join(dir, "privkey.pem")
	for path, block := range map[string]*pem.Block{chain: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: pkcs8}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p.roots.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return chain, key
}

// nginx runs the guide's servers within the least frame that nginx wants.
func (p *proxied) nginx(guide string) {
	t := p.t
	chain, key := p.certificate()
	servers := put(t, example(t, guide, "nginx", "proxy_pass"),
		"listen 80;", "listen "+p.plain+";",
		"listen 443 ssl", "listen "+p.secure+" ssl",
		"/etc/letsencrypt/live/"+p.host+"/fullchain.pem", chain,
		"/etc/letsencrypt/live/"+p.host+"/privkey.pem", key,
		"http://127.0.0.1:8080", "http://"+p.nodes[0].listen)
	// Not t.TempDir: as root, its workers are another user's, who must be able to write here.
	dir, err := os.MkdirTemp("", "arengo-nginx")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	frame := fmt.Sprintf("daemon off;\npid %[1]s/pid;\nerror_log stderr warn;\nevents {}\nhttp {\naccess_log off;\nclient_body_temp_path %[1]s/body;\nproxy_temp_path %[1]s/proxy;\n"+
		"fastcgi_temp_path %[1]s/f;\nuwsgi_temp_path %[1]s/u;\nscgi_temp_path %[1]s/s;\n%[2]s}\n", dir, servers)
	p.run(lookFor(t, "nginx"), frame, "-p", dir, "-c")
}

// caddy runs the guide's site; ports, and who signs the certificate, are the test's.
func (p *proxied) caddy(guide string) {
	t := p.t
	store := t.TempDir()
	_, plain, _ := net.SplitHostPort(p.plain)
	_, secure, _ := net.SplitHostPort(p.secure)
	frame := fmt.Sprintf("{\n\tadmin off\n\tlocal_certs\n\tskip_install_trust\n\thttp_port %s\n\thttps_port %s\n\tstorage file_system %s\n\tdefault_bind 127.0.0.1\n}\n\n",
		plain, secure, store)
	p.run(lookFor(t, "caddy"), frame+put(t, example(t, guide, "caddy", "reverse_proxy"), "127.0.0.1:8080", p.nodes[0].listen), "run", "--adapter", "caddyfile", "--config")
	root := filepath.Join(store, "pki/authorities/local/root.crt")
	p.await("caddy's certificate", 30*time.Second, func() bool {
		text, err := os.ReadFile(root)
		return err == nil && p.roots.AppendCertsFromPEM(text)
	})
	p.await("caddy's certificate for the site", 30*time.Second, func() bool { // it is made after the root's
		c, err := tls.Dial("tcp", p.secure, &tls.Config{RootCAs: p.roots, ServerName: p.host})
		if err == nil {
			c.Close()
		}
		return err == nil
	})
}

// run starts a proxy with a configuration, whose path is its last argument, and
// waits until both ports answer.
func (p *proxied) run(program, config string, args ...string) {
	t := p.t
	path := filepath.Join(t.TempDir(), "proxy.conf")
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, append(args, path)...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { cmd.Wait(); close(ended) }()
	t.Cleanup(func() {
		cmd.Process.Signal(os.Interrupt)
		<-ended
		if t.Failed() {
			t.Logf("%s said\n%s", program, said.String())
		}
	})
	for _, address := range []string{p.plain, p.secure} {
		p.await(program+" on "+address, 30*time.Second, func() bool {
			select {
			case <-ended:
				t.Fatalf("%s ended\n%s", program, said.String())
			default:
			}
			c, err := net.Dial("tcp", address)
			if err == nil {
				c.Close()
			}
			return err == nil
		})
	}
}

// client is a browser at an address of the loopback network: to the proxy, another
// machine. Every name leads to the proxy.
func (p *proxied) client(from string) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return &http.Client{
		Jar: jar, Timeout: 2 * time.Minute,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			ForceAttemptHTTP2: true,
			TLSClientConfig:   &tls.Config{RootCAs: p.roots},
			DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
				to := p.secure
				if strings.HasSuffix(address, ":80") {
					to = p.plain
				}
				return (&net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}).DialContext(ctx, network, to)
			},
		},
	}
}

// answer sends a request and reads what comes back.
func (p *proxied) answer(c *http.Client, r *http.Request) (*http.Response, string) {
	p.t.Helper()
	a, err := c.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer a.Body.Close()
	text, err := io.ReadAll(a.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return a, string(text)
}

func (p *proxied) request(method, address string, body io.Reader) *http.Request {
	p.t.Helper()
	r, err := http.NewRequest(method, address, body)
	if err != nil {
		p.t.Fatal(err)
	}
	return r
}

// pages finds the site under its https address, and nowhere else.
func (p *proxied) pages() {
	c := p.client("127.0.0.1")
	a, _ := p.answer(c, p.request("GET", "http://"+p.host+"/argomenti?x=1", nil))
	if to := a.Header.Get("Location"); a.StatusCode/100 != 3 || to != "https://"+p.host+"/argomenti?x=1" {
		p.t.Errorf("http answers %d and leads to %q", a.StatusCode, to)
	}
	a, text := p.answer(c, p.request("GET", "https://"+p.host+"/", nil))
	if a.StatusCode != 200 || a.ProtoMajor != 2 || !strings.Contains(text, "Comune di Cesate") {
		p.t.Errorf("the first page: %d, HTTP/%d", a.StatusCode, a.ProtoMajor)
	}
	if !strings.Contains(text, `href="https://`+p.host+`/`) || strings.Contains(text, "127.0.0.1") {
		p.t.Errorf("the first page does not name its public address:\n%.3000s", text)
	}
}

func (p *proxied) upload(size int64) (*http.Response, string) {
	r := p.request("POST", "https://"+p.host+"/api/v1/media?name=bando.pdf", io.MultiReader(strings.NewReader("%PDF-1.4\n"), io.LimitReader(zeros{}, size), strings.NewReader("\n%%EOF\n")))
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", "application/octet-stream")
	return p.answer(p.client("127.0.0.1"), r)
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// uploads come through up to the limit of Arengo, which also says the refusal.
func (p *proxied) uploads() {
	a, text := p.upload(20 << 20)
	if a.StatusCode != http.StatusCreated {
		p.t.Errorf("an upload of 20 MB: %d %.300s", a.StatusCode, text)
	}
	if a, text = p.upload(201 << 20); a.StatusCode != http.StatusRequestEntityTooLarge || !json.Valid([]byte(text)) {
		p.t.Errorf("an upload of 201 MB: %d %.300s", a.StatusCode, text)
	}
}

// stream reads an event as soon as it happens, while the stream stays open.
func (p *proxied) stream() {
	c := p.client("127.0.0.1")
	p.signIn(c, guidePhrase, http.StatusSeeOther)
	for _, k := range c.Jar.Cookies(&url.URL{Scheme: "http", Host: p.host, Path: "/redazione"}) {
		p.t.Errorf("the cookie %s goes over http too", k.Name)
	}
	ctx, cancel := context.WithTimeout(p.t.Context(), 15*time.Second)
	defer cancel()
	a, err := c.Do(p.request("GET", "https://"+p.host+"/redazione/eventi-vivi", nil).WithContext(ctx))
	if err != nil {
		p.t.Fatal(err)
	}
	defer a.Body.Close()
	lines := bufio.NewScanner(a.Body)
	if !lines.Scan() || lines.Text() != ": open" {
		p.t.Fatalf("the stream begins with %q, %v (%d)", lines.Text(), lines.Err(), a.StatusCode)
	}
	p.call(http.MethodPost, "/messages", map[string]any{"profile_id": p.profile, "title": "Avviso", "body": "Testo."}, nil)
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event: message") {
			return
		}
	}
	p.t.Errorf("no event came: %v", lines.Err())
}

func (p *proxied) signIn(c *http.Client, password string, want int) {
	p.t.Helper()
	r := p.request("POST", "https://"+p.host+"/accesso", strings.NewReader(url.Values{"email": {"ada@comune.example"}, "password": {password}}.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("203.0.113.%d", time.Now().UnixNano()%250)) // a lie, another each time
	if a, text := p.answer(c, r); a.StatusCode != want {
		p.t.Errorf("signing in: %d, want %d: %.200s", a.StatusCode, want, text)
	}
}

// networks tells one client from another, whatever they say of themselves: whoever
// guesses is stopped at the eighth attempt, and nobody else is.
func (p *proxied) networks() {
	for range 8 {
		p.signIn(p.client("127.0.0.2"), "sbagliata e lunga abbastanza", http.StatusUnprocessableEntity)
	}
	p.signIn(p.client("127.0.0.2"), guidePhrase, http.StatusUnprocessableEntity) // the right one comes too late
	p.signIn(p.client("127.0.0.3"), guidePhrase, http.StatusSeeOther)
}

// unit is the unit of a guide with the program, and the user, of this machine.
func unit(t *testing.T, guide, binary string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "arengo.service")
	text := put(t, example(t, guide, "ini", "ExecStart"), "/usr/local/bin/arengo", binary, "User=arengo", "User=root")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestUnitOfTheGuideIsUnderstoodAndCloses(t *testing.T) {
	analyze := lookFor(t, "systemd-analyze")
	c := &crash{t: t}
	c.build()
	first := example(t, guides()[0], "ini", "ExecStart")
	for _, guide := range guides() {
		if example(t, guide, "ini", "ExecStart") != first {
			t.Errorf("the guides differ in the unit")
		}
		for _, line := range []string{"TimeoutStopSec=10", "StateDirectory=arengo", "StateDirectoryMode=0700", "UMask=0077"} {
			if !strings.Contains(first, "\n"+line+"\n") {
				t.Errorf("the unit has no %s", line)
			}
		}
		path := unit(t, guide, c.binary)
		// A word that systemd does not know is only a warning.
		if out, err := exec.Command(analyze, "verify", "--man=no", path).CombinedOutput(); err != nil || strings.Contains(string(out), path) {
			t.Errorf("verify: %v\n%s", err, out)
		}
		if out, err := exec.Command(analyze, "security", "--offline=yes", "--no-pager", "--threshold=25", path).CombinedOutput(); err != nil {
			t.Errorf("security: %v\n%s", err, out)
		}
	}
}

// The server makes no system call that the unit forbids, from its start over a page
// and an upload to its end.
func TestUnitAllowsEverySystemCallOfTheServer(t *testing.T) {
	analyze, strace := lookFor(t, "systemd-analyze"), lookFor(t, "strace")
	allowed := map[string]bool{}
	var read func(group string)
	read = func(group string) {
		out, err := exec.Command(analyze, "syscall-filter", "--no-pager", group).Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			switch name := strings.TrimSpace(line); {
			case strings.HasPrefix(name, "@") && name != group:
				read(name)
			default:
				allowed[name] = true
			}
		}
	}
	read(regexp.MustCompile(`(?m)^SystemCallFilter=(@\S+)$`).FindStringSubmatch(example(t, guides()[0], "ini", "ExecStart"))[1])
	p := &proxied{crash: &crash{t: t, channels: map[string]string{}, hosts: map[string]string{}}}
	p.town(guides()[0])
	p.stop()
	list := filepath.Join(t.TempDir(), "calls")
	tracer := exec.Command(strace, append([]string{"-f", "-qq", "-c", "-o", list, p.binary, "serve", "--listen", p.nodes[0].listen}, p.extra...)...)
	tracer.Env = p.env
	tracer.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := tracer.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(-tracer.Process.Pid, syscall.SIGKILL) })
	p.await("a server", time.Minute, func() bool {
		r, err := http.Get("http://" + p.nodes[0].listen + "/")
		if err == nil {
			r.Body.Close()
		}
		return err == nil
	})
	r := p.request("POST", "http://"+p.nodes[0].listen+"/api/v1/media?name=bando.pdf", strings.NewReader("%PDF-1.4\n%%EOF\n"))
	r.Host = p.host
	r.Header.Set("Authorization", "Bearer "+p.token)
	r.Header.Set("Content-Type", "application/octet-stream")
	if a, text := p.answer(http.DefaultClient, r); a.StatusCode != http.StatusCreated {
		t.Fatalf("upload: %d %s", a.StatusCode, text)
	}
	if err := syscall.Kill(-tracer.Process.Pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	tracer.Wait()
	text, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		if len(words) < 5 || words[0][0] < '0' || words[0][0] > '9' || words[len(words)-1] == "total" {
			continue
		}
		if n++; !allowed[words[len(words)-1]] {
			t.Errorf("the unit forbids %s", words[len(words)-1])
		}
	}
	if n < 20 {
		t.Errorf("only %d system calls were seen:\n%s", n, text)
	}
}
