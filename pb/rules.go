package pb

import (
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"math/big"
	"slices"
	"strconv"
	"strings"
)

// Family is the idea behind a rule.
type Family string

// The families.
const (
	FamilyShares   Family = "mes"      // Method of Equal Shares
	FamilyGreedy   Family = "greedy"   // by satisfaction for money
	FamilyPhragmen Family = "phragmen" // sequential Phragmén
)

// Completion is how a rule of the shares family spends what it leaves.
type Completion string

// The completions; the names are the endings of rule names.
const (
	CompleteNone     Completion = ""                 // leave it
	CompleteUtil     Completion = "u"                // utilitarian greedy
	CompleteAdd1     Completion = "add1"             // raise the endowment by one unit a step
	CompleteAdd1Util Completion = "add1u"            // add1, then u
	CompleteCity     Completion = "esnet_add1_noexh" // Wieliczka, Świecie, Assen
	CompleteCityUtil Completion = "esnet_add1u"      // the tool of equalshares.net
	greedyThreshold             = "threshold"        // ignore projects under the file's threshold
	greedyNoSkip                = "no_skip"          // stop at the first that does not fit
	greedySkip                  = "score"            // take what fits
)

// Rule is one way to decide, by the name the literature and this package's
// conformance data use: mes_cost, mes_card_add1u, greedy_cost, phragmen …
type Rule struct {
	Name       string
	Family     Family
	Utility    Utility
	Completion Completion // of FamilyShares
	City       string     // of FamilyGreedy: a city's own greedy rule, "" for the literature's
}

// Rules returns all rules that apply to a vote type, in the order in which
// they are usually read: greedy, Equal Shares with its completions, Phragmén,
// the cities' variants.
func Rules(v VoteType) []Rule {
	var names []string
	for _, u := range []Utility{UtilityCost, UtilityCard, UtilityCardinal, UtilityBorda} {
		if !u.Fits(v) {
			continue
		}
		s := string(u)
		names = append(names, "greedy_"+s, "mes_"+s, "mes_"+s+"_u", "mes_"+s+"_add1", "mes_"+s+"_add1u")
	}
	if UtilityCost.Fits(v) {
		names = append(names, "phragmen", string(CompleteCityUtil), string(CompleteCity))
	}
	names = append(names, "greedy_score", "greedy_threshold", "greedy_no_skip")
	rules := make([]Rule, len(names))
	for i, n := range names {
		rules[i], _ = ParseRule(n, v)
	}
	return rules
}

// ParseRule finds a rule by name. The short names mes, mes_u, mes_add1,
// mes_add1u and greedy stand for the rule with the utility that suits the vote
// type (cost, cardinal or borda). Hyphens count as underscores. It returns an
// *OptionError when there is no such rule or the ballots do not carry its
// utility.
func ParseRule(name string, v VoteType) (Rule, error) {
	n := strings.ReplaceAll(strings.ToLower(strings.TrimSpace(name)), "-", "_")
	usual := UtilityCost
	switch {
	case v.Points():
		usual = UtilityCardinal
	case v == Ordinal:
		usual = UtilityBorda
	}
	r := Rule{Name: n, Utility: usual}
	unknown := &OptionError{Reason: ReasonUnknownRule, Value: name}
	switch n {
	case "phragmen":
		r.Family, r.Utility = FamilyPhragmen, UtilityCost
	case string(CompleteCity), string(CompleteCityUtil):
		r.Family, r.Utility, r.Completion = FamilyShares, UtilityCost, Completion(n)
	case "greedy_score", "greedy_threshold", "greedy_no_skip", "greedy_noskip":
		r.Family, r.City = FamilyGreedy, strings.Replace(n[len("greedy_"):], "noskip", greedyNoSkip, 1)
		r.Name = "greedy_" + r.City
	default:
		family, rest, _ := strings.Cut(n, "_")
		switch Family(family) {
		case FamilyShares, FamilyGreedy:
			r.Family = Family(family)
		default:
			return Rule{}, unknown
		}
		u, end, _ := strings.Cut(rest, "_")
		switch Utility(u) {
		case UtilityCost, UtilityCard, UtilityCardinal, UtilityBorda:
			r.Utility = Utility(u)
		default:
			end = rest
		}
		r.Completion = Completion(end)
		switch r.Completion {
		case CompleteNone:
		case CompleteUtil, CompleteAdd1, CompleteAdd1Util:
			if r.Family != FamilyShares {
				return Rule{}, unknown
			}
		default:
			return Rule{}, unknown
		}
		r.Name = strings.TrimSuffix(family+"_"+string(r.Utility)+"_"+end, "_")
	}
	if v != "" && !r.Utility.Fits(v) {
		return Rule{}, &OptionError{Reason: ReasonRuleVoteType, Value: r.Name, Other: string(v)}
	}
	return r, nil
}

