package pb

import (
	"context"
	"math/big"
	"slices"
)

// phragmen runs the sequential method of Phragmén for budgets: every voter has
// a load, at first 0; a project would bring its supporters, all to the same
// load, up to (sum of their loads + cost)/votes; the project with the smallest
// such load is funded, until one that is smallest would pass the budget.
// Projects dearer than the budget are left out from the start, and a project
// nobody supports would bring an infinite load.
//
// A voter's load is always the load of the last funded project on its ballot, so
// at any time there are at most as many different loads as rounds, and the sum
// for a project needs only how many of its supporters have which: count[t][p].
// Those counts are whole numbers; the loads are kept as certified float64
// intervals, and as fractions as soon as two candidates' intervals meet.
type phragmenRun struct {
	t     *tally
	prof  *profile
	load  []int32   // per class: round of its last funded project, -1 for none
	count [][]int32 // per round, per project: supporters with that load
	none  []bool
	lo    []float64 // per round: bounds of the load, smallest units
	hi    []float64
	parts []phragmenPart
	fresh []float64 // per project: the load that it would bring now, about
	hope  *hopes
	// The exact loads of the first len(num) rounds are num[t]/den, computed
	// when needed; one common denominator spares a fraction per operation.
	num []*big.Int
	den *big.Int
}

// phragmenPart is what a round's exact load is made of.
type phragmenPart struct {
	cost, votes int64
	rounds      []int32
	counts      []int64
}

func (t *tally) phragmen(ctx context.Context) error {
	n := len(t.in.Projects)
	r := &phragmenRun{t: t, prof: t.in.profile(UtilityCost), load: make([]int32, t.in.Classes()), fresh: make([]float64, n), hope: &hopes{make([]float64, n), make([]float64, n)}}
	for p := range n {
		r.hope.votes[p] = infinity
	}
	t.result.hope = r.hope
	for j := range r.load {
		r.load[j] = -1
	}
	ls := t.limits.start(t.in)
	var left []int32
	for _, p := range t.open() {
		if int64(t.in.Projects[p].Cost) <= t.budget {
			left = append(left, p)
		}
	}
	t.byRank(left)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		left = slices.DeleteFunc(left, func(p int32) bool { return !ls.allows(p) })
		least := r.least(left)
		if len(least) == 0 {
			break
		}
		over := false
		for _, p := range least {
			over = over || t.spent+int64(t.in.Projects[p].Cost) > t.budget
		}
		r.chance(left, least, over)
		if over {
			break
		}
		p := least[0] // left is in the order of the tie-break
		t.win(p, PhasePhragmen)
		ls.take(p)
		if r.prof.votes[p] > 0 {
			r.fund(p)
		}
		left = slices.DeleteFunc(left, func(q int32) bool { return q == p })
	}
	r.finish()
	return nil
}

// bounds gives certified bounds of a project's new load; supported only.
func (r *phragmenRun) bounds(p int32) (lo, hi float64) {
	c := float64(r.t.in.Projects[p].Cost)
	lo, hi = c, c
	for t := range r.count {
		if n := r.count[t][p]; n != 0 {
			lo += float64(n) * r.lo[t]
			hi += float64(n) * r.hi[t]
		}
	}
	v := float64(r.prof.votes[p])
	e := relEps * float64(2*len(r.count)+4) // each product and each sum rounds once
	return lo / v * (1 - e), hi / v * (1 + e)
}

// least lists the projects whose new load is exactly the smallest, in order.
func (r *phragmenRun) least(left []int32) []int32 {
	var few []int32
	var lows []float64
	best := infinity
	for _, p := range left {
		if r.prof.votes[p] == 0 {
			continue
		}
		lo, hi := r.bounds(p)
		r.fresh[p] = lo + (hi-lo)/2
		if lo > best {
			continue
		}
		best = min(best, hi)
		few, lows = append(few, p), append(lows, lo)
	}
	if len(few) == 0 {
		return left // nobody supports what is left: all loads infinite, all equal
	}
	k := 0
	for i, p := range few {
		if lows[i] <= best {
			few[k] = p
			k++
		}
	}
	few = few[:k]
	if len(few) == 1 {
		return few
	}
	var out []int32
	var least *big.Int // times den and by the votes of leastVotes
	leastVotes := int64(0)
	for _, p := range few {
		x, v := r.sum(r.part(p)), r.prof.votes[p]
		c := -1
		if least != nil { // x/v against least/leastVotes
			c = new(big.Int).Mul(x, big.NewInt(leastVotes)).Cmp(new(big.Int).Mul(least, big.NewInt(v)))
		}
		switch {
		case c < 0:
			least, leastVotes, out = x, v, append(out[:0], p)
		case c == 0:
			out = append(out, p)
		}
	}
	return out
}

// hopes is, for each project that was not funded, the largest cost at which it would
// have been, and how many more votes of people without a load would have done.
type hopes struct{ cost, votes []float64 }

