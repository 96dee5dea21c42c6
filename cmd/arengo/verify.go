package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"codeberg.org/arengo/arengo/pb"
	"codeberg.org/arengo/arengo/pb/report"
)

// maxResult bounds a published result; those of the largest elections are a few
// megabytes.
const maxResult = 256 << 20

// runVerify replays and checks a published result without a network:
// arengo verify RESULT.json FILE.pb. It returns 0 if the result is right, 1 if
// it is not, 2 if a file or the command line is faulty.
func runVerify(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	t := report.Words(languageOf(args))
	set := flag.NewFlagSet("verify", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.String("lang", "", "")
	asJSON := set.Bool("json", false, "")
	var files []string
	switch err := interleaved(set, args, &files); {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprintln(stdout, t.T("cli_verify_usage"))
		return exitOK
	case err != nil:
		fmt.Fprintf(stderr, "%s\n\n%s\n", t.T("cli_bad_flag", err), t.T("cli_verify_usage"))
		return exitFault
	case len(files) != 2:
		fmt.Fprintln(stderr, t.T("cli_verify_usage"))
		return exitFault
	}
	p, err := readPublished(files[0], stdin)
	if err != nil {
		if errors.Is(err, errManyResults) {
			fmt.Fprintln(stderr, t.T("cli_many_results", files[0]))
		} else {
			fmt.Fprintln(stderr, t.T("cli_not_json", files[0], cause(err)))
		}
		return exitFault
	}
	c := &tallyCommand{tallyFlags: tallyFlags{texts: t}, stdin: stdin, out: stdout, err: stderr}
	in, _, err := c.open(files[1])
	var faults *pb.FaultsError
	switch {
	case errors.As(err, &faults):
		c.list(stderr, files[1], faults.Faults)
		return exitFault
	case err != nil:
		fmt.Fprintln(stderr, t.T("cli_cannot_open", files[1], cause(err)))
		return exitFault
	}
	v, err := pb.Verify(ctx, in, p)
	if err != nil {
		return c.refuse(files[0], err)
	}
	if *asJSON {
		json.NewEncoder(stdout).Encode(map[string]any{"ok": v.OK(), "checks": v.Checks})
	} else {
		for _, x := range v.Checks {
			mark := "✓"
			if !x.Holds {
				mark = "✗"
			}
			fmt.Fprintf(stdout, "%s %s\n", mark, t.T("check_"+string(x.Name)))
			if x.Detail != "" {
				fmt.Fprintf(stdout, "    %s\n", shorten(oneLine(x.Detail), 400))
			}
		}
	}
	if !v.OK() {
		fmt.Fprintln(stderr, t.T("verify_wrong"))
		return exitWrong
	}
	if !*asJSON {
		fmt.Fprintln(stdout, t.T("verify_ok"))
	}
	return exitOK
}

var errManyResults = errors.New("several results")

// readPublished reads the one result that a file holds.
func readPublished(name string, stdin io.Reader) (*pb.Published, error) {
	r := stdin
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		defer f.Close()
		r = f
	}
	d := json.NewDecoder(io.LimitReader(r, maxResult))
	var p pb.Published
	if err := d.Decode(&p); err != nil {
		return nil, err
	}
	if d.More() {
		return nil, errManyResults
	}
	return &p, nil
}
