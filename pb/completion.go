package pb

import (
	"context"
	"math/big"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// This file decides which endowment Equal Shares runs at. Neither overspending
// nor exhaustiveness is monotone in the endowment, so every step from the first
// has to be decided; but steps are independent of each other, so all cores work
// on them, and skip.go decides many at once where it can certify that all of
// them have the same outcome.

// outcome is what a completion does after a step.
type outcome int

const (
	goOn    outcome = iota
	accept          // this step's winners are the result
	tooDear         // the winners of the step before are the result
)

// steps describes a completion: step k has the endowment (first + k·width)/n in
// smallest units.
type steps struct {
	*mesInput
	first, width int64
	judge        func(bought []int32, cost int64) outcome
	ctx          context.Context
	o            Options
	effort       Effort
	mu           sync.Mutex

	next   int64        // first step nobody has claimed
	open   []span       // given away
	busy   int          // workers that decide something
	freed  sync.Cond    // of mu: something was given away, or somebody ended
	answer atomic.Int64 // smallest step known not to go on; maxInt64 while none
	stride atomic.Int64 // how many steps a worker claims at once
	done   atomic.Int64
	result outcome
	err    error
}

// Known keeps which step the completions of one election end at, so that rules that
// differ only in what they do with the rest, such as mes_cost_add1 and mes_cost_add1u,
// search for it once. The zero value is ready. Safe for concurrent use.
type Known struct {
	mu    sync.Mutex
	steps map[Rule]int64
}

// search is s.search, or what an earlier search for the same found.
func (t *tally) search(s *steps) (int64, error) {
	k, rule := t.o.Known, t.rule
	if k == nil || rule.Completion != CompleteAdd1 && rule.Completion != CompleteAdd1Util {
		return s.search()
	}
	rule.Name, rule.Completion = "", CompleteAdd1
	k.mu.Lock()
	defer k.mu.Unlock()
	if step, ok := k.steps[rule]; ok {
		return step, nil
	}
	step, err := s.search()
	if err == nil {
		if k.steps == nil {
			k.steps = map[Rule]int64{}
		}
		k.steps[rule] = step
	}
	return step, err
}

// shares runs Equal Shares with the rule's completion.
func (t *tally) shares(ctx context.Context) error {
	m, err := t.mesInput()
	if err != nil {
		return err
	}
	if m.n == 0 {
		return t.finishShares(ctx, m, 0, 0)
	}
	unit := t.in.unit()
	if unit > maxAmount/m.n {
		return &OptionError{Reason: ReasonTooLarge}
	}
	s := &steps{mesInput: m, first: m.budget, width: unit * m.n, ctx: ctx, o: t.o}
	switch t.rule.Completion {
	case CompleteNone, CompleteUtil:
		return t.finishShares(ctx, m, m.budget, 0)
	case CompleteAdd1, CompleteAdd1Util:
		s.judge = t.judge(m, t.supportedOpen(m), true)
	case CompleteCity:
		if t.allFit(m) {
			// Nothing can overspend: the endowment never matters for the set.
			return t.finishShares(ctx, m, m.budget, 0)
		}
		s.first = m.budget / s.width * s.width
		s.judge = t.judge(m, t.supportedOpen(m), false)
	case CompleteCityUtil:
		if t.allFit(m) {
			return t.finishShares(ctx, m, m.budget, 0)
		}
		s.first = m.budget / s.width * s.width
		s.judge = t.judge(m, t.open(), true)
	}
	k, err := t.search(s)
	if err != nil {
		return err
	}
	t.result.Effort = s.effort
	return t.finishShares(ctx, m, s.first+k*s.width, k)
}

// mesInput gathers what all runs share.
func (t *tally) mesInput() (*mesInput, error) {
	m := &mesInput{in: t.in, prof: t.in.profile(t.rule.Utility), utility: t.rule.Utility, rank: t.rank,
		limits: t.limits, n: int64(t.in.Voters), budget: t.budget}
	for p := range t.in.Projects {
		if t.limits.excluded[p] || m.prof.total[p] == 0 {
			continue
		}
		if m.prof.total[p] >= 1<<52 {
			return nil, &OptionError{Reason: ReasonTooLarge}
		}
		switch {
		case t.in.Projects[p].Cost > 0:
			m.cands = append(m.cands, int32(p))
		case m.utility != UtilityCost: // worth nothing under cost utilities
			m.free = append(m.free, int32(p))
		}
	}
	t.byRank(m.free)
	return m, nil
}

// supportedOpen lists the projects that a raised endowment could buy.
func (t *tally) supportedOpen(m *mesInput) []int32 { return m.cands }

// allFit says whether the budget pays for all projects together.
func (t *tally) allFit(*mesInput) bool {
	total := int64(0)
	for _, p := range t.open() {
		total += int64(t.in.Projects[p].Cost)
	}
	return total <= t.budget
}

// judge returns the verdict on a step: too dear if it overspends; else accepted
// if it is exhaustive, that is no other of the given projects fits, when that is
// asked for; and accepted in any case when it bought all that can be bought,
// since more money then changes nothing.
func (t *tally) judge(m *mesInput, others []int32, exhaustive bool) func([]int32, int64) outcome {
	pool := sync.Pool{New: func() any { s := make([]bool, len(t.in.Projects)); return &s }}
	return func(bought []int32, cost int64) outcome {
		if cost > m.budget {
			return tooDear
		}
		if len(bought) == len(m.cands)+len(m.free) {
			return accept
		}
		won := pool.Get().(*[]bool)
		defer pool.Put(won)
		clear(*won)
		ls := t.limits.start(t.in)
		for _, p := range bought {
			(*won)[p] = true
			ls.take(p)
		}
		if exhaustive {
			full := true
			for _, p := range others {
				if !(*won)[p] && cost+int64(t.in.Projects[p].Cost) <= m.budget && ls.allows(p) {
					full = false
					break
				}
			}
			if full {
				return accept
			}
		}
		if !t.limits.none { // limits may forbid all that is left
			for _, p := range m.cands {
				if !(*won)[p] && ls.allows(p) {
					return goOn
				}
			}
			return accept
		}
		return goOn
	}
}

// finishShares runs once more at the endowment found, writes down the rounds
// exactly, and adds the utilitarian part of the completion.
func (t *tally) finishShares(ctx context.Context, m *mesInput, enum, k int64) error {
	if m.n > 0 {
		var s scratch
		r := newRun(m, &s, enum, -1)
		if err := r.run(ctx); err != nil {
			return err
		}
		t.result.m, t.result.enum = m, enum
		t.result.Effort.Runs++
		t.result.Effort.Exact += int64(r.exactCount)
		t.result.Effort.Refreshs += int64(r.refreshes)
		t.result.Rounds = t.rounds(r)
		t.result.Steps = k
		t.result.Endowment = r.endowment()
		t.result.StartEndowment = big.NewRat(m.budget, m.n)
		t.result.StartEndowment.Quo(t.result.StartEndowment, new(big.Rat).SetInt64(t.in.unit()))
		for _, p := range r.bought {
			t.win(p, PhaseShares)
		}
	}
	switch t.rule.Completion {
	case CompleteUtil, CompleteAdd1Util:
		t.fill(PhaseGreedy, t.bySatisfaction())
	case CompleteCityUtil:
		t.fill(PhaseGreedy, t.byVotes())
	}
	return nil
}

// rounds writes down what a run bought with exact prices.
func (t *tally) rounds(r *mesRun) []Round {
	if len(r.bought) == 0 {
		return nil
	}
	r.x.upTo(r, len(r.bought))
	unit := new(big.Rat).SetInt64(t.in.unit())
	out := make([]Round, len(r.bought))
	for k, p := range r.bought {
		rd := Round{Project: int(p)}
		price := r.x.rate(k) // smallest units
		cost := new(big.Rat).SetInt64(int64(t.in.Projects[p].Cost))
		for _, j := range r.prof.supporters(int(p)) {
			w := int64(r.in.ballots.weight[j])
			switch d := r.poor[j]; {
			case cost.Sign() == 0:
			case d == int32(k) && r.empty != nil && r.empty[j]: // it had nothing to give
			case d == int32(k):
				rd.PoorPayers += w
			case d > int32(k):
				rd.FullPayers += w
			}
		}
		switch {
		case t.rule.Utility == UtilityCost:
			rd.Rate = new(big.Rat).Quo(price, cost)
			rd.Payment = new(big.Rat).Quo(price, unit)
		case r.prof.util == nil:
			rd.Rate = new(big.Rat).Quo(price, unit)
			rd.Payment = rd.Rate
		default: // points may be counted in parts
			rd.Rate = new(big.Rat).Quo(price, unit)
			if t.rule.Utility == UtilityCardinal {
				rd.Rate.Mul(rd.Rate, new(big.Rat).SetInt64(pow10(t.in.pointDigits)))
			}
		}
		if rd.Payment != nil && price.Sign() > 0 {
			rd.EffectiveVotes = new(big.Rat).Quo(cost, price)
		}
		out[k] = rd
	}
	return out
}

// search finds the step whose winners are the result.
func (s *steps) search() (int64, error) {
	workers := s.o.Workers
	if workers <= 0 {
		workers = runtime.GOMAXPROCS(0)
	}
	s.answer.Store(1<<63 - 1)
	s.stride.Store(1)
	s.freed.L = &s.mu
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { s.work() })
	}
	wg.Wait()
	if s.err != nil {
		return 0, s.err
	}
	k := s.answer.Load()
	if s.result == tooDear {
		k--
	}
	return k, nil
}

