package newsletter

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// readers is how many letters one round of the benchmark sends.
const readers = 10_000

// sink is a real mail server, Debian's python3-aiosmtpd, that throws letters away,
// with a counter before it: what it counts is what the server took.
func sink(b *testing.B) (port int, taken *atomic.Int64) {
	b.Helper()
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import aiosmtpd").Run(); err != nil {
		testkit.Missing(b, "aiosmtpd", "apt-get install python3-aiosmtpd")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	inner := l.Addr().String()
	l.Close()
	cmd := exec.Command(python, "-m", "aiosmtpd", "-n", "-l", inner, "-c", "aiosmtpd.handlers.Sink")
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	for deadline := time.Now().Add(20 * time.Second); ; {
		c, err := net.Dial("tcp", inner)
		if err == nil {
			c.Close()
			break
		}
		if time.Now().After(deadline) {
			b.Fatal("aiosmtpd does not start: ", err)
		}
		<-time.After(50 * time.Millisecond)
	}
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { front.Close() })
	taken = &atomic.Int64{}
	go func() {
		for {
			c, err := front.Accept()
			if err != nil {
				return
			}
			go relay(c, inner, taken)
		}
	}()
	port, err = strconv.Atoi(front.Addr().String()[strings.LastIndexByte(front.Addr().String(), ':')+1:])
	if err != nil {
		b.Fatal(err)
	}
	return port, taken
}

// relay passes a connection on and counts the server's acceptances of letters:
// its answers 250 to the final dot of DATA.
func relay(c net.Conn, inner string, taken *atomic.Int64) {
	defer c.Close()
	s, err := net.Dial("tcp", inner)
	if err != nil {
		return
	}
	defer s.Close()
	var inData atomic.Bool
	go func() {
		defer c.Close()
		for r := bufio.NewReader(s); ; {
			line, err := r.ReadString('\n')
			if err != nil {
				return
			}
			if strings.HasPrefix(line, "354") {
				inData.Store(true)
			} else if inData.Swap(false) && strings.HasPrefix(line, "250 ") {
				taken.Add(1)
			}
			if _, err := c.Write([]byte(line)); err != nil {
				return
			}
		}
	}()
	buf := make([]byte, 64<<10)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err := s.Write(buf[:n]); err != nil {
			return
		}
	}
}

// BenchmarkTenThousandReaders sends one message to ten thousand subscribers over
// a local mail server, each letter recorded before and after.
func BenchmarkTenThousandReaders(b *testing.B) {
	readers := readers
	if testing.Short() {
		readers = 500 // whether it runs; the figure needs them all
	}
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(engine), func(b *testing.B) {
			port, taken := sink(b)
			sender, err := mail.NewSMTP(mail.SMTPOptions{Host: "127.0.0.1", Port: port, Security: mail.Clear})
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { sender.Close() })
			w := newTown(b, testkit.Open(b, testkit.Address(b, engine)))
			w.open(sender)
			w.must(w.db.InTx(context.Background(), func(tx *db.Tx) error {
				for n := range readers {
					if _, err := save(context.Background(), tx, w.i.ID, Subscriber{Email: fmt.Sprintf("reader%d@example.org", n), Locale: "it", Cadence: Immediate}, w.clock.now()); err != nil {
						return err
					}
				}
				return nil
			}))
			rounds := 0
			for b.Loop() {
				rounds++
				w.hand("comune", fmt.Sprint("round ", rounds), "Una notizia per tutti")
				w.work()
			}
			if got, want := taken.Load(), int64(rounds*readers); got != want {
				b.Fatalf("the mail server took %d letters, want %d; the ledger says %s", got, want, w.outcomes())
			}
			if got, want := w.outcomes(), fmt.Sprintf("sent %d", rounds*readers); got != want {
				b.Fatalf("the ledger says %s, want %s", got, want)
			}
			seconds := b.Elapsed().Seconds() / float64(rounds)
			b.ReportMetric(seconds, "s/10000")
			b.ReportMetric(float64(readers)/seconds, "letters/s")
		})
	}
}
