package main

import (
	"context"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

// TestWatchEndsByItsOwnTime: what is under way when the time is over fails with
// an error of its own, before or after the context has ended, and is not the reason.
func TestWatchEndsByItsOwnTime(t *testing.T) {
	for _, tc := range []struct {
		count int
		want  string
	}{
		{0, ""},
		{3, "1 of 3 changes within 3s"},
	} {
		// Both timers end at one instant: which comes first is chance.
		for range 200 {
			synctest.Test(t, func(t *testing.T) {
				w := watch{noun: "change", count: tc.count, timeout: 3 * time.Second}
				seen := 0
				err := w.run(t.Context(), func(ctx context.Context) (int, error) {
					if seen++; seen == 1 {
						return 1, nil
					}
					end, _ := ctx.Deadline()
					<-time.After(time.Until(end))
					return 0, os.ErrDeadlineExceeded
				})
				got := ""
				if err != nil {
					got = err.Error()
				}
				if got != tc.want {
					t.Fatalf("count %d: %q, want %q", tc.count, got, tc.want)
				}
			})
		}
	}
}
