package main

import (
	"flag"
	"strings"

	"codeberg.org/arengo/arengo/pb"
)

// tallyLimits are the limits of the command line; sums of money are read when the
// election says how many digits its currency has.
type tallyLimits struct {
	fixed, excluded       []string
	oneOf                 [][]string
	districts, categories [][2]string
	minVotes              int64
}

func (l *tallyLimits) flags(set *flag.FlagSet) {
	ids := func(into *[]string) func(string) error {
		return func(v string) error {
			*into = append(*into, idsOf(v)...)
			return nil
		}
	}
	set.Func("fixed", "", ids(&l.fixed))
	set.Func("exclude", "", ids(&l.excluded))
	set.Func("one-of", "", func(v string) error {
		l.oneOf = append(l.oneOf, idsOf(v))
		return nil
	})
	sums := func(into *[][2]string) func(string) error {
		return func(v string) error {
			name, sum, ok := strings.Cut(v, "=")
			if !ok || name == "" || sum == "" {
				return &pb.OptionError{Reason: pb.ReasonBound, Value: v}
			}
			*into = append(*into, [2]string{name, sum})
			return nil
		}
	}
	set.Func("district", "", sums(&l.districts))
	set.Func("category", "", sums(&l.categories))
	set.Int64Var(&l.minVotes, "min-votes", 0, "")
}

func idsOf(v string) (ids []string) {
	for id := range strings.SplitSeq(v, ",") {
		if id = strings.TrimSpace(id); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// of are the limits for an election; nil when there are none.
func (l *tallyLimits) of(in *pb.Instance) (*pb.Limits, error) {
	if len(l.fixed)+len(l.excluded)+len(l.oneOf)+len(l.districts)+len(l.categories) == 0 && l.minVotes <= 0 {
		return nil, nil
	}
	x := &pb.Limits{Fixed: l.fixed, Excluded: l.excluded, Incompatible: l.oneOf, MinVotes: l.minVotes}
	var err error
	if x.Districts, err = amounts(in, l.districts); err != nil {
		return nil, err
	}
	x.Categories, err = amounts(in, l.categories)
	return x, err
}

func amounts(in *pb.Instance, named [][2]string) (map[string]pb.Amount, error) {
	sums := map[string]pb.Amount{}
	for _, n := range named {
		sum, err := in.Parse(n[1])
		if err != nil {
			return nil, &pb.OptionError{Reason: pb.ReasonBound, Value: n[0] + "=" + n[1]}
		}
		sums[n[0]] = sum
	}
	return sums, nil
}
