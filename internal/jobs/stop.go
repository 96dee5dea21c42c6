package jobs

import (
	"context"
	"errors"
	"time"
)

// ErrStopping is why a job's context ends when the process stops.
var ErrStopping = errors.New("the server is stopping")

// Grace is how long a call that cannot be taken back may go on after the process
// was told to stop. What is not known by then is recorded as unknown: whoever
// starts next finds out.
const Grace = 2 * time.Second

type runKey struct{}

// Stopping reports whether ctx belongs to a job that must end because the process
// stops.
func Stopping(ctx context.Context) bool {
	run, ok := ctx.Value(runKey{}).(context.Context)
	return ok && run.Err() != nil
}

// Unbroken returns the context of a call that cannot be taken back: cutting it
// would only make its outcome unknown. It goes on when ctx ends (the lease was
// lost, the job took too long), for at most limit; when the process stops it has
// Grace. Record the outcome with [Lasting], not with this context.
func Unbroken(ctx context.Context, limit time.Duration) (context.Context, context.CancelFunc) {
	call, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	run, ok := ctx.Value(runKey{}).(context.Context)
	if !ok {
		return call, cancel
	}
	over := context.AfterFunc(run, func() {
		select {
		case <-time.After(Grace):
			cancel()
		case <-call.Done():
		}
	})
	return call, func() { over(); cancel() }
}

// Lasting returns the context in which an outcome is recorded, whatever became of
// the context of the call: two seconds are enough for a transaction.
func Lasting(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
}

// Stop tells all work in hand to end, at once, and waits for it until ctx ends.
// What has not ended by then is left: the queue gives it to whoever starts next.
func (p *Pool) Stop(ctx context.Context) error {
	p.registry.watch.cancel(ErrStopping)
	p.clock.stop()
	stop := p.stopper()
	err := errors.Join(p.clock.wait(ctx), stop(ctx))
	if p.own != nil {
		err = errors.Join(err, p.own.Close())
	}
	return err
}

func (p *Pool) stopper() func(context.Context) error {
	if p.pg != nil {
		return p.pg.Stop
	}
	return p.lite.Stop
}
