package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/audit"
	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/publishing"
)

// Finding is one thing that was looked at, and what to do when it is wrong.
type Finding struct {
	What   string
	Err    error
	Advice string
}

// Findings looks at what an administrator is responsible for.
func Findings(ctx context.Context, c config.Config, d *db.DB, now time.Time) (all []Finding) {
	add := func(what string, err error, advice string) { all = append(all, Finding{what, err, advice}) }
	add("data folder "+c.Data, writable(c.Data), "The server's user must own it, and the disk must have room.")
	base, err := url.Parse(c.BaseURL)
	if err == nil && base.Scheme != "https" && !local(base.Hostname()) {
		err = errors.New("it is not https: passwords and sessions would travel in the open")
	}
	add("base URL "+c.BaseURL, err, "Put a reverse proxy with a certificate in front and set base_url to the https address.")
	if c.SMTP.Host == "" && !c.Demo {
		add("mail", errors.New("no mail server is set: letters stay in the folder "+filepath.Join(c.Data, "outbox")), "Set smtp.host and the other smtp settings.")
	}
	var institutions []institution.Institution
	err = d.Read(ctx, func(tx *db.Tx) (err error) {
		if institutions, err = institution.All(ctx, tx); err != nil {
			return err
		}
		if len(institutions) == 0 {
			return errors.New("there is none yet")
		}
		return nil
	})
	add("institutions", err, "Create one: arengo institution create --name \"Comune di …\"")
	for _, i := range institutions {
		all = append(all, findingsOf(ctx, d, i, now)...)
	}
	return all
}

func findingsOf(ctx context.Context, d *db.DB, i institution.Institution, now time.Time) (all []Finding) {
	_ = d.Read(ctx, func(tx *db.Tx) error {
		n, broken, err := audit.Verify(ctx, tx, i.ID)
		if err == nil && broken > 0 {
			err = fmt.Errorf("entry %d does not fit the one before it", broken)
		}
		all = append(all, Finding{fmt.Sprintf("%s: audit log, %d entries", i.Slug, n), err, "Somebody changed the database by hand. Compare with a backup."})
		channels, err := channel.List(ctx, tx, i.ID)
		if err != nil {
			all = append(all, Finding{i.Slug + ": channels", err, ""})
		}
		for _, c := range channels {
			var err error
			if c.State != channel.Connected {
				err = fmt.Errorf("%s (%s) since %s", c.State, c.Code, c.FailingSince.Format("2006-01-02 15:04 UTC"))
			}
			all = append(all, Finding{fmt.Sprintf("%s: channel %s", i.Slug, c.Name), err, "Open /redazione/canali and connect it again, or wait if the platform is down."})
		}
		troubles, err := publishing.Troubles(ctx, tx, i.ID, now, 1000)
		if err == nil && len(troubles) > 0 {
			err = fmt.Errorf("%d are late, refused or unconfirmed", len(troubles))
		}
		all = append(all, Finding{i.Slug + ": deliveries", err, "Open /redazione/consegne."})
		return nil
	})
	return all
}

func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".doctor-")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

func local(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || ip != nil && ip.IsLoopback()
}
