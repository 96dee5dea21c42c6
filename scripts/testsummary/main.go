// Command testsummary reads the events of "go test -json" and writes what a
// person wants to know: a line for each package, the whole output of what
// failed, why tests were skipped, and one line of totals. It fails when a test
// failed or when nothing ran at all.
//
//	go test -json ./... | go run ./scripts/testsummary
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"
)

// event is one line of go test -json (go doc test2json). Build output has an
// import path instead of a package.
type event struct {
	Action      string
	Package     string
	ImportPath  string
	Test        string
	Elapsed     float64
	Output      string
	FailedBuild string
}

// summary gathers what has run.
type summary struct {
	out                             io.Writer
	output                          map[string][]string // package + test → lines
	build                           map[string][]string // import path → what the compiler said
	packages, passed, failed, tests int
	skipped                         []string
	broken                          bool
}

func main() {
	start := time.Now()
	s := &summary{out: os.Stdout, output: map[string][]string{}, build: map[string][]string{}}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		s.read(lines.Bytes())
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "testsummary:", err)
		os.Exit(1)
	}
	if !s.end(time.Since(start)) {
		os.Exit(1)
	}
}

// read takes one line. A line that is no event is passed on as it is.
func (s *summary) read(line []byte) {
	var e event
	if err := json.Unmarshal(line, &e); err != nil || e.Action == "" {
		fmt.Fprintf(s.out, "%s\n", line)
		return
	}
	key := e.Package + " " + e.Test
	switch e.Action {
	case "build-output":
		s.build[e.ImportPath] = append(s.build[e.ImportPath], e.Output)
	case "output":
		s.output[key] = append(s.output[key], e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.endPackage(e)
		} else {
			s.endTest(e, key)
		}
		delete(s.output, key)
	}
}

func (s *summary) endTest(e event, key string) {
	s.tests++
	switch e.Action {
	case "pass":
		s.passed++
	case "skip":
		s.skipped = append(s.skipped, e.Package+" "+e.Test+": "+reason(s.output[key]))
	case "fail":
		s.failed++
		fmt.Fprintf(s.out, "%s", strings.Join(s.output[key], ""))
	}
}

// reason is the text given to t.Skip, without file and line.
func reason(output []string) string {
	for _, line := range output {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return "no reason given"
}

func (s *summary) endPackage(e event) {
	if e.Action == "skip" {
		return // no test files
	}
	s.packages++
	mark := "ok  "
	if e.Action == "fail" {
		mark, s.broken = "FAIL", true
		if e.FailedBuild != "" {
			fmt.Fprintf(s.out, "%s", strings.Join(s.build[e.FailedBuild], ""))
		}
		// What the package said outside its tests: a crash, a time-out.
		fmt.Fprintf(s.out, "%s", strings.Join(s.output[e.Package+" "], ""))
	}
	fmt.Fprintf(s.out, "%s %s  %.1f s\n", mark, e.Package, e.Elapsed)
}

// end writes the totals and reports whether all is well.
func (s *summary) end(took time.Duration) bool {
	slices.Sort(s.skipped)
	for _, skipped := range s.skipped {
		fmt.Fprintln(s.out, "skip", skipped)
	}
	good := s.failed == 0 && !s.broken && s.packages > 0 && s.tests > 0
	word := "PASS"
	if !good {
		word = "FAIL"
	}
	fmt.Fprintf(s.out, "%s go test: %d packages, %d tests: %d passed, %d failed, %d skipped, in %.0f s\n",
		word, s.packages, s.tests, s.passed, s.failed, len(s.skipped), took.Seconds())
	return good
}
