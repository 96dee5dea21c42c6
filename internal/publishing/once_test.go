package publishing

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// dying is a town whose open platform knows no key, with a message whose worker
// died between committing the attempt and knowing what came of it.
func dying(t *testing.T, d *db.DB) (w *town, m Message, del Delivery) {
	w = newTown(t, d)
	w.open.keyed = false
	m = w.out()
	del = w.attempts(m)
	return w, m, del
}

// attempts takes a message's delivery to the open platform as far as the committed
// attempt.
func (w *town) attempts(m Message) Delivery {
	w.t.Helper()
	del, ok, err := w.desk.claim(w.t.Context(), w.inst.ID, w.on(m, w.open).ID)
	if err != nil || !ok {
		w.t.Fatal(ok, err)
	}
	if err := w.desk.attempt(w.t.Context(), &del, News); err != nil {
		w.t.Fatal(err)
	}
	return del
}

// restart is the start of the only process on a SQLite file.
func (w *town) restart() {
	w.t.Helper()
	if err := w.desk.Recover(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
}

// step lets a worker look at the delivery to the open platform once.
func (w *town) step(m Message) Delivery {
	w.t.Helper()
	if err := w.desk.workDeliver(w.t.Context(), deliver{w.inst.ID, w.on(m, w.open).ID}); err != nil {
		w.t.Fatal(err)
	}
	return w.on(m, w.open)
}

func TestAbsenceProvesNothingWhileTheAttemptMaySucceed(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, m, del := dying(t, d)
		w.restart()
		if got := w.step(m); got.State != Attempting || !got.NextAt.Equal(del.AttemptedAt.Add(w.desk.lease).Add(sweepGrace)) {
			t.Fatalf("right after the restart: %s, next at %s", got.State, got.NextAt)
		}
		w.clock.forward(6 * time.Second)
		w.open.shows(channel.Post{Key: del.ID}) // only now the slow server is done
		w.work(m)
		if got := w.on(m, w.open); got.State != Delivered || w.open.shown(del.ID) != 1 {
			t.Fatalf("%s, shown %d times", got.State, w.open.shown(del.ID))
		}
	})
}

func TestPresenceSettlesAtOnceAfterARestart(t *testing.T) {
	w, m, del := dying(t, testkit.SQLite(t))
	w.open.shows(channel.Post{Key: del.ID})
	w.restart()
	if got := w.step(m); got.State != Delivered || w.open.shown(del.ID) != 1 {
		t.Fatalf("%s, shown %d times", got.State, w.open.shown(del.ID))
	}
}

func TestWhereNoKeyIsHonouredAbsenceIsReadTwice(t *testing.T) {
	w, m, del := dying(t, testkit.SQLite(t))
	w.die()
	if got := w.step(m); got.State != Attempting || got.AbsentAt.IsZero() {
		t.Fatalf("after one reading: %s", got.State)
	}
	w.restart()
	if got := w.step(m); got.State != Attempting {
		t.Fatalf("a second reading at once counts: %s", got.State)
	}
	w.open.shows(channel.Post{Key: del.ID}) // shown late, as by a server with a queue
	w.work(m)
	if got := w.on(m, w.open); got.State != Delivered || w.open.shown(del.ID) != 1 {
		t.Fatalf("%s, shown %d times", got.State, w.open.shown(del.ID))
	}
}

func TestWhatIsAbsentTwiceGoesOutOnce(t *testing.T) {
	w, m, del := dying(t, testkit.SQLite(t))
	w.restart()
	w.work(m)
	if got := w.on(m, w.open); got.State != Delivered || w.open.shown(del.ID) != 1 {
		t.Fatalf("%s, shown %d times", got.State, w.open.shown(del.ID))
	}
}

func TestOneReadingIsEnoughWhileTheKeyIsRemembered(t *testing.T) {
	for name, c := range map[string]struct {
		life, later time.Duration
		want        DeliveryState
	}{
		"remembered":            {time.Hour, 10 * time.Minute, Waiting},
		"forgotten":             {time.Hour, 2 * time.Hour, Attempting},
		"the call may still go": {time.Hour, time.Second, Attempting},
		"never forgotten":       {channel.ForEver, time.Second, Waiting},
	} {
		t.Run(name, func(t *testing.T) {
			w := newTown(t, testkit.SQLite(t))
			w.open.keyLife = c.life
			m := w.out()
			w.attempts(m)
			w.restart()
			w.clock.forward(c.later)
			if got := w.step(m); got.State != c.want {
				t.Fatalf("%s, want %s", got.State, c.want)
			}
		})
	}
}

