package testkit

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// PostgresServer is a PostgreSQL server of a test's own, which it may stop and
// start: as scripts/postgres.sh starts the one that tests share.
type PostgresServer struct {
	Address string // of an empty database
	t       testing.TB
	bin     string
	dir     string
	port    string
	as      []string
}

// Postgres starts a server, which ends with the test.
func Postgres(t testing.TB) *PostgresServer {
	t.Helper()
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		Missing(t, "PostgreSQL", "install postgresql")
	}
	// In the system's folder: another user must get there.
	dir, err := os.MkdirTemp("", "arengo-server-")
	if err != nil {
		t.Fatal(err)
	}
	s := &PostgresServer{t: t, bin: filepath.Dir(found[len(found)-1]), dir: dir}
	t.Cleanup(func() {
		s.run("pg_ctl", "-D", filepath.Join(dir, "data"), "-m", "immediate", "-s", "stop")
		os.RemoveAll(dir)
	})
	if os.Getuid() == 0 { // initdb refuses to run as root
		s.as = []string{"runuser", "-u", "postgres", "--"}
		if out, err := exec.Command("chown", "postgres", dir).CombinedOutput(); err != nil {
			t.Fatalf("chown: %v %s", err, out)
		}
	}
	if err := s.run("initdb", "-D", filepath.Join(dir, "data"), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync"); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, s.port, _ = net.SplitHostPort(l.Addr().String())
	l.Close()
	s.Address = "postgres://postgres@127.0.0.1:" + s.port + "/postgres?sslmode=disable"
	s.Start()
	return s
}

// run runs one of the server's programs as its user.
func (s *PostgresServer) run(name string, args ...string) error {
	line := append(append([]string{}, s.as...), filepath.Join(s.bin, name))
	cmd := exec.Command(line[0], append(line[1:], args...)...)
	cmd.Dir = s.dir
	if out, err := cmd.Output(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// Start starts the server and waits until it answers.
func (s *PostgresServer) Start() {
	s.t.Helper()
	err := s.run("pg_ctl", "-D", filepath.Join(s.dir, "data"), "-s", "-w", "-t", "60", "-l", filepath.Join(s.dir, "data", "server.log"),
		"-o", "-h 127.0.0.1 -p "+s.port+" -k '"+s.dir+"' -c fsync=off", "start")
	if err != nil {
		s.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	c, err := pgx.Connect(ctx, s.Address)
	if err != nil {
		s.t.Fatal(err)
	}
	c.Close(ctx)
}

// Stop ends the server as a crash would: connections are cut.
func (s *PostgresServer) Stop() {
	s.t.Helper()
	if err := s.run("pg_ctl", "-D", filepath.Join(s.dir, "data"), "-m", "immediate", "-s", "stop"); err != nil {
		s.t.Fatal(err)
	}
}
