package pb

import (
	"strconv"
	"strings"
)

// Check looks for everything that the checker of pabulib.org looks for, beyond
// what Read has to refuse: required descriptive keys, counts, duplicates,
// ballots too short, long or dear, points out of bounds, costs over the budget,
// the votes and score columns against a recount. It returns the warnings of
// Read too, those of the whole file first.
func Check(in *Instance) []Fault {
	var l faultList
	warn := func(line int, code Code, args ...string) {
		l.add(Fault{Line: line, Code: code, Args: args, Warning: true})
	}
	for _, key := range []string{"description", "country", "unit", "instance", "num_projects", "num_votes", "rule", "date_begin", "date_end"} {
		if in.MetaValue(key) == "" {
			warn(0, FaultMetaAdvised, key)
		}
	}
	if len(in.Projects) > 0 && in.TotalCost() <= in.Budget {
		warn(0, FaultAllFit)
	}
	in.checkBallots(warn)
	for i := range in.Projects {
		p := &in.Projects[i]
		switch {
		case p.Cost == 0:
			warn(p.Line, FaultCostZero, p.ID)
		case p.Cost > in.Budget:
			warn(p.Line, FaultCostOverBudget, p.ID, in.Format(p.Cost))
		}
		if in.VoteType.Points() && p.HasScore {
			counted := in.profile(UtilityCardinal).total[i]
			if cmpProducts(p.Score, pow10(in.pointDigits), counted, pow10(in.scoreDigits)) != 0 {
				warn(p.Line, FaultScoreColumn, p.ID, formatScaled(p.Score, in.scoreDigits), formatScaled(counted, in.pointDigits))
			}
		}
	}
	return append(l.list(), in.Warnings...)
}

// bound is a limit on ballots that META may state.
type bound struct {
	key   string
	code  Code
	value decimal
	least bool
	hits  int
	of    func(count int, cost Amount, points int64) (value int64, digits int)
}

func (in *Instance) checkBallots(warn func(int, Code, ...string)) {
	length := func(n int, _ Amount, _ int64) (int64, int) { return int64(n), 0 }
	dear := func(_ int, c Amount, _ int64) (int64, int) { return int64(c), in.Digits }
	given := func(_ int, _ Amount, pts int64) (int64, int) { return pts, in.pointDigits }
	bounds := []bound{
		{key: "min_length", code: FaultBallotShort, least: true, of: length},
		{key: "max_length", code: FaultBallotLong, of: length},
		{key: "min_sum_cost", code: FaultBallotCostLow, least: true, of: dear},
		{key: "max_sum_cost", code: FaultBallotCostHigh, of: dear},
	}
	if in.VoteType.Points() {
		bounds = append(bounds, bound{key: "min_sum_points", code: FaultBallotPointsLow, least: true, of: given},
			bound{key: "max_sum_points", code: FaultBallotPointsHigh, of: given})
	}
	active := bounds[:0]
	for _, b := range bounds {
		s := strings.TrimSpace(in.MetaValue(b.key))
		if s == "" {
			continue
		}
		d, ok := parseDecimal([]byte(s))
		if !ok || d.mant < 0 {
			warn(0, FaultMetaNumber, b.key, s)
			continue
		}
		b.value = d
		active = append(active, b)
	}
	for j := range in.Classes() {
		ps, voters := in.Class(j)
		cost, points := Amount(0), int64(0)
		for _, p := range ps {
			cost += in.Projects[p].Cost
		}
		for _, x := range in.ClassPoints(j) {
			points += int64(x)
		}
		for i := range active {
			b := &active[i]
			v, digits := b.of(len(ps), cost, points)
			c := cmpProducts(v, pow10(b.value.digits), b.value.mant, pow10(digits))
			if b.least && c < 0 || !b.least && c > 0 {
				b.hits += voters
			}
		}
	}
	for _, b := range active {
		if b.hits > 0 {
			warn(0, b.code, strconv.Itoa(b.hits), in.MetaValue(b.key))
		}
	}
}
