package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/demo"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/newsletter"
	"codeberg.org/arengo/arengo/internal/secret"
)

// settings reads flags, environment and file; rest are the arguments that are
// no flags.
func settings(in input) (c config.Config, rest []string, err error) {
	if err := config.UnknownEnv(os.Environ()); err != nil {
		return c, nil, errUsage{err}
	}
	c, err = config.Load(in.args, os.Getenv)
	if err != nil {
		return c, nil, errUsage{err}
	}
	return c, c.Args, nil
}

// only refuses arguments that a command does not take.
func only(rest []string, most int) error {
	if len(rest) > most {
		return errUsage{fmt.Errorf("unexpected argument %q", rest[most])}
	}
	return nil
}

func runServe(ctx context.Context, in input) error {
	c, rest, err := settings(in)
	if err != nil {
		return err
	}
	if err := only(rest, 0); err != nil {
		return err
	}
	log := logger(in.stderr, c.LogLevel)
	l, err := net.Listen("tcp", c.Listen)
	if err != nil {
		return fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	defer l.Close()
	a, err := app.Open(ctx, c, log)
	if err != nil {
		return err
	}
	log.Info("serving", "address", "http://"+l.Addr().String(), "base_url", c.BaseURL, "data", c.Data)
	return a.Serve(ctx, l)
}

func runDemo(ctx context.Context, in input) error {
	c, rest, err := settings(in)
	if err != nil {
		return err
	}
	if err := only(rest, 0); err != nil {
		return err
	}
	return demo.Run(ctx, demo.Options{Config: c, Log: logger(in.stderr, "warn"), Out: in.stdout})
}

func runMigrate(ctx context.Context, in input) error {
	c, rest, err := settings(in)
	if err != nil {
		return err
	}
	if err := only(rest, 0); err != nil {
		return err
	}
	d, err := app.FoundDB(ctx, c, logger(in.stderr, c.LogLevel))
	if err != nil {
		return err
	}
	defer d.Close()
	done, err := d.Applied(ctx)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, "the database is up to date: %d migrations, last %s\n", len(done), done[len(done)-1])
	return err
}

// runBackup writes a backup, of a database of an earlier version too, so that one
// can be made before an upgrade; or it reads one and says whether it is whole.
func runBackup(ctx context.Context, in input) error {
	f := flag.NewFlagSet("arengo backup", flag.ContinueOnError)
	f.SetOutput(in.stderr)
	check := f.Bool("check", false, "read FILE from end to end instead, and say whether it is whole")
	flags := config.Register(f)
	if err := flags.Parse(in.args); err != nil {
		return errUsage{err}
	}
	c, err := flags.Load(os.Getenv, os.ReadFile)
	if err != nil {
		return errUsage{err}
	}
	if len(c.Args) != 1 {
		return errUsage{errors.New("name the file: arengo backup FILE, or arengo backup --check FILE")}
	}
	file := c.Args[0]
	if *check {
		said, err := app.CheckBackup(ctx, file)
		if err == nil {
			_, err = fmt.Fprintf(in.stdout, "%s is whole: %s\n", file, said)
		}
		return err
	}
	d, _, err := app.ExistingDB(ctx, c)
	if err != nil {
		return err
	}
	defer d.Close()
	store, err := app.OpenBlobs(c)
	if err != nil {
		return err
	}
	if err := app.Backup(ctx, d, store, file, time.Now()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(in.stdout, "wrote %s\nThe master key is not in it. Keep a copy of %s in another place: without it channels must be connected again.\n", file, c.MasterKey)
	return err
}

func runRestore(ctx context.Context, in input) error {
	c, rest, err := settings(in)
	if err != nil {
		return err
	}
	if len(rest) != 1 {
		return errUsage{errors.New("name the backup: arengo restore FILE")}
	}
	if err := app.Restore(ctx, c, rest[0], time.Now()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(in.stdout, "restored. Everything that was scheduled is frozen: look at it and lift the freeze at /redazione/blocco.")
	return err
}

// runBounce counts a letter that came back (RFC 3464). A mail server hands it
// over: letters@example.org: "|arengo bounce --data /var/lib/arengo".
func runBounce(ctx context.Context, in input) error {
	c, rest, err := settings(in)
	if err != nil {
		return err
	}
	if err := only(rest, 0); err != nil {
		return err
	}
	d, err := app.UpToDateDB(ctx, c)
	if err != nil {
		return err
	}
	defer d.Close()
	n, err := newsletter.ReceiveBounce(ctx, d, in.stdin, time.Now())
	if err == nil {
		_, err = fmt.Fprintf(in.stdout, "%d letters counted as not delivered\n", n)
	}
	return err
}

// runDoctor looks at an installation as an administrator would, and says what to
// do about what it finds. It changes nothing.
func runDoctor(ctx context.Context, in input) error {
	c, _, err := settings(in)
	if err != nil {
		return err
	}
	bad := 0
	check := func(what string, err error, advice string) {
		if err == nil {
			fmt.Fprintf(in.stdout, "ok    %s\n", what)
			return
		}
		bad++
		fmt.Fprintf(in.stdout, "BAD   %s: %s\n      %s\n", what, said(err), advice)
	}
	d, err := app.UpToDateDB(ctx, c)
	check("database", err, "Check --data or --database, the space on the disk and who owns the folder.")
	if err != nil {
		return errors.New("the rest cannot be checked without the database")
	}
	defer d.Close()
	_, err = secret.Load(c.MasterKey)
	check("master key "+c.MasterKey, err, "Put the saved copy of the key back; without it channels must be connected again.")
	for _, f := range app.Findings(ctx, c, d, time.Now()) {
		check(f.What, f.Err, f.Advice)
	}
	at, err := jobs.Ticked(ctx, d)
	if err == nil && time.Since(at) > 4*jobs.TickEvery {
		err = fmt.Errorf("last seen %s", at.Local().Format("2006-01-02 15:04"))
	}
	check("scheduler", err, "The server is not running, or does no work: start it, and look at its log.")
	if bad > 0 {
		return fmt.Errorf("%d things need attention", bad)
	}
	return nil
}

// said is an error in words: a fault's own text, in Italian or English as the
// environment's language says.
func said(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err.Error()
	}
	bundle, loadErr := i18n.Load()
	if loadErr != nil {
		return err.Error()
	}
	lang := i18n.Italian
	if v := os.Getenv("LANG"); v != "" && !strings.HasPrefix(v, "it") {
		lang = i18n.English
	}
	text, fields := bundle.For(lang, time.UTC).Fault(err)
	for name, t := range fields {
		text += fmt.Sprintf("\n  %s: %s", name, t)
	}
	if f.Err != nil {
		text += fmt.Sprintf(" (%v)", f.Err)
	}
	return text
}
