package uplink

import (
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var y yard
		if v, err := await(t.Context(), &y, time.Second, func() (int, error) { return 1, nil }, nil); v != 1 || err != nil {
			t.Errorf("a call that returns: %d, %v", v, err)
		}
		var late atomic.Int64
		began := time.Now()
		call := func() (int, error) { time.Sleep(time.Hour); return 2, nil }
		v, err := await(t.Context(), &y, time.Second, call, func(n int) { late.Store(int64(n)) })
		if waited := time.Since(began); !errors.Is(err, errAbandoned) || v != 0 || waited != time.Second+lateFor || y.n.Load() != 1 {
			t.Errorf("a call that does not: %d, %v after %s, %d abandoned", v, err, waited, y.n.Load())
		}
		time.Sleep(time.Hour)
		if late.Load() != 2 || y.n.Load() != 0 {
			t.Errorf("its late return gave %d, %d abandoned", late.Load(), y.n.Load())
		}
	})
}
