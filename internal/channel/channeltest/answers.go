package channeltest

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"codeberg.org/arengo/arengo/internal/channel"
)

// People are those who speak to the account at the peer.
type People interface {
	// Say makes somebody say text to the account: in answer to what has the id
	// parent, or out of themselves when it is empty; private when the platform knows
	// that. It returns the ID that Listen must tell.
	Say(t testing.TB, text, parent string, private bool) string
	Change(t testing.TB, id, text string)
	TakeBack(t testing.TB, id string)
	// React makes somebody like the post of ours.
	React(t testing.TB, id string)
	// Answers lists what the account answered to what has the id, as its author sees it.
	Answers(t testing.TB, id string) []Seen
}

// hearing asks what was said until nothing more is waiting, and goes on from the
// cursor the next time.
type hearing struct {
	*bench
	cursor json.RawMessage
}

func (h *hearing) listen() (said []channel.Said) {
	h.Helper()
	h.settle()
	for range 50 {
		heard, err := h.s.Adapter.(channel.Listener).Listen(h.Context(), h.account(), h.cursor)
		if err != nil {
			h.Fatalf("Listen: %v", err)
		}
		if !json.Valid(heard.Cursor) {
			h.Fatalf("the cursor is no JSON: %q", heard.Cursor)
		}
		h.cursor = heard.Cursor
		said = append(said, heard.Said...)
		if !heard.More {
			return said
		}
	}
	h.Fatal("listening never ends")
	return nil
}

func (b *bench) settle() {
	if b.s.Settle != nil {
		b.s.Settle(b)
	}
}

// listening is a hearing that has heard all that was there.
func (b *bench) listening() *hearing {
	h := &hearing{bench: b}
	h.listen()
	return h
}

