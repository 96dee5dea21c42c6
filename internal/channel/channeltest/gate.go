package channeltest

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// Fault is something that goes wrong between an adapter and its peer.
type Fault int

// The faults a Gate can make. Those before DropAnswer keep the request from the
// peer, so nothing happened there.
const (
	HangUp      Fault = iota // the connection is cut, the peer never saw the request
	ServerError              // 500 with an empty answer, the peer never saw the request
	TooMany                  // 429 in the platform's own words, see Subject.TooMany
	HTML                     // 200 and a web page, as a proxy or a captive portal answers
	Silence                  // no answer until the caller gives up, the peer never saw the request
	DropAnswer               // the peer does what it was asked, and its answer is lost
	Hold                     // the peer does what it was asked only after Release, whether anybody still waits or not
	Late                     // the peer does what it was asked, its answer never arrives and the connection stays
)

// Rule makes the requests that match When meet the fault Do.
type Rule struct {
	When  func(*http.Request) bool // nil: every request
	Do    Fault
	Times int           // how often; 0: until Clear
	Wait  time.Duration // what TooMany asks for
	Meet  func()        // called when the fault happens, before the adapter can notice; may be nil
}

// Gate stands before a peer, lets requests through, counts them and fails those
// that match a rule. It is a handler: before a real server, give it an
// httputil.ReverseProxy.
type Gate struct {
	peer    http.Handler
	tooMany func(http.ResponseWriter, time.Duration)

	mu    sync.Mutex
	rules []Rule
	seen  int
	note  func(*http.Request)

	open chan struct{} // closed by Release; made anew for what is held afterwards
	held sync.WaitGroup
}

// NewGate makes a gate before peer; tooMany writes the platform's own answer to
// somebody who goes too fast.
func NewGate(peer http.Handler, tooMany func(w http.ResponseWriter, wait time.Duration)) *Gate {
	return &Gate{peer: peer, tooMany: tooMany, open: make(chan struct{})}
}

// Serve listens on a free port of the loopback until the test ends, and returns
// the base address without a final slash.
func (g *Gate) Serve(t testing.TB) string {
	s := httptest.NewServer(g)
	t.Cleanup(func() {
		g.Clear()
		g.Release()
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// Arm adds a rule. The first matching rule wins.
func (g *Gate) Arm(r Rule) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rules = append(g.rules, r)
}

// Clear removes all rules.
func (g *Gate) Clear() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.rules = nil
}

// Release lets the held requests through, and returns when the peer has done what
// they ask.
func (g *Gate) Release() {
	g.mu.Lock()
	close(g.open)
	g.open = make(chan struct{})
	g.mu.Unlock()
	g.held.Wait()
}

// hold keeps a request until Release.
func (g *Gate) hold(r *http.Request, meet func()) {
	g.mu.Lock()
	open := g.open
	g.held.Add(1)
	g.mu.Unlock()
	defer g.held.Done()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it never arrived
	}
	meet()
	<-open
	r = r.WithContext(context.WithoutCancel(r.Context()))
	r.Body = io.NopCloser(bytes.NewReader(body))
	g.peer.ServeHTTP(httptest.NewRecorder(), r)
}

// Seen is how many requests have arrived since the start.
func (g *Gate) Seen() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen
}

// watch has note called with each request that arrives; nil ends it.
func (g *Gate) watch(note func(*http.Request)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.note = note
}

func (g *Gate) take(r *http.Request) (Rule, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.seen++
	if g.note != nil {
		g.note(r)
	}
	for i, rule := range g.rules {
		if rule.When != nil && !rule.When(r) {
			continue
		}
		if rule.Times > 0 {
			if g.rules[i].Times--; g.rules[i].Times == 0 {
				g.rules = append(g.rules[:i:i], g.rules[i+1:]...)
			}
		}
		return rule, true
	}
	return Rule{}, false
}

// ServeHTTP lets the request through or fails it.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rule, hit := g.take(r)
	if !hit {
		g.peer.ServeHTTP(w, r)
		return
	}
	meet := rule.Meet
	if meet == nil {
		meet = func() {}
	}
	if rule.Do == Hold {
		g.hold(r, meet)
		panic(http.ErrAbortHandler)
	}
	// Whatever happens, the request is read to its end: a peer that answers
	// before that cuts uploads in a way that depends on the kernel's buffers.
	switch rule.Do {
	case DropAnswer, Late:
		g.peer.ServeHTTP(httptest.NewRecorder(), r)
	default:
		io.Copy(io.Discard, r.Body)
	}
	meet()
	switch rule.Do {
	case ServerError:
		w.WriteHeader(http.StatusInternalServerError)
	case TooMany:
		g.tooMany(w, rule.Wait)
	case HTML:
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		io.WriteString(w, "<!doctype html><title>Welcome</title><p>Please sign in to the network.</p>")
	case Silence, Late:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	default:
		panic(http.ErrAbortHandler)
	}
}