// span is a range of steps to decide.
type span struct{ from, to int64 }

// take gives a worker what to decide next: the first range that another could not
// decide at once and gave away, else steps that nobody has claimed; ok is false when
// all below the answer are decided.
func (s *steps) take() (x span, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for {
		answer := s.answer.Load()
		s.open = slices.DeleteFunc(s.open, func(x span) bool { return x.from >= answer })
		if len(s.open) > 0 {
			at := 0
			for i := range s.open {
				if s.open[i].from < s.open[at].from {
					at = i
				}
			}
			x = s.open[at]
			s.open = slices.Delete(s.open, at, at+1)
			s.busy++
			return x, true
		}
		if s.next < answer {
			width := s.stride.Load()
			x = span{s.next, s.next + width - 1}
			s.next += width
			s.busy++
			return x, true
		}
		if s.busy == 0 {
			return x, false
		}
		s.freed.Wait() // another may give something away yet
	}
}

// give leaves a range to whoever is free.
func (s *steps) give(x span) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, x)
	s.freed.Signal()
}

// leave ends what take began.
func (s *steps) leave(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		if s.err == nil {
			s.err = err
		}
		s.answer.Store(-1)
	}
	s.busy--
	s.freed.Broadcast()
}

// work decides steps until none below the answer is left.
func (s *steps) work() {
	var sc scratch
	sk := newSkipper(s)
	for {
		x, ok := s.take()
		if !ok {
			break
		}
		s.leave(s.decide(&sc, sk, x))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.effort.Runs += sk.runs
	s.effort.Skipped += sk.skipped
	s.effort.Exact += sk.exact
	s.effort.Refreshs += sk.refreshes
}

func (s *steps) report(done, k int64) {
	if s.o.Progress == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.o.Progress(done, (float64(s.first)+float64(k)*float64(s.width))/float64(s.n)/float64(s.in.unit()))
}

// decide settles a range of steps: all at once if that can be certified, else its
// first half, whose second is given away, down to a single step, which is run.
func (s *steps) decide(sc *scratch, sk *skipper, x span) error {
	for x.to > x.from {
		if x.from >= s.answer.Load() {
			return nil
		}
		if x.to > (maxAmount-s.first)/s.width {
			return &OptionError{Reason: ReasonTooLarge}
		}
		if n := x.to - x.from + 1; n >= minRange {
			o, ok, err := sk.certify(s.ctx, s.first+x.from*s.width, s.first+x.to*s.width)
			if err != nil {
				return err
			}
			sk.adapt(n, ok)
			if ok {
				sk.skipped += n
				if o != goOn {
					s.settle(x.from, o) // every step of the range ends: the first one counts
				}
				s.report(s.done.Add(n), x.from)
				return nil
			}
		}
		mid := x.from + (x.to-x.from)/2
		s.give(span{mid + 1, x.to})
		x.to = mid
	}
	return s.step(sc, sk, x.from)
}

// step runs Equal Shares at a single step.
func (s *steps) step(sc *scratch, sk *skipper, k int64) error {
	if k >= s.answer.Load() {
		return nil
	}
	if k > (maxAmount-s.first)/s.width {
		return &OptionError{Reason: ReasonTooLarge}
	}
	r := newRun(s.mesInput, sc, s.first+k*s.width, s.budget)
	err := r.run(s.ctx)
	r.release(sc)
	if err != nil {
		return err
	}
	sk.runs++
	sk.adapt(1, false)
	sk.exact += int64(r.exactCount)
	sk.refreshes += int64(r.refreshes)
	if o := s.judge(r.bought, r.cost); o != goOn {
		s.settle(k, o)
	}
	s.report(s.done.Add(1), k)
	return nil
}

// settle notes that step k does not go on; the smallest such step counts.
func (s *steps) settle(k int64, o outcome) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k < s.answer.Load() {
		s.answer.Store(k)
		s.result = o
	}
}