// told finds what has the id, which must be told exactly once and well.
func (h *hearing) told(said []channel.Said, id string) channel.Said {
	h.Helper()
	var found []channel.Said
	for _, s := range said {
		if s.ID == id && s.Act == channel.Comments {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		h.Fatalf("%q was told %d times among %d things, want once", id, len(found), len(said))
	}
	s := found[0]
	if s.Author.ID == "" || s.Author.Name == "" && s.Author.Handle == "" {
		h.Errorf("nobody said it: %+v", s.Author)
	}
	if age := time.Since(s.At); age > 48*time.Hour || age < -time.Minute {
		h.Errorf("said at %s", s.At)
	}
	if s.Ours {
		h.Error("what a citizen said is taken for ours")
	}
	return s
}

// reply is what somebody writes who answers s.
func reply(s channel.Said) *channel.Reply {
	return &channel.Reply{ID: s.ID, URL: s.URL, Root: s.Parent, Author: s.Author, Private: s.Private, Subject: s.Subject, Refs: s.Refs}
}

// begin is the post that people answer; empty where no post can be.
func (b *bench) begin() string {
	if b.caps.NoPosts {
		return ""
	}
	r, _ := b.publish(b.post("Sabato il mercato è in piazza."))
	return r.ID
}

func hear(b *bench) {
	h := b.listening()
	post := b.begin()
	id := b.s.People.Say(b, "Perché? È già così: «sì», 🎉 <b>a & b</b>", post, false)
	said := h.listen()
	s := h.told(said, id)
	if s.Text != "Perché? È già così: «sì», 🎉 <b>a & b</b>" {
		b.Errorf("heard %q", s.Text)
	}
	if s.Parent != post {
		b.Errorf("it answers %q, want %q", s.Parent, post)
	}
	if len(said) != 1 {
		b.Errorf("%d things were heard, want one: our own post is not said to us", len(said))
	}
	if again := h.listen(); len(again) != 0 {
		b.Errorf("nothing happened, and %d things were heard", len(again))
	}
}

// hearMany says more than any page holds: none may be lost, and the order of each
// speaker is kept.
func hearMany(b *bench) {
	const many = 105
	h := b.listening()
	post := b.begin()
	var want []string
	for n := range many {
		want = append(want, b.s.People.Say(b, fmt.Sprintf("Commento numero %d.", n), post, false))
	}
	// Whoever died before the first page was kept is told it again, under the same names.
	b.settle()
	for range 2 {
		heard, err := b.s.Adapter.(channel.Listener).Listen(b.Context(), b.account(), h.cursor)
		if err != nil || len(heard.Said) == 0 || heard.Said[0].ID != want[0] || heard.Said[0].Text != "Commento numero 0." {
			b.Fatalf("told %+v, %v", heard.Said, err)
		}
	}
	var got []string
	for _, s := range h.listen() {
		got = append(got, s.ID)
	}
	if !slices.Equal(got, want) {
		b.Fatalf("heard %d things, want all %d in order", len(got), len(want))
	}
}

// hearFirst listens without a cursor: what is waiting is shown.
func hearFirst(b *bench) {
	post := b.begin()
	id := b.s.People.Say(b, "Prima del collegamento.", post, false)
	h := &hearing{bench: b}
	h.told(h.listen(), id)
}

func hearPrivate(b *bench) {
	h := b.listening()
	id := b.s.People.Say(b, "Solo per voi.", "", true)
	if s := h.told(h.listen(), id); !s.Private || s.Text != "Solo per voi." {
		b.Errorf("private %v: %q", s.Private, s.Text)
	}
}

// changes is what listening and looking again tell of one id.
func (h *hearing) changes(id string) []channel.Said {
	h.Helper()
	all := h.listen()
	if r, ok := h.s.Adapter.(channel.Rechecker); ok {
		again, err := r.Recheck(h.Context(), h.account(), []string{id})
		if err != nil {
			h.Fatalf("Recheck: %v", err)
		}
		all = append(all, again...)
	}
	return slices.DeleteFunc(all, func(s channel.Said) bool { return s.ID != id || s.Act == channel.Comments })
}

func hearEdit(b *bench) {
	h := b.listening()
	post := b.begin()
	id := b.s.People.Say(b, "Prima versione.", post, false)
	h.listen()
	if c := h.changes(id); len(c) != 0 {
		b.Fatalf("nothing changed, and it is told: %+v", c)
	}
	b.s.People.Change(b, id, "Seconda versione.")
	c := h.changes(id)
	if len(c) == 0 || c[0].Act != channel.Edited || c[0].Text != "Seconda versione." {
		b.Fatalf("the change is told as %+v", c)
	}
}

func hearDelete(b *bench) {
	h := b.listening()
	post := b.begin()
	id, stays := b.s.People.Say(b, "Ci ripenso.", post, false), b.s.People.Say(b, "Resta.", post, false)
	h.listen()
	b.s.People.TakeBack(b, id)
	c := h.changes(id)
	if len(c) == 0 || c[0].Act != channel.Deleted {
		b.Fatalf("the deletion is told as %+v", c)
	}
	if c := h.changes(stays); len(c) != 0 {
		b.Errorf("the other is told as %+v", c)
	}
}

func hearReact(b *bench) {
	h := b.listening()
	post := b.begin()
	b.s.People.React(b, post)
	for _, s := range h.listen() {
		if s.Act == channel.Reacts && s.Parent == post && s.Reaction == channel.Like && s.Author.ID != "" {
			return
		}
	}
	b.Fatal("nobody heard of the like")
}

// asked has a citizen ask something, heard as the inbox hears it.
func (b *bench) asked(private bool) channel.Said {
	b.Helper()
	h := b.listening()
	post := ""
	if !private {
		post = b.begin()
	}
	id := b.s.People.Say(b, "A che ora comincia?", post, private)
	return h.told(h.listen(), id)
}

// answer makes an answer unlike any other.
func (b *bench) answer(to channel.Said, text string) channel.Post {
	key := uuid.Must(uuid.NewV7()).String()
	return channel.Post{Key: key, Lang: "it", Due: time.Now(), Text: text + " " + mark(key), To: reply(to)}
}

// answered fails unless the answer stands under the question once.
func (b *bench) answered(p channel.Post) Seen {
	b.Helper()
	var found []Seen
	for _, s := range b.s.People.Answers(b, p.To.ID) {
		if strings.Contains(s.Text, mark(p.Key)) {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		b.Fatalf("%d answers stand under the question, want one", len(found))
	}
	if !strings.Contains(found[0].Text, p.Text) {
		b.Fatalf("the citizen reads %q, want %q", found[0].Text, p.Text)
	}
	return found[0]
}

func answerThere(b *bench) {
	to := b.asked(false)
	for _, words := range []string{"Alle 9 precise.", "È così: «perché» 🎉\n\nSecondo capoverso."} {
		p := b.answer(to, words)
		r := b.send(p)
		if seen := b.answered(p); seen.ID != r.ID {
			b.Errorf("the answer is %q, the citizen sees %q", r.ID, seen.ID)
		}
	}
}

// send prepares and finalizes an answer without any trouble.
func (b *bench) send(p channel.Post) channel.Remote {
	b.Helper()
	var progress channel.Progress
	if err := b.prepare(b.Context(), p, &progress); err != nil {
		b.Fatalf("Prepare: %v", err)
	}
	r, err := b.s.Adapter.Finalize(b.Context(), b.account(), p, progress)
	if err != nil {
		b.Fatalf("Finalize: %v", err)
	}
	if r.ID == "" {
		b.Error("the answer has no identifier")
	}
	b.settled(r)
	return r
}

// answerOthers: the same words to two questions are two answers.
func answerOthers(b *bench) {
	h := b.listening()
	post := b.begin()
	one, two := b.s.People.Say(b, "Prima domanda.", post, false), b.s.People.Say(b, "Seconda domanda.", post, false)
	said := h.listen()
	p := b.answer(h.told(said, one), "Grazie!")
	q := p
	q.Key, q.To = uuid.Must(uuid.NewV7()).String(), reply(h.told(said, two))
	b.send(p)
	var progress channel.Progress
	if err := b.prepare(b.Context(), q, &progress); err != nil {
		b.Fatal(err)
	}
	if b.readable() {
		if r, found, err := b.s.Adapter.Find(b.Context(), b.account(), q, progress); found || err != nil {
			b.Fatalf("before it left, the second answer is found: %+v, %v", r, err)
		}
	}
	if _, err := b.s.Adapter.Finalize(b.Context(), b.account(), q, progress); err != nil {
		b.Fatal(err)
	}
	for _, id := range []string{one, two} {
		if n := len(b.s.People.Answers(b, id)); n != 1 {
			b.Errorf("%d answers under %q, want one", n, id)
		}
	}
}

func answerPrivate(b *bench) {
	to := b.asked(true)
	p := b.answer(to, "Ecco la sua pratica.")
	b.send(p)
	if seen := b.answered(p); !seen.Private {
		b.Error("an answer to something private is public")
	}
}

func answerEdit(b *bench) {
	to := b.asked(false)
	p := b.answer(to, "Alle 9.")
	r := b.send(p)
	p.Text = strings.Replace(p.Text, "Alle 9", "Alle 10, ci eravamo sbagliati", 1)
	changed, err := b.s.Adapter.Edit(b.Context(), b.account(), p, r)
	if !b.caps.Edit {
		b.fails("Edit", err, channel.Refused, channel.CodeCannotEdit)
		return
	}
	if err != nil {
		b.Fatal(err)
	}
	if seen := b.answered(p); seen.ID != changed.ID {
		b.Errorf("the answer is %q, the citizen sees %q", changed.ID, seen.ID)
	}
}

func answerWithdraw(b *bench) {
	to := b.asked(false)
	p := b.answer(to, "Alle 9.")
	r := b.send(p)
	for range 2 {
		if err := b.s.Adapter.Withdraw(b.Context(), b.account(), r); err != nil {
			b.Fatal(err)
		}
	}
	if n := len(b.s.People.Answers(b, to.ID)); n != 0 {
		b.Errorf("%d answers are left", n)
	}
}

func answerGone(b *bench) {
	to := b.asked(false)
	b.s.People.TakeBack(b, to.ID)
	b.settle()
	p := b.answer(to, "Alle 9.")
	var progress channel.Progress
	err := b.prepare(b.Context(), p, &progress)
	if err == nil {
		_, err = b.s.Adapter.Finalize(b.Context(), b.account(), p, progress)
	}
	b.fails("an answer to what is gone", err, channel.Refused, channel.CodeAnswerGone)
}

// answerCrash kills the delivery of an answer at every request of its way, once
// before the peer saw it and once after the peer did it, and lets it go on.
func answerCrash(b *bench) {
	to := b.asked(false)
	before := b.s.Gate.Seen()
	b.send(b.answer(to, "Senza intoppi."))
	requests := b.s.Gate.Seen() - before
	for n := 1; n <= requests; n++ {
		for _, f := range []Fault{HangUp, DropAnswer} {
			p := b.answer(to, fmt.Sprintf("Morto alla richiesta %d, %d.", n, f))
			var l ledger
			b.dieAt(n, f, p, &l)
			for tries := 0; !l.settled(); tries++ {
				if tries == 4 {
					b.Fatalf("request %d, fault %d: the delivery never ends", n, f)
				}
				if err := b.deliver(b.Context(), p, &l); err != nil {
					b.discreet("deliver", err)
				}
			}
			if !l.unconfirmed {
				if seen := b.answered(p); seen.ID != l.remote.ID {
					b.Fatalf("request %d, fault %d: the ledger says %q, the citizen sees %q", n, f, l.remote.ID, seen.ID)
				}
				continue
			}
			if b.readable() {
				b.Fatalf("request %d, fault %d: the outcome stays unknown although the channel can be read", n, f)
			}
			there := slices.DeleteFunc(b.s.People.Answers(b, to.ID), func(s Seen) bool { return !strings.Contains(s.Text, mark(p.Key)) })
			if len(there) > 1 {
				b.Fatalf("request %d, fault %d: %d answers, want at most one", n, f, len(there))
			}
		}
	}
}

func hearRevoked(b *bench) {
	b.s.Revoke(b)
	_, err := b.s.Adapter.(channel.Listener).Listen(b.Context(), b.account(), nil)
	b.fails("Listen", err, channel.Revoked, channel.CodeSignIn)
}

// hearTrouble: whatever goes wrong, nothing is heard and the next time all is.
func hearTrouble(b *bench) {
	h := b.listening()
	post := b.begin()
	id := b.s.People.Say(b, "Mi sentite?", post, false)
	b.settle()
	for _, f := range []Fault{HangUp, ServerError, TooMany, HTML} {
		b.s.Gate.Arm(Rule{Do: f, Wait: waitAsked})
		_, err := b.s.Adapter.(channel.Listener).Listen(b.Context(), b.account(), h.cursor)
		b.s.Gate.Clear()
		e := b.fails(fmt.Sprintf("Listen, fault %d", f), err, channel.Transient)
		if f == TooMany && (e.RetryAfter < waitAsked-2*time.Second || e.RetryAfter > waitAsked+2*time.Second) {
			b.Errorf("wait %s, the platform asks for %s", e.RetryAfter, waitAsked)
		}
	}
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	b.s.Gate.Arm(Rule{Do: Silence})
	_, err := b.s.Adapter.(channel.Listener).Listen(ctx, b.account(), h.cursor)
	b.s.Gate.Clear()
	b.fails("Listen to silence", err, channel.Transient, channel.CodeTimeout)
	h.told(h.listen(), id)
}