func TestOutcomeOfATimeOutIsWritten(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.desk.lease = 500 * time.Millisecond // the call gets 222 ms
		hangs := fails(channel.Unknown, channel.CodeTimeout)
		hangs.hangs = true
		w.open.next = script(map[string][]outcome{"finalize": {hangs}})
		m := w.out()
		got := w.step(m)
		if got.State != Attempting || got.Class != channel.Unknown || got.Code != channel.CodeTimeout {
			t.Fatalf("%s %s %s: what is known is not in the ledger", got.State, got.Class, got.Code)
		}
		if _, ok, err := w.desk.claim(t.Context(), w.inst.ID, got.ID); err != nil || !ok {
			t.Fatalf("the lease was not given back: %v %v", ok, err)
		}
	})
}

func TestWhatIsKnownIsWrittenAlsoWhenTheStepIsOver(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := w.out()
		p := w.parcelOf(w.attempts(m))
		over, end := context.WithCancel(t.Context())
		end()
		if err := w.desk.isOut(over, p, channel.Remote{ID: "7", URL: "https://square.example/7"}, "out"); err != nil {
			t.Fatal(err)
		}
		if got := w.on(m, w.open); got.State != Delivered || got.Remote.ID != "7" {
			t.Fatalf("%s %q", got.State, got.Remote.ID)
		}
	})
}

// parcelOf loads a delivery as a worker has it in hand.
func (w *town) parcelOf(del Delivery) *parcel {
	w.t.Helper()
	p, err := w.desk.load(w.t.Context(), del)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func TestWorkerThatSleptMakesNoCall(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		m := w.out()
		p := w.parcelOf(w.attempts(m))
		w.clock.forward(w.desk.lease)
		if err := w.desk.call(t.Context(), p); err != nil {
			t.Fatal(err)
		}
		if got := w.on(m, w.open); got.State != Waiting || w.open.shown(got.ID) != 0 {
			t.Fatalf("%s, shown %d times", got.State, w.open.shown(got.ID))
		}
		// The same, and somebody else has gone on meanwhile.
		p = w.parcelOf(w.attempts(m))
		w.die()
		w.work(m)
		if err := w.desk.call(t.Context(), p); !errors.Is(err, errLost) {
			t.Fatal(err)
		}
		if got := w.on(m, w.open); got.State != Delivered || w.open.shown(got.ID) != 1 {
			t.Fatalf("%s, shown %d times", got.State, w.open.shown(got.ID))
		}
	})
}

func TestSleepIsMeasuredByTheClockThatSaysMore(t *testing.T) {
	start := time.Now()
	asleep := start.Round(0).Add(time.Hour) // the wall clock after a machine slept: the monotonic one stood still
	if got := passed(start, asleep); got < time.Hour {
		t.Errorf("an hour of sleep counts as %s", got)
	}
	if got := passed(start.Add(-time.Hour), start); got < time.Hour {
		t.Errorf("an hour counts as %s", got)
	}
}

// whileItSleeps makes the first call take effect and then lets its worker sleep
// while do happens.
func (w *town) whileItSleeps(then outcome, do func()) {
	then.then = true
	then.meanwhile = do
	w.open.next = script(map[string][]outcome{"finalize": {then}})
}

func TestSecondCopyOfAWorkerThatSleptThroughItsLeaseIsATask(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.open.keyed, w.open.byText = false, true
		m := w.out()
		id := w.on(m, w.open).ID
		w.whileItSleeps(outcome{}, func() {
			w.open.posts[id][0].Text = "non si riconosce" // so that the other worker cannot find it
			w.die()
			w.work(m)
		})
		got := w.step(m)
		if got.State != Delivered || w.open.shown(id) != 2 {
			t.Fatalf("the story is another: %s, shown %d times", got.State, w.open.shown(id))
		}
		all := w.tasks()
		if len(all) != 1 || all[0].Kind != taskStray || all[0].Link != "https://square.example/"+id || got.Remote.ID == id {
			t.Fatalf("tasks %+v, the ledger has %s", all, got.Remote.ID)
		}
		if other, err := w.desk.others(t.Context(), Delivery{InstitutionID: w.inst.ID, ChannelID: got.ChannelID}, []string{id}); err != nil || !other[id] {
			t.Errorf("a reply to the stray copy would not be known as one to us: %v, %v", other, err)
		}
	})
}

