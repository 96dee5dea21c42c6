package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"codeberg.org/arengo/arengo/pb"
	"codeberg.org/arengo/arengo/pb/report"
)

// Exit codes of tally and verify.
const (
	exitOK    = 0
	exitWrong = 1 // a published result is not right; tally could not write
	exitFault = 2 // a faulty file or command line
)

// tallyFlags are what the command line of tally says.
type tallyFlags struct {
	rule, tieBreak, seed, compare, report, lang string
	all, json, check, ignoreUnknown             bool
	files                                       []string
	limits                                      tallyLimits
	texts                                       report.Texts
}

// runTally counts participatory budgets: arengo tally [flags] FILE.pb...
// It returns 0, or 2 with messages on stderr if a file or the command line is
// faulty; files without fault are tallied all the same.
func runTally(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	f, err := parseTally(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(stdout, f.texts.T("cli_usage"))
		return exitOK
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s\n\n%s\n", err, f.texts.T("cli_usage"))
		return exitFault
	}
	// The ballots are the only large thing and live to the end: collecting
	// garbage less often halves the time of a large file. The limit keeps the
	// memory bounded all the same.
	defer debug.SetGCPercent(debug.SetGCPercent(400))
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(700 << 20))
	c := &tallyCommand{tallyFlags: f, stdin: stdin, out: stdout, err: stderr}
	code := c.every(ctx)
	if c.report != "" && len(c.pages) > 0 {
		if err := c.writeReport(); err != nil {
			fmt.Fprintln(stderr, c.texts.T("cli_cannot_write", c.report, err))
			return max(code, exitWrong)
		}
	}
	return code
}

// every works through the files, as many at once as there are cores, and writes what
// came of them in the order in which they were given.
func (c *tallyCommand) every(ctx context.Context) (code int) {
	if len(c.files) == 1 {
		return c.file(ctx, c.files[0])
	}
	type done struct {
		tallyCommand
		out, err bytes.Buffer
		code     int
		ready    chan struct{}
	}
	each := make([]*done, len(c.files))
	room := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i := range each {
		d := &done{tallyCommand: *c, ready: make(chan struct{})}
		d.tallyCommand.out, d.tallyCommand.err, d.workers = &d.out, &d.err, 1 // a file has a core
		each[i] = d
	}
	go func() {
		for i, d := range each {
			room <- struct{}{}
			go func() {
				d.code = d.file(ctx, c.files[i])
				<-room
				close(d.ready)
			}()
		}
	}()
	for i, d := range each {
		<-d.ready
		code = max(code, d.code)
		c.err.Write(d.err.Bytes())
		if _, err := c.out.Write(d.out.Bytes()); err != nil {
			fmt.Fprintln(c.err, c.texts.T("cli_cannot_write", "-", err))
			code = max(code, exitWrong)
		}
		c.pages = append(c.pages, d.pages...)
		each[i] = nil // what it read may go
	}
	return code
}

// parseTally reads flags wherever they stand among the files.
func parseTally(args []string) (tallyFlags, error) {
	f := tallyFlags{texts: report.Words(languageOf(args))}
	if len(args) > 0 && args[0] == "check" {
		f.check = true
		args = args[1:]
	}
	set := flag.NewFlagSet("tally", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&f.rule, "rule", "", "")
	set.BoolVar(&f.all, "all", false, "")
	set.StringVar(&f.tieBreak, "tie-break", "", "")
	set.StringVar(&f.seed, "seed", "", "")
	set.StringVar(&f.compare, "compare", "", "")
	set.StringVar(&f.report, "report", "", "")
	set.BoolVar(&f.json, "json", false, "")
	set.BoolVar(&f.ignoreUnknown, "ignore-unknown", false, "")
	set.StringVar(&f.lang, "lang", "", "")
	f.limits.flags(set)
	if err := interleaved(set, args, &f.files); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return f, err
		}
		return f, errors.New(f.texts.T("cli_bad_flag", err))
	}
	if len(f.files) == 0 {
		return f, errors.New(f.texts.T("cli_no_file"))
	}
	for _, name := range []string{f.rule, f.compare} {
		if name == "" {
			continue
		}
		var bad *pb.OptionError
		if _, err := pb.ParseRule(name, ""); errors.As(err, &bad) {
			return f, errors.New(bad.Text(f.texts.Lang))
		}
	}
	switch pb.TieBreak(f.tieBreak) {
	case "", pb.TieIDs, pb.TieCostVotesLot, pb.TieCostVotesIDs, pb.TieVotesCostKeys:
	default:
		bad := &pb.OptionError{Reason: pb.ReasonTieBreak, Value: f.tieBreak}
		return f, errors.New(bad.Text(f.texts.Lang))
	}
	if f.limits.minVotes < 0 {
		return f, errors.New(f.texts.T("cli_bad_flag", "--min-votes "+strconv.FormatInt(f.limits.minVotes, 10)))
	}
	if f.report != "" && slices.ContainsFunc(f.files, func(file string) bool { return sameFile(f.report, file) }) {
		return f, errors.New(f.texts.T("cli_report_is_ballots", f.report))
	}
	return f, nil
}

