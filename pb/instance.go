package pb

import (
	"math/big"
	"strings"
	"sync"
)

// VoteType says how voters expressed themselves.
type VoteType string

// The vote types of the .pb format.
const (
	Approval   VoteType = "approval"   // a set of projects
	ChooseOne  VoteType = "choose-1"   // a set of one project
	Ordinal    VoteType = "ordinal"    // projects from the most to the least wanted
	Cumulative VoteType = "cumulative" // points to projects, with a bound on their sum
	Scoring    VoteType = "scoring"    // points to projects, each on its own
)

// Points says whether ballots of the type carry points.
func (v VoteType) Points() bool { return v == Cumulative || v == Scoring }

// Project is one line of the ballot paper.
type Project struct {
	ID       string
	Name     string
	Cost     Amount
	Category []string // may be empty
	Target   []string // beneficiaries, may be empty
	District string   // may be empty
	Votes    int64    // ballots that list the project, counted
	// Score is the score that the file states, in units of 10^-ScoreDigits of
	// the instance, used by the cities' own greedy rules; HasScore is false
	// when the file states none.
	Score    int64
	HasScore bool
	// Selected is what the file says about the official result: 1 funded,
	// 0 not, -1 not stated; other values are a city's own.
	Selected int
	Line     int // line in the file, 0 when not read from one

	fields []string // all columns as read, for the writer
}

// MetaEntry is one line of the META section.
type MetaEntry struct{ Key, Value string }

// Instance is one election: a budget, projects, and the ballots, identical
// ballots being kept once with their number. Make one with Read or Build; it
// must not be changed afterwards and may be used by many goroutines.
type Instance struct {
	Meta     []MetaEntry
	VoteType VoteType
	Digits   int // decimals of the currency that Amounts of the instance count
	Budget   Amount
	Projects []Project
	Voters   int // ballots, the empty ones too
	Warnings []Fault

	projectColumns []string
	voterColumns   []string   // columns beside vote and points; only with KeepVoters
	voterFields    [][]string // one row a voter; only with KeepVoters
	voterClass     []uint32   // class of each voter; only with KeepVoters
	pointDigits    int
	scoreDigits    int

	byID    map[string]int
	ballots ballots

	uniform, points, borda lazyProfile
}

// ballots keeps classes of identical ballots: class j lists the projects
// proj[off[j]:off[j+1]], in ballot order for ordinal ballots and ascending
// otherwise, and stands for weight[j] voters.
type ballots struct {
	off    []uint32
	proj   []uint16
	points []int32 // parallel to proj; nil without points
	weight []uint32
}

func (b *ballots) classes() int { return len(b.weight) }

func (b *ballots) class(j int) []uint16 { return b.proj[b.off[j]:b.off[j+1]] }

// Classes is the number of different ballots.
func (in *Instance) Classes() int { return in.ballots.classes() }

// Class returns the projects of a class of identical ballots and the number of
// voters who cast it. The slice must not be changed.
func (in *Instance) Class(j int) (projects []uint16, voters int) {
	return in.ballots.class(j), int(in.ballots.weight[j])
}

// ClassPoints returns the points of a class, parallel to its projects, in units
// of 10^-PointDigits; nil when the vote type has none.
func (in *Instance) ClassPoints(j int) []int32 {
	if in.ballots.points == nil {
		return nil
	}
	return in.ballots.points[in.ballots.off[j]:in.ballots.off[j+1]]
}

// PointDigits is the number of decimals that points of the instance count.
func (in *Instance) PointDigits() int { return in.pointDigits }

// Index returns the place of a project in Projects.
func (in *Instance) Index(id string) (int, bool) {
	i, ok := in.byID[id]
	return i, ok
}

// MetaValue returns the value of a META key, "" when absent.
func (in *Instance) MetaValue(key string) string {
	for _, m := range in.Meta {
		if m.Key == key {
			return m.Value
		}
	}
	return ""
}

// Name is what the META section says about the election, in one line.
func (in *Instance) Name() string {
	if d := in.MetaValue("description"); d != "" {
		return d
	}
	return strings.TrimSpace(in.MetaValue("unit") + " " + in.MetaValue("instance"))
}

// Format writes an amount as an exact decimal in currency units.
func (in *Instance) Format(a Amount) string { return formatScaled(int64(a), in.Digits) }

