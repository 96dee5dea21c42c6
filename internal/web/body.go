package web

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/limit"
)

// bodies bound what senders of requests can make us hold: bytes in memory, and time.
type bodies struct {
	strangers *limit.Gate // by network and in all, in KiB
	staff     *limit.Gate // who is signed in, or a program with a token: in all
	grace     time.Duration
	slowest   int // bytes a second
	wait      time.Duration
}

func newBodies() *bodies {
	const kib = 1 << 10
	return &bodies{
		strangers: limit.NewGate(limit.BodyBytes.N()/kib, limit.BodyBytesInAll.N()/kib),
		staff:     limit.NewGate(limit.BodyBytesOfStaff.N()/kib, limit.BodyBytesOfStaff.N()/kib),
		grace:     limit.Grace.For(), slowest: limit.Slowest.N(), wait: limit.BodyWait.For(),
	}
}

// body is the body of a request. It takes its place in memory when the first byte is
// read, since a request that is refused before needs none, and it must arrive: not at
// once, but no slower than the slowest that is borne.
type body struct {
	io.ReadCloser
	of       *bodies
	ctx      context.Context
	state    *request
	deadline func(time.Time) error // of the connection's next bytes
	size     int64                 // as announced; -1: unknown
	most     int64                 // that the route takes, 0 until it is known
	read     int64
	since    time.Time
	until    time.Time // the route's own bound; zero: none
	leave    func()
	failed   error
}

// watch puts the bounds around the body of a request; done gives its place back.
func (b *bodies) watch(w http.ResponseWriter, r *http.Request) (done func()) {
	if r.Body == nil || r.Body == http.NoBody || r.ContentLength == 0 {
		return func() {}
	}
	own := &body{ReadCloser: r.Body, of: b, ctx: r.Context(), state: stateOf(r), size: r.ContentLength,
		// A writer without deadlines, as in tests, has no connection that could be held.
		deadline: http.NewResponseController(w).SetReadDeadline}
	// Also for a body that no handler reads: the server reads the rest of it by itself.
	_ = own.deadline(time.Now().Add(b.grace))
	r.Body, own.state.body = own, own
	return func() {
		if own.leave != nil {
			own.leave()
		}
	}
}

// Read reads on, as long as there is room and the sender is not too slow. Faults:
// Unavailable, TooMany.
func (b *body) Read(p []byte) (int, error) {
	if b.leave == nil && b.failed == nil {
		b.failed = b.enter()
		b.since = time.Now()
	}
	if b.failed != nil {
		return 0, b.failed
	}
	by := b.since.Add(b.of.grace + time.Duration(b.read)*time.Second/time.Duration(b.of.slowest))
	if !b.until.IsZero() && b.until.Before(by) {
		by = b.until
	}
	_ = b.deadline(by)
	n, err := b.ReadCloser.Read(p)
	b.read += int64(n)
	if errors.Is(err, io.EOF) {
		// From here on the server listens whether the sender hangs up: without an end.
		_ = b.deadline(time.Time{})
	}
	return n, err
}

// enter waits for room.
func (b *body) enter() (err error) {
	const kib = 1 << 10
	// A file goes on to the disk; what stays in memory of a form is formMemory.
	need := min(b.most, formMemory)
	if b.size >= 0 {
		need = min(b.size, need)
	}
	gate := b.of.strangers
	if b.state.trusted {
		gate = b.of.staff
	}
	ctx, cancel := context.WithTimeout(b.ctx, b.of.wait)
	defer cancel()
	if b.leave, err = gate.Wait(ctx, limit.Of(b.state.client), int(need/kib)+1); err != nil {
		return fault.New(fault.Unavailable, "fault.bodies").Because(err)
	}
	return nil
}

// Hurry lets the body of a request take at most so long in all, where a route bears
// less than others.
func Hurry(r *http.Request, most time.Duration) {
	if b := stateOf(r).body; b != nil {
		b.until = time.Now().Add(most)
	}
}

// Trust lets the body of a request have the place that is kept for people and programs
// that have proved who they are.
func Trust(r *http.Request) { stateOf(r).trusted = true }
