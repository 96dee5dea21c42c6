package main

import (
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkServerStart starts the real program on an existing SQLite database.
// It reports the seconds until it answers, and the resident memory in MB after
// ten quiet seconds.
func BenchmarkServerStart(b *testing.B) {
	dir := b.TempDir()
	binary := filepath.Join(dir, "arengo")
	if out, err := exec.Command("go", "build", "-trimpath", "-o", binary, ".").CombinedOutput(); err != nil {
		b.Fatalf("build: %v\n%s", err, out)
	}
	env := append(os.Environ(), "ARENGO_DATA="+filepath.Join(dir, "data"), "ARENGO_LOG_LEVEL=error")
	found := exec.Command(binary, "institution", "create", "--name", "Comune di Cesate")
	found.Env = env
	if out, err := found.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	for b.Loop() {
		listen := freePort(b)
		server := exec.Command(binary, "serve", "--listen", listen)
		server.Env = env
		began := time.Now()
		if err := server.Start(); err != nil {
			b.Fatal(err)
		}
		for {
			if r, err := http.Get("http://" + listen + "/"); err == nil {
				r.Body.Close()
				break
			}
			if time.Since(began) > 30*time.Second {
				b.Fatal("no answer")
			}
			<-time.After(5 * time.Millisecond)
		}
		b.ReportMetric(time.Since(began).Seconds(), "s/start")
		<-time.After(10 * time.Second)
		b.ReportMetric(resident(b, server.Process.Pid), "MB-idle")
		server.Process.Signal(os.Interrupt)
		if err := server.Wait(); err != nil {
			b.Fatalf("it did not end well: %v", err)
		}
	}
}

// resident is the resident memory of a process, in MB.
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/status")
	if err != nil {
		b.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			if err != nil {
				b.Fatal(err)
			}
			return kb / 1024
		}
	}
	b.Fatal("the process tells no memory")
	return 0
}
