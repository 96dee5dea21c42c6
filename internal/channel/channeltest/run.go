package channeltest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"codeberg.org/arengo/arengo/internal/channel"
)

// least is how many cases must really be played: below that, a peer proves too
// little to call its adapter a channel.
const least = 20

// needsNetwork are the cases in which something happens between the adapter and
// its peer: a peer in the same process or database has nothing in between.
func needsNetwork() []Case {
	return []Case{
		Resume, Pace, Crash, LostAnswer, Held, Unreachable, Hung, Slow, Broken, TooFast, WebPage, Revoked, ConnectDown,
		HearTrouble, HearRevoked, AnswerCrash,
	}
}

type play struct {
	name Case
	run  func(*bench)
}

// dialogues are the cases in which people speak to the account.
func dialogues() []play {
	return []play{
		{Hear, hear}, {HearMany, hearMany}, {HearFirst, hearFirst}, {HearPrivate, hearPrivate},
		{HearEdit, hearEdit}, {HearDelete, hearDelete}, {HearReact, hearReact}, {HearTrouble, hearTrouble}, {HearRevoked, hearRevoked},
		{AnswerThere, answerThere}, {AnswerOthers, answerOthers}, {AnswerPrivate, answerPrivate}, {AnswerEdit, answerEdit},
		{AnswerWithdraw, answerWithdraw}, {AnswerGone, answerGone}, {AnswerCrash, answerCrash},
	}
}

// about are the cases that concern an adapter: where no message goes by itself,
// only what is heard and answered; where nothing is heard, only messages.
func about(s Subject) (all []play, want int, why string) {
	caps := s.Adapter.Capabilities(s.Account)
	_, listens := s.Adapter.(channel.Listener)
	switch {
	case listens != (s.People != nil), listens && !caps.Answers:
		return nil, 0, "an adapter that listens answers too, and needs People to be judged by"
	case caps.NoPosts:
		return append(dialogues(), play{CapabilitySound, capabilitySound}), 8, ""
	case listens:
		return append(plays(), dialogues()...), least + 8, ""
	}
	return plays(), least, ""
}

func plays() []play {
	return []play{
		{Text, text}, {Languages, languages}, {Picture, picture}, {Album, album}, {Video, video},
		{PrepareTwice, prepareTwice}, {Resume, resume}, {Pace, pace},
		{Crash, crash}, {LostAnswer, lostAnswer}, {Held, held}, {Repeat, repeat}, {FindAbsent, findAbsent},
		{Edit, edit}, {EditMedia, editMedia}, {EditGone, editGone}, {Withdraw, withdraw},
		{TooLong, tooLong}, {Unreachable, unreachable}, {Hung, hung}, {Slow, slow}, {Broken, broken},
		{TooFast, tooFast}, {WebPage, webPage}, {Revoked, revoked},
		{SelfTest, selfTest}, {Connect, connect}, {ConnectWrong, connectWrong}, {ConnectDown, connectDown},
		{CapabilitySound, capabilitySound},
	}
}

// Run plays every case that concerns the adapter, each against a fresh subject.
func Run(t *testing.T, fresh func(t *testing.T) Subject) {
	first := fresh(t)
	all, want, why := about(first)
	if why != "" {
		t.Fatal(why)
	}
	known := map[Case]bool{}
	for _, p := range append(plays(), dialogues()...) {
		known[p.name] = true
	}
	for name, why := range first.Cannot {
		if !known[name] || strings.TrimSpace(why) == "" {
			t.Fatalf("Cannot[%q] = %q: want a case of the suite and a reason", name, why)
		}
	}
	for _, p := range all {
		if first.Near != "" && slices.Contains(needsNetwork(), p.name) {
			want--
		}
	}
	played := 0
	for _, p := range all {
		t.Run(string(p.name), func(t *testing.T) {
			if why, left := first.Cannot[p.name]; left {
				t.Logf("not played: %s", why)
				return
			}
			if first.Near != "" && slices.Contains(needsNetwork(), p.name) {
				t.Logf("not played: %s", first.Near)
				return
			}
			played++
			p.run(newBench(t, fresh(t)))
		})
	}
	if played < want && !t.Failed() {
		t.Errorf("%d cases were played, want at least %d", played, want)
	}
}

// bench is one case at work: the subject, and what publishing would keep.
type bench struct {
	*testing.T
	s    Subject
	caps channel.Capabilities

	mu    sync.Mutex
	taken int
	deny  error
	ours  map[string]bool // names of the copies whose delivery has ended
}

func newBench(t *testing.T, s Subject) *bench {
	b := &bench{T: t, s: s, ours: map[string]bool{}}
	b.s.Account.Keep = func(_ context.Context, secret json.RawMessage) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if len(secret) == 0 {
			t.Error("Keep was called with an empty secret")
		}
		b.s.Account.Secret = secret
		return nil
	}
	b.s.Account.Take = func(_ context.Context, n int) error {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.deny != nil {
			return b.deny
		}
		b.taken += n
		return nil
	}
	b.s.Account.Others = func(_ context.Context, ids []string) (map[string]bool, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		known := map[string]bool{}
		for _, id := range ids {
			known[id] = b.ours[id]
		}
		return known, nil
	}
	b.caps = s.Adapter.Capabilities(s.Account)
	return b
}

// settled notes the names of a copy whose delivery has ended, as publishing does.
func (b *bench) settled(r channel.Remote) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for id := range strings.SplitSeq(r.ID, ",") {
		b.ours[id] = true
	}
}

// readable reports whether a reading tells for certain what is there.
func (b *bench) readable() bool { return b.caps.ReadBack && !b.s.Opaque }

