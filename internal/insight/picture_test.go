package insight

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/inbox"
)

func rome(t testing.TB) *time.Location {
	t.Helper()
	l, err := time.LoadLocation("Europe/Rome")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// crowd is so many people of each side on a square.
func crowd(platform channel.Platform, at time.Time, agree, against, neutral, question int) (all []signal) {
	for side, n := range map[inbox.Stance]int{inbox.Agrees: agree, inbox.Against: against, inbox.Neutral: neutral, inbox.Question: question} {
		for i := range n {
			all = append(all, signal{fmt.Sprint(platform, side, i, at.Unix()), platform, at, side})
		}
	}
	return all
}

// TestNothingIsShownOfFewerThanFive: of four people there is no picture at all.
func TestNothingIsShownOfFewerThanFive(t *testing.T) {
	now := time.Date(2026, 5, 4, 18, 30, 0, 0, time.UTC)
	if p := draw(crowd(channel.Mastodon, now, 2, 1, 1, 0), now, rome(t)); p.Shown() || len(p.Groups)+len(p.Squares)+len(p.Times) > 0 {
		t.Errorf("%+v", p)
	}
	many := crowd(channel.Mastodon, now, 4, 0, 0, 0)
	for range 10 {
		many = append(many, many[0])
	}
	if p := draw(many, now, rome(t)); p.Shown() {
		t.Errorf("four people who speak often are four people: %+v", p)
	}
}

func TestPictureOfATown(t *testing.T) {
	out := time.Date(2026, 5, 4, 16, 0, 0, 0, time.UTC)
	all := append(crowd(channel.Mastodon, out.Add(10*time.Minute), 30, 10, 8, 6), crowd(channel.Bluesky, out.Add(70*time.Hour), 5, 5, 0, 0)...)
	p := draw(all, out, rome(t))
	if p.People != 64 || len(p.Groups) != 4 || p.Groups[0].People != 35 || p.Groups[1].People != 15 {
		t.Fatalf("%+v", p)
	}
	if !p.Rated || p.Share != 0.7 || math.Abs(p.Low-0.5625) > 0.001 || math.Abs(p.High-0.8090) > 0.001 {
		t.Errorf("share %f, from %f to %f", p.Share, p.Low, p.High)
	}
	if len(p.Squares) != 2 || p.Squares[0].People != 54 || p.Squares[1].People != 10 {
		t.Errorf("squares %+v", p.Squares)
	}
	if len(p.Times) != 2 || p.Times[0].To.Sub(p.Times[0].From) != time.Hour || p.Times[1].To.Sub(p.Times[1].From) != 24*time.Hour {
		t.Errorf("times %+v", p.Times)
	}
}

// TestFewAreHiddenAmongOthers: three who dissent would be found by subtraction if any
// three of the four numbers were shown.
func TestFewAreHiddenAmongOthers(t *testing.T) {
	now := time.Date(2026, 5, 4, 16, 0, 0, 0, time.UTC)
	for name, c := range map[string]struct {
		counts [4]int
		groups string
		rated  bool
	}{
		"a few questions hide among the neutral": {[4]int{20, 10, 9, 2}, "[agree]20 [against]10 [neutral question]11 ", true},
		"two small sides are enough together":    {[4]int{20, 10, 3, 2}, "[agree]20 [against]10 [neutral question]5 ", true},
		"a few dissent":                          {[4]int{20, 3, 0, 0}, "[agree against]23 [neutral]0 [question]0 ", false},
		"a few dissent among the neutral":        {[4]int{20, 3, 7, 0}, "[agree]20 [against neutral]10 [question]0 ", false},
		"nobody dissents":                        {[4]int{20, 0, 7, 0}, "[agree]20 [against]0 [neutral]7 [question]0 ", true},
		"all sides are small":                    {[4]int{2, 2, 1, 1}, "[agree against neutral question]6 ", false},
	} {
		p := draw(crowd(channel.Mastodon, now, c.counts[0], c.counts[1], c.counts[2], c.counts[3]), now, rome(t))
		got := ""
		for _, g := range p.Groups {
			got += fmt.Sprint(g.Sides) + fmt.Sprint(g.People) + " "
		}
		if got != c.groups || p.Rated != c.rated {
			t.Errorf("%s: %s rated %v, want %s", name, got, p.Rated, c.groups)
		}
	}
}

func TestPersonCountsOnceByTheLastOpinion(t *testing.T) {
	at := func(m int) time.Time { return time.Date(2026, 5, 4, 16, m, 0, 0, time.UTC) }
	for name, c := range map[string]struct {
		said []signal
		want inbox.Stance
	}{
		"changed mind":                  {[]signal{{at: at(1), side: inbox.Agrees}, {at: at(2), side: inbox.Against}}, inbox.Against},
		"told out of order":             {[]signal{{at: at(2), side: inbox.Against}, {at: at(1), side: inbox.Agrees}}, inbox.Against},
		"likes, then asks":              {[]signal{{at: at(1), side: inbox.Agrees}, {at: at(2), side: inbox.Question}}, inbox.Agrees},
		"asks, then greets":             {[]signal{{at: at(1), side: inbox.Question}, {at: at(2), side: inbox.Neutral}}, inbox.Question},
		"boosts only":                   {[]signal{{at: at(1), side: inbox.Neutral}}, inbox.Neutral},
		"a stance that nobody has read": {[]signal{{at: at(1)}}, inbox.Neutral},
	} {
		got := deciding(c.said)
		if len(got) != 1 || got[""].side != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

// TestNoNumberSinglesPeopleOut: whatever people do, every number of the picture and
// every difference of two that cover each other is of nobody or of five or more.
func TestNoNumberSinglesPeopleOut(t *testing.T) {
	loc := rome(t)
	platforms := []channel.Platform{channel.Mastodon, channel.Bluesky, channel.Telegram, channel.OnSite}
	rapid.Check(t, func(t *rapid.T) {
		out := time.Unix(rapid.Int64Range(1_700_000_000, 1_800_000_000).Draw(t, "out"), 0)
		n := rapid.IntRange(0, 120).Draw(t, "signals")
		var all []signal
		for range n {
			person := rapid.IntRange(0, 60).Draw(t, "person")
			all = append(all, signal{person: fmt.Sprint(person), platform: platforms[person%len(platforms)*person%len(platforms)],
				at:   out.Add(time.Duration(rapid.IntRange(-600, 10_000).Draw(t, "minutes")) * time.Minute),
				side: append(sides(), "")[rapid.IntRange(0, 4).Draw(t, "side")]})
		}
		people := deciding(all)
		p := draw(all, out, loc)
		if len(people) < Least {
			if p.Shown() {
				t.Fatalf("a picture of %d people", len(people))
			}
			return
		}
		if p.People != len(people) {
			t.Fatalf("%d people, want %d", p.People, len(people))
		}
		total := 0
		for _, g := range p.Groups {
			if total += g.People; few(g.People) {
				t.Fatalf("group of %d", g.People)
			}
		}
		if total != p.People {
			t.Fatalf("groups add up to %d of %d", total, p.People)
		}
		for name, table := range map[string][]Row{"squares": p.Squares, "times": p.Times} {
			sum := make([]int, len(p.Groups))
			var end time.Time
			for _, r := range table {
				if !r.safe() {
					t.Fatalf("%s: %+v", name, r)
				}
				inRow := 0
				for i, c := range r.Counts {
					sum[i] += c
					inRow += c
				}
				if inRow != r.People {
					t.Fatalf("%s: %d in a row of %d", name, inRow, r.People)
				}
				if name == "times" {
					if r.From.Before(end) || !r.To.After(r.From) {
						t.Fatalf("times overlap: %v before %v", r.From, end)
					}
					end = r.To
				}
			}
			for i, g := range p.Groups {
				if sum[i] != g.People {
					t.Fatalf("%s: %d of group %v, want %d", name, sum[i], g.Sides, g.People)
				}
			}
		}
	})
}

func TestIntervalHoldsWhatItPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10_000).Draw(t, "n")
		yes := rapid.IntRange(0, n).Draw(t, "yes")
		low, high := Wilson(yes, n)
		share := float64(yes) / float64(n)
		if low < 0 || high > 1 || low > share+1e-12 || high < share-1e-12 || low >= high {
			t.Fatalf("%d of %d: from %f to %f", yes, n, low, high)
		}
		other, top := Wilson(n-yes, n)
		if math.Abs(other-(1-high)) > 1e-9 || math.Abs(top-(1-low)) > 1e-9 {
			t.Fatalf("no mirror: %f %f, %f %f", low, high, other, top)
		}
		if l, h := Wilson(yes*2, n*2); h-l >= high-low {
			t.Fatalf("twice as many people say no more: %f, %f", high-low, h-l)
		}
		// The bounds solve |p − share| = z √(p(1−p)/n), which is what Wilson asked.
		for _, p := range []float64{low, high} {
			if p > 1e-9 && p < 1-1e-9 && math.Abs(math.Abs(p-share)-z*math.Sqrt(p*(1-p)/float64(n))) > 1e-9 {
				t.Fatalf("%f is no bound of %d of %d", p, yes, n)
			}
		}
	})
	if low, high := Wilson(0, 0); low != 0 || high != 1 {
		t.Errorf("of nobody: %f to %f", low, high)
	}
}
