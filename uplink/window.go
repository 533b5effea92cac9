package uplink

import "time"

const (
	startCount = 64       // messages on their way at first on a new link
	startBytes = 16 << 10 // bytes of these
	leastBytes = 4 << 10  // what trouble leaves at least, bytes

	// standing is a queue on the way that harms nobody.
	standing = 100 * time.Millisecond
	// shrinkBy is what a window is cut to by a latency that rises.
	shrinkBy = 0.7
	// moreRate is how much more must arrive for a longer latency to be worth it.
	moreRate = 1.1
	// vainShrinks in a row without a shorter latency say that the way is longer now.
	vainShrinks = 3
)

// allowance is one bound of the window, in messages or in bytes. It doubles each
// round up to knee, where trouble was met last, and grows by an eighth beyond, by
// unit at least and a 32nd of the most at most.
type allowance struct {
	now, knee, start, least, most, unit float64
}

func newAllowance(start, least, most, unit int) allowance {
	a := allowance{start: float64(min(start, most)), least: float64(min(least, most)), most: float64(most), unit: float64(unit)}
	a.now, a.knee = a.start, a.most
	return a
}

func (a *allowance) grow() {
	if a.now < a.knee {
		a.now = min(2*a.now, a.knee)
		return
	}
	step := max(min(a.now/8, a.most/32), a.unit)
	a.now = min(a.now+step, a.most)
}

func (a *allowance) shrink(by float64) {
	a.now = max(a.now*by, a.least)
	a.knee = a.now
}

// window decides how much may be on its way, by how long the hub takes to answer
// (additive increase, multiplicative decrease). A round is half a window of
// answers to what was sent in it. When even the quickest of them took long, there
// is a queue on the way, of our own making if the window is smaller after it and
// the queue too; it is not worth having unless more arrives with it. A latency
// that is long by itself, as over a satellite, leaves the window wide.
type window struct {
	count, bytes allowance
	late         time.Duration // a latency that is too long whatever it is made of

	base    time.Duration // the shortest latency on this link
	rate    float64       // of the last round, bytes a second
	stood   time.Duration // latency at the last shrink
	vain    int           // shrinks in a row after which it was no shorter
	began   time.Time     // of the round
	need    int           // answers that end it
	least   time.Duration // the quickest of them
	arrived int           // bytes answered in it, whenever they were sent
	narrow  bool          // something had to wait for room
}

func newWindow(count, bytes int, late time.Duration) window {
	return window{
		count: newAllowance(startCount, 1, count, 1),
		bytes: newAllowance(startBytes, leastBytes, bytes, 1<<10),
		late:  late,
	}
}

// renew forgets what was measured on the last link; where trouble was met is kept.
func (w *window) renew() {
	for _, a := range []*allowance{&w.count, &w.bytes} {
		a.now = min(a.now, a.start)
	}
	w.base, w.rate, w.stood, w.vain, w.began = 0, 0, 0, 0, time.Time{}
}

func (w *window) shrink(by float64) {
	w.count.shrink(by)
	w.bytes.shrink(by)
}

// answered notes that the hub took size bytes that were sent at that time.
func (w *window) answered(now, sent time.Time, size, inFlight int) {
	if w.began.IsZero() {
		w.round(now, inFlight)
		w.began = sent
	}
	latency := now.Sub(sent)
	if w.base == 0 || latency < w.base {
		w.base = latency
	}
	w.arrived += size
	if sent.Before(w.began) {
		return
	}
	w.least = min(w.least, latency)
	if w.need--; w.need > 0 {
		return
	}
	rate := float64(w.arrived) / max(now.Sub(w.began).Seconds(), 1e-6)
	queued := w.queued()
	if !queued {
		w.vain = 0
	}
	switch {
	case queued && rate <= moreRate*w.rate:
		w.yield()
	case w.narrow:
		w.count.grow()
		w.bytes.grow()
	}
	w.rate = rate
	w.round(now, inFlight)
}

func (w *window) round(now time.Time, inFlight int) {
	w.began, w.need, w.least, w.arrived, w.narrow = now, max(1, inFlight/2), 1<<62, 0, false
}

func (w *window) queued() bool {
	return w.least > 2*w.base+standing || w.least > w.late && w.least > w.base/4*5
}

// yield shrinks the window, until that has been in vain often enough to say that
// the latency is none of our making.
func (w *window) yield() {
	if w.vain > 0 && w.least < w.stood/10*9 {
		w.vain = 0
	}
	if w.vain == vainShrinks {
		w.base, w.vain = w.least, 0
		return
	}
	w.vain++
	w.stood = w.least
	w.shrink(shrinkBy)
}
