package listen

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/fault"
	"codeberg.org/arengo/arengo/internal/people"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestConnectedChannelIsReadWithoutAnybodyAsking(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.says("quando riapre la biblioteca?")
		heard := make(chan struct{}, 100)
		w.deaf = func([]channel.Said) error { heard <- struct{}{}; return nil }
		if err := w.pool.Start(context.WithoutCancel(t.Context())); err != nil {
			t.Fatal(err)
		}
		select {
		case <-heard:
		case <-time.After(20 * time.Second):
			t.Fatal("nobody read the channel")
		}
		stop, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := w.pool.Stop(stop); err != nil {
			t.Fatal(err)
		}
		if got := w.kept(w.mastodon); !slices.Equal(got, []string{"quando riapre la biblioteca?"}) {
			t.Fatalf("kept %q", got)
		}
		if s := w.state(w.mastodon); s.Code != "" || s.Success.IsZero() || s.Newest.IsZero() || s.Lag(w.clock.now()) > time.Second {
			t.Errorf("%+v", s)
		}
	})
}

func TestEachThingIsHeardOnceAndNewOnesNextTime(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.says("uno")
		w.turn(w.mastodon)
		w.says("due")
		times := 0
		w.deaf = func(said []channel.Said) error { times += len(said); return nil }
		w.clock.pass(time.Hour)
		w.turn(w.mastodon)
		w.clock.pass(time.Hour)
		w.turn(w.mastodon)
		if got := w.kept(w.mastodon); !slices.Equal(got, []string{"uno", "due"}) || times != 1 {
			t.Fatalf("kept %q, told %d things again", got, times)
		}
	})
}

func TestSourceIsReadOnlyWhenItsTurnHasCome(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	read := 0
	w.script.listen = func(context.Context, string) (channel.Heard, error) {
		read++
		return channel.Heard{Cursor: json.RawMessage(`1`)}, nil
	}
	due := func() (all []string) {
		w.write(func(ctx context.Context, tx *db.Tx) error {
			if err := adopt(ctx, tx, w.poller.platforms(), w.clock.now()); err != nil {
				return err
			}
			taken, err := take(ctx, tx, w.clock.now(), w.clock.now().Add(claim))
			for _, r := range taken {
				all = append(all, r.ChannelID)
			}
			return err
		})
		return all
	}
	if got := due(); len(got) != 2 {
		t.Fatalf("at first %d sources are due, want both", len(got))
	}
	if got := due(); len(got) != 0 {
		t.Fatalf("what was taken is taken again: %v", got)
	}
	w.read(w.scripted)
	w.clock.pass(Interval(channel.Telegram) - time.Second)
	if got := due(); len(got) != 0 {
		t.Fatalf("read too early: %v", got)
	}
	w.clock.pass(time.Second)
	if got := due(); !slices.Equal(got, []string{w.scripted.ID}) {
		t.Fatalf("due %v", got)
	}
	// A node took it and died: after a while it is taken again.
	w.clock.pass(claim)
	if got := due(); len(got) != 2 {
		t.Fatalf("due after a death: %v", got)
	}
	w.write(func(ctx context.Context, tx *db.Tx) error {
		return channel.Disconnect(ctx, tx, w.inst.ID, w.scripted.ID)
	})
	w.clock.pass(time.Hour)
	if got := due(); !slices.Equal(got, []string{w.mastodon.ID}) {
		t.Fatalf("due without the disconnected channel: %v", got)
	}
	before := read
	w.read(w.scripted) // a job that was still waiting
	if read != before {
		t.Error("a disconnected channel was read")
	}
}

func TestWhatTheInboxCannotKeepIsToldAgain(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.says("uno")
		w.deaf = func([]channel.Said) error { return errors.New("the disk is full") }
		w.turn(w.mastodon)
		if got := w.kept(w.mastodon); len(got) != 0 {
			t.Fatalf("half of it was kept: %q", got)
		}
		s := w.state(w.mastodon)
		if s.Failures != 1 || s.Code != CodeInternal || strings.Contains(s.Detail, "disk") || !s.Success.IsZero() || s.State != channel.Connected {
			t.Errorf("%+v", s)
		}
		w.deaf = nil
		w.clock.pass(time.Hour)
		w.turn(w.mastodon)
		if got := w.kept(w.mastodon); !slices.Equal(got, []string{"uno"}) {
			t.Fatalf("kept %q", got)
		}
		if s := w.state(w.mastodon); s.Failures != 0 || s.Code != "" {
			t.Errorf("%+v", s)
		}
	})
}

