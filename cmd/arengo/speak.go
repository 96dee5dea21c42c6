package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"slices"
	"strings"

	"codeberg.org/arengo/arengo/internal/config"
	"codeberg.org/arengo/arengo/internal/fault"
)

// say writes a line of the catalogue for a person.
func (in input) say(key string, args ...any) {
	fmt.Fprintln(in.stdout, in.p.T(key, args...))
}

// warn is say on standard error.
func (in input) warn(key string, args ...any) {
	fmt.Fprintln(in.stderr, in.p.T(key, args...))
}

// fail says what went wrong and what to do about it.
func (in input) fail(err error) { fmt.Fprintln(in.stderr, "arengo: "+in.reason(err)) }

// reason is an error in words: a fault's own text with its fields, and why, as far
// as the machine's answer has words. Where there are none the program's own text
// stands behind a sentence that says what it is.
func (in input) reason(err error) string {
	var f *fault.Error
	if !errors.As(err, &f) || f.Kind == fault.Internal {
		return in.machine(err)
	}
	text, fields := in.p.Fault(err)
	names := make([]string, 0, len(fields))
	for name := range fields {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		text += "\n  " + name + ": " + fields[name]
	}
	if _, known := fault.System(f.Err); !known || f.Kind == fault.Invalid {
		return text // the text says what to do; what the program says to itself helps nobody
	}
	return text + "\n  " + in.machine(f.Err)
}

// machine is what the machine or the network said, with the thing it is about.
func (in input) machine(err error) string {
	t, ok := fault.System(err)
	if !ok {
		return in.p.T("cli.unexpected", err.Error())
	}
	about := ""
	var path *fs.PathError
	var link *os.LinkError
	var op *net.OpError
	switch {
	case errors.As(err, &path):
		about = path.Path
	case errors.As(err, &link):
		about = link.New
	case errors.As(err, &op) && op.Addr != nil:
		about = op.Addr.String()
	}
	if about == "" {
		return in.p.T("cli.machine", t)
	}
	return in.p.T("cli.machine.about", about, t)
}

// overview lists the commands.
func (in input) overview(w io.Writer) {
	fmt.Fprintln(w, in.p.T("cli.title")+"\n")
	width := 0
	for _, c := range commands() {
		width = max(width, len(c.name))
	}
	for _, c := range commands() {
		fmt.Fprintf(w, "  arengo %-*s  %s\n", width, c.name, in.p.T("cli."+c.key()+".use"))
	}
	fmt.Fprintln(w, "\n"+in.p.T("cli.more"))
}

// help answers "arengo help [COMMAND]".
func (in input) help(args []string) int {
	if len(args) == 0 || strings.HasPrefix(args[0], "-") {
		in.overview(in.stdout)
		return exitDone
	}
	if args[0] == "settings" {
		in.settings()
		return exitDone
	}
	c, _, err := find(append(slices.Clone(args), "--help"))
	switch {
	case err != nil:
		in.fail(err)
		return exitUsage
	case c.name == "":
		in.family(args[0])
	case c.name == "tally":
		return runTally(nil, []string{"--help"}, in.stdin, in.stdout, in.stderr)
	case c.name == "verify":
		return runVerify(nil, []string{"--help"}, in.stdin, in.stdout, in.stderr)
	default:
		in.about(c)
	}
	return exitDone
}

// family lists the commands that begin with a word.
func (in input) family(word string) {
	for _, c := range commands() {
		if strings.HasPrefix(c.name, word+" ") {
			fmt.Fprintf(in.stdout, "  arengo %s  %s\n", c.name, in.p.T("cli."+c.key()+".use"))
		}
	}
}

// usual are the settings that a command's help names; the others are many.
func usual() []string { return []string{"data", "database", "base_url", "listen", "locale"} }

// about is the help of one command.
func (in input) about(c command) {
	words := ""
	if key := "cli." + c.key() + ".words"; in.p.Has(key) {
		words = " " + in.p.T(key)
	}
	fmt.Fprintf(in.stdout, "arengo %s%s\n\n%s\n", c.name, words, in.p.T("cli."+c.key()+".use"))
	if key := "cli." + c.key() + ".text"; in.p.Has(key) {
		fmt.Fprintln(in.stdout, in.p.T(key))
	}
	if c.open == nil {
		return
	}
	own := flag.NewFlagSet("", flag.ContinueOnError)
	c.open(own)
	fmt.Fprintln(in.stdout)
	own.VisitAll(func(f *flag.Flag) { in.line("--"+f.Name, in.p.T("cli.flag."+strings.ReplaceAll(f.Name, "-", "_"))) })
	in.line("--config", in.p.T("cli.flag.config"))
	for _, s := range config.Describe() {
		if slices.Contains(usual(), s.Name) {
			in.line("--"+s.Flag, in.p.T(s.Meaning))
		}
	}
	fmt.Fprintln(in.stdout, "\n"+in.p.T("cli.settings"))
}

// settings lists every setting.
func (in input) settings() {
	fmt.Fprintln(in.stdout, in.p.T("cli.order")+"\n")
	for _, s := range config.Describe() {
		name := s.Env
		if s.Flag != "" {
			name = "--" + s.Flag
		}
		in.line(name, in.p.T(s.Meaning))
	}
}

func (in input) line(name, meaning string) { fmt.Fprintf(in.stdout, "  %-24s %s\n", name, meaning) }
