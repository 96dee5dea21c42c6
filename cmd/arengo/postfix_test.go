package main

import (
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// recipe is what a guide tells an administrator to write: the setting, and the line
// of the alias file.
func recipe(t *testing.T, guide string) (setting, alias string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../../docs", guide))
	if err != nil {
		t.Fatal(err)
	}
	s := regexp.MustCompile(`(?m)^bounces = "([^"]+)"$`).FindStringSubmatch(string(text))
	a := regexp.MustCompile(`(?m)^\w+: "\|[^"]+ bounce [^"]+"$`).FindString(string(text))
	if s == nil || a == "" {
		t.Fatalf("%s has no recipe", guide)
	}
	if !strings.Contains(string(text), "RuntimeDirectory="+filepath.Base(filepath.Dir(s[1]))+"\n") {
		t.Errorf("%s: the unit makes no folder for %s", guide, s[1])
	}
	return s[1], a
}

// The recipe of the guides, with a real mail server that runs the command as its own
// user: a letter to an address that nobody has is sent, comes back and is counted; a
// report that comes while the server is down is kept and counted later.
func TestLettersComeBackThroughPostfix(t *testing.T) {
	socketInGuide, alias := recipe(t, "en/administrator.md")
	if s, a := recipe(t, "it/amministratore.md"); s != socketInGuide || a[strings.Index(a, ":"):] != alias[strings.Index(alias, ":"):] {
		t.Fatalf("the guides differ: %s and %s", alias, a)
	}
	// The place of things is the machine's own; all else is as it is written.
	open, err := os.MkdirTemp("", "arengo-bounce")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(open) })
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	binary, socket := filepath.Join(open, "arengo"), filepath.Join(open, "bounces")
	line := strings.NewReplacer("/usr/local/bin/arengo", binary, socketInGuide, socket).Replace(alias)
	if strings.Count(line, open) != 2 {
		t.Fatalf("the recipe is %s", line)
	}
	mta := testkit.Postfix(t, line+"\n")
	address := alias[:strings.Index(alias, ":")] + "@town.example"

	data := filepath.Join(t.TempDir(), "data")
	c := &crash{t: t, data: data, channels: map[string]string{}, hosts: map[string]string{}}
	c.build()
	program, err := os.ReadFile(c.binary)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(binary, program, 0o755); err != nil {
		t.Fatal(err)
	}
	c.env = append(os.Environ(), "ARENGO_DATA="+data, "ARENGO_ALLOW_PRIVATE=127.0.0.0/8", "ARENGO_LOG_LEVEL=warn", "ARENGO_BASE_URL=http://localhost:8080",
		"ARENGO_SMTP_HOST=127.0.0.1", fmt.Sprint("ARENGO_SMTP_PORT=", mta.Port), "ARENGO_SMTP_TLS=none", "ARENGO_SMTP_FROM="+address, "ARENGO_SMTP_BOUNCES="+socket)
	c.found()
	c.nodes = []*node{{listen: freePort(t)}}
	c.start(0)
	asNobody(t, binary, data, socket)

	lost, kept := db.NewID(), db.NewID()
	c.call(http.MethodPost, "/channels", map[string]any{"profile_id": c.profile, "platform": "email", "typed": map[string]string{}}, nil)
	c.change(func(tx *db.Tx) error {
		for id, email := range map[string]string{lost: "anna@nobody.example", kept: "bruno@reader.example"} {
			if _, err := tx.Exec(t.Context(), `
				INSERT INTO subscriber (institution_id, id, email, locale, cadence, state, confirmed_at, changed_at)
				SELECT id, $1, $2, 'it', 'immediate', 'active', 1, 1 FROM institution`, id, email); err != nil {
				return err
			}
		}
		return nil
	})
	var m struct{ ID string }
	c.call(http.MethodPost, "/messages", map[string]any{"profile_id": c.profile, "title": "Avviso", "body": "Testo."}, &m)
	c.call(http.MethodPost, "/messages/"+m.ID+"/submit", map[string]any{}, nil)
	c.call(http.MethodPost, "/messages/"+m.ID+"/publish", map[string]any{}, nil)
	state := func(id string) (subscriber, letter, issue string) {
		c.beside(func(d *db.DB) error {
			return d.Read(t.Context(), func(tx *db.Tx) error {
				return tx.QueryRow(t.Context(), `
					SELECT s.state, coalesce(r.state, ''), coalesce(r.issue_id, '') FROM subscriber s
					LEFT JOIN recipient r ON r.institution_id = s.institution_id AND r.subscriber_id = s.id WHERE s.id = $1`, id).Scan(&subscriber, &letter, &issue)
			})
		})
		return subscriber, letter, issue
	}
	c.await("the letter that came back", 2*time.Minute, func() bool { s, l, _ := state(lost); return s == "stopped" && l == "refused" })
	if s, l, _ := state(kept); s != "active" || l != "sent" {
		t.Errorf("the letter that arrived: %s, %s", s, l)
	}

	// A report comes while the server is down: the mail server keeps it.
	if err := c.nodes[0].cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	c.nodes[0].cmd.Wait()
	_, _, issue := state(kept)
	mta.Deliver(t, "", address, "From: MAILER-DAEMON@reader.example\nSubject: Undelivered\nMIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"+
		"--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.reader.example\n\nFinal-Recipient: rfc822; bruno@reader.example\nAction: failed\nStatus: 5.1.1\n\n"+
		"--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <"+kept+"."+issue+"@localhost>\n\n--b--\n")
	c.await("a report that is kept", time.Minute, func() bool { return strings.Contains(mta.Log(), "status=deferred") })
	if s, _, _ := state(kept); s != "active" {
		t.Fatalf("counted while nobody was there: %s", s)
	}
	c.start(0)
	c.await("the report that was kept", time.Minute, func() bool { s, _, _ := state(kept); return s == "stopped" })

	// A letter that is no report is taken and gone: nothing waits, nothing goes back.
	mta.Deliver(t, "", address, "From: anna@reader.example\nSubject: Sono in ferie\n\nTorno lunedi.\n")
	c.await("a letter that is no report", time.Minute, func() bool { return strings.Count(mta.Log(), "status=sent (delivered to command:") == 3 })
	if strings.Contains(mta.Log(), "status=bounced (Command died") || strings.Contains(mta.Log(), "Permission denied") {
		t.Error(mta.Log())
	}
}

// asNobody proves that the user as whom the mail server runs commands may not do what
// the earlier recipe wanted, and may do what this one wants.
func asNobody(t *testing.T, binary, data, socket string) {
	t.Helper()
	u, err := user.Lookup("nobody")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	for want, args := range map[int][]string{
		exitLater: {"bounce", "--data", data},
		exitDone:  {"bounce", "--socket", socket},
	} {
		cmd := exec.Command(binary, args...)
		cmd.Dir, cmd.Env, cmd.Stdin = "/", []string{"LANG=C"}, strings.NewReader("Subject: no report\n\nx\n")
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != want {
			t.Errorf("%v ends with %d, want %d: %s", args, got, want, out)
		}
	}
}
