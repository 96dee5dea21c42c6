package fetch

import (
	"io"
	"net/http"
	"sync"
	"time"
)

// watchdog ends an exchange in which nothing happens any more, at each of its
// steps: connecting, sending, waiting for the answer, reading it. What moves may
// take long as far as it is sent, for a town's video on a slow line does; the rest
// has one time together.
type watchdog struct {
	headers, stall time.Duration
	total          time.Duration
	sends          bool

	mu       sync.Mutex
	timer    *time.Timer
	deadline time.Time // of all but the sending
	step     step
}

// step is how far an exchange has come.
type step int

const (
	connecting step = iota
	sending
	waiting
	answering
	over
)

// watchOver starts the watch over an exchange that sends so many bytes; bite ends it.
func watchOver(o Options, total time.Duration, length int64, bite func()) *watchdog {
	d := &watchdog{headers: o.Headers, stall: o.Stall, total: total, sends: length != 0, deadline: time.Now().Add(total)}
	if length > largeBody {
		d.headers *= 2
	}
	d.timer = time.AfterFunc(min(total, o.Connect), bite)
	return d
}

// at moves on to a step, and gives it so much time. Going back is no progress.
func (d *watchdog) at(s step, patience time.Duration) {
	if s < d.step || d.step == over {
		return
	}
	d.step = s
	d.timer.Reset(patience)
}

func (d *watchdog) connected() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sends {
		d.at(sending, d.stall)
	} else {
		d.at(sending, d.remains())
	}
}

// moved says that the transport asked for more of the body: what it had is gone.
func (d *watchdog) moved() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at(sending, d.stall)
}

// sent says that all of the request was written.
func (d *watchdog) sent() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.sends && d.step == sending {
		d.deadline = time.Now().Add(d.total)
	}
	d.at(waiting, min(d.headers, d.remains()))
}

// answered says that the headers of the answer are there.
func (d *watchdog) answered() { d.rest() }

// reading says that a reader waits for the next bytes.
func (d *watchdog) reading() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at(answering, min(d.stall, d.remains()))
}

// rest says that the reader is busy with what it got: that is not the peer's fault,
// but the whole time goes on.
func (d *watchdog) rest() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.at(answering, d.remains())
}

// stop ends the watch.
func (d *watchdog) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.step = over
	d.timer.Stop()
}

// left is what remains of the whole time.
func (d *watchdog) left() time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.remains()
}

func (d *watchdog) remains() time.Duration { return time.Until(d.deadline) }

// feed watches the body of a request being sent, also when the transport begins
// again on another connection.
func (d *watchdog) feed(req *http.Request) {
	if req.Body == nil || req.Body == http.NoBody {
		return
	}
	req.Body = &fed{req.Body, d}
	if again := req.GetBody; again != nil {
		req.GetBody = func() (io.ReadCloser, error) {
			b, err := again()
			if err != nil {
				return nil, err
			}
			return &fed{b, d}, nil
		}
	}
}

// fed is a body that tells how it goes.
type fed struct {
	io.ReadCloser
	dog *watchdog
}

func (f *fed) Read(p []byte) (int, error) {
	f.dog.moved()
	return f.ReadCloser.Read(p)
}