// account is the account with the latest secret.
func (b *bench) account() channel.Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.s.Account
}

// post makes a post unlike any other. The mark in its text finds it again; what
// stands before it is formatting to a peer that takes texts for Markdown.
func (b *bench) post(text string, media ...channel.Media) channel.Post {
	key := uuid.Must(uuid.NewV7()).String()
	p := channel.Post{
		Key: key, Lang: "it", Due: time.Now(), Media: media,
		Title: "Avviso", Link: "https://comune.example/m/" + key[24:],
		Text: text + " *Oggi*, 5_3_2, [qui] " + mark(key), Tags: []string{"Cesate"},
	}
	if b.caps.ShowsURL {
		p.Text += "\n\n" + p.Link
	}
	if len(media) == 0 {
		p.Card = &channel.Card{URL: p.Link, Title: "Avviso", Description: "Un avviso di prova."}
	}
	return p
}

// mark is a word that only the post with this key has.
func mark(key string) string { return "avviso" + key[24:] }

// visible are the posts that carry the key's mark.
func (b *bench) visible(key string) []Seen {
	b.Helper()
	var found []Seen
	for _, s := range b.s.Posts(b.T) {
		if strings.Contains(s.Text, mark(key)) {
			found = append(found, s)
		}
	}
	return found
}

func (b *bench) same(sent, seen string) bool {
	if b.s.SameText != nil {
		return b.s.SameText(sent, seen)
	}
	return sent == seen
}

// one fails unless exactly one post with p's mark is visible and says what p says.
func (b *bench) one(p channel.Post) Seen {
	b.Helper()
	found := b.visible(p.Key)
	if len(found) != 1 {
		b.Fatalf("%d posts are visible, want exactly one", len(found))
	}
	if !b.same(p.Text, found[0].Text) {
		b.Fatalf("citizens read %q, want %q", found[0].Text, p.Text)
	}
	if len(found[0].Media) != len(p.Media) {
		b.Fatalf("%d files are visible, want %d", len(found[0].Media), len(p.Media))
	}
	for i, m := range p.Media {
		if b.caps.MaxAlt > 0 && found[0].Media[i].Alt != m.Alt {
			b.Errorf("file %d is described as %q, want %q", i+1, found[0].Media[i].Alt, m.Alt)
		}
		if found[0].Media[i].Video != m.IsVideo() {
			b.Errorf("file %d: video is %v, want %v", i+1, found[0].Media[i].Video, m.IsVideo())
		}
	}
	return found[0]
}

func (b *bench) none(p channel.Post) {
	b.Helper()
	if n := len(b.visible(p.Key)); n != 0 {
		b.Fatalf("%d posts are visible, want none", n)
	}
}

// prepare calls Prepare and keeps each saved step in progress.
func (b *bench) prepare(ctx context.Context, p channel.Post, progress *channel.Progress) error {
	done, err := b.s.Adapter.Prepare(ctx, b.account(), p, *progress, func(step channel.Progress) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		*progress = append(channel.Progress(nil), step...)
		return nil
	})
	if err == nil {
		*progress = done
	}
	return err
}

// publish prepares and finalizes p without any trouble.
func (b *bench) publish(p channel.Post) (channel.Remote, channel.Progress) {
	b.Helper()
	var progress channel.Progress
	if err := b.prepare(b.Context(), p, &progress); err != nil {
		b.Fatalf("Prepare: %v", err)
	}
	b.none(p)
	r, err := b.s.Adapter.Finalize(b.Context(), b.account(), p, progress)
	if err != nil {
		b.Fatalf("Finalize: %v", err)
	}
	b.remote(r)
	b.settled(r)
	return r, progress
}

func (b *bench) remote(r channel.Remote) {
	b.Helper()
	if r.ID == "" {
		b.Error("the copy has no identifier")
	}
	if !strings.HasPrefix(r.URL, "http") {
		b.Errorf("the copy has no address that a citizen can open: %q", r.URL)
	}
}

// fails checks that err is an *Error of the class and one of the codes, and that
// it gives no secret away.
func (b *bench) fails(what string, err error, class channel.Class, codes ...string) *channel.Error {
	b.Helper()
	if err == nil {
		b.Fatalf("%s: no error, want %s %v", what, class, codes)
	}
	var e *channel.Error
	if !errors.As(err, &e) {
		b.Fatalf("%s: %T %v is no *channel.Error", what, err, err)
	}
	if e.Class != class {
		b.Errorf("%s: class %s (%v), want %s", what, e.Class, e, class)
	}
	known := len(codes) == 0
	for _, c := range codes {
		known = known || e.Code == c
	}
	if !known {
		b.Errorf("%s: code %s (%v), want one of %v", what, e.Code, e, codes)
	}
	b.discreet(what, err)
	return e
}

// discreet fails when err, however it is printed, holds a secret.
func (b *bench) discreet(what string, err error) {
	b.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		said := fmt.Sprintf("%v %+v %#v", e, e, e)
		for _, secret := range b.s.Secrets {
			if secret != "" && strings.Contains(said, secret) {
				b.Errorf("%s: the error gives a secret away: %T", what, e)
			}
		}
	}
}

// final makes the request that shows a post meet a fault.
func (b *bench) final(f Fault, times int) {
	b.s.Gate.Arm(Rule{When: b.s.Final, Do: f, Times: times, Wait: waitAsked})
}

// waitAsked is what the gate asks for after too many requests.
const waitAsked = 17 * time.Second

func seconds(d time.Duration) string { return strconv.Itoa(int(d.Seconds())) }

var _ http.Handler = (*Gate)(nil)
