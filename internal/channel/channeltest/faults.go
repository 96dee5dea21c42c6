package channeltest

import (
	"context"
	"encoding/json"
	"maps"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
)

// nth matches the nth request from now on.
func nth(n int) func(*http.Request) bool {
	var count atomic.Int64
	return func(*http.Request) bool { return count.Add(1) == int64(n) }
}

// closed is a base address where nobody listens.
func (b *bench) closed() string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	l.Close()
	return "http://" + l.Addr().String()
}

// ready prepares a post that waits only for its finalize.
func (b *bench) ready() (channel.Post, channel.Progress) {
	b.Helper()
	p := b.picturePost("Un avviso.")
	var progress channel.Progress
	if err := b.prepare(b.Context(), p, &progress); err != nil {
		b.Fatal(err)
	}
	return p, progress
}

// goesOut finalizes what a fault had stopped.
func (b *bench) goesOut(p channel.Post, progress channel.Progress) {
	b.Helper()
	if _, err := b.s.Adapter.Finalize(b.Context(), b.account(), p, progress); err != nil {
		b.Fatalf("after the fault was over: %v", err)
	}
	b.one(p)
}

func unreachable(b *bench) {
	there, _ := b.publish(b.post("C'è già."))
	p, progress := b.ready()
	away := b.account()
	away.Server = b.closed()
	_, err := b.s.Adapter.Finalize(b.Context(), away, p, progress)
	b.fails("Finalize", err, channel.Transient, channel.CodeUnreachable)
	_, err = b.s.Adapter.Test(b.Context(), away)
	b.fails("Test", err, channel.Transient, channel.CodeUnreachable)
	err = b.s.Adapter.Withdraw(b.Context(), away, there)
	b.fails("Withdraw", err, channel.Transient, channel.CodeUnreachable)
	b.none(p)
	b.goesOut(p, progress)
}

// unknown finalizes under a fault that hides the outcome, although the peer
// never saw the request, and then lets Find prove it.
func (b *bench) unknown(f Fault, code string) {
	b.Helper()
	p, progress := b.ready()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	b.final(f, 0)
	_, err := b.s.Adapter.Finalize(ctx, b.account(), p, progress)
	b.s.Gate.Clear()
	b.fails("Finalize", err, channel.Unknown, code)
	b.none(p)
	b.absent(p, progress)
	b.goesOut(p, progress)
}

// selfTestUnder runs Test while every request meets a fault.
func (b *bench) selfTestUnder(f Fault) error {
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	b.s.Gate.Arm(Rule{Do: f, Wait: waitAsked})
	defer b.s.Gate.Clear()
	_, err := b.s.Adapter.Test(ctx, b.account())
	return err
}

func hung(b *bench) {
	b.unknown(HangUp, channel.CodeTimeout)
	b.fails("Test", b.selfTestUnder(HangUp), channel.Transient, channel.CodeTimeout, channel.CodeUnreachable)
}

func slow(b *bench) {
	b.unknown(Silence, channel.CodeTimeout)
	b.fails("Test", b.selfTestUnder(Silence), channel.Transient, channel.CodeTimeout)
}

func broken(b *bench) {
	b.unknown(ServerError, channel.CodeServer)
	b.fails("Test", b.selfTestUnder(ServerError), channel.Transient, channel.CodeServer)
}

func webPage(b *bench) {
	b.unknown(HTML, channel.CodeNotAPI)
	e := channel.AsError(b.selfTestUnder(HTML))
	if e.Code != channel.CodeNotAPI || e.Class != channel.Transient && e.Class != channel.Refused {
		b.Errorf("Test: %v, want %s, transient or refused", e, channel.CodeNotAPI)
	}
	b.s.Gate.Arm(Rule{Do: HTML})
	_, err := b.s.Adapter.Connect(b.Context(), b.s.Typed)
	if e := channel.AsError(err); err == nil || e.Code != channel.CodeNotAPI {
		b.Errorf("Connect: %v, want %s", err, channel.CodeNotAPI)
	}
}

func tooFast(b *bench) {
	p, progress := b.ready()
	b.final(TooMany, 0)
	_, err := b.s.Adapter.Finalize(b.Context(), b.account(), p, progress)
	b.s.Gate.Clear()
	b.waits(b.fails("Finalize", err, channel.Transient, channel.CodeTooMany))
	b.waits(b.fails("Test", b.selfTestUnder(TooMany), channel.Transient, channel.CodeTooMany))
	b.none(p)
	b.goesOut(p, progress)
}

func (b *bench) waits(e *channel.Error) {
	b.Helper()
	// A platform may say when in whole seconds by its own clock.
	if e.RetryAfter < waitAsked-3*time.Second || e.RetryAfter > waitAsked+2*time.Second {
		b.Errorf("waits %s, the platform asked for %s", e.RetryAfter, waitAsked)
	}
}

