package listen

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	"codeberg.org/arengo/arengo/internal/db"
	"codeberg.org/arengo/arengo/internal/inbox"
	"codeberg.org/arengo/arengo/internal/jobs"
	"codeberg.org/arengo/arengo/internal/testkit"
)

// From the square to the officer's list, with the real inbox in between.
func TestWhatIsSaidOnASquareStandsInTheList(t *testing.T) {
	testkit.Databases(t, func(t *testing.T, d *db.DB) {
		w := newTown(t, d)
		in := inbox.New(inbox.Options{DB: d, Channels: w.poller.Channels, Clock: w.clock.now, Log: slog.New(slog.DiscardHandler)}, jobs.NewRegistry(d))
		w.poller.Hear = in.Hear
		lamp := w.says("il lampione di via Roma è spento")
		w.says("grazie alla biblioteca")
		w.turn(w.mastodon)
		list := func() (excerpts []string) {
			w.write(func(ctx context.Context, tx *db.Tx) error {
				rows, err := inbox.List(ctx, tx, w.inst.ID, inbox.Filter{}, w.clock.now())
				for _, r := range rows {
					if r.Author.Handle == "" || r.ChannelID != w.mastodon.ID {
						t.Errorf("%+v", r)
					}
					excerpts = append(excerpts, r.Excerpt)
				}
				return err
			})
			slices.Sort(excerpts)
			return excerpts
		}
		if got, want := list(), []string{"grazie alla biblioteca", "il lampione di via Roma è spento"}; !slices.Equal(got, want) {
			t.Fatalf("the list says %q, want %q", got, want)
		}
		if err := w.square.Change(lamp, "@comune il lampione di via Roma è riparato"); err != nil {
			t.Fatal(err)
		}
		w.clock.pass(recheckRound)
		w.turn(w.mastodon)
		if got, want := list(), []string{"grazie alla biblioteca", "il lampione di via Roma è riparato"}; !slices.Equal(got, want) {
			t.Fatalf("after a change the list says %q, want %q", got, want)
		}
		if err := w.square.TakeBack(lamp); err != nil {
			t.Fatal(err)
		}
		w.clock.pass(recheckRound)
		w.turn(w.mastodon)
		if got := list(); slices.Contains(got, "il lampione di via Roma è riparato") {
			t.Fatalf("after a deletion the list says %q", got)
		}
	})
}