func TestCopyOfAWorkerThatSleptIsTheDeliverysWhereNobodyElseCalled(t *testing.T) {
	for _, state := range []DeliveryState{Attempting, Waiting, Unconfirmed} {
		t.Run(string(state), func(t *testing.T) {
			w := newTown(t, testkit.SQLite(t))
			w.open.keyed = false
			m := w.out()
			id := w.on(m, w.open).ID
			w.whileItSleeps(outcome{}, func() {
				w.die()
				del, ok, err := w.desk.claim(t.Context(), w.inst.ID, id)
				if err != nil || !ok {
					t.Fatal(ok, err)
				}
				if del.State = state; state != Attempting {
					if err := w.desk.settle(t.Context(), del, ""); err != nil {
						t.Fatal(err)
					}
				}
			})
			if got := w.step(m); got.State != Delivered || got.Remote.ID != id || len(w.tasks()) != 0 {
				t.Fatalf("%s %q, tasks %v", got.State, got.Remote.ID, w.tasks())
			}
			w.work(m)
			if n := w.open.shown(id); n != 1 {
				t.Fatalf("shown %d times", n)
			}
		})
	}
}

func TestWorkerThatSleptAndFoundTheSameCopyAsksNobody(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	m := w.out()
	w.whileItSleeps(outcome{}, func() { w.die(); w.work(m) })
	if got := w.step(m); got.State != Delivered || w.open.shown(got.ID) != 1 || len(w.tasks()) != 0 {
		t.Fatalf("%s, shown %d times, tasks %v", got.State, w.open.shown(got.ID), w.tasks())
	}
}

func TestWorkerThatSleptAndDoesNotKnowAsksAPersonToLook(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.open.keyed, w.open.byText = false, true
	m := w.out()
	id := w.on(m, w.open).ID
	w.whileItSleeps(fails(channel.Unknown, channel.CodeTimeout), func() {
		w.open.posts[id][0].Text = "non si riconosce"
		w.die()
		w.work(m)
	})
	got := w.step(m)
	if all := w.tasks(); got.State != Delivered || len(all) != 1 || all[0].Kind != taskStray || all[0].Link != "" {
		t.Fatalf("%s, tasks %+v", got.State, all)
	}
}

func TestAfterACrashTheAttemptedTextIsLookedForAndThenCorrected(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.open.keyed, w.open.byText = false, true
		m := w.out()
		p := w.parcelOf(w.attempts(m))
		w.open.shows(p.post)
		c := m.Content
		c.Body = "La biblioteca apre alle **10**: ci eravamo sbagliati."
		ok := must[Message](t)
		m = ok(w.desk.Save(w.writer, w.inst.ID, m.ID, m.Rev, c))
		m = ok(w.desk.Submit(w.writer, w.inst.ID, m.ID))
		m = ok(w.desk.Approve(w.approver, w.inst.ID, m.ID, m.Hash))
		m = ok(w.desk.PublishNow(w.writer, w.inst.ID, m.ID, "ora sbagliata"))
		w.restart()
		w.work(m)
		got := w.on(m, w.open)
		if got.State != Delivered || got.OutRev != m.OutRev || w.open.shown(p.ID) != 1 || w.open.edits != 1 || !strings.Contains(w.open.posts[p.ID][0].Text, "alle 10") {
			t.Fatalf("%s rev %d of %d, shown %d times, %d edits", got.State, got.OutRev, m.OutRev, w.open.shown(p.ID), w.open.edits)
		}
	})
}

