package listen

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/testkit"
)

func TestEditsAndDeletionsAreFollowed(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		one, two := w.says("uno"), w.says("due")
		w.says("tre")
		w.turn(w.mastodon)
		if err := w.square.Change(one, "@comune uno, corretto"); err != nil {
			t.Fatal(err)
		}
		if err := w.square.TakeBack(two); err != nil {
			t.Fatal(err)
		}
		w.clock.pass(recheckRound)
		w.turn(w.mastodon)
		if got := w.kept(w.mastodon); !slices.Equal(got, []string{"uno, corretto", "", "tre"}) {
			t.Fatalf("kept %q", got)
		}
	})
}

// Every comment of the last seven days is looked at in each round, none twice,
// whatever the moments at which they were said.
func TestARoundLooksAtEachRecentCommentOnce(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		var want []string
		w.write(func(ctx context.Context, tx *db.Tx) error {
			var said []channel.Said
			for n := range 2*recheckSlice + 5 {
				at := w.clock.now().Add(-time.Duration(n/7) * time.Minute) // seven at the same moment
				said = append(said, channel.Said{Act: channel.Comments, ID: fmt.Sprint("id", n), Text: "x", At: at})
				want = append(want, fmt.Sprint("id", n))
			}
			old := channel.Said{Act: channel.Comments, ID: "old", Text: "x", At: w.clock.now().Add(-recheckSpan - time.Minute)}
			return w.hear(ctx, tx, w.inst.ID, w.scripted.ID, append(said, old))
		})
		var asked []string
		w.script.recheck = func(ids []string) ([]channel.Said, error) {
			asked = append(asked, ids...)
			return []channel.Said{{Act: channel.Deleted, ID: "never asked about"}}, nil
		}
		for range 3 {
			w.turn(w.scripted)
			w.clock.pass(recheckEvery)
		}
		got := slices.Clone(asked)
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Fatalf("looked at %d comments, want each of %d once: %v", len(got), len(want), got)
		}
		asked = nil
		w.turn(w.scripted)
		if len(asked) != 0 {
			t.Errorf("a new round began at once")
		}
		w.clock.pass(recheckRound)
		w.turn(w.scripted)
		if len(asked) != recheckSlice {
			t.Errorf("the next round looked at %d", len(asked))
		}
	})
}
