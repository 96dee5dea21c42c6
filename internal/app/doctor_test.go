package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/secret"
)

// patient is an installation that a test makes ill.
type patient struct {
	t *testing.T
	c config.Config
	e Examination
}

func newPatient(t *testing.T, more ...string) *patient {
	t.Helper()
	args := append([]string{"--data", t.TempDir(), "--base-url", "https://comune.example", "--trusted-proxies", "127.0.0.1"}, more...)
	c, err := config.Load(args, func(string) string { return "" })
	if err != nil {
		t.Fatal(err)
	}
	a, err := Open(t.Context(), c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	return &patient{t, c, Examination{Now: time.Now(), Reach: func(context.Context, string) error { return nil },
		TXT: func(context.Context, string) ([]string, error) { return nil, &net.DNSError{IsNotFound: true} }}}
}

// copy is another machine in the same state.
func (p *patient) copy(t *testing.T) *patient {
	t.Helper()
	other := &patient{t, p.c, p.e}
	other.c.Data = t.TempDir()
	other.c.MasterKey = filepath.Join(other.c.Data, "secret.key")
	if err := os.CopyFS(other.c.Data, os.DirFS(p.c.Data)); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{other.c.MasterKey, address(other.c)} {
		if err := os.Chmod(file, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return other
}

// sql changes the database behind the program's back.
func (p *patient) sql(q string, args ...any) {
	p.t.Helper()
	d, err := db.Open(p.t.Context(), address(p.c))
	if err != nil {
		p.t.Fatal(err)
	}
	defer d.Close()
	if err := d.InTx(p.t.Context(), func(tx *db.Tx) error { _, err := tx.Exec(p.t.Context(), q, args...); return err }); err != nil {
		p.t.Fatal(err)
	}
}

// town founds an institution with an entry in its audit log.
func (p *patient) town() (i institution.Institution) {
	p.t.Helper()
	d, err := UpToDateDB(p.t.Context(), p.c)
	if err != nil {
		p.t.Fatal(err)
	}
	defer d.Close()
	err = d.InTx(p.t.Context(), func(tx *db.Tx) (err error) {
		if i, err = institution.Create(p.t.Context(), tx, institution.Institution{Name: "Cesate"}, p.e.Now); err != nil {
			return err
		}
		return audit.Record(p.t.Context(), tx, i.ID, "a", "b", nil, p.e.Now)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return i
}

// smtp is a mail server that answers each command with the answer for it, or 250.
func smtp(t *testing.T, answers map[string]string) (host, port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				fmt.Fprint(c, "220 posta\r\n")
				body := false
				for s := bufio.NewScanner(c); s.Scan(); {
					verb, _, _ := strings.Cut(strings.ToUpper(s.Text()), " ")
					switch {
					case body && s.Text() != ".":
						continue
					case answers[verb] != "":
						fmt.Fprint(c, answers[verb]+"\r\n")
					case verb == "DATA":
						body = true
						fmt.Fprint(c, "354 go\r\n")
					default:
						body = false
						fmt.Fprint(c, "250 ok\r\n")
					}
				}
			}()
		}
	}()
	host, port, _ = net.SplitHostPort(l.Addr().String())
	return host, port
}

func withMail(p *patient, host, port string) {
	p.c.SMTP.Host, p.c.SMTP.TLS, p.c.SMTP.From = host, "none", "notizie@comune.example"
	p.c.SMTP.Port, _ = strconv.Atoi(port)
}

// illnesses are machines on which a check fails: check.code → what makes it so.
var illnesses = map[string]func(p *patient){
	"data.failed": func(p *patient) { p.c.Data = filepath.Join(p.c.MasterKey, "x") },
	"permissions.open": func(p *patient) {
		os.Chmod(p.c.Data, 0o755)
		os.Chmod(filepath.Dir(p.c.Data), 0o755)
		os.Chmod(address(p.c), 0o644)
		os.Chmod(p.c.MasterKey, 0o644)
	},
	"key.failed":   func(p *patient) { os.Remove(p.c.MasterKey); secret.Load(p.c.MasterKey) }, // another key
	"key.rotating": func(p *patient) { r, _ := secret.OpenRing(p.c.MasterKey); r.Begin() },
	"key.kept":     func(p *patient) { RotateKey(p.t.Context(), p.c, later()) },
	"database.failed": func(p *patient) {
		os.WriteFile(address(p.c), []byte("no database at all, but a text that is long enough"), 0o600)
	},
	"address.no_https": func(p *patient) { p.c.BaseURL = "http://comune.example" },
	"address.unreachable": func(p *patient) {
		p.e.Reach = func(context.Context, string) error { return &net.DNSError{IsNotFound: true, Name: "comune.example"} }
	},
	"proxies.none":  func(p *patient) { p.c.TrustedProxies = nil },
	"mail.folder":   func(p *patient) {},
	"mail.failed":   func(p *patient) { withMail(p, "127.0.0.1", "1") },
	"letter.folder": func(p *patient) { p.e.Letter = "anna@comune.example" },
	"letter.address": func(p *patient) {
		h, port := smtp(p.t, nil)
		withMail(p, h, port)
		p.e.Letter = "anna"
	},
	"letter.refused": func(p *patient) {
		h, port := smtp(p.t, map[string]string{"RCPT": "550 5.1.1 no such person"})
		withMail(p, h, port)
		p.e.Letter = "anna@comune.example"
	},
	"dkim.failed": func(p *patient) { p.c.SMTP.DKIMKey = "/nowhere" },
	"spf.missing": func(p *patient) { withMail(p, "127.0.0.1", "1") },
	"spf.dns": func(p *patient) {
		withMail(p, "127.0.0.1", "1")
		p.e.TXT = func(context.Context, string) ([]string, error) { return nil, errors.New("no DNS here") }
	},
	"dmarc.missing": func(p *patient) { withMail(p, "127.0.0.1", "1") },
	"dkim_dns.missing": func(p *patient) {
		withMail(p, "127.0.0.1", "1")
		p.c.SMTP.DKIMKey, p.c.SMTP.DKIMDomain, p.c.SMTP.DKIMSelector = "/nowhere", "comune.example", "a"
	},
	"bounces.untried": func(p *patient) { withMail(p, "127.0.0.1", "1") },
	"bounces.no_user": func(p *patient) { withMail(p, "127.0.0.1", "1"); p.e.BounceUser = "nobody-of-this-name" },
	"bounces.refused": func(p *patient) {
		withMail(p, "127.0.0.1", "1")
		p.e.BounceUser, p.e.Self = "root", "/bin/false"
	},
	"settings.alone":          func(p *patient) { p.c.SMTP.User = "anna" },
	"settings.other_database": func(p *patient) { p.c.Database = "postgres://a@127.0.0.1:1/x" },
	"settings.other_media":    func(p *patient) { p.c.S3.Bucket, p.c.S3.Endpoint = "b", "127.0.0.1:1" },
	"scheduler.never":         func(p *patient) {},
	"scheduler.silent": func(p *patient) {
		p.sql(`INSERT INTO heartbeat (name, at) VALUES ('tick', $1)`, db.At(p.e.Now.Add(-time.Hour)))
	},
	"given_up.lost": func(p *patient) {
		p.sql(`INSERT INTO given_up (kind, reason, times, first_at, last_at) VALUES ('app.letter', 'from: mail.address', 3, $1, $1)`, db.At(p.e.Now))
	},
	"audit_head.none":  func(p *patient) {},
	"audit_head.never": func(p *patient) { p.c.Audit.Log = true },
	"audit_head.silent": func(p *patient) {
		p.c.Audit.Log = true
		p.sql(`INSERT INTO heartbeat (name, at) VALUES ('audit.head', 1)`)
	},
	"media.missing": func(p *patient) {
		i := p.town()
		p.sql(`INSERT INTO profile (institution_id, id, slug, name, avatar_hash, created_at) VALUES ($1, 'p', 'p', 'P', $2, 1)`, i.ID, strings.Repeat("ab", 32))
	},
	"backup.never":            func(p *patient) {},
	"backup.old":              func(p *patient) { p.sql(`INSERT INTO heartbeat (name, at) VALUES ('backup', 1)`) },
	"institutions.none":       func(p *patient) {},
	"legal.privacy_url":       func(p *patient) { p.town() },
	"legal.accessibility_url": func(p *patient) { p.town() },
	"legal.legal_url":         func(p *patient) { p.town() },
	"legal.email":             func(p *patient) { p.town() },
	"people.no_administrator": func(p *patient) { p.town() },
	"audit.content":           func(p *patient) { p.town(); p.sql(`UPDATE audit SET subject = 'c'`) },
	"audit.order":             func(p *patient) { p.town(); p.sql(`UPDATE audit SET seq = 2`) },
	"audit.seal":              func(p *patient) { p.town(); p.sql(`UPDATE audit SET mac = 'x.y'`) },
	"audit.unsealed":          func(p *patient) { p.town(); p.sql(`UPDATE audit SET mac = ''`) },
	"channel.down": func(p *patient) {
		i := p.town()
		p.sql(`INSERT INTO profile (institution_id, id, slug, name, created_at) VALUES ($1, 'p', 'p', 'P', 1)`, i.ID)
		p.sql(`INSERT INTO channel (institution_id, id, profile_id, platform, name, state, created_at) VALUES ($1, 'c', 'p', 'mastodon', 'Mastodon', 'failing', 1)`, i.ID)
	},
}

// unshown are what no test machine can have, with how it is held instead.
var unshown = map[string]string{
	"space.failed": "statfs of a folder that was just written to", "space.full": "TestRoomIsJudged", "space.little": "TestRoomIsJudged",
	"permissions.failed": "stat that fails otherwise than by absence", "permissions.owner": "needs a second user", "permissions.secret": "TestPasswordInAFileThatAllReadIsFound",
	"statistics.old": "TestStatisticsAreMissed", "clock.no_ntp": "the kernel's", "clock.disk": "a disk elsewhere", "clock.server": "a server elsewhere", "clock.failed": "a query that fails in between",
	"letter.failed": "the catalogue is damaged", "letter.unknown": "held by package mail", "dmarc.dns": "as spf.dns", "dkim_dns.dns": "as spf.dns",
	"bounces.not_root": "needs a second user", "bounces.failed": "the program's own path is unknown",
	"scheduler.failed": "a query fails in between", "given_up.failed": "a query fails in between", "audit_head.failed": "a query fails in between", "media.failed": "a store that fails",
	"backup.failed": "a query fails in between", "institutions.failed": "a query fails in between", "deliveries.troubled": "held by package publishing (Troubles)",
}

func TestDoctorFindsEachIllness(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	well := newPatient(t)
	for want, ill := range illnesses {
		t.Run(want, func(t *testing.T) {
			p := well.copy(t)
			ill(p)
			all := Doctor(t.Context(), p.c, p.e)
			if !slices.ContainsFunc(all, func(f Finding) bool { return f.Check+"."+f.Code == want && f.State != Well }) {
				t.Errorf("not found among %+v", all)
			}
			for _, lang := range i18n.Languages() {
				for _, f := range all {
					said := texts.For(lang, time.UTC).T("doctor."+f.Check+"."+f.Code, f.Args...)
					if f.Code != "" && (strings.Contains(said, "{") || strings.Contains(said, "doctor.") || strings.Contains(said, "%!")) {
						t.Errorf("%s: %q", lang, said)
					}
				}
			}
		})
	}
}

// Every finding in the program has its text, what to do about it, and a machine on
// which it is found.
func TestEveryFindingHasItsTextAndItsMachine(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("doctor*.go")
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	coded := regexp.MustCompile(`x\.(?:bad|note)\("(\w+)", .*?, "(\w+)"[,)]`)
	failed := regexp.MustCompile(`x\.failed\("(\w+)"`)
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		found := coded.FindAllStringSubmatch(string(text), -1)
		for _, m := range failed.FindAllStringSubmatch(string(text), -1) {
			found = append(found, []string{"", m[1], "failed"})
		}
		for _, m := range found {
			n++
			key := m[1] + "." + m[2]
			if !texts.Has("doctor."+key) || !texts.Has("doctor."+key+".do") || !texts.Has("doctor."+m[1]) {
				t.Errorf("%s: %s has no text, or does not say what to do", file, key)
			}
			if illnesses[key] == nil && unshown[key] == "" {
				t.Errorf("%s: no test machine has %s", file, key)
			}
		}
	}
	if n < 40 {
		t.Fatalf("%d findings: the test has lost its subject", n)
	}
}

func TestHealthyInstallationIsWell(t *testing.T) {
	p := newPatient(t)
	host, port := smtp(t, nil)
	withMail(p, host, port)
	p.e.Letter, p.e.BounceUser, p.e.Self = "anna@comune.example", "root", "/bin/true"
	p.e.TXT = func(_ context.Context, name string) ([]string, error) {
		return []string{map[bool]string{true: "v=DMARC1; p=none", false: "v=spf1 mx -all"}[strings.HasPrefix(name, "_dmarc.")]}, nil
	}
	i := p.town()
	p.sql(`INSERT INTO person (id, email, name, created_at) VALUES ('a', 'a@comune.example', 'A', 1)`)
	p.sql(`INSERT INTO membership (institution_id, person_id, role, created_at) VALUES ($1, 'a', 'administrator', 1)`, i.ID)
	p.sql(`INSERT INTO heartbeat (name, at) VALUES ('tick', $1)`, db.At(p.e.Now))
	sent := false
	for _, f := range Doctor(t.Context(), p.c, p.e) {
		if f.State == Bad && !(f.Check == "space") {
			t.Errorf("a healthy installation: %+v", f)
		}
		sent = sent || f.Check == "letter" && f.Code == "sent"
	}
	if !sent {
		t.Error("no test letter was sent")
	}
}

func TestRoomIsJudged(t *testing.T) {
	for free, want := range map[uint64]State{10 << 20: Bad, 1 << 30: Note, 10 << 30: Well} {
		x := &doctor{}
		if x.room(free); x.all[0].State != want {
			t.Errorf("%d MB free is %s, want %s", free>>20, x.all[0].State, want)
		}
	}
}

func TestStatisticsAreMissed(t *testing.T) {
	p := newPatient(t)
	d, err := UpToDateDB(t.Context(), p.c)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	err = d.Read(t.Context(), func(tx *db.Tx) error {
		small, err := sqliteStale(t.Context(), tx, manyRows)
		large, err2 := sqliteStale(t.Context(), tx, 0)
		if small || !large {
			t.Errorf("a small database %v, a large one without statistics %v", small, large)
		}
		return errors.Join(err, err2)
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestPasswordInAFileThatAllReadIsFound(t *testing.T) {
	dir := t.TempDir()
	for d := dir; d != "/tmp" && d != "/"; d = filepath.Dir(d) {
		os.Chmod(d, 0o755)
	}
	file := filepath.Join(dir, "arengo.toml")
	for text, want := range map[string]bool{"metrics_token = \"segreto\"": true, "zone = \"Europe/Rome\"": false, "database = \"postgres://a:segreto@127.0.0.1:1/x\"": true} {
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		c, err := config.Load([]string{"--config", file, "--data", dir}, func(string) string { return "" })
		if err != nil {
			t.Fatal(err)
		}
		x := &doctor{c: c}
		if x.configFile(); (x.all[0].State == Bad) != want {
			t.Errorf("%s in a file that all may read: %+v", text, x.all)
		}
	}
}