// TieBreak is a declared order for projects that a rule finds exactly equal.
// The same order holds in all rounds and all steps of a completion.
type TieBreak string

// The tie-breaks.
const (
	// TieIDs takes the smallest id as a string by code point ("10" before "9").
	TieIDs TieBreak = "ids"
	// TieCostVotesLot takes the lowest cost, then the most votes, then the lot:
	// the smallest SHA-256 of the seed, a colon and the id, which anybody can
	// recompute once the seed is published.
	TieCostVotesLot TieBreak = "cost-votes-lot"
	// TieCostVotesIDs takes the lowest cost, then the most votes, then the
	// smallest id.
	TieCostVotesIDs TieBreak = "cost-votes-ids"
	// TieVotesCostKeys takes the most votes, then the lowest cost, then the first in
	// the order in which JavaScript lists the keys of an object: ids that are whole
	// numbers by size, then the others as the file has them. It is the order of the
	// tool that the cities used (equalshares.net).
	TieVotesCostKeys TieBreak = "votes-cost-keys"
)

// DefaultTieBreak is what Options without a TieBreak mean for the rule: ids as
// in the literature; for the two city variants of Equal Shares that of their tool.
func (r Rule) DefaultTieBreak() TieBreak {
	if r.Completion == CompleteCity || r.Completion == CompleteCityUtil {
		return TieVotesCostKeys
	}
	return TieIDs
}

// Options change how a rule is run; the zero value is the literature's.
type Options struct {
	TieBreak TieBreak // "" means Rule.DefaultTieBreak
	Seed     string   // of the lot
	Limits   *Limits
	// Workers bounds the goroutines of a completion; 0 means one per core. The
	// result does not depend on it.
	Workers int
	// Progress, when set, is told now and then how many steps of a completion
	// are decided and the endowment reached, in currency units. It may be
	// called by several goroutines, one at a time.
	Progress func(steps int64, endowment float64)
	// Known, when set, is shared by the runs of several rules on one election with
	// the same other options.
	Known *Known
	// NoSkip makes a completion run every single step, for measurements; the
	// result is the same.
	NoSkip bool
}

// OptionError says that a rule or an option cannot be applied.
type OptionError struct {
	Reason Reason
	Value  string
	Other  string
}

// Reason is the stable name of what an OptionError is about.
type Reason string

// The reasons.
const (
	ReasonUnknownRule    Reason = "unknown_rule"
	ReasonRuleVoteType   Reason = "rule_vote_type"
	ReasonTieBreak       Reason = "tie_break"
	ReasonUnknownProject Reason = "unknown_project"
	ReasonFixedExcluded  Reason = "fixed_excluded"
	ReasonFixedBudget    Reason = "fixed_budget"
	ReasonFixedLimits    Reason = "fixed_limits"
	ReasonTooLarge       Reason = "too_large"
	ReasonNoThreshold    Reason = "no_threshold"
	ReasonBound          Reason = "bound"
	ReasonUnknownGroup   Reason = "unknown_group"
)

// Error is the reason in English.
func (e *OptionError) Error() string { return e.Text("en") }

// Text is the reason in Italian ("it") or English (anything else).
func (e *OptionError) Text(lang string) string {
	for _, t := range optionTexts {
		if t.code == Code(e.Reason) {
			return strings.NewReplacer("{0}", e.Value, "{1}", e.Other).Replace(pick(lang == "it", t.it, t.en))
		}
	}
	return fmt.Sprintf("pb: %s: %s", e.Reason, e.Value)
}

