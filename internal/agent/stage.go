package agent

import (
	"context"
	"sync"
)

// stage is one step of the way of the data: loops that are started together and
// stopped together, so that a stop can follow the data from sensor to disk.
type stage struct {
	cancel context.CancelFunc
	wait   sync.WaitGroup
	mu     sync.Mutex
	err    error
	failed chan struct{} // closed at the first error of a loop
}

// start runs the loops under a context of their own, which does not end with ctx.
func start(ctx context.Context, loops ...func(context.Context) error) *stage {
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &stage{cancel: cancel, failed: make(chan struct{})}
	for _, loop := range loops {
		s.wait.Go(func() { s.end(loop(ctx)) })
	}
	return s
}

func (s *stage) end(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil && s.err == nil {
		s.err = err
		close(s.failed)
	}
}

// stop ends the loops, waits for them and returns the first error of any.
func (s *stage) stop() error {
	s.cancel()
	s.wait.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
