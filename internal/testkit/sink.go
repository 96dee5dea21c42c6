package testkit

import (
	"bufio"
	"bytes"
	"net"
	"sync/atomic"
	"testing"
)

// MailSink is a mail server that reads each letter to its final dot, counts it and
// throws it away. It does no more, so that it is not what is measured: Debian's
// aiosmtpd alone needs 9 s for 10,000 letters where this needs half a second.
type MailSink struct {
	net.Listener
	Taken atomic.Int64 // letters

	// A test may have the server answer no letter from this number on; Hang is closed
	// when that begins.
	HangsAt int64
	Hang    chan struct{}
}

// OpenMailSink begins to listen on a port of its own, until the test ends.
func OpenMailSink(b testing.TB) *MailSink {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := &MailSink{Listener: l}
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

// Port is where it listens, on 127.0.0.1.
func (s *MailSink) Port() int { return s.Addr().(*net.TCPAddr).Port }

// serve speaks as much SMTP as a letter needs. Answers wait until nothing more has
// come in, as those of a server that takes several commands at once do.
func (s *MailSink) serve(c net.Conn) {
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
			if n := s.Taken.Add(1); s.HangsAt > 0 && n >= s.HangsAt {
				if n == s.HangsAt {
					close(s.Hang)
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
