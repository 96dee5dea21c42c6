package pb

import "context"

type skipper struct {
	s                               *steps
	runs, skipped, exact, refreshes int64
}

func newSkipper(s *steps) *skipper { return &skipper{s: s} }

func (k *skipper) certify(ctx context.Context, lo, hi, n int64) (outcome, bool, error) {
	return goOn, false, nil
}
