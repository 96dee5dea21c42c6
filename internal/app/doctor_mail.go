package app

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"strings"
	"syscall"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/hostname"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/mail"
)

// patience is how long something outside may take to answer.
const doctorPatience = 10 * time.Second

// address looks at the public address: https, leads here, and behind a proxy that
// is trusted.
func (x *doctor) address(ctx context.Context) {
	shown := hostname.Readable(x.c.BaseURL)
	name := x.base.Hostname()
	if x.base.Scheme != "https" && !local(name) {
		x.bad("address", shown, "no_https")
	} else {
		ctx, cancel := context.WithTimeout(ctx, doctorPatience)
		defer cancel()
		if err := x.Reach(ctx, x.c.BaseURL+"/healthz"); err != nil {
			x.bad("address", shown, "unreachable", inWords(err))
		} else {
			x.well("address", shown)
		}
	}
	host, _, err := net.SplitHostPort(x.c.Listen)
	ip, ipErr := netip.ParseAddr(host)
	behind := err == nil && (host == "localhost" || ipErr == nil && (ip.IsLoopback() || ip.IsPrivate()))
	if x.base.Scheme == "https" && behind && len(x.c.TrustedProxies) == 0 {
		x.bad("proxies", x.c.Listen, "none")
		return
	}
	x.well("proxies", strings.Join(x.c.TrustedProxies, ", "))
}

func reach(ctx context.Context, address string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}

// mail looks at the way of letters, from the signing key to what the DNS tells
// receivers, and sends a real one when asked to.
func (x *doctor) mail(ctx context.Context) {
	c := x.c.SMTP
	if c.DKIMKey != "" {
		if _, err := loadSigner(c); err != nil {
			x.failed("dkim", c.DKIMKey, err)
		} else {
			x.well("dkim", c.DKIMKey)
		}
	}
	if c.Host == "" {
		if !x.c.Demo {
			x.bad("mail", "", "folder", x.c.Data+"/outbox")
		}
		if x.Letter != "" {
			x.bad("letter", x.Letter, "folder", x.c.Data+"/outbox")
		}
		return
	}
	x.names(ctx)
	about := net.JoinHostPort(c.Host, strconv.Itoa(c.Port))
	s, err := sender(x.c)
	if err != nil {
		x.failed("mail", about, err)
		return
	}
	if closer, ok := s.(interface{ Close() error }); ok {
		defer closer.Close()
	}
	checker, ok := s.(interface{ Check(context.Context) error })
	if !ok {
		x.bad("mail", about, "failed", "no check")
		return
	}
	asking, cancel := context.WithTimeout(ctx, 2*doctorPatience)
	defer cancel()
	if err := checker.Check(asking); err != nil {
		x.failed("mail", about, err)
	} else {
		x.well("mail", about)
		x.letter(ctx, s)
	}
}

// letter sends a real letter, and says what became of it.
func (x *doctor) letter(ctx context.Context, s mail.Sender) {
	if x.Letter == "" {
		return
	}
	to, err := mail.NormalAddress("letter", x.Letter)
	if err != nil {
		x.bad("letter", x.Letter, "address")
		return
	}
	bundle, err := i18n.Load()
	if err != nil {
		x.failed("letter", to, err)
		return
	}
	p := bundle.For(x.c.Locale, time.UTC)
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	shown := hostname.Readable(x.c.BaseURL)
	r := s.Send(ctx, mail.Letter{From: mail.Address{Addr: x.c.SMTP.From}, To: mail.Address{Addr: to},
		Subject: p.T("doctor.letter.subject", shown), Text: p.T("doctor.letter.text", shown), Language: p.Lang(),
		MessageID: "doctor." + db.NewID() + "@" + x.base.Hostname(), Date: x.Now})
	switch r.Outcome {
	case mail.Sent:
		x.add(Finding{"letter", to, Well, "sent", nil})
	case mail.Unknown:
		x.bad("letter", to, "unknown")
	default:
		why := any(strings.TrimSpace(fmt.Sprint(r.Code, " ", r.Text)))
		if r.Code == 0 {
			why = inWords(r.Err)
		}
		x.bad("letter", to, "refused", why)
	}
}

// names asks the DNS what receivers will ask it: SPF, DKIM, DMARC.
func (x *doctor) names(ctx context.Context) {
	_, domain, _ := strings.Cut(x.c.SMTP.From, "@")
	for _, ask := range []struct{ check, name, begins string }{
		{"spf", domain, "v=spf1"},
		{"dmarc", "_dmarc." + domain, "v=DMARC1"},
		{"dkim_dns", x.c.SMTP.DKIMSelector + "._domainkey." + x.c.SMTP.DKIMDomain, "p="},
	} {
		if ask.check == "dkim_dns" && x.c.SMTP.DKIMKey == "" {
			continue
		}
		asking, cancel := context.WithTimeout(ctx, doctorPatience)
		texts, err := x.TXT(asking, ask.name)
		cancel()
		found := false
		for _, t := range texts {
			found = found || strings.HasPrefix(t, ask.begins) || ask.check == "dkim_dns" && strings.Contains(t, ask.begins)
		}
		var dns *net.DNSError
		switch {
		case found:
			x.well(ask.check, hostname.Readable(ask.name))
		case err != nil && !(errors.As(err, &dns) && dns.IsNotFound):
			x.add(Finding{ask.check, hostname.Readable(ask.name), Unknown, "dns", []any{inWords(err)}})
		default:
			x.bad(ask.check, hostname.Readable(ask.name), "missing")
		}
	}
}

// bounces tries the way of letters that come back: a mail server runs the pipe as
// a user of its own, who may not read the configuration or the database. With
// smtp.bounces the running server takes the letters from anybody on the machine.
func (x *doctor) bounces(ctx context.Context) {
	if x.c.SMTP.Host == "" {
		return
	}
	if x.BounceUser == "" {
		x.note("bounces", "", "untried")
		return
	}
	u, err := user.Lookup(x.BounceUser)
	if err != nil {
		x.bad("bounces", x.BounceUser, "no_user")
		return
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	if os.Getuid() != 0 && u.Uid != strconv.Itoa(os.Getuid()) {
		x.add(Finding{"bounces", x.BounceUser, Unknown, "not_root", nil})
		return
	}
	self := x.Self
	if self == "" {
		if self, err = os.Executable(); err != nil {
			x.failed("bounces", x.BounceUser, err)
			return
		}
	}
	args := []string{"bounce", "--socket", x.c.SMTP.Bounces}
	if x.c.SMTP.Bounces == "" {
		args = []string{"bounce", "--data", x.c.Data}
		if x.c.File != "" {
			args = append(args, "--config", x.c.File)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, doctorPatience)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Dir = "/"
	cmd.Stdin = strings.NewReader("Subject: doctor\r\n\r\nno report\r\n")
	var said bytes.Buffer
	cmd.Stderr = &said
	if os.Getuid() == 0 {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	}
	if err := cmd.Run(); err != nil {
		why := strings.TrimSpace(said.String())
		if why == "" {
			why = fmt.Sprint(inWords(err))
		}
		x.bad("bounces", x.BounceUser, "refused", why)
		return
	}
	x.well("bounces", x.BounceUser)
}
