package limit

import (
	"io"
	"net"
	"net/netip"
	"sync"
	"time"
)

// Listener bounds the connections of one network and in all, and how slowly answers
// may be taken. spared are those for whom only the whole is bounded: proxies, which
// stand for many readers; neighbours of this machine are too.
func Listener(l net.Listener, spared []netip.Prefix) net.Listener {
	return &listener{Listener: l, spared: spared, gate: NewGate(Connections.N(), ConnectionsInAll.N())}
}

type listener struct {
	net.Listener
	spared []netip.Prefix
	gate   *Gate
}

// Accept returns the next connection that there is room for; the others are closed.
func (l *listener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		leave, ok := l.admit(c.RemoteAddr())
		if !ok {
			_ = c.Close() // there is nobody to tell
			continue
		}
		return &conn{Conn: c, leave: sync.OnceFunc(leave)}, nil
	}
}

func (l *listener) admit(from net.Addr) (leave func(), ok bool) {
	peer, err := netip.ParseAddrPort(from.String())
	if err != nil || l.spares(Plain(peer.Addr())) {
		return l.gate.EnterAny(1)
	}
	return l.gate.Enter(Of(peer.Addr()), 1)
}

func (l *listener) spares(a netip.Addr) bool {
	if a.IsLoopback() || a.IsPrivate() {
		return true
	}
	for _, p := range l.spared {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// conn is a connection whose reader must take what is written, though slowly.
type conn struct {
	net.Conn
	leave func()
}

func (c *conn) Close() error {
	defer c.leave()
	return c.Conn.Close()
}

// patience is how long so many bytes may take to be taken.
func patience(n int) time.Duration {
	return Grace.For() + time.Duration(n)*time.Second/time.Duration(Slowest.N())
}

func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(patience(len(p)))); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// part is how much of a file is handed to the system at a time.
const part = 256 << 10

// ReadFrom writes a file without copying it through the program, part by part, each
// with its own time.
func (c *conn) ReadFrom(r io.Reader) (total int64, err error) {
	to, ok := c.Conn.(io.ReaderFrom)
	if !ok {
		return io.Copy(struct{ io.Writer }{c}, r)
	}
	whole, limited := r.(*io.LimitedReader) // the system knows a file through one of these only
	for {
		next := &io.LimitedReader{R: r, N: part}
		if limited {
			next.R, next.N = whole.R, min(whole.N, part)
		}
		want := next.N
		if want == 0 {
			return total, nil
		}
		if err := c.SetWriteDeadline(time.Now().Add(patience(part))); err != nil {
			return total, err
		}
		n, err := to.ReadFrom(next)
		total += n
		if limited {
			whole.N -= n
		}
		if err != nil || n < want {
			return total, err
		}
	}
}
