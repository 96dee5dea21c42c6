package publishing

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestMessageGoesOutOnceOnEveryChannelWithItsAddress(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := w.out()
		w.work(m)
		for _, p := range w.platforms {
			del := w.on(m, p)
			if del.State != Delivered || del.Remote.URL == "" || p.shown(del.ID) != 1 {
				t.Errorf("%s: %s %q shown %d", p.name, del.State, del.Remote.URL, p.shown(del.ID))
			}
			post := p.posts[del.ID][0]
			if !strings.Contains(post.Text, "https://cesate.example.it/m/orari-estivi") || strings.Contains(post.Text, "**") {
				t.Errorf("%s: text %q", p.name, post.Text)
			}
		}
	})
}

func TestUnknownOutcomeIsReadBackWhereTheChannelCanBeRead(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.open.next = script(map[string][]outcome{"finalize": {failsAfterwards()}})
		m := w.out()
		w.work(m)
		if del := w.on(m, w.open); del.State != Delivered || w.open.shown(del.ID) != 1 {
			t.Fatalf("%s, shown %d", del.State, w.open.shown(del.ID))
		}
	})
}

func TestUnknownOutcomeIsAPersonsMatterWhereTheChannelCannotBeRead(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.closed.next = script(map[string][]outcome{"finalize": {failsAfterwards()}})
		m := w.out()
		w.work(m)
		del := w.on(m, w.closed)
		if del.State != Unconfirmed || w.closed.shown(del.ID) != 1 {
			t.Fatalf("%s, shown %d", del.State, w.closed.shown(del.ID))
		}
		if err := w.desk.Confirm(w.writer, w.inst.ID, del.ID, "javascript:alert(1)"); !fault.Is(err, fault.Invalid) {
			t.Fatalf("a strange address: %v", err)
		}
		if err := w.desk.Confirm(w.writer, w.inst.ID, del.ID, "https://t.me/cesate/7"); err != nil {
			t.Fatal(err)
		}
		w.work(m)
		if del = w.on(m, w.closed); del.State != Delivered || w.closed.shown(del.ID) != 1 {
			t.Fatalf("after the person's word: %s, shown %d", del.State, w.closed.shown(del.ID))
		}
	})
}

func TestUnconfirmedIsSentAgainOnlyByAPerson(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.closed.next = script(map[string][]outcome{"finalize": {fails(channel.Unknown, channel.CodeTimeout)}})
	m := w.out()
	w.work(m)
	del := w.on(m, w.closed)
	w.clock.forward(time.Hour)
	w.work(m)
	if del.State != Unconfirmed || w.closed.shown(del.ID) != 0 {
		t.Fatalf("%s, shown %d", del.State, w.closed.shown(del.ID))
	}
	if err := w.desk.Retry(w.writer, w.inst.ID, del.ID); err != nil {
		t.Fatal(err)
	}
	w.work(m)
	if del = w.on(m, w.closed); del.State != Delivered || w.closed.shown(del.ID) != 1 {
		t.Fatalf("%s, shown %d", del.State, w.closed.shown(del.ID))
	}
}

func TestWorkerThatDiesAfterTheCallIsFollowedByAReading(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := w.out()
		// The worker claims, commits "attempting", the platform accepts, and it dies.
		for _, p := range w.platforms {
			del, ok, err := w.desk.claim(t.Context(), w.inst.ID, w.on(m, p).ID)
			if err != nil || !ok {
				t.Fatal(ok, err)
			}
			if err := w.desk.attempt(t.Context(), &del, News); err != nil {
				t.Fatal(err)
			}
			p.posts[del.ID] = append(p.posts[del.ID], channel.Post{})
		}
		if err := w.desk.workDeliver(t.Context(), deliver{w.inst.ID, w.on(m, w.open).ID}); err != nil {
			t.Fatal(err)
		}
		if del := w.on(m, w.open); del.State != Attempting {
			t.Fatalf("the lease still runs, yet: %s", del.State)
		}
		w.die()
		w.work(m)
		if del := w.on(m, w.open); del.State != Delivered || w.open.shown(del.ID) != 1 {
			t.Fatalf("%s, shown %d", del.State, w.open.shown(del.ID))
		}
		if del := w.on(m, w.closed); del.State != Unconfirmed || w.closed.shown(del.ID) != 1 {
			t.Fatalf("%s, shown %d", del.State, w.closed.shown(del.ID))
		}
	})
}