func revoked(b *bench) {
	p, progress := b.ready()
	other := b.picturePost("Un altro avviso.")
	b.s.Revoke(b)
	_, err := b.s.Adapter.Finalize(b.Context(), b.account(), p, progress)
	b.fails("Finalize", err, channel.Revoked, channel.CodeSignIn)
	_, err = b.s.Adapter.Test(b.Context(), b.account())
	b.fails("Test", err, channel.Revoked, channel.CodeSignIn)
	if b.s.Upload != nil {
		var none channel.Progress
		b.fails("Prepare", b.prepare(b.Context(), other, &none), channel.Revoked, channel.CodeSignIn)
	}
	b.none(p)
	b.none(other)
}

func selfTest(b *bench) {
	before := len(b.s.Posts(b))
	h, err := b.s.Adapter.Test(b.Context(), b.account())
	if err != nil {
		b.Fatal(err)
	}
	if n := len(b.s.Posts(b)); n != before {
		b.Errorf("the self-test changed the number of posts from %d to %d", before, n)
	}
	if h.Handle == "" || !strings.HasPrefix(h.URL, "http") {
		b.Errorf("handle %q, address %q: want both", h.Handle, h.URL)
	}
	if len(h.Limits) > 0 && !json.Valid(h.Limits) {
		b.Errorf("the limits are no JSON: %s", h.Limits)
	}
	a := b.account()
	a.Limits = h.Limits
	if c := b.s.Adapter.Capabilities(a); c.MaxText != b.caps.MaxText || c.Images != b.caps.Images {
		b.Errorf("the limits read now differ from those of the account")
	}
}

func connect(b *bench) {
	a, err := b.s.Adapter.Connect(b.Context(), maps.Clone(b.s.Typed))
	if err != nil {
		b.Fatal(err)
	}
	if a.Server == "" || strings.HasSuffix(a.Server, "/") || a.Handle == "" || len(a.Secret) == 0 {
		b.Fatalf("the connected account lacks something: server %q, handle %q, %d bytes of secret", a.Server, a.Handle, len(a.Secret))
	}
	shown := a.Server + a.Handle + a.URL + string(a.Limits)
	for _, secret := range b.s.Secrets {
		if secret != "" && strings.Contains(shown, secret) {
			b.Error("a part of the account that is shown holds a secret")
		}
	}
	a.Keep, a.Take, a.ID = b.s.Account.Keep, b.s.Account.Take, b.s.Account.ID
	b.s.Account = a
	p := b.picturePost("Il canale è collegato.")
	b.publish(p)
	b.one(p)
}

func connectWrong(b *bench) {
	fields := map[string]bool{}
	tries := append([]Wrong(nil), b.s.Wrong...)
	for _, f := range b.s.Adapter.ConnectFields() {
		if fields[f.Name] {
			b.Errorf("two entries are called %q", f.Name)
		}
		fields[f.Name] = true
		if !f.Optional && f.Default == "" {
			tries = append(tries, Wrong{Field: f.Name, Typed: map[string]string{f.Name: " "}})
		}
	}
	for name := range b.s.Typed {
		if !fields[name] {
			b.Errorf("%q is typed, and is no entry of the form", name)
		}
	}
	if len(tries) == 0 {
		b.Fatal("nothing can be typed wrongly: give Subject.Wrong")
	}
	for _, w := range tries {
		typed := maps.Clone(b.s.Typed)
		maps.Copy(typed, w.Typed)
		_, err := b.s.Adapter.Connect(b.Context(), typed)
		if err == nil {
			b.Errorf("%v: connected", w.Typed)
			continue
		}
		b.discreet("Connect", err)
		if e := channel.AsError(err); e.Field != w.Field {
			b.Errorf("%v: the error names %q (%v), want %q", w.Typed, e.Field, e, w.Field)
		}
	}
}

func connectDown(b *bench) {
	b.s.Gate.Arm(Rule{Do: HangUp})
	_, err := b.s.Adapter.Connect(b.Context(), maps.Clone(b.s.Typed))
	b.fails("Connect", err, channel.Transient, channel.CodeUnreachable, channel.CodeTimeout)
}

func capabilitySound(b *bench) {
	c := b.caps
	if !strings.HasPrefix(c.Source, "http") || c.Read.IsZero() {
		b.Errorf("source %q, read %v: say where and when", c.Source, c.Read)
	}
	if c.Images > 0 && (len(c.ImageTypes) == 0 || c.ImageBytes == 0) {
		b.Error("pictures are taken, but of what type and size?")
	}
	if c.Videos > 0 && (len(c.VideoTypes) == 0 || c.VideoBytes == 0) {
		b.Error("videos are taken, but of what type and size?")
	}
	if b.s.Adapter.Platform() == "" {
		b.Error("the platform has no name")
	}
}
