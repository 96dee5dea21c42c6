package web

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/internal/fault"
)

// Event is one server-sent event. Name is what the page listens to; Data is
// text or HTML, of any number of lines.
type Event struct {
	Name string
	Data string
}

// StreamOptions bound the open streams.
type StreamOptions struct {
	PerPerson int           // open pages of one person with a stream
	Heartbeat time.Duration // a comment is sent so often, to find readers who left or may read no more
}

// DefaultStreams are limits for a town: browsers on HTTP/1.1 hold six
// connections to a host anyway.
func DefaultStreams() StreamOptions { return StreamOptions{PerPerson: 6, Heartbeat: 20 * time.Second} }

// Streams are the server-sent event streams of this process, one for each open
// page. What is sent comes from the database's notifications, so it does not
// matter which node a page is connected to.
type Streams struct {
	options StreamOptions
	done    chan struct{}
	close   sync.Once

	mu    sync.Mutex
	open  map[string]int
	again chan struct{} // closed to make every stream ask whether it may go on
}

// NewStreams makes an empty set of streams.
func NewStreams(o StreamOptions) *Streams {
	return &Streams{options: o, done: make(chan struct{}), open: map[string]int{}, again: make(chan struct{})}
}

// Close ends all streams; browsers reconnect, to another node or to this one
// when it is back. Call it when the server begins to shut down.
func (s *Streams) Close() { s.close.Do(func() { close(s.done) }) }

// Recheck makes every stream of this process ask at once whether its reader may go
// on: call it when somebody signs out.
func (s *Streams) Recheck() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.again)
	s.again = make(chan struct{})
}

func (s *Streams) rechecked() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.again
}

// Serve sends what arrives on events until the channel is closed, the reader
// leaves, may read no more, or the server stops. still is asked before each event and
// at each heartbeat. person bounds the number of streams; beyond it the error is
// TooMany. Mount the route WithoutCompression.
func (s *Streams) Serve(w http.ResponseWriter, r *http.Request, person string, still func() bool, events <-chan Event) error {
	if !s.enter(person) {
		return fault.New(fault.TooMany, "fault.streams")
	}
	defer s.leave(person)
	c := http.NewResponseController(w)
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	w.WriteHeader(http.StatusOK)
	if send(w, c, ": open\n\n") != nil {
		return nil
	}
	return s.pump(r.Context(), w, c, still, events)
}

func (s *Streams) pump(ctx context.Context, w http.ResponseWriter, c *http.ResponseController, still func() bool, events <-chan Event) error {
	beat := time.NewTicker(s.options.Heartbeat)
	defer beat.Stop()
	for {
		var text string
		again := s.rechecked()
		select {
		case <-ctx.Done():
			return nil
		case <-s.done:
			return nil
		case <-again:
			text = ": still\n\n"
		case <-beat.C:
			text = ": beat\n\n"
		case e, open := <-events:
			if !open {
				return nil
			}
			text = e.encode()
		}
		if !still() || send(w, c, text) != nil {
			return nil // the reader may read no more, or left
		}
	}
}

func send(w http.ResponseWriter, c *http.ResponseController, text string) error {
	// A stream outlives the server's write timeout, so each write gets its own;
	// a writer without deadlines has none to outlive.
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprint(w, text); err != nil {
		return err
	}
	return c.Flush()
}

// encode writes the event in the format of the HTML standard, 9.2.5. A line end
// in the name would start another field, so it is dropped.
func (e Event) encode() string {
	var b strings.Builder
	if name := strings.NewReplacer("\n", "", "\r", "").Replace(e.Name); name != "" {
		fmt.Fprintf(&b, "event: %s\n", name)
	}
	data := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(e.Data)
	for line := range strings.SplitSeq(data, "\n") {
		fmt.Fprintf(&b, "data: %s\n", line)
	}
	b.WriteByte('\n')
	return b.String()
}

func (s *Streams) enter(person string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[person] >= s.options.PerPerson {
		return false
	}
	s.open[person]++
	return true
}

func (s *Streams) leave(person string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[person]--; s.open[person] == 0 {
		delete(s.open, person)
	}
}

// Open is the number of open streams, for the metrics.
func (s *Streams) Open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, of := range s.open {
		n += of
	}
	return n
}

// Events sends a page its events: Streams.Serve of the kit's streams, for as long as
// Options.Still says.
func (k *Kit) Events(w http.ResponseWriter, r *http.Request, person string, events <-chan Event) error {
	return k.Streams.Serve(w, r, person, func() bool { return k.still == nil || k.still(r) }, events)
}