// Files are stored before they are heard of, and a store that is away keeps the letter
// from being counted as heard: it comes again.
func TestFilesAreKeptBeforeTheLetterIsHeard(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.script.listen = func(_ context.Context, cursor string) (channel.Heard, error) {
			if cursor == "1" {
				return channel.Heard{Cursor: json.RawMessage(`1`)}, nil
			}
			s := channel.Said{Act: channel.Comments, ID: "1", Text: "Vedi allegato", At: w.clock.now()}
			s.Files = []channel.SaidFile{{Name: "a.pdf", Content: []byte("%PDF-1.4")}}
			return channel.Heard{Cursor: json.RawMessage(`1`), Said: []channel.Said{s}}, nil
		}
		away, heard := true, []channel.SaidFile{}
		w.poller.Keep = func(_ context.Context, institutionID, channelID string, all []channel.Said) error {
			if institutionID != w.inst.ID {
				t.Errorf("kept for %q", institutionID)
			}
			if channelID != w.scripted.ID || len(all) == 0 {
				return nil
			}
			if away {
				return errors.New("the store is away")
			}
			all[0].Files[0].Hash, all[0].Files[0].Content = "kept", nil
			return nil
		}
		w.deaf = func(all []channel.Said) error {
			for _, s := range all {
				heard = append(heard, s.Files...)
			}
			return nil
		}
		w.turn(w.scripted)
		if len(heard) != 0 || w.state(w.scripted).Failures != 1 {
			t.Fatalf("heard %v while the store was away", heard)
		}
		away = false
		w.clock.pass(time.Hour)
		w.turn(w.scripted)
		if len(heard) != 1 || heard[0].Hash != "kept" || heard[0].Content != nil {
			t.Errorf("heard %v", heard)
		}
	})
}

func TestPanicEndsOneReadingOnly(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.says("uno")
	w.script.listen = func(context.Context, string) (channel.Heard, error) { panic("a platform that nobody expected") }
	w.turnTick()
	if err := w.poller.readAll(t.Context(), reads{[]read{{w.inst.ID, w.scripted.ID}, {w.inst.ID, w.mastodon.ID}}}); err != nil {
		t.Fatal(err)
	}
	if s := w.state(w.scripted); s.Code != CodeInternal || s.Detail != "" || s.Failures != 1 {
		t.Errorf("%+v", s)
	}
	if got := w.kept(w.mastodon); len(got) != 1 {
		t.Errorf("the other source gave %q", got)
	}
}

func TestFailingSourceIsAskedLessAndLessOften(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.server.Close()
	for n, want := range []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 8 * time.Minute, 16 * time.Minute, longest, longest} {
		w.turn(w.mastodon)
		s := w.state(w.mastodon)
		if wait := s.Next.Sub(w.clock.now()); wait != want || s.Failures != n+1 || s.Code != channel.CodeUnreachable {
			t.Fatalf("after %d failures: %s, %+v", n+1, wait, s)
		}
		w.clock.pass(want)
	}
	if s := w.state(w.mastodon); s.State != channel.Connected {
		t.Errorf("a source that cannot be read makes the channel %s", s.State)
	}
}

func TestPlatformSaysWhenToComeBack(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	w.script.listen = func(context.Context, string) (channel.Heard, error) {
		return channel.Heard{}, &channel.Error{Class: channel.Transient, Code: channel.CodeTooMany, RetryAfter: 3 * time.Hour}
	}
	w.turn(w.scripted)
	if wait := w.state(w.scripted).Next.Sub(w.clock.now()); wait != 3*time.Hour {
		t.Errorf("waits %s", wait)
	}
}

func TestRevokedSignInStopsTheChannelAndSaysSo(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	if err := w.square.Revoke(w.token); err != nil {
		t.Fatal(err)
	}
	w.turn(w.mastodon)
	if s := w.state(w.mastodon); s.State != channel.Lapsed || s.Code != channel.CodeSignIn {
		t.Fatalf("%+v", s)
	}
	// Any other refusal is about reading alone: publishing goes on.
	w.script.listen = func(context.Context, string) (channel.Heard, error) {
		return channel.Heard{}, &channel.Error{Class: channel.Revoked, Code: channel.CodeForbidden}
	}
	w.clock.pass(time.Hour)
	w.turn(w.scripted)
	if s := w.state(w.scripted); s.State != channel.Connected || s.Code != channel.CodeForbidden {
		t.Fatalf("%+v", s)
	}
}

