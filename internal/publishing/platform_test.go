package publishing

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"codeberg.org/arengo/arengo/count"
	"codeberg.org/arengo/arengo/internal/channel"
)

// platform is a square made for these tests: it keeps what was posted, and does
// what next says at each call. It is an adapter and the far side in one.
type platform struct {
	name     channel.Platform
	readable bool          // Find can tell
	answers  bool          // takes answers
	noPosts  bool          // takes nothing else
	keyed    bool          // a repeated Finalize of the same key makes no second post
	keyLife  time.Duration // so long; 0 when keyed: for ever
	byText   bool          // Find goes by the text

	mu    sync.Mutex
	posts map[string][]channel.Post // by key
	gone  map[string]bool
	edits int
	next  func(call string) outcome
	hang  func(ctx context.Context, call, key string) // before a call is answered; nil: at once
	calls []string
}

// outcome of one call to the platform.
type outcome struct {
	err  *channel.Error
	then bool // the call took effect although it failed
	// meanwhile happens after the call took effect and before it returns.
	meanwhile func()
	hangs     bool // there is no answer until the caller gives up
}

func newPlatform(name channel.Platform, readable, keyed bool) *platform {
	return &platform{name: name, readable: readable, keyed: keyed, posts: map[string][]channel.Post{}, gone: map[string]bool{}}
}

func (p *platform) ask(call string) outcome {
	p.calls = append(p.calls, call)
	if p.next == nil {
		return outcome{}
	}
	return p.next(call)
}

// silence is what a platform does that hangs.
func (p *platform) silence(ctx context.Context, call, key string) *channel.Error {
	if p.hang == nil {
		return nil
	}
	if p.hang(ctx, call, key); ctx.Err() != nil {
		return &channel.Error{Class: channel.Unknown, Code: channel.CodeTimeout, Err: ctx.Err()}
	}
	return nil
}

func (p *platform) Platform() channel.Platform { return p.name }

func (p *platform) Capabilities(channel.Account) channel.Capabilities {
	life := p.keyLife
	if p.keyed && life == 0 {
		life = channel.ForEver
	}
	return channel.Capabilities{KeyLife: life, Text: count.Graphemes(), MaxText: 500, Images: 4, ImageTypes: []string{"image/jpeg", "image/png"},
		Edit: p.readable, Withdraw: true, ReadBack: p.readable, Answers: p.answers, NoPosts: p.noPosts}
}

func (p *platform) ConnectFields() []channel.ConnectField { return nil }

func (p *platform) Connect(context.Context, map[string]string) (channel.Account, error) {
	return channel.Account{Handle: "@test", Secret: json.RawMessage(`"s"`)}, nil
}

func (p *platform) Test(context.Context, channel.Account) (channel.Health, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.ask("test"); o.err != nil {
		return channel.Health{}, o.err
	}
	return channel.Health{}, nil
}

func (p *platform) Prepare(ctx context.Context, _ channel.Account, post channel.Post, prior channel.Progress, save func(channel.Progress) error) (channel.Progress, error) {
	if err := p.silence(ctx, "prepare", post.Key); err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.ask("prepare"); o.err != nil {
		return nil, o.err
	}
	done := channel.Progress(`{"uploaded":1}`)
	return done, save(done)
}

func (p *platform) Finalize(ctx context.Context, _ channel.Account, post channel.Post, _ channel.Progress) (channel.Remote, error) {
	if err := p.silence(ctx, "finalize", post.Key); err != nil {
		return channel.Remote{}, err
	}
	o, r := p.accept(post)
	if o.meanwhile != nil {
		o.meanwhile()
	}
	if o.hangs {
		<-ctx.Done()
	}
	if o.err != nil {
		return channel.Remote{}, o.err
	}
	return r, nil
}

func (p *platform) accept(post channel.Post) (outcome, channel.Remote) {
	p.mu.Lock()
	defer p.mu.Unlock()
	o := p.ask("finalize")
	if o.err == nil || o.then {
		if !p.keyed || len(p.posts[post.Key]) == 0 {
			p.posts[post.Key] = append(p.posts[post.Key], post)
		}
	}
	return o, p.remote(post.Key, len(p.posts[post.Key]))
}

// remote is the nth copy of a key; the first has the key's own name.
func (p *platform) remote(key string, n int) channel.Remote {
	id := key
	if n > 1 {
		id = fmt.Sprint(key, "-", n)
	}
	return channel.Remote{ID: id, URL: "https://square.example/" + id}
}

// shows makes a post visible without any call, as a server does that took one
// before its caller died.
func (p *platform) shows(post channel.Post) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.posts[post.Key] = append(p.posts[post.Key], post)
}

func (p *platform) Find(_ context.Context, _ channel.Account, post channel.Post, _ channel.Progress) (channel.Remote, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.readable {
		return channel.Remote{}, false, &channel.Error{Class: channel.Unknown, Code: channel.CodeCannotRead}
	}
	if o := p.ask("find"); o.err != nil {
		return channel.Remote{}, false, o.err
	}
	for i, there := range p.posts[post.Key] {
		if !p.byText || there.Text == post.Text {
			return p.remote(post.Key, i+1), true, nil
		}
	}
	return channel.Remote{}, false, nil
}

func (p *platform) Edit(_ context.Context, _ channel.Account, post channel.Post, r channel.Remote) (channel.Remote, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.ask("edit"); o.err != nil {
		return r, o.err
	}
	p.edits++
	p.posts[post.Key] = []channel.Post{post}
	return r, nil
}

func (p *platform) Withdraw(_ context.Context, _ channel.Account, r channel.Remote) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if o := p.ask("withdraw"); o.err != nil {
		return o.err
	}
	p.gone[r.ID] = true
	return nil
}

// shown counts the posts of a key that citizens see.
func (p *platform) shown(key string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gone[key] {
		return 0
	}
	return len(p.posts[key])
}

// script makes each call take the next outcome; then all goes well.
func script(outcomes map[string][]outcome) func(string) outcome {
	return func(call string) outcome {
		if left := outcomes[call]; len(left) > 0 {
			outcomes[call] = left[1:]
			return left[0]
		}
		return outcome{}
	}
}

func fails(class channel.Class, code string) outcome {
	return outcome{err: &channel.Error{Class: class, Code: code}}
}

func failsAfterwards() outcome {
	return outcome{err: &channel.Error{Class: channel.Unknown, Code: channel.CodeTimeout}, then: true}
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) set(t time.Time) { c.mu.Lock(); c.at = t; c.mu.Unlock() }

func (c *clock) forward(d time.Duration) { c.set(c.now().Add(d)) }

var _ channel.Adapter = (*platform)(nil)

// posted is a post as a platform keeps it.
func posted(m Message) channel.Post { return channel.Post{Title: m.Content.Title} }
