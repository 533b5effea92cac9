package hub

import (
	"strconv"
	"testing"
	"time"
)

func TestFeedbackIsBounded(t *testing.T) {
	f := newFeedbackQueue(Options{}.withDefaults(), time.Now)
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

func TestToldIsBounded(t *testing.T) {
	told := newTold()
	for i := range maxFeedback + 1 {
		if !told.first("dev1", strconv.Itoa(i)) {
			t.Fatalf("message %d was told before", i)
		}
	}
	if len(told.seen) != maxFeedback || len(told.order) != maxFeedback {
		t.Errorf("%d and %d messages remembered, at most %d may", len(told.seen), len(told.order), maxFeedback)
	}
	if told.first("dev1", strconv.Itoa(maxFeedback)) {
		t.Error("the newest message is forgotten")
	}
	if !told.first("dev1", "0") {
		t.Error("the oldest message is still remembered")
	}
	for range 2 {
		if !told.first("dev1", "") {
			t.Error("messages without an identifier are taken for one")
		}
	}
}
