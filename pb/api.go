package pb

import "context"

// EqualShares decides an election by the Method of Equal Shares with the utility
// that suits its ballots, the budget completed by Add1 and then greedily:
// mes_cost_add1u for approval ballots. For other rules see ParseRule and Run.
func EqualShares(ctx context.Context, in *Instance, o Options) (*Result, error) {
	return RunNamed(ctx, in, "mes_add1u", o)
}

// RunNamed is Run with the rule's name. It returns an *OptionError if there is no
// such rule or it does not apply to the ballots.
func RunNamed(ctx context.Context, in *Instance, rule string, o Options) (*Result, error) {
	r, err := ParseRule(rule, in.VoteType)
	if err != nil {
		return nil, err
	}
	return Run(ctx, in, r, o)
}
