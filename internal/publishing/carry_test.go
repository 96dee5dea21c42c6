package publishing

import (
	"context"
	"strings"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// letters is a Carrier with what it was told.
type letters struct {
	texts map[string][]string // by id; a revision is its place, from 1
	gone  bool
	told  []DeliveryState
}

func (l *letters) Outgoing(_ context.Context, _ *db.Tx, _, id string, rev int64) (channel.Post, error) {
	if l.gone {
		return channel.Post{}, &channel.Error{Class: channel.Refused, Code: channel.CodeAnswerGone}
	}
	return channel.Post{Title: "Domanda sulla mensa", Text: l.texts[id][rev-1], To: &channel.Reply{ID: "42"}}, nil
}

func (l *letters) Settled(_ context.Context, _ *db.Tx, del Delivery) error {
	l.told = append(l.told, del.State)
	return nil
}

// answering is a town whose desk carries one answer to the open platform.
func answering(t *testing.T, d *db.DB) (*town, *letters, Message) {
	w := newTown(t, d)
	w.open.answers = true
	l := &letters{texts: map[string][]string{"answer-1": {"Buongiorno, il menù è sul sito.", "Buongiorno, il menù è sul sito dal 4 maggio."}}}
	w.desk.Carries("answer", l)
	if err := d.InTx(t.Context(), func(tx *db.Tx) error {
		return w.desk.Carry(t.Context(), tx, w.inst.ID, "answer", "answer-1", w.channels[w.open.name].ID, 1, w.clock.now())
	}); err != nil {
		t.Fatal(err)
	}
	return w, l, Message{InstitutionID: w.inst.ID, ID: "answer-1"}
}

func TestAnswerGoesOutThroughTheLedgerOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, l, a := answering(t, d)
		w.open.next = script(map[string][]outcome{"finalize": {failsAfterwards()}})
		if err := d.InTx(t.Context(), func(tx *db.Tx) error { // a double click
			return w.desk.Carry(t.Context(), tx, w.inst.ID, "answer", a.ID, w.channels[w.open.name].ID, 1, w.clock.now())
		}); err != nil {
			t.Fatal(err)
		}
		w.work(a)
		del := w.on(a, w.open)
		if del.State != Delivered || w.open.shown(del.ID) != 1 || w.open.posts[del.ID][0].To.ID != "42" {
			t.Fatalf("%s, shown %d", del.State, w.open.shown(del.ID))
		}
		if l.told[len(l.told)-1] != Delivered {
			t.Errorf("its owner was told %v", l.told)
		}
		var known int
		if err := d.Read(t.Context(), func(tx *db.Tx) error {
			return tx.QueryRow(t.Context(), `SELECT count(*) FROM remote_post WHERE institution_id = $1 AND remote_id = $2 AND delivery_id = $3`, w.inst.ID, del.Remote.ID, del.ID).Scan(&known)
		}); err != nil || known != 1 {
			t.Errorf("the platform's name for it is not kept: %d, %v", known, err)
		}
		board, err := boardOf(w)
		if err != nil || len(board) != 1 || board[0].Title != "Domanda sulla mensa" {
			t.Errorf("on the board: %+v, %v", board, err)
		}
	})
}

func boardOf(w *town) (all []Trouble, err error) {
	err = w.db.Read(w.t.Context(), func(tx *db.Tx) error {
		all, err = OnBoard(w.t.Context(), tx, w.inst.ID, Board{Since: w.clock.now().Add(-time.Hour), Limit: 10}, w.clock.now())
		return err
	})
	return all, err
}

func TestAnswerIsCorrectedAndTakenBackWhereItStands(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, _, a := answering(t, d)
		w.work(a)
		in := func(do func(tx *db.Tx) error) {
			t.Helper()
			if err := d.InTx(t.Context(), do); err != nil {
				t.Fatal(err)
			}
			w.work(a)
		}
		in(func(tx *db.Tx) error { return w.desk.Recarry(t.Context(), tx, w.inst.ID, a.ID, 2, w.clock.now()) })
		if del := w.on(a, w.open); !strings.HasSuffix(w.open.posts[del.ID][0].Text, "maggio.") || w.open.edits != 1 {
			t.Fatalf("corrected: %+v", w.open.posts[del.ID])
		}
		in(func(tx *db.Tx) error { return w.desk.TakeBack(t.Context(), tx, w.inst.ID, a.ID, w.clock.now()) })
		if del := w.on(a, w.open); del.State != TakenBack || w.open.shown(del.ID) != 0 {
			t.Fatalf("taken back: %s", del.State)
		}
	})
}

func TestAnswerToWhatIsGoneIsRefusedAndSaysSo(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, l, a := answering(t, d)
		l.gone = true
		w.work(a)
		if del := w.on(a, w.open); del.State != Refused || del.Code != channel.CodeAnswerGone || len(w.open.posts) != 0 {
			t.Fatalf("%s %s", del.State, del.Code)
		}
	})
}

func TestAnswerWhereNobodyCanAnswerIsRefusedAndSaysSo(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, _, a := answering(t, d)
		w.open.answers = false
		w.work(a)
		if del := w.on(a, w.open); del.State != Refused || del.Code != channel.CodeCannotAnswer || len(w.open.posts) != 0 {
			t.Fatalf("%s %s", del.State, del.Code)
		}
	})
}

func TestFreezeHoldsAnswersUnlessTheyAreAllowed(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w, _, a := answering(t, d)
		try := func(reason string, allowed ...Category) bool {
			t.Helper()
			if err := w.desk.Freeze(w.approver, w.inst.ID, reason, allowed); err != nil {
				t.Fatal(err)
			}
			if err := w.desk.workDeliver(t.Context(), deliver{w.inst.ID, w.on(a, w.open).ID}); err != nil {
				t.Fatal(err)
			}
			return w.on(a, w.open).State == Delivered
		}
		if try("lutto cittadino", Roads) {
			t.Fatal("an answer went out while frozen")
		}
		if err := w.desk.Unfreeze(w.approver, w.inst.ID, nil); err != nil {
			t.Fatal(err)
		}
		if !try("periodo elettorale", Answers) {
			t.Fatal("an answer was held although allowed")
		}
	})
}

func TestMessageDoesNotGoWhereOnlyAnswersGo(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		w.closed.noPosts = true
		if all := w.deliveries(w.out()); len(all) != 1 || all[0].ChannelID != w.channels[w.open.name].ID {
			t.Fatalf("deliveries: %+v", all)
		}
	})
}