// Parse reads an amount of this election's currency, such as "1500" or "99,50". It
// fails for what is no number, is negative or has more decimals than the file's costs.
func (in *Instance) Parse(s string) (Amount, error) {
	d, ok := parseDecimal([]byte(s))
	if !ok || d.mant < 0 || d.digits > in.Digits {
		return 0, &OptionError{Reason: ReasonBound, Value: s}
	}
	m, ok := d.scaleTo(in.Digits)
	if !ok {
		return 0, &OptionError{Reason: ReasonTooLarge}
	}
	return Amount(m), nil
}

// unit is one unit of the currency, the step of the Add1 completion.
func (in *Instance) unit() int64 { return pow10(in.Digits) }

// Rat is an amount in currency units.
func (in *Instance) Rat(a Amount) *big.Rat { return big.NewRat(int64(a), in.unit()) }

// TotalCost is the sum of the costs of all projects.
func (in *Instance) TotalCost() Amount {
	var t Amount
	for i := range in.Projects {
		t += in.Projects[i].Cost
	}
	return t
}

// Utility says what a voter is assumed to gain from a funded project.
type Utility string

// The utilities of the literature.
const (
	UtilityCost     Utility = "cost"     // an approved project is worth its cost
	UtilityCard     Utility = "card"     // an approved project is worth one
	UtilityCardinal Utility = "cardinal" // a project is worth the points given
	UtilityBorda    Utility = "borda"    // a project is worth the number of projects ranked below it
)

// Fits says whether ballots of the vote type carry the utility.
func (u Utility) Fits(v VoteType) bool {
	switch u {
	case UtilityCost, UtilityCard:
		return v == Approval || v == ChooseOne
	case UtilityCardinal:
		return v.Points()
	case UtilityBorda:
		return v == Ordinal
	}
	return false
}

// profile lists, for each project, the ballot classes that support it, that is
// with a positive utility, ascending. For approval ballots every supporter's
// utility is the same (util is nil); else util holds it, parallel to sup.
type profile struct {
	off    []uint32
	sup    []uint32
	util   []int32
	votes  []int64 // supporting voters
	total  []int64 // sum of utilities over voters; votes when util is nil
	maxU   []int32 // largest utility
	weight []float64
}

type lazyProfile struct {
	once sync.Once
	p    *profile
}

func (in *Instance) profile(u Utility) *profile {
	switch u {
	case UtilityCardinal:
		in.points.once.Do(func() { in.points.p = in.buildProfile(u) })
		return in.points.p
	case UtilityBorda:
		in.borda.once.Do(func() { in.borda.p = in.buildProfile(u) })
		return in.borda.p
	}
	in.uniform.once.Do(func() { in.uniform.p = in.buildProfile(u) })
	return in.uniform.p
}

// buildProfile turns the classes around: one counting pass, one filling pass.
func (in *Instance) buildProfile(u Utility) *profile {
	b, m := &in.ballots, len(in.Projects)
	p := &profile{off: make([]uint32, m+1), votes: make([]int64, m), total: make([]int64, m), maxU: make([]int32, m)}
	weighted := u == UtilityCardinal || u == UtilityBorda
	utility := func(j, k int) int32 { // of the k-th entry of all ballots
		switch u {
		case UtilityCardinal:
			return b.points[k]
		case UtilityBorda:
			return int32(int(b.off[j+1]) - k - 1)
		}
		return 1
	}
	for j := range b.weight {
		w := int64(b.weight[j])
		for k := b.off[j]; k < b.off[j+1]; k++ {
			if x := utility(j, int(k)); x > 0 {
				q := b.proj[k]
				p.off[q+1]++
				p.votes[q] += w
				p.total[q] += w * int64(x)
				p.maxU[q] = max(p.maxU[q], x)
			}
		}
	}
	for q := range m {
		p.off[q+1] += p.off[q]
	}
	p.sup = make([]uint32, p.off[m])
	if weighted {
		p.util = make([]int32, p.off[m])
	}
	next := append([]uint32(nil), p.off[:m]...)
	for j := range b.weight {
		for k := b.off[j]; k < b.off[j+1]; k++ {
			if x := utility(j, int(k)); x > 0 {
				q := b.proj[k]
				p.sup[next[q]] = uint32(j)
				if weighted {
					p.util[next[q]] = x
				}
				next[q]++
			}
		}
	}
	p.weight = make([]float64, len(b.weight))
	for j, w := range b.weight {
		p.weight[j] = float64(w)
	}
	return p
}

func (p *profile) supporters(q int) []uint32 { return p.sup[p.off[q]:p.off[q+1]] }

func (p *profile) utilities(q int) []int32 {
	if p.util == nil {
		return nil
	}
	return p.util[p.off[q]:p.off[q+1]]
}
