package testkit

import (
	"fmt"
	"os/exec"
	"regexp"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// Measured is what wrk says of a server.
type Measured struct {
	Rate float64 // requests a second
	P99  time.Duration
	CPU  float64 // of this process for one request, µs; of a server in it
}

// spent is the processor time of this process so far.
func spent(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

var (
	rateLine  = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)
	p99Line   = regexp.MustCompile(`99%\s+([0-9.]+(?:us|ms|s))`)
	wrongLine = regexp.MustCompile(`Non-2xx or 3xx responses: \d+|Socket errors: .*`)
)

// Load asks for an address over so many connections with wrk. An answer that is no
// success ends the benchmark.
func Load(b *testing.B, address string, connections int, span time.Duration) (m Measured) {
	b.Helper()
	before := spent(b)
	out, err := exec.Command("wrk", "-t2", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", int(span.Seconds())), "--latency", address).CombinedOutput()
	if err != nil {
		b.Fatalf("wrk: %v\n%s", err, out)
	}
	if wrong := wrongLine.Find(out); wrong != nil {
		b.Fatalf("%s: %s", address, wrong)
	}
	rate, p99 := rateLine.FindSubmatch(out), p99Line.FindSubmatch(out)
	if rate == nil || p99 == nil {
		b.Fatalf("wrk says\n%s", out)
	}
	if m.Rate, err = strconv.ParseFloat(string(rate[1]), 64); err != nil {
		b.Fatal(err)
	}
	if m.P99, err = time.ParseDuration(string(p99[1])); err != nil {
		b.Fatal(err)
	}
	m.CPU = float64((spent(b) - before).Microseconds()) / (m.Rate * span.Seconds())
	return m
}
