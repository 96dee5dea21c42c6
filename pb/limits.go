package pb

import "slices"

// Limits bind the outcome beyond the budget. The zero value binds nothing.
type Limits struct {
	// Fixed projects are funded before the vote is looked at: their cost comes
	// off the budget, and the voters share what is left. They may not pass the
	// other limits together.
	Fixed []string
	// Excluded projects are not considered.
	Excluded []string
	// Incompatible lists groups of projects of which at most one is funded.
	Incompatible [][]string
	// Districts and Categories are the most that may be spent on the projects
	// of a district or category. A project that would pass such a bound is
	// dropped for good, since spending never shrinks. A project of several
	// categories counts in each.
	Districts, Categories map[string]Amount
	// MinVotes drops projects that fewer voters support.
	MinVotes int64
}

// limits are Limits resolved to the projects of an instance.
type limits struct {
	none     bool
	excluded []bool
	fixed    []int32
	groups   [][]int32 // of each project
	nGroups  int
	purses   [][]int32 // of each project: bounds it draws on
	bound    []int64
}

func (l *Limits) resolve(in *Instance) (*limits, error) {
	m := len(in.Projects)
	x := &limits{excluded: make([]bool, m), groups: make([][]int32, m), purses: make([][]int32, m)}
	if l == nil {
		x.none = true
		return x, nil
	}
	find := func(id string) (int, error) {
		i, ok := in.byID[id]
		if !ok {
			return 0, &OptionError{Reason: ReasonUnknownProject, Value: id}
		}
		return i, nil
	}
	for _, id := range l.Excluded {
		i, err := find(id)
		if err != nil {
			return nil, err
		}
		x.excluded[i] = true
	}
	for _, id := range l.Fixed {
		i, err := find(id)
		if err != nil {
			return nil, err
		}
		if slices.Contains(x.fixed, int32(i)) {
			continue // said twice
		}
		if x.excluded[i] {
			return nil, &OptionError{Reason: ReasonFixedExcluded, Value: id}
		}
		x.fixed = append(x.fixed, int32(i))
		x.excluded[i] = true
	}
	for g, ids := range l.Incompatible {
		for _, id := range ids {
			i, err := find(id)
			if err != nil {
				return nil, err
			}
			x.groups[i] = append(x.groups[i], int32(g))
		}
	}
	x.nGroups = len(l.Incompatible)
	purse := func(bound Amount, name string, belongs func(*Project) bool) error {
		any := false
		for i := range in.Projects {
			if belongs(&in.Projects[i]) {
				x.purses[i] = append(x.purses[i], int32(len(x.bound)))
				any = true
			}
		}
		x.bound = append(x.bound, int64(bound))
		if !any {
			return &OptionError{Reason: ReasonUnknownGroup, Value: name}
		}
		return nil
	}
	for name, b := range l.Districts {
		if err := purse(b, name, func(p *Project) bool { return p.District == name }); err != nil {
			return nil, err
		}
	}
	for name, b := range l.Categories {
		if err := purse(b, name, func(p *Project) bool { return slices.Contains(p.Category, name) }); err != nil {
			return nil, err
		}
	}
	for i := range in.Projects {
		if in.Projects[i].Votes < l.MinVotes && !x.excluded[i] {
			x.excluded[i] = true
		}
	}
	x.none = x.nGroups == 0 && len(x.bound) == 0
	// What is decided already is bound by the limits too: an outcome that breaks one
	// while the report names it would be wrong whoever decided.
	s := limitState{l: x, in: in, taken: make([]bool, x.nGroups), spent: make([]int64, len(x.bound))}
	for _, p := range x.fixed {
		if !s.allows(p) {
			return nil, &OptionError{Reason: ReasonFixedLimits, Value: in.Projects[p].ID}
		}
		s.take(p)
	}
	return x, nil
}

// limitState is what a run used up of its limits.
type limitState struct {
	l     *limits
	in    *Instance
	taken []bool
	spent []int64
}

// start opens a state in which the fixed projects are already funded.
func (l *limits) start(in *Instance) limitState {
	s := limitState{l: l, in: in}
	if l.none {
		return s
	}
	s.taken, s.spent = make([]bool, l.nGroups), make([]int64, len(l.bound))
	for _, p := range l.fixed {
		s.take(p)
	}
	return s
}

// allows says whether the project may still be funded. Once false for a
// project it stays false.
func (s *limitState) allows(p int32) bool {
	if s.l.none {
		return true
	}
	for _, g := range s.l.groups[p] {
		if s.taken[g] {
			return false
		}
	}
	for _, b := range s.l.purses[p] {
		if s.spent[b]+int64(s.in.Projects[p].Cost) > s.l.bound[b] {
			return false
		}
	}
	return true
}

func (s *limitState) take(p int32) {
	if s.l.none {
		return
	}
	for _, g := range s.l.groups[p] {
		s.taken[g] = true
	}
	for _, b := range s.l.purses[p] {
		s.spent[b] += int64(s.in.Projects[p].Cost)
	}
}
