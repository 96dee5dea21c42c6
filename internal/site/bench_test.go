package site_test

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/site"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// BenchmarkMessagePage is the processor time of one news page, with everything
// that a real request costs: the institution by its host, its version, headers.
func BenchmarkMessagePage(b *testing.B) {
	for _, n := range []int{10, 5000} {
		b.Run(fmt.Sprintf("%d-messages", n), func(b *testing.B) {
			w := newTown(b, testkit.SQLite(b))
			w.many(n)
			b.Run("kept", func(b *testing.B) { w.bench(b, "/m/avviso-numero-7", false) })
			b.Run("rendered", func(b *testing.B) { w.bench(b, "/m/avviso-numero-7", true) })
			b.Run("home-rendered", func(b *testing.B) { w.bench(b, "/", true) })
			b.Run("list-rendered", func(b *testing.B) { w.bench(b, "/notizie", true) })
			b.Run("search", func(b *testing.B) { w.bench(b, "/cerca?q=le+scuole+del+paese", false) })
			b.Run("feed-rendered", func(b *testing.B) { w.bench(b, "/feed.atom", true) })
			b.Run("media", func(b *testing.B) {
				m := w.photo(1, "", "")
				w.publish(note{Title: fmt.Sprintf("Con foto %d", w.n), Body: "x", Media: []site.Media{m}})
				w.bench(b, m.Src(480), false)
			})
		})
	}
}

// bench answers GETs of a path; each with a page of a new version when fresh.
func (w *town) bench(b *testing.B, path string, fresh bool) {
	b.ReportAllocs()
	var before, after syscall.Rusage
	b.ResetTimer()
	w.must(syscall.Getrusage(syscall.RUSAGE_SELF, &before))
	for b.Loop() {
		if fresh {
			b.StopTimer()
			w.touch()
			b.StartTimer()
		}
		if rec := w.get(path); rec.Code != http.StatusOK {
			b.Fatal(rec.Code)
		}
	}
	w.must(syscall.Getrusage(syscall.RUSAGE_SELF, &after))
	if !fresh {
		used := after.Utime.Nano() + after.Stime.Nano() - before.Utime.Nano() - before.Stime.Nano()
		b.ReportMetric(float64(used)/float64(b.N)/1e6, "cpu-ms/op")
	}
}

// touch grows the institution's version, as every publication does.
func (w *town) touch() {
	w.must(w.db.InTx(context.Background(), func(tx *db.Tx) error {
		_, err := tx.Exec(context.Background(), `UPDATE institution SET version = version + 1 WHERE id = $1`, w.i.ID)
		return err
	}))
}

// BenchmarkBesideNginx measures the same bytes served by us, with the database
// asked at every request and a message published twenty times a second, and by
// nginx from a file; one after the other, with 64 connections.
func BenchmarkBesideNginx(b *testing.B) {
	for _, tool := range []string{"wrk", "nginx"} {
		if _, err := exec.LookPath(tool); err != nil {
			testkit.Missing(b, tool, "apt-get install wrk nginx-light")
		}
	}
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(engine), func(b *testing.B) {
			if engine == db.Postgres && os.Getenv("ARENGO_TEST_POSTGRES") == "" {
				testkit.Missing(b, "PostgreSQL", "scripts/postgres.sh go test -bench …")
			}
			w := newTown(b, testkit.Open(b, testkit.Address(b, engine)))
			w.many(1000)
			const path = "/m/avviso-numero-7"
			ours := httptest.NewServer(w.handler)
			defer ours.Close()
			theirs := nginx(b, path, w.page(path))
			least := httptest.NewServer(bare(w.page(path)))
			defer least.Close()
			const span = 4 * time.Second
			for b.Loop() {
				calm := testkit.Load(b, ours.URL+path, 64, span)
				stop := w.keepPublishing()
				busy := testkit.Load(b, ours.URL+path, 64, span)
				stop()
				static, floor := testkit.Load(b, theirs+path, 64, span), testkit.Load(b, least.URL+path, 64, span)
				b.ReportMetric(calm.Rate, "ours-req/s")
				b.ReportMetric(busy.Rate, "ours-publishing-req/s")
				b.ReportMetric(static.Rate, "nginx-req/s")
				b.ReportMetric(calm.Rate/static.Rate, "ratio")
				b.ReportMetric(floor.Rate/static.Rate, "ratio-bare")
				b.ReportMetric(calm.CPU, "ours-cpu-µs")
				b.ReportMetric(floor.CPU, "bare-cpu-µs")
				b.ReportMetric(busy.Rate/static.Rate, "ratio-publishing")
				b.ReportMetric(busy.P99.Seconds()*1000, "p99-publishing-ms")
				b.ReportMetric(static.P99.Seconds()*1000, "nginx-p99-ms")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
}

// bare is the least that a Go server can do for the same bytes: what we cost more is
// ours to explain.
func bare(body string) http.Handler {
	page, length := []byte(body), strconv.Itoa(len(body))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		w.Header().Set("Content-Length", length)
		w.Write(page)
	})
}

// keepPublishing publishes until stop is called.
func (w *town) keepPublishing() (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(50 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				w.publish(note{Title: fmt.Sprintf("Nel frattempo %d", w.n), Body: "Una notizia esce mentre si legge."})
			}
		}
	}()
	return func() { close(done); <-ended }
}

// nginx serves one body as a static file, the way Debian configures it, and
// returns its address.
func nginx(b *testing.B, path, body string) string {
	b.Helper()
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	dir := b.TempDir()
	// Its workers run as another user when we are root.
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		must(os.Chmod(d, 0o755))
	}
	file := filepath.Join(dir, "www", path, "index.html")
	must(os.MkdirAll(filepath.Dir(file), 0o755))
	must(os.WriteFile(file, []byte(body), 0o644))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(err)
	address := l.Addr().String()
	must(l.Close())
	config := filepath.Join(dir, "nginx.conf")
	must(os.WriteFile(config, []byte(strings.NewReplacer("DIR", dir, "ADDRESS", address).Replace(`
daemon off; master_process on; worker_processes auto; pid DIR/nginx.pid; error_log DIR/error.log;
events { worker_connections 768; }
http {
	sendfile on; tcp_nopush on; types { text/html html; } default_type text/html; access_log off; keepalive_requests 1000000;
	client_body_temp_path DIR/a; proxy_temp_path DIR/b; fastcgi_temp_path DIR/c; uwsgi_temp_path DIR/d; scgi_temp_path DIR/e;
	server { listen ADDRESS; root DIR/www; location / { try_files $uri/index.html =404; } }
}`)), 0o644))
	cmd := exec.Command("nginx", "-p", dir, "-c", config)
	must(cmd.Start())
	b.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGTERM)
		cmd.Wait()
	})
	for deadline := time.Now().Add(10 * time.Second); ; {
		r, err := http.Get("http://" + address + path)
		if err == nil {
			r.Body.Close()
			if r.StatusCode != http.StatusOK || r.ContentLength != int64(len(body)) {
				b.Fatalf("nginx answers %d with %d bytes, want %d", r.StatusCode, r.ContentLength, len(body))
			}
			return "http://" + address
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "error.log"))
			b.Fatalf("nginx does not start: %v\n%s", err, log)
		}
		<-time.After(20 * time.Millisecond)
	}
}
