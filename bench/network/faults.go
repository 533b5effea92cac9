package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"fieldpost/bench/desk"
)

func hold(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// during does one thing, and the other when d has passed.
func during(ctx context.Context, d time.Duration, begin, end func() error) error {
	if err := begin(); err != nil {
		return err
	}
	if err := hold(ctx, d); err != nil {
		return err
	}
	return end()
}

func link(args ...string) func() error {
	return func() error { return ip(append([]string{"link", "set", hubPort}, args...)...) }
}

// cable takes the carrier from both ends.
func cable(d time.Duration) func(context.Context, *bed) error {
	return func(ctx context.Context, _ *bed) error {
		return during(ctx, d, link("down"), link("up"))
	}
}

func flap(times int, d time.Duration) func(context.Context, *bed) error {
	return func(ctx context.Context, b *bed) error {
		for n := range times {
			if n > 0 {
				if err := hold(ctx, d); err != nil {
					return err
				}
			}
			if err := cable(d)(ctx, b); err != nil {
				return err
			}
		}
		return nil
	}
}

// blackHole leaves the cable plugged into nothing.
func blackHole(d time.Duration) func(context.Context, *bed) error {
	return func(ctx context.Context, _ *bed) error {
		return during(ctx, d, link("nomaster"), link("master", bridgeName))
	}
}

func narrow(d time.Duration) func(context.Context, *bed) error {
	return func(ctx context.Context, _ *bed) error {
		return during(ctx, d, link("mtu", "300"), link("mtu", fullMTU))
	}
}

func refused(d time.Duration) func(context.Context, *bed) error {
	return func(ctx context.Context, b *bed) error {
		return during(ctx, d, func() error { b.hub.Cut(); return nil }, b.hub.Restore)
	}
}

func toxics(d time.Duration, all ...string) func(context.Context, *bed) error {
	return func(ctx context.Context, b *bed) error {
		return during(ctx, d, func() error { return b.proxy.Add(all...) }, func() error { return b.proxy.Clear(ctx) })
	}
}

// cuts ends every connection after a number of bytes, which is drawn anew each half
// second; as many are cut within their first hundred bytes as within thousands.
func cuts(d time.Duration) func(context.Context, *bed) error {
	return func(ctx context.Context, b *bed) error {
		for end := time.Now().Add(d); time.Now().Before(end); {
			up, down := math.Exp(b.rng.Float64()*math.Log(30000)), math.Exp(b.rng.Float64()*math.Log(30000))
			err := b.proxy.Add(
				desk.Toxic("limit_data", desk.Upstream, fmt.Sprintf(`"bytes":%.0f`, up)),
				desk.Toxic("limit_data", desk.Downstream, fmt.Sprintf(`"bytes":%.0f`, down)))
			if err == nil {
				err = hold(ctx, 500*time.Millisecond)
			}
			if err == nil {
				err = b.proxy.Clear(ctx)
			}
			if err != nil {
				return err
			}
		}
		return nil
	}
}