// sameFile tells whether two names lead to one file that is there.
func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// interleaved parses flags before, between and after the other arguments.
func interleaved(set *flag.FlagSet, args []string, rest *[]string) error {
	for {
		if err := set.Parse(args); err != nil {
			return err
		}
		done := len(args) - set.NArg()
		if done > 0 && args[done-1] == "--" {
			*rest = append(*rest, set.Args()...)
			return nil
		}
		if args = set.Args(); len(args) == 0 {
			return nil
		}
		*rest = append(*rest, args[0])
		args = args[1:]
	}
}

// languageOf finds the language: --lang, else the environment's, else Italian.
func languageOf(args []string) string {
	for i, a := range args {
		a = strings.TrimLeft(a, "-")
		if v, ok := strings.CutPrefix(a, "lang="); ok {
			return v
		}
		if a == "lang" && i+1 < len(args) {
			return args[i+1]
		}
	}
	for _, key := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		switch v, _, _ := strings.Cut(os.Getenv(key), "."); v {
		case "", "C", "POSIX":
		default:
			if strings.HasPrefix(v, "it") {
				return "it"
			}
			return "en"
		}
	}
	return "it"
}

// tallyCommand is one run of the command.
type tallyCommand struct {
	tallyFlags
	stdin    io.Reader
	out, err io.Writer
	workers  int // cores for one file; 0: all
	pages    []report.Page
}

// open reads an election; the hash is that of the bytes read.
func (c *tallyCommand) open(name string) (*pb.Instance, string, error) {
	var r io.Reader = c.stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, "", err
		}
		defer f.Close()
		r = f
	}
	hash := sha256.New()
	if c.json || c.report != "" {
		r = io.TeeReader(r, hash)
	}
	in, err := pb.ReadWith(r, pb.ReadOptions{IgnoreUnknown: c.ignoreUnknown, KeepVoters: c.check})
	return in, hex.EncodeToString(hash.Sum(nil)), err
}

// file tallies or checks one file and returns an exit code.
func (c *tallyCommand) file(ctx context.Context, name string) int {
	start := time.Now()
	in, hash, err := c.open(name)
	var faults *pb.FaultsError
	switch {
	case errors.As(err, &faults):
		c.list(c.err, name, faults.Faults)
		return exitFault
	case err != nil:
		fmt.Fprintln(c.err, c.texts.T("cli_cannot_open", name, cause(err)))
		return exitFault
	}
	if c.check {
		list := pb.Check(in)
		c.list(c.out, name, list)
		return exitOK
	}
	c.list(c.err, name, in.Warnings)
	read := time.Since(start)
	rules, err := c.rules(in)
	if err != nil {
		return c.refuse(name, err)
	}
	limits, err := c.limits.of(in)
	if err != nil {
		return c.refuse(name, err)
	}
	known := new(pb.Known)
	for _, rule := range rules {
		if code := c.tally(ctx, name, hash, in, rule, known, limits, read); code != exitOK {
			return code
		}
	}
	return exitOK
}

