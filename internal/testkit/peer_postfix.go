package testkit

import (
	"fmt"
	"net"
	"net/smtp"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// PostfixPeer is a real mail server on the loopback, with a configuration, a queue and
// a log of its own. It receives for town.example; letters to nobody.example come back
// as undeliverable, those to reader.example arrive nowhere and count as delivered.
type PostfixPeer struct {
	Port int
	dir  string
}

// Postfix starts a server whose aliases are the lines of an alias file. It can be
// started by root only: each of its parts runs as another user.
func Postfix(t testing.TB, aliases string) PostfixPeer {
	t.Helper()
	program, err := exec.LookPath("postfix")
	if err != nil {
		if program = "/usr/sbin/postfix"; !exists(program) {
			Missing(t, "postfix", "apt install postfix")
		}
	}
	if os.Getuid() != 0 {
		Missing(t, "root", "postfix starts as root only: run the tests as root")
	}
	u, err := user.Lookup("postfix")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	dir, err := os.MkdirTemp("", "postfix") // t.TempDir is closed to other users
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	p := PostfixPeer{Port: freePorts(t, 1)[0], dir: dir}
	for _, path := range []string{"", "etc", "spool", "data"} {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(filepath.Join(dir, "data"), uid, -1); err != nil {
		t.Fatal(err)
	}
	p.write(t, "etc/main.cf", fmt.Sprintf(`compatibility_level = 3.6
queue_directory = %[1]s/spool
data_directory = %[1]s/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = %[1]s/log
maillog_file_prefixes = %[1]s
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = mx.town.example
mydestination = town.example
mynetworks = 127.0.0.0/8
alias_database = ${default_database_type}:%[1]s/etc/aliases
alias_maps = $alias_database
smtpd_relay_restrictions = permit_mynetworks, reject
smtpd_reject_unlisted_recipient = no
transport_maps = inline:{ {nobody.example = error:5.1.1 nobody has this address}, {reader.example = discard:} }
queue_run_delay = 2s
minimal_backoff_time = 2s
maximal_backoff_time = 2s
`, dir))
	p.write(t, "etc/master.cf", fmt.Sprintf(`127.0.0.1:%d inet n - n - - smtpd
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
smtp unix - - n - - smtp
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
local unix - n n - - local
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
tlsmgr unix - - n 1000? 1 tlsmgr
`, p.Port))
	p.write(t, "etc/aliases", aliases)
	p.run(t, "/usr/sbin/postalias", "-c", filepath.Join(dir, "etc"), filepath.Join(dir, "etc/aliases"))
	p.run(t, program, "-c", filepath.Join(dir, "etc"), "start")
	t.Cleanup(func() {
		exec.Command(program, "-c", filepath.Join(dir, "etc"), "stop").Run()
		if t.Failed() {
			t.Log(p.Log())
		}
	})
	deadline := time.Now().Add(peerTimeout)
	for {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.Port))
		if err == nil {
			c.Close()
			return p
		}
		if time.Now().After(deadline) {
			t.Fatalf("postfix does not listen\n%s", p.Log())
		}
		<-time.After(50 * time.Millisecond)
	}
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

func (p PostfixPeer) write(t testing.TB, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func (p PostfixPeer) run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s\n%s", name, strings.Join(args, " "), err, out, p.Log())
	}
}

// Log is what the server has said so far.
func (p PostfixPeer) Log() string {
	text, _ := os.ReadFile(filepath.Join(p.dir, "log"))
	return string(text)
}

// Dir is a folder that every user of the machine may enter; it goes with the server.
func (p PostfixPeer) Dir() string { return p.dir }

// Deliver hands over a letter, as another mail server does; from "" is the sender of
// reports.
func (p PostfixPeer) Deliver(t testing.TB, from, to, letter string) {
	t.Helper()
	c, err := smtp.Dial(fmt.Sprintf("127.0.0.1:%d", p.Port))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.Mail(from); err != nil {
		t.Fatal(err)
	}
	if err := c.Rcpt(to); err != nil {
		t.Fatal(err)
	}
	w, err := c.Data()
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprint(w, strings.ReplaceAll(letter, "\n", "\r\n"))
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
}