func TestTwoWorkersNeverHoldOneDelivery(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := w.out()
		id := w.on(m, w.open).ID
		var wg sync.WaitGroup
		won := make(chan bool, 20)
		for range 20 {
			wg.Go(func() {
				_, ok, err := w.desk.claim(t.Context(), w.inst.ID, id)
				if err != nil && !fault.Is(err, fault.Unavailable) {
					t.Error(err)
				}
				if ok {
					won <- true
				}
			})
		}
		wg.Wait()
		if len(won) != 1 {
			t.Fatalf("%d workers hold the lease", len(won))
		}
	})
}

func TestWorkerWithoutItsLeaseWritesNothing(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	m := w.out()
	id := w.on(m, w.open).ID
	slow, ok, err := w.desk.claim(t.Context(), w.inst.ID, id)
	if err != nil || !ok {
		t.Fatal(ok, err)
	}
	w.die()
	w.work(m)
	if err := w.desk.attempt(t.Context(), &slow, News); !errors.Is(err, errMoot) {
		t.Fatalf("the slow worker may act: %v", err)
	}
	if err := w.desk.settle(t.Context(), slow, "refused"); !errors.Is(err, errLost) {
		t.Fatalf("the slow worker wrote: %v", err)
	}
	if del := w.on(m, w.open); del.State != Delivered {
		t.Fatal(del.State)
	}
}

func TestRefusalIsFinalUntilAPersonOrACorrection(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.open.next = script(map[string][]outcome{"finalize": {fails(channel.Refused, channel.CodeTooLong)}})
	m := w.out()
	w.work(m)
	w.clock.forward(24 * time.Hour)
	w.work(m)
	del := w.on(m, w.open)
	if del.State != Refused || del.Code != channel.CodeTooLong || w.open.shown(del.ID) != 0 {
		t.Fatalf("%s %s", del.State, del.Code)
	}
	if err := w.desk.Retry(w.writer, w.inst.ID, del.ID); err != nil {
		t.Fatal(err)
	}
	w.work(m)
	if del := w.on(m, w.open); del.State != Delivered {
		t.Fatal(del.State)
	}
}

func TestLapsedSignInHoldsDeliveriesUntilAPersonConnectsAgain(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.open.next = script(map[string][]outcome{"finalize": {fails(channel.Revoked, channel.CodeSignIn)}})
	m := w.out()
	w.work(m)
	del := w.on(m, w.open)
	if del.State != Waiting || w.open.shown(del.ID) != 0 {
		t.Fatalf("%s", del.State)
	}
	ctx := t.Context()
	err := w.db.InTx(ctx, func(tx *db.Tx) error {
		c, err := channel.ByID(ctx, tx, w.inst.ID, del.ChannelID)
		if err != nil || c.State != channel.Lapsed {
			t.Fatalf("channel %s, %v", c.State, err)
		}
		a, _ := w.open.Connect(ctx, nil)
		if _, err := channel.Save(ctx, tx, w.desk.channels.Box(), c, a, w.clock.now()); err != nil {
			return err
		}
		return w.desk.Resume(ctx, tx, w.inst.ID, c.ID)
	})
	if err != nil {
		t.Fatal(err)
	}
	w.work(m)
	if del := w.on(m, w.open); del.State != Delivered || w.open.shown(del.ID) != 1 {
		t.Fatal(del.State)
	}
}

func TestDisconnectedChannelPublishesNothingMore(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	m := w.out()
	if err := w.db.InTx(t.Context(), func(tx *db.Tx) error {
		return channel.Disconnect(t.Context(), tx, w.inst.ID, w.channels[channel.Bluesky].ID)
	}); err != nil {
		t.Fatal(err)
	}
	w.work(m)
	if del := w.on(m, w.open); del.State == Delivered || len(w.open.calls) != 0 {
		t.Fatalf("%s after %v", del.State, w.open.calls)
	}
}