func TestOneNodeReadsASourceAtATime(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		inside, leave := make(chan struct{}), make(chan struct{})
		w.script.listen = func(context.Context, string) (channel.Heard, error) {
			inside <- struct{}{}
			<-leave
			return channel.Heard{Cursor: json.RawMessage(`7`)}, nil
		}
		w.turnTick()
		done := make(chan error, 1)
		go func() { done <- w.poller.read(context.Background(), read{w.inst.ID, w.scripted.ID}) }()
		<-inside
		w.read(w.scripted) // would block for ever in listen
		close(leave)
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	})
}

func (w *town) turnTick() {
	w.t.Helper()
	if err := w.poller.tick(w.t.Context(), tick{}); err != nil {
		w.t.Fatal(err)
	}
}

// A node sleeps in the middle of a reading, another takes over: the first wakes up
// and must neither move the cursor back nor tell anything.
func TestNodeThatLostItsLeaseChangesNothing(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		page := func(cursor, id string) (channel.Heard, error) {
			return channel.Heard{Cursor: json.RawMessage(cursor), Said: []channel.Said{{Act: channel.Comments, ID: id, Text: id, At: w.clock.now()}}}, nil
		}
		w.script.listen = func(context.Context, string) (channel.Heard, error) {
			w.clock.pass(2 * lease)
			w.script.listen = func(context.Context, string) (channel.Heard, error) { return page(`"second"`, "of the second") }
			w.read(w.scripted)
			return page(`"first"`, "of the first")
		}
		w.turnTick()
		w.read(w.scripted)
		if got := w.kept(w.scripted); !slices.Equal(got, []string{"of the second"}) {
			t.Errorf("kept %q", got)
		}
		var cursor string
		w.write(func(ctx context.Context, tx *db.Tx) error {
			return tx.QueryRow(ctx, `SELECT cursor FROM source WHERE channel_id = $1`, w.scripted.ID).Scan(&cursor)
		})
		if s := w.state(w.scripted); cursor != `"second"` || s.Failures != 0 {
			t.Errorf("cursor %s, %+v", cursor, s)
		}
	})
}

func TestLongBacklogIsReadInOneGoUpToALimit(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	read := 0
	w.script.listen = func(_ context.Context, cursor string) (channel.Heard, error) {
		read++
		if want := fmt.Sprint(read - 1); read > 1 && cursor != want {
			t.Fatalf("page %d is asked with cursor %q", read, cursor)
		}
		return channel.Heard{Cursor: json.RawMessage(fmt.Sprint(read)), More: read < pages+3}, nil
	}
	w.turn(w.scripted)
	if s := w.state(w.scripted); read != pages || !s.Success.IsZero() || s.Next.After(w.clock.now()) {
		t.Fatalf("%d pages, %+v", read, s)
	}
	w.turn(w.scripted)
	if s := w.state(w.scripted); read != pages+3 || !s.Success.Equal(w.clock.now()) {
		t.Fatalf("%d pages, %+v", read, s)
	}
}

func TestAdministratorReadsASourceAtOnce(t *testing.T) {
	w := newTown(t, testkit.SQLite(t))
	as := func(role people.Role) context.Context {
		return people.With(t.Context(), people.Actor{PersonID: "p", InstitutionID: w.inst.ID, Roles: []people.Role{role}})
	}
	if err := w.poller.ReadNow(as(people.Writer), w.inst.ID, w.scripted.ID); !fault.Is(err, fault.Forbidden) {
		t.Errorf("a writer: %v", err)
	}
	if err := w.poller.ReadNow(as(people.Administrator), w.inst.ID, "nothing"); !fault.Is(err, fault.NotFound) {
		t.Errorf("nothing: %v", err)
	}
	if err := w.poller.ReadNow(as(people.Administrator), w.inst.ID, w.scripted.ID); err != nil {
		t.Fatal(err)
	}
	if s := w.state(w.scripted); s.Next.After(w.clock.now()) {
		t.Errorf("%+v", s)
	}
	w.write(func(ctx context.Context, tx *db.Tx) error {
		return channel.Failed(ctx, tx, w.scripted, &channel.Error{Class: channel.Revoked, Code: channel.CodeSignIn}, w.clock.now())
	})
	if err := w.poller.ReadNow(as(people.Administrator), w.inst.ID, w.scripted.ID); !fault.Is(err, fault.Conflict) {
		t.Errorf("a channel to connect again: %v", err)
	}
}

func TestBackoffDoublesUpToHalfAnHour(t *testing.T) {
	for n, want := range map[int]time.Duration{0: time.Minute, 1: 2 * time.Minute, 4: 16 * time.Minute, 5: longest, 1000: longest} {
		if got := Backoff(time.Minute, n); got != want {
			t.Errorf("after %d failures %s, want %s", n, got, want)
		}
	}
}
