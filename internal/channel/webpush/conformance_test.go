package webpush

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/channel/channeltest"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestAdapterKeepsTheContract(t *testing.T) {
	channeltest.Run(t, func(t *testing.T) channeltest.Subject {
		w, peer := newTown(t, testkit.SQLite(t)), testkit.Push(t)
		b := peer.Subscribe(t, w.key())
		w.subscribe(Subscription{Endpoint: b.Endpoint, P256dh: b.Keys.P256dh, Auth: b.Keys.Auth})
		return channeltest.Subject{
			Adapter: NewAdapter(w.notices), Account: channel.Account{ID: w.channels["comune"]},
			Gate: channeltest.NewGate(http.NotFoundHandler(), nil),
			Posts: func(t testing.TB) (all []channeltest.Seen) {
				t.Helper()
				w.must(w.notices.SendDue(context.Background()))
				for _, text := range peer.Received(t, b).Messages {
					var p payload
					w.must(json.Unmarshal([]byte(text), &p))
					all = append(all, channeltest.Seen{ID: p.Tag, URL: p.Link, Text: p.Body})
				}
				return all
			},
			SameText: func(sent, seen string) bool { return strings.Contains(sent, strings.TrimSpace(seen)) && seen != "" },
			Near:     "to publish is to hand over to the ledger of the same database",
			Cannot: map[channeltest.Case]string{
				channeltest.Picture:      "a notice is words and a link",
				channeltest.Album:        "a notice is words and a link",
				channeltest.Video:        "a notice is words and a link",
				channeltest.PrepareTwice: "there is nothing to upload",
				channeltest.ConnectWrong: "nothing is typed to connect",
				channeltest.EditMedia:    "what a lock screen has shown cannot be changed",
				channeltest.EditGone:     "what a lock screen has shown cannot be changed",
			},
		}
	})
}

// TestHandOverThatBreaksIsFoundOrProvenAbsent stands for the suite's crashes: the
// handing over is one transaction, which happened or did not.
func TestHandOverThatBreaksIsFoundOrProvenAbsent(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		s := newService(t, status(201))
		w.subscribe(browser(t, s.URL+"/push/1"))
		a, account, p := NewAdapter(w.notices), channel.Account{ID: w.channels["comune"]}, w.post("Avviso")
		cut, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := a.Finalize(cut, account, p, nil); err == nil || channel.AsError(err).Class != channel.Unknown {
			t.Fatalf("a transaction that broke off: %v", err)
		}
		if _, found, err := a.Find(t.Context(), account, p, nil); found || err != nil {
			t.Fatalf("found %v, %v", found, err)
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if _, err := a.Finalize(t.Context(), account, p, nil); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		w.must(w.notices.SendDue(t.Context()))
		if s.count() != 1 {
			t.Errorf("%d notices of one message", s.count())
		}
		if r, found, err := a.Find(t.Context(), account, p, nil); !found || err != nil || r.URL != p.Link {
			t.Errorf("%+v %v %v", r, found, err)
		}
		gone := channel.Account{ID: "gone"}
		if _, err := a.Finalize(t.Context(), gone, w.post("Altro"), nil); channel.AsError(err).Class != channel.Refused {
			t.Errorf("a channel that is gone: %v", err)
		}
	})
}
