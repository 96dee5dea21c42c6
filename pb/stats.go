package pb

import (
	"cmp"
	"slices"
)

// Stats describe an outcome from the voters' side.
type Stats struct {
	Voters int
	// WithoutWinner is the number of voters none of whose projects was funded.
	WithoutWinner int
	// WinnersPerVoter[k] is the number of voters with k funded projects on their
	// ballot; the last entry is the largest k that occurs.
	WinnersPerVoter []int
	// MeanWinners is the mean of funded projects on a ballot, MeanMoney the mean
	// cost of them, in currency units.
	MeanWinners, MeanMoney float64
	// Left is what remains of the budget.
	Left       Amount
	Districts  []Share // where projects name a district
	Categories []Share // where projects name categories
}

// Share is how a district or category fared.
type Share struct {
	Name              string
	Projects, Winners int
	Votes             int64 // for its projects
	Spent             Amount
	// VotesShare and MoneyShare are parts of all votes and of all spending.
	VotesShare, MoneyShare float64
}

// Stats computes the statistics of the outcome.
func (r *Result) Stats() Stats {
	in := r.Instance
	won := r.wonSet()
	s := Stats{Voters: in.Voters, Left: in.Budget - r.Cost, WinnersPerVoter: []int{0}}
	count, money := 0.0, 0.0
	for j := range in.Classes() {
		ps, voters := in.Class(j)
		k, c := 0, Amount(0)
		for _, p := range ps {
			if won[p] {
				k++
				c += in.Projects[p].Cost
			}
		}
		for len(s.WinnersPerVoter) <= k {
			s.WinnersPerVoter = append(s.WinnersPerVoter, 0)
		}
		s.WinnersPerVoter[k] += voters
		count += float64(k) * float64(voters)
		money += float64(c) * float64(voters)
	}
	s.WithoutWinner = s.WinnersPerVoter[0]
	if in.Voters > 0 {
		s.MeanWinners = count / float64(in.Voters)
		s.MeanMoney = money / float64(in.Voters) / float64(in.unit())
	}
	s.Districts = in.shares(won, func(p *Project) []string {
		if p.District == "" {
			return nil
		}
		return []string{p.District}
	})
	s.Categories = in.shares(won, func(p *Project) []string { return p.Category })
	return s
}

// shares groups projects by the names that of gives, most votes first.
func (in *Instance) shares(won []bool, of func(*Project) []string) []Share {
	at := map[string]int{}
	var out []Share
	votes, spent := int64(0), Amount(0)
	for p := range in.Projects {
		x := &in.Projects[p]
		votes += x.Votes
		if won[p] {
			spent += x.Cost
		}
		for _, name := range of(x) {
			i, ok := at[name]
			if !ok {
				i = len(out)
				at[name] = i
				out = append(out, Share{Name: name})
			}
			s := &out[i]
			s.Projects++
			s.Votes += x.Votes
			if won[p] {
				s.Winners++
				s.Spent += x.Cost
			}
		}
	}
	for i := range out {
		if votes > 0 {
			out[i].VotesShare = float64(out[i].Votes) / float64(votes)
		}
		if spent > 0 {
			out[i].MoneyShare = float64(out[i].Spent) / float64(spent)
		}
	}
	slices.SortFunc(out, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Votes, a.Votes), cmp.Compare(a.Name, b.Name))
	})
	return out
}

// Comparison sets two outcomes of the same instance side by side.
type Comparison struct {
	A, B *Result
	// Both, OnlyA and OnlyB are projects funded by both or only one, in order of
	// their selection.
	Both, OnlyA, OnlyB []int
	// PreferA and PreferB are voters for whom one outcome is worth more, by the
	// cost of their funded projects (by their points or ranks where ballots have
	// them); Indifferent are the others.
	PreferA, PreferB, Indifferent int
	StatsA, StatsB                Stats
}

// Compare sets two outcomes side by side.
func Compare(a, b *Result) Comparison {
	in := a.Instance
	c := Comparison{A: a, B: b, StatsA: a.Stats(), StatsB: b.Stats()}
	wa, wb := a.wonSet(), b.wonSet()
	for _, w := range a.Winners {
		if wb[w] {
			c.Both = append(c.Both, w)
		} else {
			c.OnlyA = append(c.OnlyA, w)
		}
	}
	for _, w := range b.Winners {
		if !wa[w] {
			c.OnlyB = append(c.OnlyB, w)
		}
	}
	for j := range in.Classes() {
		ps, voters := in.Class(j)
		pts := in.ClassPoints(j)
		d := int64(0)
		for k, p := range ps {
			u := int64(in.Projects[p].Cost)
			switch {
			case pts != nil:
				u = int64(pts[k])
			case in.VoteType == Ordinal:
				u = int64(len(ps) - k - 1)
			}
			if wa[p] {
				d += u
			}
			if wb[p] {
				d -= u
			}
		}
		switch {
		case d > 0:
			c.PreferA += voters
		case d < 0:
			c.PreferB += voters
		default:
			c.Indifferent += voters
		}
	}
	return c
}
