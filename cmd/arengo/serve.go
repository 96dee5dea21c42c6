package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"time"

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/demo"
	"codeberg.org/arengo/arengo/internal/hostname"
	"codeberg.org/arengo/arengo/internal/newsletter"
)

func openServe(*flag.FlagSet) action {
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(0, ""); err != nil {
			return err
		}
		log := logger(in.stderr, c.LogLevel)
		l, err := net.Listen("tcp", c.Listen)
		if err != nil {
			return err
		}
		defer l.Close()
		a, err := app.Open(ctx, c, log)
		if err != nil {
			return err
		}
		log.Info("serving", "address", "http://"+l.Addr().String(), "base_url", hostname.Readable(c.BaseURL), "data", c.Data)
		return a.Serve(ctx, l)
	}
}

func openDemo(*flag.FlagSet) action {
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(0, ""); err != nil {
			return err
		}
		return demo.Run(ctx, demo.Options{Config: c, Log: logger(in.stderr, "warn"), Out: in.stdout})
	}
}

func openMigrate(*flag.FlagSet) action {
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(0, ""); err != nil {
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
		in.say("cli.migrated", len(done), done[len(done)-1])
		return nil
	}
}

// openBackup writes a backup, of a database of an earlier version too, so that one
// can be made before an upgrade; or it reads one and says whether it is whole.
func openBackup(f *flag.FlagSet) action {
	check := f.Bool("check", false, "")
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(1, "cli.backup.missing"); err != nil {
			return err
		}
		file := in.args[0]
		if *check {
			said, err := app.CheckBackup(ctx, file)
			if err == nil {
				in.say("cli.backup.whole", file, said)
			}
			return err
		}
		if err := backupTo(ctx, c, file); err != nil {
			return err
		}
		in.say("cli.backup.done", file, c.MasterKey)
		return nil
	}
}

func openRestore(*flag.FlagSet) action {
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(1, "cli.restore.missing"); err != nil {
			return err
		}
		if err := app.Restore(ctx, c, in.args[0], time.Now()); err != nil {
			return err
		}
		in.say("cli.restore.done")
		// The first start makes a key where there is none, and from then on the
		// database takes no other: the moment to say so is now.
		if _, err := os.Stat(c.MasterKey); errors.Is(err, fs.ErrNotExist) {
			in.say("cli.restore.no_key", c.MasterKey)
		}
		return nil
	}
}

// openBounce counts a letter that came back. A mail server hands it over, as a user
// who may read neither the configuration nor the database: with --socket the running
// server takes it.
func openBounce(f *flag.FlagSet) action {
	socket := f.String("socket", "", "")
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(0, ""); err != nil {
			return err
		}
		n, err := 0, error(nil)
		if *socket != "" {
			n, err = app.HandBounce(ctx, *socket, in.stdin)
		} else {
			n, err = countBounce(ctx, c, in.stdin)
		}
		if err == nil {
			in.say("cli.bounce.done", n)
		}
		return err
	}
}

func countBounce(ctx context.Context, c config.Config, letter io.Reader) (int, error) {
	d, err := app.UpToDateDB(ctx, c)
	if err != nil {
		return 0, err
	}
	defer d.Close()
	return newsletter.ReceiveBounce(ctx, d, letter, time.Now())
}

// openAuditVerify reads the audit log of every institution from end to end.
func openAuditVerify(f *flag.FlagSet) action {
	against := f.String("against", "", "")
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(0, ""); err != nil {
			return err
		}
		var heads []byte
		if *against != "" {
			var err error
			if heads, err = os.ReadFile(*against); err != nil {
				return err
			}
		}
		d, err := app.UpToDateDB(ctx, c)
		if err != nil {
			return err
		}
		defer d.Close()
		all, err := app.VerifyAudit(ctx, d, heads)
		if err != nil {
			return err
		}
		code := exitDone
		for _, v := range all {
			in.say("cli.audit.entries", v.Slug, v.Entries)
			switch {
			case v.Broken > 0:
				code = exitFailed
				in.say("cli.audit.broken."+string(v.Why), v.Broken)
			case v.Entries > 0 && v.Sealed == 0:
				code = exitFailed
				in.say("cli.audit.unsealed")
			case v.Sealed > 1:
				in.say("cli.audit.sealed_from", v.Sealed)
			default:
				in.say("cli.audit.sealed")
			}
			if *against != "" {
				in.say("cli.audit.heads", v.Heads)
			}
			if v.Head != "" {
				code = exitFailed
				in.say("cli.audit.head_differs", v.Head)
			}
		}
		if *against != "" && code == exitDone && len(all) > 0 {
			n := 0
			for _, v := range all {
				n += v.Heads
			}
			if n == 0 {
				in.warn("cli.audit.no_heads", *against)
				code = exitFailed
			}
		}
		return asError(code)
	}
}

func asError(code int) error {
	if code == exitDone {
		return nil
	}
	return errSaid{code}
}

// openAuditHead prints where the audit logs stand, to be kept elsewhere.
func openAuditHead(*flag.FlagSet) action {
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(0, ""); err != nil {
			return err
		}
		d, err := app.UpToDateDB(ctx, c)
		if err != nil {
			return err
		}
		defer d.Close()
		lines, err := app.AuditHeads(ctx, d, time.Now())
		for _, l := range lines {
			fmt.Fprintln(in.stdout, l)
		}
		return err
	}
}

// openKeyRotate puts a new master key in the place of the old one. A backup comes
// first: a file is named, or it is said that there is one.
func openKeyRotate(f *flag.FlagSet) action {
	file := f.String("backup", "", "")
	without := f.Bool("without-backup", false, "")
	return func(ctx context.Context, in input, c config.Config) error {
		if err := in.words(0, ""); err != nil {
			return err
		}
		if (*file == "") == !*without {
			return usage("cli.key_rotate.backup")
		}
		if *file != "" {
			if err := backupTo(ctx, c, *file); err != nil {
				return err
			}
			in.say("cli.key_rotate.backed_up", *file)
		}
		r, err := app.RotateKey(ctx, c, time.Now())
		if err != nil {
			return err
		}
		if r.Resumed {
			in.say("cli.key_rotate.resumed")
		}
		in.say("cli.key_rotate.done", r.Sealed, r.Audit, c.MasterKey, r.Kept)
		if r.Lost > 0 {
			in.warn("cli.key_rotate.lost", r.Lost)
		}
		return nil
	}
}

func backupTo(ctx context.Context, c config.Config, file string) (err error) {
	d, _, err := app.ExistingDB(ctx, c)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	store, err := app.OpenBlobs(c)
	if err != nil {
		return err
	}
	now := time.Now()
	if err := app.Backup(ctx, d, store, file, now); err != nil {
		return err
	}
	return app.BackedUp(ctx, d, now)
}
