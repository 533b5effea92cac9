package hub

import (
	"strconv"
	"testing"
)

func TestFeedbackIsBounded(t *testing.T) {
	f := newFeedbackQueue(Options{}.withDefaults())
	defer f.close()
	for i := range maxFeedback + 3 {
		f.add(record{OriginalMessageID: strconv.Itoa(i)})
	}
	if n := len(f.waiting); n != maxFeedback {
		t.Errorf("%d records wait, at most %d may", n, maxFeedback)
	}
	if oldest := f.waiting[0].OriginalMessageID; oldest != "3" {
		t.Errorf("the oldest record is %s, want 3", oldest)
	}
}