// chance asks in a round at what cost, and with how many more votes, each project
// would have brought the smallest load and been paid for, instead of what was chosen.
func (r *phragmenRun) chance(left, least []int32, over bool) {
	if r.prof.votes[least[0]] == 0 {
		return // nobody supports what is left
	}
	room := float64(r.t.budget - r.t.spent)
	second := infinity // the smallest load of the others, for the one that ends the rule
	for _, p := range left {
		if p != least[0] && r.prof.votes[p] > 0 {
			second = min(second, r.fresh[p])
		}
	}
	for _, p := range left {
		v, cost, load := float64(r.prof.votes[p]), float64(r.t.in.Projects[p].Cost), r.fresh[least[0]]
		switch {
		case v == 0, p == least[0] && !over:
			continue
		case p == least[0]:
			load = second
		}
		// Its load would be (sum + c)/v, with sum that of its supporters.
		sum := r.fresh[p]*v - cost
		r.hope.cost[p] = max(r.hope.cost[p], min(v*load-sum, room))
		if cost <= room {
			r.hope.votes[p] = min(r.hope.votes[p], moreThan(r.fresh[p]*v/load-v, r.t.rank[p] < r.t.rank[least[0]]))
		}
	}
}

// part lists what the exact new load of p is made of.
func (r *phragmenRun) part(p int32) phragmenPart {
	x := phragmenPart{cost: int64(r.t.in.Projects[p].Cost), votes: r.prof.votes[p]}
	for t := range r.count {
		if n := r.count[t][p]; n != 0 {
			x.rounds = append(x.rounds, int32(t))
			x.counts = append(x.counts, int64(n))
		}
	}
	return x
}

// sum is the cost plus the exact loads of the supporters, times den.
func (r *phragmenRun) sum(x phragmenPart) *big.Int {
	r.exactUpTo(len(r.parts))
	return r.sumOver(x)
}

func (r *phragmenRun) sumOver(x phragmenPart) *big.Int {
	var y big.Int
	s := new(big.Int).Mul(big.NewInt(x.cost), r.den)
	for i, t := range x.rounds {
		s.Add(s, y.Mul(y.SetInt64(x.counts[i]), r.num[t]))
	}
	return s
}

// exactUpTo computes the exact loads of the first n rounds.
func (r *phragmenRun) exactUpTo(n int) {
	if r.den == nil {
		r.den = big.NewInt(1)
	}
	for t := len(r.num); t < n; t++ {
		s, d := r.sumOver(r.parts[t]), big.NewInt(r.parts[t].votes)
		if g := new(big.Int).GCD(nil, nil, s, d); g.Sign() > 0 {
			s.Quo(s, g)
			d.Quo(d, g)
		}
		if d.Cmp(big.NewInt(1)) != 0 {
			r.den.Mul(r.den, d)
			for _, x := range r.num {
				x.Mul(x, d)
			}
		}
		r.num = append(r.num, s)
	}
}

// exactLoad is the exact load of a round.
func (r *phragmenRun) exactLoad(t int) *big.Rat {
	r.exactUpTo(t + 1)
	return new(big.Rat).SetFrac(r.num[t], r.den)
}

// fund gives the supporters of p its load. Only projects that share a voter
// with p change.
func (r *phragmenRun) fund(p int32) {
	lo, hi := r.bounds(p)
	r.parts = append(r.parts, r.part(p))
	t := int32(len(r.count))
	if hi-lo > 1e-9*hi { // the interval grew over many rounds: take it from the exact load
		f := ratFloat(r.exactLoad(int(t)))
		lo, hi = f*(1-2*relEps), f*(1+2*relEps)
	}
	r.lo, r.hi = append(r.lo, lo), append(r.hi, hi)
	fresh := make([]int32, len(r.t.in.Projects))
	r.count = append(r.count, fresh)
	b := &r.t.in.ballots
	for _, j := range r.prof.supporters(int(p)) {
		old, w := r.load[j], int32(b.weight[j])
		r.load[j] = t
		if old >= 0 {
			was := r.count[old]
			for _, q := range b.class(int(j)) {
				was[q] -= w
				fresh[q] += w
			}
			continue
		}
		for _, q := range b.class(int(j)) {
			fresh[q] += w
		}
	}
}

// finish writes down the rounds, sorts the winners by id as the literature's
// implementations list them, and takes the last load as the endowment.
func (r *phragmenRun) finish() {
	t := r.t
	unit := new(big.Rat).SetInt64(t.in.unit())
	k := 0
	for i, w := range t.result.Winners {
		if t.result.Phases[i] != PhasePhragmen {
			continue
		}
		rd := Round{Project: w}
		if r.prof.votes[w] > 0 {
			rd.Rate = new(big.Rat).Quo(r.exactLoad(k), unit)
			rd.FullPayers = r.prof.votes[w]
			t.result.StartEndowment, t.result.Endowment = rd.Rate, rd.Rate
			k++
		}
		t.result.Rounds = append(t.result.Rounds, rd)
	}
	fixed := len(t.limits.fixed)
	slices.SortFunc(t.result.Winners[fixed:], func(a, b int) int {
		if t.in.Projects[a].ID < t.in.Projects[b].ID {
			return -1
		}
		return 1
	})
}
