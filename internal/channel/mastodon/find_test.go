package mastodon_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/mastodon/square"
)

// rendered is a text that its server shows otherwise: the underscores are gone, the
// asterisks are slanted letters.
const rendered = "Chiude l'*ufficio_tecnico* fino al 5_3_2, vedi __avviso__."

func TestRenderedStatusIsFoundByItsSourceAndNeverAbsent(t *testing.T) {
	for name, c := range map[string]struct {
		options square.Options
		known   bool
	}{
		"the entity has the source":     {square.Options{GoToSocial: true, Stubborn: true}, true},
		"nobody is told the source":     {square.Options{GoToSocial: true, Stubborn: true, Sourceless: true}, false},
		"nothing is rendered or shown":  {square.Options{Sourceless: true}, true},
		"the source must be asked for ": {square.Options{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, c.options)
			a := w.connect(t)
			p := channel.Post{Key: "k", Text: rendered, Due: time.Now()}
			done := prepare(t, w, a, p)
			want, err := w.adapter.Finalize(t.Context(), a, p, done)
			if err != nil {
				t.Fatal(err)
			}
			got, found, err := w.adapter.Find(t.Context(), a, p, done)
			if c.known {
				if err != nil || !found || got != want {
					t.Fatalf("%+v, %v, %v", got, found, err)
				}
				return
			}
			if e := channel.AsError(err); found || err == nil || e.Code != channel.CodeCannotRead || e.Detail != want.URL {
				t.Fatalf("found %v, %v: what may be the copy was taken for absent", found, err)
			}
		})
	}
}

func TestOtherStatusesAreAccountedFor(t *testing.T) {
	for name, o := range map[string]square.Options{
		"by their source":                           {GoToSocial: true, Stubborn: true},
		"by a source that must be asked for":        {},
		"as ours, where nobody is told the source":  {GoToSocial: true, Stubborn: true, Sourceless: true},
		"as ours, where nothing is rendered either": {Sourceless: true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, o)
			a := w.connect(t)
			p := channel.Post{Key: "k", Text: rendered, Due: time.Now()}
			done := prepare(t, w, a, p)
			ours := finalize(t, w, a, channel.Post{Key: "other", Text: strings.Replace(rendered, "Chiude", "Apre", 1)})
			_, found, err := w.adapter.Find(t.Context(), a, p, done)
			if known := !o.Sourceless; found || known != (err == nil) {
				t.Fatalf("nobody knows whose it is: found %v, %v", found, err)
			}
			a.Others = func(_ context.Context, ids []string) (map[string]bool, error) {
				return map[string]bool{ours.ID: true}, nil
			}
			if _, found, err := w.adapter.Find(t.Context(), a, p, done); found || err != nil {
				t.Fatalf("found %v, %v", found, err)
			}
		})
	}
}

func TestSameWordsOfAnotherDeliveryAreNotThisOne(t *testing.T) {
	w := newTown(t, square.Options{})
	a := w.connect(t)
	p := channel.Post{Key: "k", Text: "Grazie!", Due: time.Now()}
	done := prepare(t, w, a, p)
	other := finalize(t, w, a, channel.Post{Key: "other", Text: "Grazie!"})
	a.Others = func(context.Context, []string) (map[string]bool, error) { return map[string]bool{other.ID: true}, nil }
	if r, found, err := w.adapter.Find(t.Context(), a, p, done); found || err != nil {
		t.Fatalf("%+v, %v, %v", r, found, err)
	}
}

func TestStatusChangedByHandSinceMayBeTheCopy(t *testing.T) {
	w := newTown(t, square.Options{GoToSocial: true, Stubborn: true})
	a := w.connect(t)
	p := channel.Post{Key: "k", Text: rendered, Due: time.Now()}
	done := prepare(t, w, a, p)
	r, err := w.adapter.Finalize(t.Context(), a, p, done)
	if err != nil {
		t.Fatal(err)
	}
	byHand := p
	byHand.Text = "Tutt'altro"
	if _, err := w.adapter.Edit(t.Context(), a, byHand, r); err != nil {
		t.Fatal(err)
	}
	if _, found, err := w.adapter.Find(t.Context(), a, p, done); found || channel.AsError(err).Code != channel.CodeCannotRead || err == nil {
		t.Fatalf("found %v, %v", found, err)
	}
}

func TestFoundIsWhatWasPostedAndNotWhatWouldBeNow(t *testing.T) {
	w := newTown(t, square.Options{})
	a := w.connect(t)
	p := channel.Post{Key: "k", Text: "Come lo compone il programma di ieri", Due: time.Now()}
	done := prepare(t, w, a, p)
	want, err := w.adapter.Finalize(t.Context(), a, p, done)
	if err != nil {
		t.Fatal(err)
	}
	p.Text = "Come lo compone il programma di oggi"
	if got, found, err := w.adapter.Find(t.Context(), a, p, done); err != nil || !found || got != want {
		t.Fatalf("%+v, %v, %v", got, found, err)
	}
	// A correction before the next attempt is what is looked for after that one.
	if done, err = w.adapter.Prepare(t.Context(), a, p, done, nothing); err != nil {
		t.Fatal(err)
	}
	if _, found, err := w.adapter.Find(t.Context(), a, p, done); found || err != nil {
		t.Fatalf("found %v, %v", found, err)
	}
}

func TestReadingEndsWhereThePostCannotBe(t *testing.T) {
	var mu sync.Mutex
	now := time.Now().Add(-90 * 24 * time.Hour)
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	w := newTown(t, square.Options{GoToSocial: true, Stubborn: true, Sourceless: true, Now: clock})
	a := w.connect(t)
	for i := range 60 {
		finalize(t, w, a, channel.Post{Key: fmt.Sprint(i), Text: rendered})
	}
	mu.Lock()
	now = now.Add(89 * 24 * time.Hour)
	mu.Unlock()
	p := channel.Post{Key: "k", Text: rendered, Due: clock()}
	for name, done := range map[string]channel.Progress{"noted": prepare(t, w, a, p), "nothing noted, as after a restore": nil} {
		before := w.gate.Seen()
		if _, found, err := w.adapter.Find(t.Context(), a, p, done); found || err != nil {
			t.Errorf("%s: found %v, %v: an old status was taken for a doubt", name, found, err)
		}
		if n := w.gate.Seen() - before; n != 1 {
			t.Errorf("%s: %d requests", name, n)
		}
	}
}

func TestKeyIsTrustedOnlyWhereItIsKnownToBeHonoured(t *testing.T) {
	for version, want := range map[string]time.Duration{
		"4.3.0": time.Hour, "4.5.0-alpha.2": time.Hour, "3.5.19": time.Hour, "4.0.0rc1": time.Hour, "4.3.0+glitch": time.Hour, "4.4.0-nightly.2025-01-01": time.Hour,
		"4.2.1+hometown-1.1.1": time.Hour,
		"0.20.3+git-5c2a9f1":   0, "4.3.0+gotosocial-0.20.3": 0, "2.7.2 (compatible; Pleroma 2.6)": 0, "3.5.3 (compatible; Pixelfed 0.12)": 0,
		"4.0.0 (not true; really snac/2.60)": 0, "": 0, "custom": 0,
	} {
		limits, err := json.Marshal(map[string]any{"server": "https://x.example", "version": version})
		if err != nil {
			t.Fatal(err)
		}
		if got := newTown(t, square.Options{}).adapter.Capabilities(channel.Account{Limits: limits}).KeyLife; got != want {
			t.Errorf("%q remembers a key for %s, want %s", version, got, want)
		}
	}
}
