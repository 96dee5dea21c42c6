package app

import (
	"context"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// The socket takes letters from anybody, answers each, and is not disturbed by those
// who say nothing or too much; what an earlier server left there is no hindrance.
func TestSocketOfReturnedLetters(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		a := &App{DB: d, Log: slog.New(slog.DiscardHandler), Clock: time.Now}
		dir, err := os.MkdirTemp("", "bounces") // a socket's path is short
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		path := filepath.Join(dir, "s")
		if _, err := HandBounce(t.Context(), path, strings.NewReader("x")); !fault.Is(err, fault.Unavailable) {
			t.Errorf("nobody listens: %v", err)
		}
		left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
		if err != nil {
			t.Fatal(err)
		}
		left.SetUnlinkOnClose(false)
		left.Close()
		stop, err := a.takeBounces(t.Context(), path)
		if err != nil {
			t.Fatalf("over what was left: %v", err)
		}
		if _, err := a.takeBounces(t.Context(), path); !fault.Is(err, fault.Conflict) {
			t.Errorf("a second server: %v", err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o666 {
			t.Errorf("%v, %v", info.Mode(), err)
		}
		silent, err := net.Dial("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
		for name, letter := range map[string]io.Reader{
			"no report": strings.NewReader("From: a@b.example\n\nCiao\n"),
			"nothing":   strings.NewReader(""),
			"too long":  io.LimitReader(endless{}, 2*mail.MaxReport),
		} {
			if n, err := HandBounce(t.Context(), path, letter); err != nil || n != 0 {
				t.Errorf("%s: %d, %v", name, n, err)
			}
		}
		d.Close()
		report := "From: MAILER-DAEMON@b.example\nX-Failed-Recipients: a@b.example\nSubject: Undelivered\n\n<0199aaaa-1111-7222-8333-444455556666.0199bbbb-1111-7222-8333-444455556666@b.example>\n"
		if _, err := HandBounce(context.Background(), path, strings.NewReader(report)); !fault.Is(err, fault.Unavailable) {
			t.Errorf("without a database: %v", err)
		}
		stop()
		if _, err := HandBounce(t.Context(), path, strings.NewReader("x")); !fault.Is(err, fault.Unavailable) {
			t.Errorf("after the end: %v", err)
		}
	})
}

// endless is a letter that does not end.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}
