package pb

import (
	"math/bits"
	"slices"
)

// greedy funds projects by total satisfaction for money, each that still fits,
// or by a city's own variant: by score, else votes; "threshold" ignores
// projects under the file's min_project_score_threshold; "no_skip" stops at the
// first project that does not fit.
func (t *tally) greedy() error {
	if t.rule.City == "" {
		t.fill(PhaseGreedy, t.bySatisfaction())
		return nil
	}
	order := t.open()
	score := func(p int32) int64 {
		if x := &t.in.Projects[p]; x.HasScore {
			return x.Score
		}
		if t.in.VoteType.Points() { // no score stated: the sum of points, counted
			return t.in.profile(UtilityCardinal).total[p]
		}
		return t.in.Projects[p].Votes
	}
	if t.rule.City == greedyThreshold {
		d, ok := parseDecimal([]byte(t.in.MetaValue("min_project_score_threshold")))
		if !ok {
			return &OptionError{Reason: ReasonNoThreshold}
		}
		order = slices.DeleteFunc(order, func(p int32) bool {
			digits := 0
			switch {
			case t.in.Projects[p].HasScore:
				digits = t.in.scoreDigits
			case t.in.VoteType.Points():
				digits = t.in.pointDigits
			}
			// compare score/10^digits with mant/10^d.digits
			return cmpProducts(score(p), pow10(d.digits), d.mant, pow10(digits)) < 0
		})
	}
	slices.SortFunc(order, func(a, b int32) int {
		if x, y := score(a), score(b); x != y {
			if x > y {
				return -1
			}
			return 1
		}
		return int(t.rank[a] - t.rank[b])
	})
	if t.rule.City != greedyNoSkip {
		t.fill(PhaseGreedy, order)
		return nil
	}
	for k, p := range order {
		if t.spent+int64(t.in.Projects[p].Cost) > t.budget {
			order = order[:k]
			break
		}
	}
	t.fill(PhaseGreedy, order)
	return nil
}

// open lists the projects that may be funded and are not yet.
func (t *tally) open() []int32 {
	won := make([]bool, len(t.in.Projects))
	for _, p := range t.result.Winners {
		won[p] = true
	}
	var ps []int32
	for p := range t.in.Projects {
		if !won[p] && !t.limits.excluded[p] {
			ps = append(ps, int32(p))
		}
	}
	return ps
}

// bySatisfaction sorts the open projects by total satisfaction for money,
// compared exactly: for cost utilities that is the number of votes, a project
// nobody supports has 0, and one that costs nothing has more than any other.
func (t *tally) bySatisfaction() []int32 {
	order := t.open()
	prof := t.in.profile(t.rule.Utility)
	worth := func(p int32) (sat, cost int64) {
		c := int64(t.in.Projects[p].Cost)
		switch {
		case prof.total[p] == 0, c == 0 && t.rule.Utility == UtilityCost:
			return 0, 1
		case c == 0:
			return 1, 0
		case t.rule.Utility == UtilityCost:
			return prof.total[p], 1
		}
		return prof.total[p], c
	}
	slices.SortFunc(order, func(a, b int32) int {
		sa, ca := worth(a)
		sb, cb := worth(b)
		if c := cmpProducts(sa, cb, sb, ca); c != 0 {
			return -c
		}
		return int(t.rank[a] - t.rank[b])
	})
	return order
}

// byVotes sorts the open projects by the number of votes.
func (t *tally) byVotes() []int32 {
	order := t.open()
	votes := t.in.profile(t.rule.Utility).votes
	slices.SortFunc(order, func(a, b int32) int {
		if x, y := votes[a], votes[b]; x != y {
			if x > y {
				return -1
			}
			return 1
		}
		return int(t.rank[a] - t.rank[b])
	})
	return order
}

// fill funds, in the given order, each project that still fits.
func (t *tally) fill(ph Phase, order []int32) {
	ls := t.limits.start(t.in)
	for k, p := range t.result.Winners {
		if t.result.Phases[k] != PhaseFixed {
			ls.take(int32(p))
		}
	}
	for _, p := range order {
		if t.spent+int64(t.in.Projects[p].Cost) <= t.budget && ls.allows(p) {
			t.win(p, ph)
			ls.take(p)
		}
	}
}

// cmpProducts compares a·b with c·d without overflow; all are ≥ 0.
func cmpProducts(a, b, c, d int64) int {
	ah, al := bits.Mul64(uint64(a), uint64(b))
	ch, cl := bits.Mul64(uint64(c), uint64(d))
	switch {
	case ah < ch || ah == ch && al < cl:
		return -1
	case ah > ch || al > cl:
		return 1
	}
	return 0
}
