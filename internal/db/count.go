package db

import (
	"context"
	"sync/atomic"
)

type countKey struct{}

// CountQueries returns a context under which statements are counted, so that a
// test can prove that a list page costs a fixed number of them.
func CountQueries(ctx context.Context) (context.Context, *atomic.Int64) {
	n := new(atomic.Int64)
	return context.WithValue(ctx, countKey{}, n), n
}

func count(ctx context.Context) {
	if n, ok := ctx.Value(countKey{}).(*atomic.Int64); ok {
		n.Add(1)
	}
}
