package main

import (
	"bufio"
	"bytes"
	"context"
	"flag"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/auth"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/hostname"
	"codeberg.org/arengo/arengo/internal/institution"
	"codeberg.org/arengo/arengo/internal/people"
)

// many is a flag that may be given several times.
type many []string

func (m *many) String() string     { return strings.Join(*m, ", ") }
func (m *many) Set(v string) error { *m = append(*m, v); return nil }

// inTx is an action that writes into the installation's database.
func inTx(do func(ctx context.Context, in input, c config.Config, tx *db.Tx, now time.Time) error) action {
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(0, ""); err != nil {
			return err
		}
		d, err := app.UpToDateDB(ctx, c)
		if err != nil {
			return err
		}
		defer d.Close()
		return in.afterCommit(func(in input) error {
			return d.InTx(ctx, func(tx *db.Tx) error { return do(ctx, in, c, tx, time.Now()) })
		})
	}
}

// afterCommit says nothing of what was done before it is kept.
func (in input) afterCommit(do func(in input) error) error {
	var said bytes.Buffer
	out := in.stdout
	in.stdout = &said
	if err := do(in); err != nil {
		return err
	}
	_, err := said.WriteTo(out)
	return err
}

func openInstitution(f *flag.FlagSet) action {
	var i institution.Institution
	var hosts, profiles many
	f.StringVar(&i.Name, "name", "", "")
	f.StringVar(&i.Slug, "slug", "", "")
	f.StringVar(&i.Kind, "kind", "comune", "")
	f.Var(&hosts, "host", "")
	f.Var(&profiles, "profile", "")
	alone := f.Bool("without-four-eyes", false, "")
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(0, ""); err != nil {
			return err
		}
		if strings.TrimSpace(i.Name) == "" {
			return usage("cli.institution_create.name")
		}
		d, err := app.FoundDB(ctx, c, logger(in.stderr, c.LogLevel)) // the only one of these that may begin an installation
		if err != nil {
			return err
		}
		defer d.Close()
		i.Hosts, i.Zone, i.Locale = hosts, c.Zone, c.Locale
		return in.afterCommit(func(in input) error {
			return d.InTx(ctx, func(tx *db.Tx) error { return found(ctx, in, tx, i, profiles, !*alone, time.Now()) })
		})
	}
}

// found makes an institution with its profiles.
func found(ctx context.Context, in input, tx *db.Tx, i institution.Institution, profiles []string, fourEyes bool, now time.Time) error {
	made, err := institution.Create(ctx, tx, i, now)
	if err != nil {
		return err
	}
	if len(profiles) == 0 {
		profiles = many{made.Name}
	}
	fmt.Fprintf(in.stdout, "institution %s %s\n", made.Slug, made.ID)
	for n, name := range profiles {
		p, err := institution.SaveProfile(ctx, tx, institution.Profile{InstitutionID: made.ID, Name: name, FourEyes: fourEyes, Position: n}, now)
		if err != nil {
			return err
		}
		fmt.Fprintf(in.stdout, "profile %s %s\n", p.Slug, p.ID)
	}
	return nil
}

// chosen is the institution that a command is about: the named one, or the only one.
func chosen(ctx context.Context, tx *db.Tx, slug string) (institution.Institution, error) {
	all, err := institution.All(ctx, tx)
	if err != nil {
		return institution.Institution{}, err
	}
	slugs := make([]string, len(all))
	for n, i := range all {
		if slugs[n] = i.Slug; i.Slug == slug || len(all) == 1 && slug == "" {
			return i, nil
		}
	}
	switch {
	case len(all) == 0:
		return institution.Institution{}, fault.Missing("cli.institution.none")
	case slug != "":
		return institution.Institution{}, usage("cli.institution.unknown", slug, strings.Join(slugs, ", "))
	}
	return institution.Institution{}, usage("cli.institution.several", strings.Join(slugs, ", "))
}

func rolesOf(names []string) (roles []people.Role, err error) {
	var all []string
	for _, r := range people.Roles() {
		all = append(all, string(r))
	}
	for _, n := range names {
		for name := range strings.SplitSeq(n, ",") {
			if !slices.Contains(all, name) {
				return nil, usage("cli.role.unknown", name, strings.Join(all, ", "))
			}
			roles = append(roles, people.Role(name))
		}
	}
	if len(roles) == 0 {
		return nil, usage("cli.role.missing", strings.Join(all, ", "))
	}
	return roles, nil
}

// withRoles reads the roles first: a slip on the command line is said before the
// installation is looked for.
func withRoles(names *many, roles *[]people.Role, then action) action {
	return func(ctx context.Context, in input, c config.Config) (err error) {
		if *roles, err = rolesOf(*names); err != nil {
			return err
		}
		return then(ctx, in, c)
	}
}

func openUser(f *flag.FlagSet) action {
	var u auth.NewUser
	var names many
	f.StringVar(&u.Email, "email", "", "")
	f.StringVar(&u.Name, "name", "", "")
	slug := f.String("institution", "", "")
	f.Var(&names, "role", "")
	link := f.Bool("link", false, "")
	return withRoles(&names, &u.Roles, inTx(func(ctx context.Context, in input, c config.Config, tx *db.Tx, now time.Time) error {
		i, err := chosen(ctx, tx, *slug)
		if err != nil {
			return err
		}
		u.InstitutionID, u.Locale = i.ID, c.Locale
		password := ""
		if !*link {
			in.warn("cli.user_create.password")
			if password, err = bufio.NewReader(io.LimitReader(in.stdin, 4096)).ReadString('\n'); err != nil && err != io.EOF {
				return err
			}
			password = strings.TrimRight(password, "\r\n")
		}
		p, err := auth.CreateUser(ctx, tx, u, password, now)
		if err != nil {
			return err
		}
		fmt.Fprintf(in.stdout, "user %s %s\n", hostname.Readable(p.Email), p.ID)
		if password != "" {
			return nil
		}
		base, err := url.Parse(c.BaseURL)
		if err != nil {
			return err
		}
		address, err := auth.SetupLink(ctx, tx, base, p.ID, now)
		if err == nil {
			in.say("cli.user_create.link", address)
		}
		return err
	}))
}

func openToken(f *flag.FlagSet) action {
	var t auth.Token
	var names many
	f.StringVar(&t.Name, "name", "", "")
	slug := f.String("institution", "", "")
	f.Var(&names, "role", "")
	days := f.Int("days", 365, "")
	return withRoles(&names, &t.Roles, inTx(func(ctx context.Context, in input, _ config.Config, tx *db.Tx, now time.Time) error {
		i, err := chosen(ctx, tx, *slug)
		if err != nil {
			return err
		}
		t.InstitutionID, t.ExpiresAt = i.ID, now.AddDate(0, 0, *days)
		text, _, err := auth.CreateToken(ctx, tx, t, now)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(in.stdout, text)
		return err
	}))
}
