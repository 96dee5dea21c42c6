package pb

import (
	"context"
	"math/big"
	"slices"
	"strconv"
	"strings"

	"codeberg.org/arengo/arengo/pb/certify"
)

// Verification is what Verify found, check by check.
type Verification struct{ Checks []VerifyCheck }

// VerifyCheck is one check of a published result.
type VerifyCheck struct {
	Name   CheckName
	Holds  bool
	Detail string // what differs, in plain English; empty if nothing
}

// CheckName is the stable name of a check.
type CheckName string

// The checks of Verify, in the order in which they are made.
const (
	CheckInput    CheckName = "input"    // voters, budget and vote type are those of the file
	CheckSum      CheckName = "sum"      // the winners exist, are named once, cost what is said, and fit the budget
	CheckReplay   CheckName = "replay"   // the round log replays, by package certify alone
	CheckWinners  CheckName = "winners"  // the rule, run again, has the same winners in the same order
	CheckPrices   CheckName = "prices"   // … and the same endowment and exact prices
	CheckProperty CheckName = "property" // the published certificates are right
)

// OK says whether every check holds.
func (v Verification) OK() bool {
	return !slices.ContainsFunc(v.Checks, func(c VerifyCheck) bool { return !c.Holds })
}

// Verify replays and checks a published result against the election: first from
// the outside, from the published prices alone, then by running the rule again.
// It returns an *OptionError when the published rule or options do not exist.
func Verify(ctx context.Context, in *Instance, p *Published) (Verification, error) {
	var v Verification
	check := func(name CheckName, problem string) {
		v.Checks = append(v.Checks, VerifyCheck{name, problem == "", problem})
	}
	rule, err := ParseRule(p.Rule, in.VoteType)
	if err != nil {
		return v, err
	}
	o := Options{TieBreak: p.TieBreak, Seed: p.Seed, Limits: p.Limits}
	if o.TieBreak == "" {
		o.TieBreak = rule.DefaultTieBreak()
	}
	check(CheckInput, differs("voters", strconv.Itoa(p.Voters), strconv.Itoa(in.Voters))+
		differs("budget", p.Budget, in.Format(in.Budget))+differs("vote type", string(p.VoteType), string(in.VoteType)))
	winners, problem := in.sumOf(p)
	check(CheckSum, problem)
	if problem == "" && rule.Family == FamilyShares && in.Voters > 0 && o.Limits == nil {
		check(CheckReplay, in.replay(rule, o, p, winners))
	}
	res, err := Run(ctx, in, rule, o)
	if err != nil {
		return v, err
	}
	check(CheckWinners, differs("winners", strings.Join(p.Winners, " "), strings.Join(res.WinnerIDs(), " ")))
	mine := res.Publish()
	problem = differs("endowment", p.Endowment, mine.Endowment) + differs("rounds", strconv.Itoa(len(p.Rounds)), strconv.Itoa(len(mine.Rounds)))
	for k := range min(len(p.Rounds), len(mine.Rounds)) {
		a, b := p.Rounds[k], mine.Rounds[k]
		if a.Project != b.Project || a.Rate != b.Rate || a.Phase != b.Phase {
			problem += differs("round "+strconv.Itoa(k+1), a.Project+" at "+a.Rate, b.Project+" at "+b.Rate)
			break
		}
	}
	check(CheckPrices, problem)
	problem = ""
	for _, c := range []struct {
		name string
		a, b *PublishedCheck
	}{
		{"equal shares", p.Certificates.EqualShares, mine.Certificates.EqualShares},
		{"priceability", p.Certificates.Priceable, mine.Certificates.Priceable},
		{"EJR+ up to one project", &p.Certificates.EJRPlus, &mine.Certificates.EJRPlus},
	} {
		if (c.a == nil) != (c.b == nil) || c.a != nil && c.a.Holds != c.b.Holds {
			problem += "the certificate of " + c.name + " is not what is published; "
		}
	}
	check(CheckProperty, problem)
	return v, nil
}

func differs(what, published, found string) string {
	if published == found {
		return ""
	}
	return what + ": published " + strconv.Quote(published) + ", found " + strconv.Quote(found) + "; "
}

// sumOf finds the published winners and adds up their cost.
func (in *Instance) sumOf(p *Published) (winners []int, problem string) {
	cost := Amount(0)
	seen := map[string]bool{}
	for _, id := range p.Winners {
		i, ok := in.byID[id]
		switch {
		case !ok:
			return nil, "there is no project " + strconv.Quote(id)
		case seen[id]:
			return nil, "project " + strconv.Quote(id) + " is named twice"
		}
		seen[id] = true
		winners = append(winners, i)
		cost += in.Projects[i].Cost
	}
	if cost > in.Budget {
		return winners, "the winners cost more than the budget"
	}
	return winners, differs("cost", p.Cost, in.Format(cost))
}

// replay checks the published round log without the rules' code.
func (in *Instance) replay(rule Rule, o Options, p *Published, winners []int) string {
	r := &Result{Instance: in, Rule: rule, Options: o}
	endowment, ok := parseRat(p.Endowment)
	if !ok || endowment.Sign() < 0 {
		return "the endowment is not a fraction"
	}
	var extra []int
	bought := 0
	for k, rd := range p.Rounds {
		if k >= len(winners) || rd.Project != in.Projects[winners[k]].ID {
			return "the rounds are not those of the winners"
		}
		if rd.Phase != PhaseShares {
			extra = append(extra, winners[k])
			continue
		}
		rate, ok := parseRat(rd.Rate)
		if !ok {
			return "the price of " + strconv.Quote(rd.Project) + " is not a fraction"
		}
		bought++
		r.Rounds = append(r.Rounds, Round{Project: winners[k], Rate: rate})
	}
	if bought+len(extra) != len(winners) {
		return "the rounds are not those of the winners"
	}
	e := in.election(rule.Utility, o)
	shares, priceable := certify.Replay(e, new(big.Rat).Set(r.smallest(endowment)), r.purchases(), extra)
	switch {
	case !shares.Holds:
		return shares.Witness
	case !priceable.Holds:
		return priceable.Witness
	}
	return ""
}
