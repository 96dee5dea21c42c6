package channeltest

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"codeberg.org/arengo/arengo/internal/channel"
)

// Reach is how many may read something, from most to fewest.
type Reach int

// The reaches. A platform that knows fewer leaves the others out.
const (
	Everybody Reach = iota
	Unlisted        // whoever looks for it; it is shown to nobody who does not
	Followers       // those who follow its author
	Direct          // those whom it names
)

// Crowd are people of a platform on which words reach more or fewer.
type Crowd interface {
	// Ask has somebody say text to the account with a reach, and returns it as the
	// inbox keeps it: through Listen, or as the platform tells it.
	Ask(t testing.TB, text string, r Reach) channel.Said
	// Reach is how many may read what the account said under the id.
	Reach(t testing.TB, id string) Reach
}

// NeverLouder proves that an answer reaches no more people than what it answers,
// when it is sent and when it is corrected, with what the adapter gave to remember
// and without: a record may have lost it.
func NeverLouder(t *testing.T, a channel.Adapter, account channel.Account, crowd Crowd, reaches ...Reach) {
	t.Helper()
	if len(reaches) < 2 {
		t.Fatal("a platform on which all words reach as many has nothing to prove")
	}
	account.Take = nil
	for _, asked := range reaches {
		said := crowd.Ask(t, "A che ora comincia?", asked)
		if said.Private != (asked >= Followers) {
			t.Errorf("what reaches %d is kept as private: %v", asked, said.Private)
		}
		for _, forgotten := range []bool{false, true} {
			to := reply(said)
			if forgotten {
				if asked == Unlisted {
					continue // without a record it is as any public word
				}
				to.Refs = nil
			}
			p := channel.Post{Key: uuid.Must(uuid.NewV7()).String(), Lang: "it", Due: time.Now(), Text: "Alle nove.", To: to}
			progress, err := a.Prepare(t.Context(), account, p, nil, func(channel.Progress) error { return nil })
			if err != nil {
				t.Fatal(err)
			}
			r, err := a.Finalize(t.Context(), account, p, progress)
			if err != nil {
				t.Fatal(err)
			}
			if got := crowd.Reach(t, r.ID); got < asked {
				t.Errorf("what answers words of reach %d reaches %d (forgotten: %v)", asked, got, forgotten)
			}
			p.Text = "Alle dieci."
			if r, err = a.Edit(t.Context(), account, p, r); err != nil {
				t.Fatal(err)
			}
			if got := crowd.Reach(t, r.ID); got < asked {
				t.Errorf("corrected, what answers words of reach %d reaches %d (forgotten: %v)", asked, got, forgotten)
			}
		}
	}
}