func TestWhatOnlyAPersonHasSeenIsCorrectedAndTakenBackByAPerson(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.closed.next = script(map[string][]outcome{"finalize": {failsAfterwards()}})
	m := w.out()
	w.work(m)
	del := w.on(m, w.closed)
	if err := w.desk.Confirm(w.writer, w.inst.ID, del.ID, "https://t.me/cesate/7"); err != nil {
		t.Fatal(err)
	}
	must[Message](t)(w.desk.Withdraw(w.writer, w.inst.ID, m.ID, "annullato"))
	w.work(m)
	if del = w.on(m, w.closed); del.State != ByHand || w.closed.shown(del.ID) != 1 {
		t.Fatalf("%s: nobody has taken it back, shown %d times", del.State, w.closed.shown(del.ID))
	}
	if all := w.tasks(); len(all) != 1 || all[0].Kind != taskWithdraw || all[0].Link != "https://t.me/cesate/7" {
		t.Fatalf("tasks %+v", all)
	}
}

// expires lets a delivery's time go by before it could go out.
func expires(t *testing.T, d *db.DB) (*town, Message, Delivery) {
	w := newTown(t, d)
	w.open.next = func(call string) outcome {
		if call == "prepare" {
			return fails(channel.Transient, channel.CodeUnreachable)
		}
		return outcome{}
	}
	m := w.out()
	if err := w.desk.workDeliver(t.Context(), deliver{w.inst.ID, w.on(m, w.closed).ID}); err != nil {
		t.Fatal(err)
	}
	w.step(m)
	w.clock.forward(giveUpAfter + time.Hour)
	del := w.step(m)
	if del.State != GivenUp || del.Code != CodeExpired {
		t.Fatalf("%s %s", del.State, del.Code)
	}
	w.open.next = nil
	return w, m, del
}

// told counts the ways in which people are told of a delivery in trouble.
func (w *town) told(del Delivery) (troubles, late, tasks int) {
	w.t.Helper()
	err := w.db.Read(w.t.Context(), func(tx *db.Tx) error {
		now := w.clock.now()
		all, err := Troubles(w.t.Context(), tx, w.inst.ID, now, 10)
		if err != nil {
			return err
		}
		board, err := OnBoard(w.t.Context(), tx, w.inst.ID, Board{Since: now, Late: true, Limit: 10}, now)
		if err != nil {
			return err
		}
		for _, x := range append(all, board...) {
			if x.ID == del.ID {
				troubles++
			}
		}
		late, err = CountLate(w.t.Context(), tx, now)
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	for _, x := range w.tasks() {
		if x.DeliveryID == del.ID && x.Kind == taskExpired {
			tasks++
		}
	}
	return troubles, late, tasks
}

func TestWhatDidNotGoOutInTimeIsATroubleUntilAPersonDecides(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, m, del := expires(t, d)
		if troubles, late, tasks := w.told(del); troubles != 2 || late != 1 || tasks != 1 || !del.Late(w.clock.now()) {
			t.Fatalf("among the troubles and on the board %d times, counted as late %d times, %d tasks", troubles, late, tasks)
		}
		if err := w.desk.Retry(w.writer, w.inst.ID, del.ID); err != nil {
			t.Fatal(err)
		}
		w.work(m)
		if del = w.on(m, w.open); del.State != Delivered {
			t.Fatal(del.State)
		}
		if troubles, late, tasks := w.told(del); troubles+late+tasks != 0 {
			t.Fatalf("out, and still %d, %d, %d", troubles, late, tasks)
		}
	})
	for name, decide := range map[string]func(w *town, del Delivery) error{
		"give up": func(w *town, del Delivery) error { return w.desk.GiveUp(w.writer, w.inst.ID, del.ID) },
		"done":    func(w *town, del Delivery) error { return w.desk.DoneTask(w.writer, w.inst.ID, w.tasks()[0].ID) },
		"withdraw": func(w *town, del Delivery) error {
			_, err := w.desk.Withdraw(w.writer, w.inst.ID, del.MessageID, "superato")
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w, _, del := expires(t, testkit.SQLite(t))
			if err := decide(w, del); err != nil {
				t.Fatal(err)
			}
			if troubles, late, tasks := w.told(del); troubles+late+tasks != 0 {
				t.Fatalf("decided, and still %d, %d, %d", troubles, late, tasks)
			}
		})
	}
}