// cause is the reason behind a failed file operation, without the name, which
// the message has already.
func cause(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

func (c *tallyCommand) refuse(name string, err error) int {
	var bad *pb.OptionError
	switch {
	case errors.As(err, &bad):
		fmt.Fprintf(c.err, "%s: %s\n", name, bad.Text(c.texts.Lang))
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		fmt.Fprintf(c.err, "%s: %s\n", name, c.texts.T("cli_interrupted"))
		return exitWrong
	default:
		fmt.Fprintf(c.err, "%s: %v\n", name, err)
	}
	return exitFault
}

// rules lists the rules asked for; without any, Equal Shares completed so that
// the budget is used.
func (c *tallyCommand) rules(in *pb.Instance) ([]pb.Rule, error) {
	if c.all {
		var list []pb.Rule
		for _, r := range pb.Rules(in.VoteType) {
			if r.City == "threshold" && in.MetaValue("min_project_score_threshold") == "" {
				continue
			}
			list = append(list, r)
		}
		return list, nil
	}
	name := c.rule
	if name == "" {
		name = "mes_add1u"
	}
	r, err := pb.ParseRule(name, in.VoteType)
	return []pb.Rule{r}, err
}

// list writes faults, one per line.
func (c *tallyCommand) list(w io.Writer, name string, faults []pb.Fault) {
	errs, warns := 0, 0
	for _, f := range faults {
		kind := "cli_error"
		if f.Warning {
			kind = "cli_warning"
			warns += 1 + f.Repeated
		} else {
			errs += 1 + f.Repeated
		}
		fmt.Fprintf(w, "%s: %s: %s\n", name, c.texts.T(kind), f.Text(c.texts.Lang))
	}
	if c.check || errs > 0 {
		if errs+warns == 0 {
			fmt.Fprintf(w, "%s: %s\n", name, c.texts.T("cli_clean"))
		} else {
			fmt.Fprintf(w, "%s: %s\n", name, c.texts.T("cli_counts", errs, warns))
		}
	}
}

// tally runs one rule on one file and writes it down in the form asked for.
func (c *tallyCommand) tally(ctx context.Context, name, hash string, in *pb.Instance, rule pb.Rule, known *pb.Known, limits *pb.Limits, read time.Duration) int {
	start := time.Now()
	o := pb.Options{TieBreak: pb.TieBreak(c.tieBreak), Seed: c.seed, Limits: limits, Workers: c.workers, Known: known}
	done := c.progress(&o)
	res, err := pb.Run(ctx, in, rule, o)
	done()
	if err != nil {
		return c.refuse(name, err)
	}
	took := time.Since(start)
	var rival *pb.Result
	if c.compare != "" || c.report != "" {
		other := c.compare
		if other == "" {
			other = "greedy"
		}
		r, err := pb.ParseRule(other, in.VoteType)
		if err == nil {
			rival, err = pb.Run(ctx, in, r, pb.Options{TieBreak: o.TieBreak, Seed: c.seed, Limits: o.Limits, Workers: c.workers})
		}
		if err != nil {
			return c.refuse(name, err)
		}
	}
	if c.report != "" {
		page := report.NewPage(res, rival)
		page.File, page.SHA256 = name, hash
		c.pages = append(c.pages, page)
	}
	if !c.json {
		c.table(name, res, rival, read, took)
		return exitOK
	}
	p := res.Publish()
	p.File, p.SHA256 = name, hash
	if rival != nil && c.compare != "" {
		p.Comparison = pb.Compare(res, rival).Publish()
	}
	var line bytes.Buffer
	enc := json.NewEncoder(&line)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(p); err == nil {
		_, err = c.out.Write(line.Bytes())
		if err != nil {
			fmt.Fprintln(c.err, c.texts.T("cli_cannot_write", "-", err))
			return exitWrong
		}
	} else {
		return c.refuse(name, err)
	}
	return exitOK
}

// progress shows the steps of a completion on a terminal; the function it
// returns clears the line.
func (c *tallyCommand) progress(o *pb.Options) func() {
	f, ok := c.err.(*os.File)
	if !ok {
		return func() {}
	}
	if st, err := f.Stat(); err != nil || st.Mode()&os.ModeCharDevice == 0 {
		return func() {}
	}
	last, shown := time.Now(), false
	o.Progress = func(steps int64, endowment float64) {
		if now := time.Now(); now.Sub(last) > 200*time.Millisecond {
			last, shown = now, true
			fmt.Fprintf(f, "\r\x1b[K%s", c.texts.T("cli_progress", c.texts.Int(steps), c.texts.Float(endowment, 2)))
		}
	}
	return func() {
		if shown {
			fmt.Fprint(f, "\r\x1b[K")
		}
	}
}

// writeReport writes the page beside its place first, so that a failure leaves
// no half page.
func (c *tallyCommand) writeReport() error {
	tmp := c.report + ".part"
	f, err := os.Create(tmp)
	if err != nil {
		return cause(err)
	}
	err = report.Write(f, c.texts, c.pages)
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(tmp, c.report)
	}
	if err != nil {
		os.Remove(tmp)
		return cause(err)
	}
	fmt.Fprintln(c.err, c.texts.T("cli_report", c.report))
	return nil
}
