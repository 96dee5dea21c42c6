package insight

import (
	"slices"
	"time"

	"codeberg.org/arengo/arengo/internal/channel"
	"codeberg.org/arengo/arengo/internal/inbox"
)

// Least is the smallest number of people that is shown, anywhere.
const Least = 5

// Picture is consent and dissent about a message, as it may be shown: each number in
// it is zero or of at least five people, and so is each difference of them.
type Picture struct {
	People  int     // distinct, who reacted or commented; zero below Least
	Groups  []Group // the sides, or some of them together; their people add up to People
	Rated   bool    // agreement and dissent may be told apart, and there is some
	Share   float64 // agree / (agree + against)
	Low     float64 // Wilson's interval of Share, 95 %
	High    float64
	Squares []Row // by platform; they add up to People
	Times   []Row // by the moment of each person's opinion; they add up to People
}

// Shown reports whether there is a picture.
func (p Picture) Shown() bool { return p.People > 0 }

// Group is one side, or several that together are of enough people.
type Group struct {
	Sides  []inbox.Stance
	People int
}

// Row is one part of the people: a square, some squares together, or a time.
type Row struct {
	Platforms []channel.Platform
	From, To  time.Time // [From, To)
	People    int
	Counts    []int // of each of the picture's groups
}

// signal is one reaction or comment.
type signal struct {
	person   string
	platform channel.Platform
	at       time.Time
	side     inbox.Stance
}

// sides are the columns of every table, in this order.
func sides() []inbox.Stance {
	return []inbox.Stance{inbox.Agrees, inbox.Against, inbox.Neutral, inbox.Question}
}

// weight says which of a person's signals count: an opinion before a question, a
// question before the rest.
func weight(s inbox.Stance) int {
	switch s {
	case inbox.Agrees, inbox.Against:
		return 2
	case inbox.Question:
		return 1
	}
	return 0
}

// deciding is the one signal of each person that counts: of the weightiest, the last.
func deciding(all []signal) map[string]signal {
	by := map[string]signal{}
	for _, s := range all {
		if !slices.Contains(sides(), s.side) {
			s.side = inbox.Neutral
		}
		old, known := by[s.person]
		if !known || weight(s.side) > weight(old.side) || weight(s.side) == weight(old.side) && !s.at.Before(old.at) {
			by[s.person] = s
		}
	}
	return by
}

// draw makes the picture of the signals about a message that came out at a moment.
func draw(all []signal, out time.Time, loc *time.Location) Picture {
	people := deciding(all)
	if len(people) < Least {
		return Picture{}
	}
	p := Picture{People: len(people)}
	counts := map[inbox.Stance]int{}
	for _, s := range people {
		counts[s.side]++
	}
	p.Groups = grouped(counts)
	p.rate()
	column := map[inbox.Stance]int{}
	for i, g := range p.Groups {
		for _, s := range g.Sides {
			column[s] = i
		}
	}
	squares, times := map[channel.Platform]*Row{}, map[time.Time]*Row{}
	for _, s := range people {
		from, to := span(s.at, out, loc)
		if squares[s.platform] == nil {
			squares[s.platform] = &Row{Platforms: []channel.Platform{s.platform}, Counts: make([]int, len(p.Groups))}
		}
		if times[from] == nil {
			times[from] = &Row{From: from, To: to, Counts: make([]int, len(p.Groups))}
		}
		for _, r := range []*Row{squares[s.platform], times[from]} {
			r.People++
			r.Counts[column[s.side]]++
		}
	}
	p.Squares, p.Times = mergeSquares(rows(squares)), mergeTimes(rows(times))
	return p
}

func rows[K comparable](by map[K]*Row) (all []Row) {
	for _, r := range by {
		all = append(all, *r)
	}
	return all
}

// few reports whether a number would single people out.
func few(n int) bool { return n > 0 && n < Least }

