// Command arengo is the public square of a town: the server, its administration,
// and the tools that anybody may use on a result.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // zones must be right on a machine that has none

	"codeberg.org/arengo/arengo/internal/app"
	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/i18n"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// Exit codes of every command but tally and verify, which have their own.
const (
	exitDone   = 0
	exitFailed = 1 // it could not be done; doctor: something needs attention
	exitUsage  = 2 // the command line or a setting is wrong: nothing was done

	// exitLater is EX_TEMPFAIL of sysexits.h: the mail server keeps the letter and tries
	// again. bounce fails in no other way, whatever is wrong: once it is mended, no
	// letter was lost.
	exitLater = 75
)

// command is what the command line can be asked for.
type command struct {
	name string // one word or two
	// open declares the command's own flags and returns what it does.
	open func(*flag.FlagSet) action
	// bare commands know no settings; they read their own command line.
	bare func(ctx context.Context, in input) int
}

// action does what a command is for; in.args are the words that are no flags.
type action func(ctx context.Context, in input, c config.Config) error

// key is the command's name in the catalogue.
func (c command) key() string { return strings.ReplaceAll(c.name, " ", "_") }

func commands() []command {
	return []command{
		{name: "serve", open: openServe},
		{name: "demo", open: openDemo},
		{name: "migrate", open: openMigrate},
		{name: "doctor", open: openDoctor},
		{name: "backup", open: openBackup},
		{name: "restore", open: openRestore},
		{name: "institution create", open: openInstitution},
		{name: "user create", open: openUser},
		{name: "token create", open: openToken},
		{name: "audit verify", open: openAuditVerify},
		{name: "audit head", open: openAuditHead},
		{name: "key rotate", open: openKeyRotate},
		{name: "bounce", open: openBounce},
		{name: "tally", bare: func(ctx context.Context, in input) int { return runTally(ctx, in.args, in.stdin, in.stdout, in.stderr) }},
		{name: "verify", bare: func(ctx context.Context, in input) int {
			return runVerify(ctx, in.args, in.stdin, in.stdout, in.stderr)
		}},
		{name: "licences", bare: func(_ context.Context, in input) int { return runLicences(in) }},
		{name: "version", bare: func(_ context.Context, in input) int { in.say("cli.version", app.Version); return exitDone }},
	}
}

// input is what a command gets, and how it speaks.
type input struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
	p              *i18n.Printer
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	bundle, err := i18n.Load()
	if err != nil {
		io.WriteString(stderr, "arengo: "+err.Error()+"\n") // a defect of the build, which tests find
		return exitFailed
	}
	in := input{args: args, stdin: stdin, stdout: stdout, stderr: stderr,
		p: bundle.For(config.Language(args, os.Getenv, os.ReadFile), time.Local)}
	if len(args) == 0 {
		in.overview(stderr)
		return exitUsage
	}
	if first := args[0]; first == "help" || asksHelp(first) {
		return in.help(args[1:])
	}
	c, rest, err := find(args)
	if err != nil {
		in.fail(err)
		return exitUsage
	}
	in.args = rest
	if c.name == "bounce" {
		if in.do(ctx, c) != exitDone {
			return exitLater
		}
		return exitDone
	}
	if c.name == "" { // the first of two words, and help
		in.family(args[0])
		return exitDone
	}
	return in.do(ctx, c)
}

func asksHelp(s string) bool { return s == "--help" || s == "-help" || s == "-h" }

// find is the command that the first words name. Without a name it is the first
// of two words, followed by a wish for help.
func find(args []string) (c command, rest []string, err error) {
	all := commands()
	var family []string
	for _, c := range all {
		words := strings.Fields(c.name)
		if words[0] == args[0] && len(words) == 1 {
			return c, args[1:], nil
		}
		if words[0] != args[0] {
			continue
		}
		if len(args) > 1 && args[1] == words[1] {
			return c, args[2:], nil
		}
		family = append(family, c.name)
	}
	if len(family) > 0 {
		if len(args) > 1 && asksHelp(args[1]) {
			return command{}, nil, nil
		}
		typed := strings.Join(args[:min(2, len(args))], " ")
		return c, nil, fault.New(fault.Invalid, "cli.unknown", typed, config.Nearest(typed, family))
	}
	names := []string{"help"}
	for _, c := range all {
		names = append(names, c.name)
		if first, _, two := strings.Cut(c.name, " "); two && !slices.Contains(names, first) {
			names = append(names, first)
		}
	}
	return c, nil, fault.New(fault.Invalid, "cli.unknown", args[0], config.Nearest(args[0], names))
}

// do reads the command line and the settings, and runs the command.
func (in input) do(ctx context.Context, c command) int {
	if c.bare != nil {
		if (c.name == "version" || c.name == "licences") && len(in.args) > 0 && asksHelp(in.args[0]) {
			in.about(c)
			return exitDone
		}
		return c.bare(ctx, in)
	}
	set := flag.NewFlagSet(c.name, flag.ContinueOnError)
	act := c.open(set)
	flags := config.Register(set)
	if err := flags.Parse(in.args); errors.Is(err, flag.ErrHelp) {
		in.about(c)
		return exitDone
	} else if err != nil {
		in.fail(err)
		in.warn("cli.see", c.name)
		return exitUsage
	}
	if err := config.UnknownEnv(os.Environ()); err != nil {
		in.fail(err)
		return exitUsage
	}
	settings, err := flags.Load(os.Getenv, os.ReadFile)
	if err != nil {
		in.fail(err)
		return exitUsage
	}
	in.args = settings.Args
	err = act(ctx, in, settings)
	var quiet errSaid
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &quiet):
		return quiet.code
	}
	in.fail(err)
	if wrong := (errUsage{}); errors.As(err, &wrong) {
		in.warn("cli.see", c.name)
		return exitUsage
	}
	return exitFailed
}

// errUsage is an error of the command line itself.
type errUsage struct{ error }

func (e errUsage) Unwrap() error { return e.error }

// errSaid ends a command that has said all there is to say.
type errSaid struct{ code int }

func (errSaid) Error() string { return "said" }

// usage is a fault of the command line.
func usage(key string, args ...any) error {
	return errUsage{fault.New(fault.Invalid, key, args...)}
}

// words refuses more or fewer words than a command takes; what names them.
func (in input) words(want int, what string) error {
	switch {
	case len(in.args) > want:
		return usage("cli.too_many", in.args[want])
	case len(in.args) < want || slices.Contains(in.args, ""): // as from an empty variable of a script
		return usage(what)
	}
	return nil
}

// logger writes one line of text for each event, for a terminal or the journal.
func logger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.ToUpper(level))); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))
}
