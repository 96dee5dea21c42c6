package testkit

import (
	"errors"
	"sync"
	"testing"
)

// PushPeer is a push service on the loopback that checks signatures and decrypts
// what it is sent.
type PushPeer struct{ peer *peer }

// PushBrowser is one browser's subscription at a PushPeer.
type PushBrowser struct {
	Endpoint   string
	Keys       struct{ P256dh, Auth string }
	ClientHash string
}

// PushMessages is what a browser was sent.
type PushMessages struct {
	Messages []string // decrypted
	Headers  []struct{ Topic, Urgency, TTL string }
}

// pushOnce starts the service once for each test binary.
var pushOnce = sync.OnceValues(func() (*peer, error) {
	var ready struct{ Ready bool }
	return startPeer("push", &ready)
})

// Push returns the push service.
func Push(t testing.TB) PushPeer {
	t.Helper()
	p, err := pushOnce()
	if errors.Is(err, errNoPeers) {
		Missing(t, "the push service", howPeers)
	}
	if err != nil {
		t.Fatal(err)
	}
	return PushPeer{p}
}

// Subscribe makes a browser that takes notices signed with a public VAPID key.
func (p PushPeer) Subscribe(t testing.TB, key string) (b PushBrowser) {
	t.Helper()
	p.peer.must(t, "subscribe", map[string]any{"key": key}, &b)
	return b
}

// Received is what a browser was sent so far.
func (p PushPeer) Received(t testing.TB, b PushBrowser) (m PushMessages) {
	t.Helper()
	p.peer.must(t, "messages", map[string]any{"clientHash": b.ClientHash}, &m)
	return m
}

// Expire ends a subscription: from now on the service answers 410.
func (p PushPeer) Expire(t testing.TB, b PushBrowser) {
	t.Helper()
	p.peer.must(t, "expire", map[string]any{"clientHash": b.ClientHash}, nil)
}
