package pb

import (
	"math/big"
	"sync"

	"codeberg.org/arengo/arengo/pb/certify"
)

// Published is a result as it is published: complete enough for anybody to
// replay and check it from the .pb file alone. Fractions are exact, written
// "numerator/denominator"; money is in currency units.
type Published struct {
	File           string           `json:"file"`
	SHA256         string           `json:"sha256,omitempty"` // of the .pb file
	Name           string           `json:"name,omitempty"`
	Rule           string           `json:"rule"`
	TieBreak       TieBreak         `json:"tie_break"`
	Seed           string           `json:"seed,omitempty"`
	Limits         *Limits          `json:"limits,omitempty"`
	VoteType       VoteType         `json:"vote_type"`
	Voters         int              `json:"voters"`
	Budget         string           `json:"budget"`
	Winners        []string         `json:"winners"` // ids, in order of selection
	Cost           string           `json:"cost"`
	StartEndowment string           `json:"start_endowment,omitempty"`
	Endowment      string           `json:"endowment,omitempty"`
	Steps          int64            `json:"steps,omitempty"`
	Rounds         []PublishedRound `json:"rounds"`
	Explanations   []PublishedFate  `json:"explanations"`
	Certificates   PublishedChecks  `json:"certificates"`
	Statistics     PublishedStats   `json:"statistics"`
	Comparison     *PublishedRival  `json:"comparison,omitempty"`
}

// PublishedRound is one funded project, in order; Rate is exact.
type PublishedRound struct {
	Project        string              `json:"project"`
	Phase          Phase               `json:"phase"`
	Cost           string              `json:"cost"`
	Rate           string              `json:"rho,omitempty"`
	About          float64             `json:"rho_about,omitempty"`
	Payment        float64             `json:"payment_about,omitempty"` // of a full payer
	EffectiveVotes float64             `json:"effective_votes,omitempty"`
	FullPayers     int64               `json:"full_payers,omitempty"`
	PoorPayers     int64               `json:"poor_payers,omitempty"` // paid all they had left
	Rejected       []PublishedRejected `json:"rejected,omitempty"`    // no longer affordable afterwards
}

// PublishedRejected is a project that a round made unaffordable, and the money
// its supporters had left.
type PublishedRejected struct {
	Project string  `json:"project"`
	Money   float64 `json:"money"`
}

// PublishedFate explains one project.
type PublishedFate struct {
	Project          string            `json:"project"`
	Why              Why               `json:"why"`
	Cost             string            `json:"cost"`
	Votes            int64             `json:"votes"`
	EffectiveSupport float64           `json:"effective_support"`
	Round            int               `json:"round,omitempty"` // from 1
	MoneyAtFirst     float64           `json:"money_at_first,omitempty"`
	MoneyThen        float64           `json:"money_then,omitempty"`
	MoneyLeft        float64           `json:"money_left,omitempty"`
	Took             []PublishedTaking `json:"took,omitempty"`
	WinsAtCost       string            `json:"wins_at_cost,omitempty"`
	ExtraVotes       *int64            `json:"extra_votes,omitempty"`
}

// PublishedTaking is money that went to a winner instead.
type PublishedTaking struct {
	Project string  `json:"project"`
	Money   float64 `json:"money"`
}

// PublishedChecks are the certificates; a missing one was not applicable.
type PublishedChecks struct {
	EqualShares *PublishedCheck `json:"equal_shares,omitempty"`
	Priceable   *PublishedCheck `json:"priceable,omitempty"`
	EJRPlus     PublishedCheck  `json:"ejr_plus_up_to_one"`
}

// PublishedCheck is the verdict of one certificate.
type PublishedCheck struct {
	Holds   bool   `json:"holds"`
	Project string `json:"project,omitempty"`
	Witness string `json:"witness,omitempty"`
}

// PublishedStats are the statistics of an outcome.
type PublishedStats struct {
	Voters          int              `json:"voters"`
	WithoutWinner   int              `json:"voters_without_winner"`
	WinnersPerVoter []int            `json:"winners_per_voter"`
	MeanWinners     float64          `json:"mean_winners"`
	MeanMoney       float64          `json:"mean_money"`
	Left            string           `json:"left"`
	Districts       []PublishedShare `json:"districts,omitempty"`
	Categories      []PublishedShare `json:"categories,omitempty"`
}

// PublishedShare is how a district or category fared.
type PublishedShare struct {
	Name       string  `json:"name"`
	Projects   int     `json:"projects"`
	Winners    int     `json:"winners"`
	Votes      int64   `json:"votes"`
	Spent      string  `json:"spent"`
	VotesShare float64 `json:"votes_share"`
	MoneyShare float64 `json:"money_share"`
}

// PublishedRival is the comparison with another rule.
type PublishedRival struct {
	Rule        string         `json:"rule"`
	Winners     []string       `json:"winners"`
	Cost        string         `json:"cost"`
	Both        []string       `json:"both"`
	OnlyThis    []string       `json:"only_this"`
	OnlyOther   []string       `json:"only_other"`
	PreferThis  int            `json:"voters_preferring_this"`
	PreferOther int            `json:"voters_preferring_other"`
	Indifferent int            `json:"voters_indifferent"`
	Statistics  PublishedStats `json:"statistics"`
}

