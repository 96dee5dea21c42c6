// Command arengo is the public square of a town: the server, its administration,
// and the tools that anybody may use on a result.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	_ "time/tzdata" // zones must be right on a machine that has none

	"codeberg.org/arengo/arengo/internal/app"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// command is one word of the command line.
type command struct {
	name, use string
	run       func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int
}

func commands() []command {
	return []command{
		{"serve", "the server: --listen ADDRESS --data DIR [--database URL] [--base-url URL] [--config FILE]", served},
		{"demo", "the server with an invented town: [--listen ADDRESS] [--data DIR]", asCode(runDemo)},
		{"migrate", "bring the database up to date", asCode(runMigrate)},
		{"doctor", "check the installation and say what to do", asCode(runDoctor)},
		{"backup", "FILE: write everything to a new file, while the server runs; --check FILE: is it whole?", asCode(runBackup)},
		{"restore", "FILE: fill an empty installation from a backup; it starts frozen", asCode(runRestore)},
		{"institution", "create --name NAME [--slug SLUG] [--host HOST]… [--profile NAME]…", asCode(runInstitution)},
		{"user", "create --email ADDRESS --name NAME --role ROLE… [--institution SLUG]: password on standard input, or a set-up link without one", asCode(runUser)},
		{"token", "create --name NAME --role ROLE… [--institution SLUG]: prints an API token, once", asCode(runToken)},
		{"bounce", "read a letter that came back from standard input: for the mail server's pipe", asCode(runBounce)},
		{"tally", "count a participatory budget: FILE.pb… (arengo tally --help)", runTally},
		{"verify", "check a published result: RESULT.json FILE.pb", runVerify},
		{"version", "print the version", asCode(runVersion)},
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "--help" || args[0] == "-h" {
		usage(stdout)
		if len(args) == 0 {
			return 2
		}
		return 0
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(ctx, args[1:], stdin, stdout, stderr)
		}
	}
	fmt.Fprintf(stderr, "arengo: there is no command %q\n\n", args[0])
	usage(stderr)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprint(w, "Arengo, the public square of a town.\n\n")
	for _, c := range commands() {
		fmt.Fprintf(w, "  arengo %-12s %s\n", c.name, c.use)
	}
	fmt.Fprint(w, "\nSettings come from a file (--config), then the environment (ARENGO_…), then flags.\n")
}

// input is what a command gets.
type input struct {
	args           []string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// errUsage is an error of the command line itself.
type errUsage struct{ error }

// asCode runs a command that returns an error: exit code 2 for a wrong command
// line, 1 for anything else that went wrong.
func asCode(do func(ctx context.Context, in input) error) func(context.Context, []string, io.Reader, io.Writer, io.Writer) int {
	return func(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
		err := do(ctx, input{args, stdin, stdout, stderr})
		if err == nil {
			return 0
		}
		fmt.Fprintln(stderr, "arengo:", said(err))
		if wrong := (errUsage{}); errors.As(err, &wrong) {
			return 2
		}
		return 1
	}
}

func served(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	return asCode(runServe)(ctx, args, stdin, stdout, stderr)
}

func runVersion(_ context.Context, in input) error {
	_, err := fmt.Fprintln(in.stdout, "arengo", app.Version)
	return err
}

// logger writes one line of text for each event, for a terminal or the journal.
func logger(w io.Writer, level string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(strings.ToUpper(level))); err != nil {
		l = slog.LevelInfo
	}
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: l}))
}
