package uplink

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// lateFor is how long after its deadline a call may return before nobody waits
// for it any more.
const lateFor = 5 * time.Second

// maxAbandoned bounds the calls that were given up and have not returned: each
// holds a goroutine, and perhaps a socket.
const maxAbandoned = 16

var errAbandoned = errors.New("has not returned, long after its deadline")

// yard counts the calls that nobody waits for any more.
type yard struct{ n atomic.Int32 }

// await runs call and returns what it returns, but waits no longer than limit, or
// the end of ctx, and a grace: what heeds neither is left behind, and late gets
// its result should it ever come. Whoever asked goes on either way.
func await[T any](ctx context.Context, y *yard, limit time.Duration, call func() (T, error), late func(T)) (T, error) {
	var none T
	if y.n.Load() >= maxAbandoned {
		return none, fmt.Errorf("%d calls before this one: %w", maxAbandoned, errAbandoned)
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := call()
		done <- result{v, err}
	}()
	end := time.NewTimer(limit + lateFor)
	defer end.Stop()
	defer context.AfterFunc(ctx, func() { end.Reset(lateFor) })()
	select {
	case r := <-done:
		return r.value, r.err
	case <-end.C:
	}
	y.n.Add(1)
	go func() {
		if r := <-done; r.err == nil && late != nil {
			late(r.value)
		}
		y.n.Add(-1)
	}()
	return none, errAbandoned
}
