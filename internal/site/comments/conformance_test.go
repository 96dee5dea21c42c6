package comments

import (
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// answering makes every post of the suite an answer to one comment: the square takes
// nothing else.
type answering struct {
	*Square
	to channel.Reply
}

func (a answering) Capabilities(acc channel.Account) channel.Capabilities {
	c := a.Square.Capabilities(acc)
	c.NoPosts = false
	return c
}

func (a answering) Prepare(ctx context.Context, acc channel.Account, p channel.Post, prior channel.Progress, save func(channel.Progress) error) (channel.Progress, error) {
	p.To = &a.to
	return a.Square.Prepare(ctx, acc, p, prior, save)
}

func (a answering) Finalize(ctx context.Context, acc channel.Account, p channel.Post, done channel.Progress) (channel.Remote, error) {
	p.To = &a.to
	return a.Square.Finalize(ctx, acc, p, done)
}

// shownAnswers are our answers as the page has them.
func (w *town) shownAnswers(testing.TB) (out []channeltest.Seen) {
	w.Helper()
	w.must(w.db.Read(context.Background(), func(tx *db.Tx) error {
		all, _, err := threads(context.Background(), tx, w.i.ID, w.message, w.i.Name)
		for _, t := range all {
			for _, e := range t.Below {
				if e.Ours {
					out = append(out, channeltest.Seen{ID: e.ID, URL: w.origin + w.path + "#" + e.Anchor(), Text: e.Text, Edited: e.Edited})
				}
			}
		}
		return err
	}))
	return out
}

func TestConformance(t *testing.T) {
	const files = "an answer on the site has no files"
	const near = "the peer is the site of the same database"
	channeltest.Run(t, func(t *testing.T) channeltest.Subject {
		w := open(t)
		w.confirmed("Anna", "anna@example.org", "Domanda.")
		h := w.heard()[0]
		w.release(h)
		account, p := w.answer(h, "", "")
		account.URL = w.origin + "/p/comune"
		return channeltest.Subject{
			Adapter: answering{w.square, *p.To}, Account: account, Posts: w.shownAnswers,
			Gate: channeltest.NewGate(http.NotFoundHandler(), nil), Near: near,
			Cannot: map[channeltest.Case]string{
				channeltest.Picture: files, channeltest.Album: files, channeltest.Video: files, channeltest.EditMedia: files, channeltest.PrepareTwice: files,
				channeltest.Connect:      "a profile is connected, by ConnectFor",
				channeltest.ConnectWrong: "nothing is typed to connect",
			},
		}
	})
}

func TestChannelOfAProfileIsItsOwnPage(t *testing.T) {
	w := open(t)
	a, err := w.square.ConnectFor(t.Context(), channel.Wish{InstitutionID: w.i.ID, ProfileID: w.profile.ID}, nil)
	if err != nil || a.URL != w.origin+"/p/comune" || a.Handle == "" || len(a.Secret) == 0 {
		t.Errorf("%+v %v", a, err)
	}
	if _, err := w.square.ConnectFor(t.Context(), channel.Wish{InstitutionID: w.i.ID, ProfileID: "nobody"}, nil); channel.AsError(err).Class != channel.Refused {
		t.Errorf("a profile that is not there: %v", err)
	}
}

// TestAnswerThatBreaksOffIsFoundOrProvenAbsent stands for the suite's crashes: an
// answer is one transaction, which happened or did not.
func TestAnswerThatBreaksOffIsFoundOrProvenAbsent(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d, nil)
		w.confirmed("Anna", "anna@example.org", "Domanda.")
		h := w.heard()[0]
		w.release(h)
		account, p := w.answer(h, "d1", "Risposta.")
		cut, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := w.square.Finalize(cut, account, p, nil); err == nil || channel.AsError(err).Class != channel.Unknown {
			t.Fatalf("a transaction that broke off: %v", err)
		}
		if _, found, err := w.square.Find(t.Context(), account, p, nil); found || err != nil {
			t.Fatalf("found %v, %v", found, err)
		}
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := w.square.Finalize(t.Context(), account, p, nil); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		r, found, err := w.square.Find(t.Context(), account, p, nil)
		if !found || err != nil || len(w.shownAnswers(t)) != 1 || !strings.HasSuffix(r.URL, "#commento-d1") {
			t.Errorf("%+v %v %v", r, found, err)
		}
		w.letter()
		p.Text = "Risposta migliore."
		for range 2 {
			if _, err := w.square.Edit(t.Context(), account, p, r); err != nil {
				t.Fatal(err)
			}
		}
		if page := w.page(w.path); !strings.Contains(page, "Risposta migliore.") || !strings.Contains(page, "modificato") {
			t.Error("the page does not show the change")
		}
		for range 2 {
			w.must(w.square.Withdraw(t.Context(), account, r))
		}
		if _, err := w.square.Finalize(t.Context(), account, p, nil); err != nil {
			t.Error(err)
		}
		if strings.Contains(w.page(w.path), "Risposta") {
			t.Error("a late repetition brought a withdrawn answer back")
		}
	})
}
