package pb

import (
	"math/big"

	"codeberg.org/arengo/arengo/pb/certify"
)

// Certificates are properties of an outcome that anybody can check without
// trusting the program that found it; package certify does, sharing no code
// with the rules.
type Certificates struct {
	// Shares and Priceable are checked from the published prices, for Equal
	// Shares only; Checked says whether they were.
	Checked           bool
	Shares, Priceable certify.Verdict
	// EJRPlus is extended justified representation up to one project.
	EJRPlus certify.Verdict
}

// Certificates checks the outcome from the outside.
func (r *Result) Certificates() Certificates {
	e := r.Instance.election(r.Rule.Utility, r.Options)
	c := Certificates{EJRPlus: certify.EJRPlus(e, r.Winners)}
	if r.Rule.Family == FamilyShares && r.Instance.Voters > 0 && (r.Options.Limits == nil || e.Open != nil && len(r.Options.Limits.Incompatible)+len(r.Options.Limits.Districts)+len(r.Options.Limits.Categories) == 0) {
		c.Checked = true
		c.Shares, c.Priceable = certify.Replay(e, r.smallest(r.Endowment), r.purchases(), r.besideShares())
	}
	return c
}

// smallest turns currency units into smallest units.
func (r *Result) smallest(x *big.Rat) *big.Rat {
	return new(big.Rat).Mul(x, new(big.Rat).SetInt64(r.Instance.unit()))
}

// purchases lists the rounds as certify reads them.
func (r *Result) purchases() []certify.Purchase {
	ps := make([]certify.Purchase, len(r.Rounds))
	for k, rd := range r.Rounds {
		rate := rd.Rate
		switch {
		case rate == nil:
		case r.Rule.Utility == UtilityCost:
			// ρ is a payment in currency units for one unit of the currency, a
			// plain number: the full payment is ρ times the cost.
			rate = new(big.Rat).Mul(rate, new(big.Rat).SetInt64(int64(r.Instance.Projects[rd.Project].Cost)))
		default:
			rate = r.smallest(rate)
			if r.Rule.Utility == UtilityCardinal {
				rate.Quo(rate, new(big.Rat).SetInt64(pow10(r.Instance.pointDigits)))
			}
		}
		ps[k] = certify.Purchase{Project: rd.Project, Rate: rate}
	}
	return ps
}

// besideShares lists the winners that no shares bought.
func (r *Result) besideShares() []int {
	var out []int
	for i, w := range r.Winners {
		if r.Phases[i] != PhaseShares {
			out = append(out, w)
		}
	}
	return out
}

// election describes the instance to certify.
func (in *Instance) election(u Utility, o Options) *certify.Election {
	e := &certify.Election{Budget: int64(in.Budget), Voters: int64(in.Voters), ByCost: u == UtilityCost,
		IDs: make([]string, len(in.Projects)), Costs: make([]int64, len(in.Projects)), Ballots: make([]certify.Ballot, in.Classes())}
	for p := range in.Projects {
		e.IDs[p], e.Costs[p] = in.Projects[p].ID, int64(in.Projects[p].Cost)
	}
	b := &in.ballots
	var utils []int64
	if u == UtilityBorda || u == UtilityCardinal {
		utils = make([]int64, len(b.proj))
	}
	for j := range e.Ballots {
		lo, hi := b.off[j], b.off[j+1]
		x := certify.Ballot{Projects: b.proj[lo:hi], Voters: int64(b.weight[j])}
		if utils != nil {
			x.Utility = utils[lo:hi]
			for k := range x.Utility {
				if u == UtilityBorda {
					x.Utility[k] = int64(len(x.Utility) - k - 1)
				} else {
					x.Utility[k] = int64(b.points[int(lo)+k])
				}
			}
		}
		e.Ballots[j] = x
	}
	if rank, err := ranks(in, o); err == nil {
		e.Before = func(a, b int) bool { return rank[a] < rank[b] }
	}
	if o.Limits != nil {
		if l, err := o.Limits.resolve(in); err == nil {
			e.Open = func(p int) bool { return !l.excluded[p] }
		}
	}
	return e
}