// Publish puts a result into the form in which it is published.
func (r *Result) Publish() *Published {
	in := r.Instance
	p := &Published{Name: in.Name(), Rule: r.Rule.Name, TieBreak: r.Options.TieBreak, Seed: r.Options.Seed, Limits: r.Options.Limits,
		VoteType: in.VoteType, Voters: in.Voters, Budget: in.Format(in.Budget), Winners: r.WinnerIDs(), Cost: in.Format(r.Cost), Steps: r.Steps}
	if r.Rule.Family != FamilyGreedy {
		p.StartEndowment, p.Endowment = r.StartEndowment.RatString(), r.Endowment.RatString()
	}
	var c Certificates
	var checked sync.WaitGroup
	checked.Go(func() { c = r.Certificates() }) // while the losers are explained
	p.Rounds = r.publishRounds()
	xs := r.Explanations()
	p.Explanations = make([]PublishedFate, len(xs))
	for i := range xs {
		p.Explanations[i] = r.publishFate(&xs[i])
	}
	checked.Wait()
	p.Certificates.EJRPlus = in.publishCheck(c.EJRPlus)
	if c.Checked {
		a, b := in.publishCheck(c.Shares), in.publishCheck(c.Priceable)
		p.Certificates.EqualShares, p.Certificates.Priceable = &a, &b
	}
	p.Statistics = in.publishStats(r.Stats())
	return p
}

func (r *Result) publishRounds() []PublishedRound {
	in := r.Instance
	id := func(p int) string { return in.Projects[p].ID }
	out := make([]PublishedRound, 0, len(r.Winners))
	rejected := map[int][]PublishedRejected{}
	for _, x := range r.Explanations() {
		if x.Why == WhySpent && x.Round >= 0 {
			rejected[x.Round] = append(rejected[x.Round], PublishedRejected{id(x.Project), x.MoneyThen})
		}
	}
	phase := PhaseShares
	if r.Rule.Family == FamilyPhragmen {
		phase = PhasePhragmen
	}
	bought := map[int]bool{}
	for i, w := range r.Winners {
		if r.Phases[i] == PhaseFixed {
			out = append(out, PublishedRound{Project: id(w), Phase: PhaseFixed, Cost: in.Format(in.Projects[w].Cost)})
		}
	}
	for k, rd := range r.Rounds {
		bought[rd.Project] = true
		x := PublishedRound{Project: id(rd.Project), Phase: phase, Cost: in.Format(in.Projects[rd.Project].Cost),
			FullPayers: rd.FullPayers, PoorPayers: rd.PoorPayers, Rejected: rejected[k]}
		if rd.Rate != nil {
			x.Rate, x.About = rd.Rate.RatString(), ratFloat(rd.Rate)
		}
		if rd.Payment != nil {
			x.Payment = ratFloat(rd.Payment)
		}
		if rd.EffectiveVotes != nil {
			x.EffectiveVotes = ratFloat(rd.EffectiveVotes)
		}
		out = append(out, x)
	}
	for i, w := range r.Winners {
		if r.Phases[i] == PhaseGreedy && !bought[w] {
			out = append(out, PublishedRound{Project: id(w), Phase: PhaseGreedy, Cost: in.Format(in.Projects[w].Cost)})
		}
	}
	return out
}

func (r *Result) publishFate(x *Explanation) PublishedFate {
	in := r.Instance
	p := &in.Projects[x.Project]
	f := PublishedFate{Project: p.ID, Why: x.Why, Cost: in.Format(p.Cost), Votes: x.Votes, EffectiveSupport: x.EffectiveSupport,
		Round: x.Round + 1, MoneyAtFirst: x.MoneyAtFirst, MoneyThen: x.MoneyThen, MoneyLeft: x.MoneyLeft}
	if x.Why != WhyFunded && x.WinsAtCost > 0 {
		f.WinsAtCost = in.Format(x.WinsAtCost)
	}
	if x.Why != WhyFunded && x.ExtraVotes >= 0 {
		f.ExtraVotes = &x.ExtraVotes
	}
	for _, t := range x.Took {
		f.Took = append(f.Took, PublishedTaking{in.Projects[t.Project].ID, t.Money})
	}
	return f
}

func (in *Instance) publishCheck(v certify.Verdict) PublishedCheck {
	c := PublishedCheck{Holds: v.Holds, Witness: v.Witness}
	if v.Project >= 0 && v.Project < len(in.Projects) && !v.Holds {
		c.Project = in.Projects[v.Project].ID
	}
	return c
}

func (in *Instance) publishStats(s Stats) PublishedStats {
	shares := func(list []Share) []PublishedShare {
		var out []PublishedShare
		for _, x := range list {
			out = append(out, PublishedShare{x.Name, x.Projects, x.Winners, x.Votes, in.Format(x.Spent), x.VotesShare, x.MoneyShare})
		}
		return out
	}
	return PublishedStats{s.Voters, s.WithoutWinner, s.WinnersPerVoter, s.MeanWinners, s.MeanMoney, in.Format(s.Left), shares(s.Districts), shares(s.Categories)}
}

// Publish puts a comparison into the form in which it is published, seen from A.
func (c Comparison) Publish() *PublishedRival {
	ids := func(ps []int) []string {
		out := make([]string, len(ps))
		for i, p := range ps {
			out[i] = c.A.Instance.Projects[p].ID
		}
		return out
	}
	return &PublishedRival{Rule: c.B.Rule.Name, Winners: c.B.WinnerIDs(), Cost: c.B.Instance.Format(c.B.Cost),
		Both: ids(c.Both), OnlyThis: ids(c.OnlyA), OnlyOther: ids(c.OnlyB),
		PreferThis: c.PreferA, PreferOther: c.PreferB, Indifferent: c.Indifferent, Statistics: c.A.Instance.publishStats(c.StatsB)}
}

// parseRat reads a published fraction.
func parseRat(s string) (*big.Rat, bool) {
	if s == "" || len(s) > 1<<16 {
		return nil, false
	}
	return new(big.Rat).SetString(s)
}
