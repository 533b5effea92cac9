package clock

import "time"

// Snapshotter is a Timeline that can look at the clock once for many stamps: on
// small processors that costs more than to encode a message.
type Snapshotter interface {
	// Snapshot returns a Timeline that resolves by what is known now, for one
	// goroutine and a short while.
	Snapshot() Timeline
}

// Snapshot implements Snapshotter.
func (t *BootTimeline) Snapshot() Timeline {
	t.learn([16]byte{})
	t.mu.Lock()
	defer t.mu.Unlock()
	return &moment{boot: t.boot, began: t.began, synced: t.synced}
}

// moment is what a BootTimeline knew at one time.
type moment struct {
	boot   [16]byte
	began  time.Time
	synced bool
}

// Resolve implements Timeline as BootTimeline does.
func (m *moment) Resolve(s Stamp) (at time.Time, uncertainty time.Duration) {
	switch {
	case s.Trust == TrustSynced:
		return s.Wall, 0
	case s.Boot == m.boot:
		return resolve(s, m.began, m.synced)
	default:
		return resolve(s, time.Time{}, false)
	}
}
