package uplink

import (
	"testing"
	"testing/synctest"
	"time"
)

// A hub tells of one takeover on the link of the commands and on the connection:
// that is one, and the curve goes up by one.
func TestOneTakeoverCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &twice{curve: backoff{min: time.Second, max: 5 * time.Minute}}
		first, tell := w.robbed()
		time.Sleep(50 * time.Millisecond)
		again, tellAgain := w.robbed()
		if n, _ := w.count(); n != 1 || again != first || !tell || tellAgain {
			t.Errorf("counted %d, waits %s and %s, told %v and %v", n, first, again, tell, tellAgain)
		}
		time.Sleep(time.Minute)
		_, _ = w.robbed()
		if n, _ := w.count(); n != 2 || w.curve.n != 2 {
			t.Errorf("counted %d, on the curve %d", n, w.curve.n)
		}
	})
}
