package newsletter

import (
	"context"
	"fmt"
	"net/textproto"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/mail"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// readers is how many letters one round of the benchmark sends.
const readers = 10_000

// bare hands n copies of a letter to the sink over one connection, with one wait
// for each and no thought: what the bytes and the waiting alone cost.
func bare(b *testing.B, s *testkit.MailSink, l mail.Letter, n int) time.Duration {
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
			s := testkit.OpenMailSink(b)
			sender, err := mail.NewSMTP(mail.SMTPOptions{Host: "127.0.0.1", Port: s.Port(), Security: mail.Clear})
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
			if got, want := s.Taken.Load(), int64(rounds*readers); got != want {
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