// ranks returns the place of each project in the tie-break.
func ranks(in *Instance, o Options) ([]int32, error) {
	order := make([]int, len(in.Projects))
	for i := range order {
		order[i] = i
	}
	id := func(i int) string { return in.Projects[i].ID }
	switch o.TieBreak {
	case TieIDs:
		slices.SortFunc(order, func(a, b int) int { return cmp.Compare(id(a), id(b)) })
	case TieCostVotesIDs:
		slices.SortFunc(order, func(a, b int) int {
			p, q := &in.Projects[a], &in.Projects[b]
			return cmp.Or(cmp.Compare(p.Cost, q.Cost), cmp.Compare(q.Votes, p.Votes), cmp.Compare(p.ID, q.ID))
		})
	case TieVotesCostKeys:
		slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(arrayIndex(id(a)), arrayIndex(id(b))) })
		slices.SortStableFunc(order, func(a, b int) int {
			p, q := &in.Projects[a], &in.Projects[b]
			return cmp.Or(cmp.Compare(q.Votes, p.Votes), cmp.Compare(p.Cost, q.Cost))
		})
	case TieCostVotesLot:
		lot := make([][sha256.Size]byte, len(order))
		for i := range lot {
			lot[i] = sha256.Sum256([]byte(o.Seed + ":" + id(i)))
		}
		slices.SortFunc(order, func(a, b int) int {
			p, q := &in.Projects[a], &in.Projects[b]
			return cmp.Or(cmp.Compare(p.Cost, q.Cost), cmp.Compare(q.Votes, p.Votes),
				slices.Compare(lot[a][:], lot[b][:]), cmp.Compare(id(a), id(b)))
		})
	default:
		return nil, &OptionError{Reason: ReasonTieBreak, Value: string(o.TieBreak)}
	}
	rank := make([]int32, len(order))
	for place, i := range order {
		rank[i] = int32(place)
	}
	return rank, nil
}

// arrayIndex is a key's place among those that JavaScript lists first, by size: "7",
// but not "07" or "-7", up to 2^32-2 (ECMA-262, array index); above it for others.
func arrayIndex(id string) uint64 {
	const last = 1<<32 - 2
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil || n > last || strconv.FormatUint(n, 10) != id {
		return last + 1
	}
	return n
}

// Run decides an election by a rule. It returns an *OptionError when the rule
// or an option does not fit the instance, and ctx's error when it ends first.
func Run(ctx context.Context, in *Instance, rule Rule, o Options) (*Result, error) {
	if !rule.Utility.Fits(in.VoteType) {
		return nil, &OptionError{Reason: ReasonRuleVoteType, Value: rule.Name, Other: string(in.VoteType)}
	}
	if o.TieBreak == "" {
		o.TieBreak = rule.DefaultTieBreak()
	}
	rank, err := ranks(in, o)
	if err != nil {
		return nil, err
	}
	lim, err := o.Limits.resolve(in)
	if err != nil {
		return nil, err
	}
	t := &tally{in: in, rule: rule, o: o, rank: rank, limits: lim, budget: int64(in.Budget),
		result: &Result{Instance: in, Rule: rule, Options: o, StartEndowment: new(big.Rat), Endowment: new(big.Rat)}}
	for _, p := range lim.fixed {
		t.budget -= int64(in.Projects[p].Cost)
		t.win(p, PhaseFixed)
	}
	if t.budget < 0 {
		return nil, &OptionError{Reason: ReasonFixedBudget}
	}
	switch rule.Family {
	case FamilyGreedy:
		err = t.greedy()
	case FamilyPhragmen:
		err = t.phragmen(ctx)
	default:
		err = t.shares(ctx)
	}
	if err != nil {
		return nil, err
	}
	return t.result, nil
}

// tally is the state of one Run.
type tally struct {
	in     *Instance
	rule   Rule
	o      Options
	rank   []int32
	limits *limits
	budget int64 // without the fixed projects
	spent  int64 // of budget
	result *Result
}

// win records a funded project.
func (t *tally) win(p int32, ph Phase) {
	t.result.Winners = append(t.result.Winners, int(p))
	t.result.Phases = append(t.result.Phases, ph)
	t.result.Cost += t.in.Projects[p].Cost
	if ph != PhaseFixed {
		t.spent += int64(t.in.Projects[p].Cost)
	}
}

// byRank sorts projects into the order of the tie-break.
func (t *tally) byRank(ps []int32) {
	slices.SortFunc(ps, func(a, b int32) int { return int(t.rank[a] - t.rank[b]) })
}