func TestCorrectionReachesTheCopiesThatCanBeChanged(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	m := w.out()
	w.work(m)
	ok := must[Message](t)
	c := w.content()
	c.Body = "La biblioteca apre alle **10**."
	m = ok(w.desk.Save(w.writer, w.inst.ID, m.ID, m.Rev, c))
	if del := w.on(m, w.open); del.Open() {
		t.Fatal("an unapproved correction must not move")
	}
	m = ok(w.desk.Submit(w.writer, w.inst.ID, m.ID))
	m = ok(w.desk.Approve(w.approver, w.inst.ID, m.ID, m.Hash))
	m = ok(w.desk.PublishNow(w.writer, w.inst.ID, m.ID, "L'orario era sbagliato."))
	w.work(m)
	if del := w.on(m, w.open); del.OutRev != m.Rev || !strings.Contains(w.open.posts[del.ID][0].Text, "alle 10") || w.open.edits != 1 {
		t.Fatalf("rev %d of %d, %d edits", del.OutRev, m.Rev, w.open.edits)
	}
	tasks := w.tasks()
	if len(tasks) != 1 || tasks[0].Kind != "edit" || tasks[0].Link == "" {
		t.Fatalf("a channel that cannot edit leaves a task with a link: %+v", tasks)
	}
	if err := w.desk.DoneTask(w.writer, w.inst.ID, tasks[0].ID); err != nil || len(w.tasks()) != 0 {
		t.Fatal(err)
	}
}

func TestWithdrawalTakesBackEveryCopy(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := w.out()
		w.work(m)
		m = must[Message](t)(w.desk.Withdraw(w.writer, w.inst.ID, m.ID, "Era una prova."))
		w.work(m)
		for _, p := range w.platforms {
			if del := w.on(m, p); del.State != TakenBack || p.shown(del.ID) != 0 {
				t.Errorf("%s: %s, shown %d", p.name, del.State, p.shown(del.ID))
			}
		}
	})
}

func TestWithdrawalBeforeItWentOutSendsNothing(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	m := w.out()
	m = must[Message](t)(w.desk.Withdraw(w.writer, w.inst.ID, m.ID, "Ripensamento."))
	w.work(m)
	for _, p := range w.platforms {
		if del := w.on(m, p); del.State != TakenBack || len(p.calls) != 0 {
			t.Errorf("%s: %s after %v", p.name, del.State, p.calls)
		}
	}
}

// Whatever the platforms answer, and wherever workers die, a keyed and readable
// channel ends with exactly one post or a visible refusal, and an unreadable one
// never has two.
func TestWhateverHappensNothingIsLostAndNothingGoesOutTwice(t *testing.T) {
	d := testkit.SQLite(t)
	w := newTown(t, d)
	answers := []func() outcome{
		func() outcome { return outcome{} },
		failsAfterwards,
		func() outcome { return fails(channel.Unknown, channel.CodeTimeout) },
		func() outcome { return fails(channel.Transient, channel.CodeServer) },
		func() outcome { return fails(channel.Transient, channel.CodeTooMany) },
		func() outcome { return fails(channel.Refused, channel.CodeMedia) },
	}
	rapid.Check(t, func(rt *rapid.T) {
		c := w.content()
		c.Title += " " + db.NewID()
		m := must[Message](t)(w.desk.PublishNow(w.writer, w.inst.ID, w.approved(c).ID, ""))
		calls := 0
		for _, p := range w.platforms {
			p.next = func(call string) outcome {
				if calls++; calls > 12 {
					return outcome{}
				}
				o := rapid.SampledFrom(answers).Draw(rt, call)()
				if call == "find" && o.err != nil && o.err.Class == channel.Refused {
					return outcome{} // a reading that is refused for good is a person's matter
				}
				return o
			}
		}
		for range rapid.IntRange(0, 3).Draw(rt, "deaths") {
			del := w.on(m, rapid.SampledFrom(w.platforms).Draw(rt, "who"))
			if claimed, ok, _ := w.desk.claim(t.Context(), w.inst.ID, del.ID); ok && claimed.State == Waiting {
				if rapid.Bool().Draw(rt, "late") {
					_ = w.desk.attempt(t.Context(), &claimed, News)
				}
			}
			w.die()
		}
		w.work(m)
		for _, p := range w.platforms {
			del := w.on(m, p)
			n := p.shown(del.ID)
			switch {
			case n > 1:
				rt.Fatalf("%s: out %d times", p.name, n)
			case del.State == Delivered && n != 1:
				rt.Fatalf("%s: the ledger says out, the square shows %d", p.name, n)
			case p.readable && n == 1 && del.State != Delivered:
				rt.Fatalf("%s: out, but the ledger says %s", p.name, del.State)
			case !p.readable && n == 1 && del.State != Delivered && del.State != Unconfirmed:
				rt.Fatalf("%s: out, but the ledger says %s", p.name, del.State)
			case del.Open():
				rt.Fatalf("%s: still %s", p.name, del.State)
			}
		}
	})
}
