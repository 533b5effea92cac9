package hub

import "slices"

// told remembers which messages feedback was made about, for the time in which
// the device and the hub may both report one. It knows the newest maxFeedback.
type told struct {
	seen  map[toldKey]struct{}
	order []toldKey // oldest first
}

type toldKey struct{ deviceID, messageID string }

func newTold() *told { return &told{seen: make(map[toldKey]struct{})} }

// first notes a message and reports whether nothing was told about it yet. A
// message without an identifier cannot be told from another.
func (t *told) first(deviceID, messageID string) bool {
	if messageID == "" {
		return true
	}
	key := toldKey{deviceID, messageID}
	if _, again := t.seen[key]; again {
		return false
	}
	if len(t.order) >= maxFeedback {
		delete(t.seen, t.order[0])
		t.order = t.order[1:]
	}
	t.seen[key] = struct{}{}
	t.order = append(t.order, key)
	return true
}

// forget drops what is about a device that is gone.
func (t *told) forget(deviceID string) {
	t.order = slices.DeleteFunc(t.order, func(k toldKey) bool {
		if k.deviceID == deviceID {
			delete(t.seen, k)
		}
		return k.deviceID == deviceID
	})
}
