package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// many is a flag that may be given several times.
type many []string

func (m *many) String() string     { return strings.Join(*m, ", ") }
func (m *many) Set(v string) error { *m = append(*m, v); return nil }

// create opens the database for "arengo NOUN create …", whose flags stand beside
// the installation's own.
func create(ctx context.Context, in input, noun string, declare func(*flag.FlagSet), do func(c config.Config, tx *db.Tx, now time.Time) error) error {
	if len(in.args) == 0 || in.args[0] != "create" {
		return errUsage{fmt.Errorf("arengo %s create …", noun)}
	}
	f := flag.NewFlagSet("arengo "+noun+" create", flag.ContinueOnError)
	declare(f)
	flags := config.Register(f)
	if err := flags.Parse(in.args[1:]); err != nil {
		return errUsage{err}
	}
	c, err := flags.Load(os.Getenv, os.ReadFile)
	if err != nil {
		return errUsage{err}
	}
	if err := only(c.Args, 0); err != nil {
		return err
	}
	var d *db.DB
	if noun == "institution" {
		d, err = app.FoundDB(ctx, c, logger(in.stderr, c.LogLevel)) // the only one that may begin an installation
	} else {
		d, err = app.UpToDateDB(ctx, c)
	}
	if err != nil {
		return err
	}
	defer d.Close()
	return d.InTx(ctx, func(tx *db.Tx) error { return do(c, tx, time.Now()) })
}

func runInstitution(ctx context.Context, in input) error {
	var i institution.Institution
	var hosts, profiles many
	var alone bool
	declare := func(f *flag.FlagSet) {
		f.StringVar(&i.Name, "name", "", "name, such as \"Comune di Cesate\"")
		f.StringVar(&i.Slug, "slug", "", "short name for addresses; default: from the name")
		f.StringVar(&i.Kind, "kind", "comune", "comune, unione, biblioteca, …")
		f.Var(&hosts, "host", "host name that leads to its site; may be repeated")
		f.Var(&profiles, "profile", "public voice, such as \"Biblioteca\"; may be repeated; default: the institution itself")
		f.BoolVar(&alone, "without-four-eyes", false, "let one person alone publish")
	}
	return create(ctx, in, "institution", declare, func(c config.Config, tx *db.Tx, now time.Time) error {
		i.Hosts, i.Zone, i.Locale = hosts, c.Zone, c.Locale
		made, err := institution.Create(ctx, tx, i, now)
		if err != nil {
			return err
		}
		if len(profiles) == 0 {
			profiles = many{made.Name}
		}
		fmt.Fprintf(in.stdout, "institution %s %s\n", made.Slug, made.ID)
		for n, name := range profiles {
			p, err := institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: made.ID, Name: name, FourEyes: !alone, Position: n}, now)
			if err != nil {
				return err
			}
			fmt.Fprintf(in.stdout, "profile %s %s\n", p.Slug, p.ID)
		}
		return nil
	})
}

// chosen is the institution that a command is about: the named one, or the only one.
func chosen(ctx context.Context, tx *db.Tx, slug string) (institution.Institution, error) {
	if slug != "" {
		return institution.BySlug(ctx, tx, slug)
	}
	all, err := institution.All(ctx, tx)
	switch {
	case err != nil:
		return institution.Institution{}, err
	case len(all) == 1:
		return all[0], nil
	case len(all) == 0:
		return institution.Institution{}, errors.New("there is no institution yet: arengo institution create --name NAME")
	}
	return institution.Institution{}, errUsage{errors.New("there are several institutions: name one with --institution SLUG")}
}

func rolesOf(names []string) (roles []people.Role, err error) {
	for _, n := range names {
		for _, name := range strings.Split(n, ",") {
			if !slices.Contains(people.Roles(), people.Role(name)) {
				return nil, errUsage{fmt.Errorf("there is no role %q; there are %v", name, people.Roles())}
			}
			roles = append(roles, people.Role(name))
		}
	}
	if len(roles) == 0 {
		return nil, errUsage{fmt.Errorf("give a --role: %v", people.Roles())}
	}
	return roles, nil
}

func runUser(ctx context.Context, in input) error {
	var u auth.NewUser
	var slug string
	var names many
	var link bool
	declare := func(f *flag.FlagSet) {
		f.StringVar(&u.Email, "email", "", "e-mail address")
		f.StringVar(&u.Name, "name", "", "name")
		f.StringVar(&slug, "institution", "", "slug of the institution; default: the only one")
		f.Var(&names, "role", "reader, writer, approver, duty, administrator; may be repeated")
		f.BoolVar(&link, "link", false, "print a set-up link instead of reading a password")
	}
	return create(ctx, in, "user", declare, func(c config.Config, tx *db.Tx, now time.Time) error {
		var err error
		if u.Roles, err = rolesOf(names); err != nil {
			return err
		}
		i, err := chosen(ctx, tx, slug)
		if err != nil {
			return err
		}
		u.InstitutionID, u.Locale = i.ID, c.Locale
		password := ""
		if !link {
			if password, err = bufio.NewReader(io.LimitReader(in.stdin, 4096)).ReadString('\n'); err != nil && err != io.EOF {
				return err
			}
			password = strings.TrimRight(password, "\r\n")
		}
		p, err := auth.CreateUser(ctx, tx, u, password, now)
		if err != nil {
			return err
		}
		fmt.Fprintf(in.stdout, "user %s %s\n", p.Email, p.ID)
		if password != "" {
			return nil
		}
		base, err := url.Parse(c.BaseURL)
		if err != nil {
			return err
		}
		address, err := auth.SetupLink(ctx, tx, base, p.ID, now)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(in.stdout, "choose the password here, once, within 72 hours:\n%s\n", address)
		return err
	})
}

func runToken(ctx context.Context, in input) error {
	var t auth.Token
	var slug string
	var names many
	var days int
	declare := func(f *flag.FlagSet) {
		f.StringVar(&t.Name, "name", "", "what the token is for")
		f.StringVar(&slug, "institution", "", "slug of the institution; default: the only one")
		f.Var(&names, "role", "reader, writer, approver, duty, administrator; may be repeated")
		f.IntVar(&days, "days", 365, "how long it holds")
	}
	return create(ctx, in, "token", declare, func(_ config.Config, tx *db.Tx, now time.Time) error {
		var err error
		if t.Roles, err = rolesOf(names); err != nil {
			return err
		}
		i, err := chosen(ctx, tx, slug)
		if err != nil {
			return err
		}
		t.InstitutionID, t.ExpiresAt = i.ID, now.AddDate(0, 0, days)
		text, _, err := auth.CreateToken(ctx, tx, t, now)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(in.stdout, text)
		return err
	})
}
