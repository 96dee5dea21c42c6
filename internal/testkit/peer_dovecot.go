package testkit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// DovecotPeer is a real IMAP server on the loopback. Any user may sign in with
// Password; a box is made at the first sign-in, with the folders INBOX and Sent.
type DovecotPeer struct {
	Host         string // a name of the loopback that its certificate is for
	Port         int    // IMAP under TLS
	StartTLSPort int
	Password     string
	Roots        *x509.CertPool

	dir      string
	uid, gid int
	letters  *int
}

// Dovecot starts a server of the test's own; it ends with the test.
func Dovecot(t testing.TB) DovecotPeer {
	t.Helper()
	program, err := exec.LookPath("dovecot")
	if err != nil {
		if program = "/usr/sbin/dovecot"; exec.Command(program, "--version").Run() != nil {
			Missing(t, "dovecot", "apt install dovecot-imapd")
		}
	}
	// Not t.TempDir: its path may be too long for a socket, and closed to the users
	// that dovecot runs as when it is started by root.
	dir, err := os.MkdirTemp("", "dovecot")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	ports := freePorts(t, 2)
	d := DovecotPeer{Host: "localhost", Port: ports[0], StartTLSPort: ports[1], Password: "segreta", Roots: x509.NewCertPool(), dir: dir,
		uid: os.Getuid(), gid: os.Getgid(), letters: new(int)}
	internal, login := whoami(t), whoami(t)
	if d.uid == 0 {
		// As root it keeps no mail: the users of its own package do.
		internal, login = "dovecot", "dovenull"
		u, err := user.Lookup("dovecot")
		if err != nil {
			t.Fatal(err)
		}
		d.uid, _ = strconv.Atoi(u.Uid)
		d.gid, _ = strconv.Atoi(u.Gid)
	}
	d.certify(t)
	if err := os.Mkdir(filepath.Join(dir, "home"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	d.own(t, filepath.Join(dir, "home"))
	conf := fmt.Sprintf(`base_dir = %[1]s/run
state_dir = %[1]s/state
log_path = %[1]s/log
protocols = imap
listen = 127.0.0.1
default_internal_user = %[2]s
default_login_user = %[3]s
default_internal_group = %[8]s
first_valid_uid = 1
ssl = required
ssl_cert = <%[1]s/cert.pem
ssl_key = <%[1]s/key.pem
ssl_dh =
disable_plaintext_auth = yes
mail_location = maildir:%[1]s/home/%%u
passdb {
  driver = static
  args = password=segreta
}
userdb {
  driver = static
  args = uid=%[4]d gid=%[5]d home=%[1]s/home/%%u
}
namespace inbox {
  inbox = yes
  separator = /
  mailbox Sent {
    special_use = \Sent
    auto = create
  }
}
service imap-login {
  chroot =
  inet_listener imap {
    port = %[6]d
  }
  inet_listener imaps {
    port = %[7]d
    ssl = yes
  }
}
service anvil {
  chroot =
}
`, dir, internal, login, d.uid, d.gid, d.StartTLSPort, d.Port, groupOf(t, internal))
	path := filepath.Join(dir, "dovecot.conf")
	if err := os.WriteFile(path, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	d.run(t, program, path)
	return d
}

// run starts the server and waits until it listens.
func (d DovecotPeer) run(t testing.TB, program, conf string) {
	t.Helper()
	cmd := exec.Command(program, "-F", "-c", conf)
	var said strings.Builder
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	t.Cleanup(func() { cmd.Process.Signal(os.Interrupt); <-ended })
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(peerTimeout)
	for {
		select {
		case err := <-ended:
			ended <- err
			text, _ := os.ReadFile(filepath.Join(d.dir, "log"))
			t.Fatalf("dovecot ended: %v\n%s%s", err, said.String(), text)
		case <-deadline:
			t.Fatal("dovecot does not listen")
		case <-tick.C:
			if c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", d.Port)); err == nil {
				c.Close()
				return
			}
		}
	}
}

// freePorts are different ports that nobody listens on.
func freePorts(t testing.TB, n int) (ports []int) {
	t.Helper()
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports
}

func whoami(t testing.TB) string {
	t.Helper()
	u, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return u.Username
}

func groupOf(t testing.TB, name string) string {
	t.Helper()
	u, err := user.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	g, err := user.LookupGroupId(u.Gid)
	if err != nil {
		t.Fatal(err)
	}
	return g.Name
}

// certify makes the server's certificate.
func (d DovecotPeer) certify(t testing.TB) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	of := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: d.Host}, DNSNames: []string{d.Host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, of, of, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	d.Roots.AppendCertsFromPEM(public)
	for name, text := range map[string][]byte{"cert.pem": public, "key.pem": pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(filepath.Join(d.dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (d DovecotPeer) own(t testing.TB, path string) {
	t.Helper()
	if os.Getuid() == 0 {
		if err := os.Chown(path, d.uid, d.gid); err != nil {
			t.Fatal(err)
		}
	}
}

// Deliver puts a letter into somebody's INBOX, as a mail server does. A user whose
// box does not exist yet gets one.
func (d DovecotPeer) Deliver(t testing.TB, user string, letter []byte) {
	t.Helper()
	box := filepath.Join(d.dir, "home", user)
	for _, part := range []string{"", "cur", "new", "tmp"} {
		if err := os.MkdirAll(filepath.Join(box, part), 0o700); err != nil {
			t.Fatal(err)
		}
		d.own(t, filepath.Join(box, part))
	}
	*d.letters++
	path := filepath.Join(box, "new", fmt.Sprintf("%d.M%06dP1.test", time.Now().Unix(), *d.letters))
	if err := os.WriteFile(path, letter, 0o600); err != nil {
		t.Fatal(err)
	}
	d.own(t, path)
}

// Renumber makes the server give new numbers to the letters of an INBOX, as after a
// restored backup.
func (d DovecotPeer) Renumber(t testing.TB, user string) {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(d.dir, "home", user, "dovecot*"))
	if err != nil || len(found) == 0 {
		t.Fatalf("%s has no numbers, %v", user, err)
	}
	for _, path := range found {
		if err := os.RemoveAll(path); err != nil {
			t.Fatal(err)
		}
	}
	// Dovecot takes the time in seconds: another one than a moment ago.
	list := filepath.Join(d.dir, "home", user, "dovecot-uidlist")
	if err := os.WriteFile(list, fmt.Appendf(nil, "3 V%d N1\n", time.Now().Unix()+1000), 0o600); err != nil {
		t.Fatal(err)
	}
	d.own(t, list)
}

// SentFolder lists the files of somebody's Sent folder: their names end with the
// flags of Maildir, D for a draft.
func (d DovecotPeer) SentFolder(t testing.TB, user string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(d.dir, "home", user, ".Sent", "cur", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return found
}
