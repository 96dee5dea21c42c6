package newsletter

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"net/textproto"
	"sync/atomic"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// readers is how many letters one round of the benchmark sends.
const readers = 10_000

// sink is a mail server that reads each letter to its final dot, counts it and
// throws it away. It does no more, so that it is not what is measured: Debian's
// aiosmtpd alone needs 9 s for 10,000 letters where this needs half a second.
type sink struct {
	net.Listener
	taken atomic.Int64

	// A test may have the server answer no letter from this number on; hang is closed
	// when that begins.
	hangsAt int64
	hang    chan struct{}
}

func openSink(b testing.TB) *sink {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &sink{Listener: l}
	b.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go s.serve(c)
		}
	}()
	return s
}

func (s *sink) port() int { return s.Addr().(*net.TCPAddr).Port }

// serve speaks as much SMTP as a letter needs. Answers wait until nothing more has
// come in, as those of a server that takes several commands at once do.
func (s *sink) serve(c net.Conn) {
	defer c.Close()
	r, w := bufio.NewReaderSize(c, 64<<10), bufio.NewWriter(c)
	say := func(text string) {
		w.WriteString(text)
		if r.Buffered() == 0 {
			w.Flush()
		}
	}
	say("220 sink ESMTP\r\n")
	for {
		line, err := r.ReadSlice('\n')
		if err != nil || len(line) < 4 {
			return
		}
		switch string(bytes.ToUpper(line[:4])) {
		case "EHLO":
			say("250-sink\r\n250 PIPELINING\r\n")
		case "DATA":
			say("354 go on\r\n")
			w.Flush()
			for {
				if line, err = r.ReadSlice('\n'); err != nil {
					return
				}
				if string(line) == ".\r\n" {
					break
				}
			}
			if n := s.taken.Add(1); s.hangsAt > 0 && n >= s.hangsAt {
				if n == s.hangsAt {
					close(s.hang)
				}
				r.ReadByte() // until the other side hangs up
				return
			}
			say("250 taken\r\n")
		case "QUIT":
			say("221 bye\r\n")
			return
		default:
			say("250 ok\r\n")
		}
	}
}

// bare hands n copies of a letter to the sink over one connection, with one wait
// for each and no thought: what the bytes and the waiting alone cost.
func bare(b *testing.B, s *sink, l mail.Letter, n int) time.Duration {
	b.Helper()
	text, err := l.Bytes(nil)
	if err != nil {
		b.Fatal(err)
	}
	c, err := textproto.Dial("tcp", s.Addr().String())
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	expect := func(codes ...int) {
		for _, code := range codes {
			if _, _, err := c.ReadResponse(code); err != nil {
				b.Fatal(err)
			}
		}
	}
	envelope := "MAIL FROM:<bounces@cesate.example>\r\nRCPT TO:<reader@example.org>\r\nDATA\r\n"
	start := time.Now()
	fmt.Fprintf(c.W, "EHLO bare\r\n%s", envelope)
	c.W.Flush()
	expect(220, 250, 250, 250, 354)
	for range n {
		c.W.Write(text)
		fmt.Fprintf(c.W, "\r\n.\r\n%s", envelope)
		c.W.Flush()
		expect(250, 250, 250, 354)
	}
	return time.Since(start)
}

// BenchmarkTenThousandReaders sends one message to ten thousand subscribers over
// a local mail server, each letter recorded before and after. The ratio is to a
// bare loop that sends the same bytes and records nothing.
func BenchmarkTenThousandReaders(b *testing.B) {
	readers := readers
	if testing.Short() {
		readers = 500 // whether it runs; the figure needs them all
	}
	for _, engine := range []db.Engine{db.SQLite, db.Postgres} {
		b.Run(string(engine), func(b *testing.B) {
			s := openSink(b)
			sender, err := mail.NewSMTP(mail.SMTPOptions{Host: "127.0.0.1", Port: s.port(), Security: mail.Clear})
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
			rounds, before := 0, testkit.Size(b, w.db)
			for b.Loop() {
				rounds++
				w.hand("comune", fmt.Sprint("round ", rounds), "Una notizia per tutti")
				w.work()
			}
			if got, want := s.taken.Load(), int64(rounds*readers); got != want {
				b.Fatalf("the mail server took %d letters, want %d; the ledger says %s", got, want, w.outcomes())
			}
			if got, want := w.outcomes(), fmt.Sprintf("sent %d", rounds*readers); got != want {
				b.Fatalf("the ledger says %s, want %s", got, want)
			}
			seconds := b.Elapsed().Seconds() / float64(rounds)
			b.ReportMetric(float64(testkit.Size(b, w.db)-before)/float64(rounds*readers), "B/letter")
			b.ReportMetric(seconds, "s/10000")
			b.ReportMetric(float64(readers)/seconds, "letters/s")
			b.ReportMetric(seconds/bare(b, s, w.aLetter(), readers).Seconds(), "times_bare")
		})
	}
}

// aLetter is one of the letters that the benchmark sends.
func (w *town) aLetter() mail.Letter {
	w.Helper()
	u, _ := w.find("reader0@example.org")
	all, err := issuesOf(w)
	w.must(err)
	l, err := newWriter(w.list, w.i, all[0]).letter(letterTo{subscriber: u}, w.clock.now())
	w.must(err)
	return l
}

func issuesOf(w *town) (all []Issue, err error) {
	err = w.db.Read(context.Background(), func(tx *db.Tx) error {
		all, err = issues(context.Background(), tx, w.i.ID, 1)
		return err
	})
	return all, err
}