// grouped puts the sides that are of few people together, until each group is of
// none or of enough.
func grouped(counts map[inbox.Stance]int) (groups []Group) {
	var small Group
	for _, s := range sides() {
		if n := counts[s]; few(n) {
			small = Group{append(small.Sides, s), small.People + n}
		} else {
			groups = append(groups, Group{[]inbox.Stance{s}, n})
		}
	}
	for few(small.People) {
		// What has no opinion hides first, so that consent and dissent stay apart as
		// long as they can; the people are at least five, hence another group is there.
		i := slices.IndexFunc(groups, func(g Group) bool { return g.People > 0 && weight(g.Sides[0]) < 2 })
		if i < 0 {
			for k, g := range groups {
				if g.People > 0 && (i < 0 || g.People < groups[i].People) {
					i = k
				}
			}
		}
		small = Group{append(small.Sides, groups[i].Sides...), small.People + groups[i].People}
		groups = slices.Delete(groups, i, i+1)
	}
	if small.People > 0 {
		slices.SortFunc(small.Sides, func(a, b inbox.Stance) int { return slices.Index(sides(), a) - slices.Index(sides(), b) })
		groups = append(groups, small)
	}
	slices.SortFunc(groups, func(a, b Group) int {
		return slices.Index(sides(), a.Sides[0]) - slices.Index(sides(), b.Sides[0])
	})
	return groups
}

// rate says the share of consent, when both sides may be shown by themselves.
func (p *Picture) rate() {
	agree, ok := p.alone(inbox.Agrees)
	against, too := p.alone(inbox.Against)
	if n := agree + against; ok && too && n > 0 {
		p.Rated, p.Share = true, float64(agree)/float64(n)
		p.Low, p.High = Wilson(agree, n)
	}
}

func (p *Picture) alone(s inbox.Stance) (n int, ok bool) {
	for _, g := range p.Groups {
		if len(g.Sides) == 1 && g.Sides[0] == s {
			return g.People, true
		}
	}
	return 0, false
}

// hourly is how long after a message came out its hours are told apart.
const hourly = 48 * time.Hour

// span is the hour of a moment in the first two days after a message came out, and
// the day later, in the institution's zone.
func span(at, out time.Time, loc *time.Location) (from, to time.Time) {
	local, end := at.In(loc), out.Add(hourly+time.Hour-1).In(loc).Truncate(time.Hour)
	if at.Before(end) {
		from = local.Truncate(time.Hour)
		return from, from.Add(time.Hour)
	}
	from = time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, loc)
	to = time.Date(local.Year(), local.Month(), local.Day()+1, 0, 0, 0, 0, loc)
	// The hours end within a day: its row begins there.
	if from.Before(end) {
		from = end
	}
	return from, to
}

// safe reports whether no number of a row singles people out.
func (r Row) safe() bool { return !few(r.People) && !slices.ContainsFunc(r.Counts, few) }

// with is two rows as one.
func (r Row) with(o Row) Row {
	sum := Row{Platforms: append(slices.Clone(r.Platforms), o.Platforms...), From: r.From, To: r.To, People: r.People + o.People, Counts: slices.Clone(r.Counts)}
	if len(sum.Counts) == 0 {
		sum.Counts = make([]int, len(o.Counts))
	}
	for i, n := range o.Counts {
		sum.Counts[i] += n
	}
	if sum.From.IsZero() || !o.From.IsZero() && o.From.Before(sum.From) {
		sum.From = o.From
	}
	if o.To.After(sum.To) {
		sum.To = o.To
	}
	return sum
}

// mergeSquares puts the squares that would single people out together, with the
// smallest of the others where they are still too few. The largest come first, the
// rest last. All together are safe, for the groups are.
func mergeSquares(all []Row) []Row {
	slices.SortFunc(all, func(a, b Row) int {
		if a.People != b.People {
			return b.People - a.People
		}
		return slices.Compare(a.Platforms, b.Platforms)
	})
	var kept []Row
	var rest Row
	for _, r := range all {
		if r.safe() {
			kept = append(kept, r)
		} else {
			rest = rest.with(r)
		}
	}
	for !rest.safe() && len(kept) > 0 {
		last := len(kept) - 1
		rest, kept = rest.with(kept[last]), kept[:last]
	}
	if rest.People > 0 {
		slices.Sort(rest.Platforms)
		kept = append(kept, rest)
	}
	return kept
}

// mergeTimes lets a time go on until it is safe; what is left at the end goes to the
// time before.
func mergeTimes(all []Row) (merged []Row) {
	slices.SortFunc(all, func(a, b Row) int { return a.From.Compare(b.From) })
	var open Row
	for _, r := range all {
		if open = open.with(r); open.safe() {
			merged, open = append(merged, open), Row{}
		}
	}
	for open.People > 0 {
		if len(merged) > 0 {
			last := len(merged) - 1
			open, merged = merged[last].with(open), merged[:last]
		}
		if open.safe() || len(merged) == 0 {
			merged, open = append(merged, open), Row{}
		}
	}
	return merged
}
