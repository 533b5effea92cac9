package store

import (
	"fmt"
	"time"
)

// preset is what is asked of a kind of disk when the options do not say.
type preset struct {
	every  time.Duration // between commits of telemetry
	budget int64         // bytes a day
}

// presets are chosen so that one reading a second, with the uplink down, stays
// below the budget without being stretched.
var presets = map[string]preset{
	"sd":   {30 * time.Second, 200 << 20},
	"emmc": {10 * time.Second, 1 << 30},
	"ssd":  {5 * time.Second, 10 << 30},
}

// What a commit costs is not told by the kernel. It is estimated: the pages that
// bbolt writes, its meta page, and what the journal of ext4 takes for two syncs
// (descriptor, inode, commit block, twice); a file that grows takes its extents and
// bitmaps in addition.
const (
	journalPerCommit = 12 << 10
	journalPerGrowth = 16 << 10
)

const (
	day = 24 * time.Hour
	// burst is the share of the budget that may be spent at once.
	burst = 4
	// stretchMax is how long telemetry waits at most, whatever was written.
	stretchMax = 15 * time.Minute
)

// wear estimates what the disk is made to write, and allows DailyWrites.
type wear struct {
	allowance float64       // bytes that may still be written; below 0 commits are stretched
	at        time.Duration // when it was last reckoned
	cost      float64       // of a commit, of late
	hours     [24]int64     // written in each hour
	hour      int64         // the last of hours, counted from the start
}

// spend books a commit.
func (w *wear) spend(now time.Duration, budget, bytes int64) {
	w.earn(now, budget)
	w.allowance -= float64(bytes)
	if w.cost == 0 {
		w.cost = float64(bytes)
	}
	w.cost += (float64(bytes) - w.cost) / 8
	w.turn(now)
	w.hours[w.hour%24] += bytes
}

func (w *wear) earn(now time.Duration, budget int64) {
	w.allowance = min(w.allowance+float64(budget)*float64(now-w.at)/float64(day), float64(budget/burst))
	w.at = now
}

func (w *wear) turn(now time.Duration) {
	for h := int64(now / time.Hour); w.hour < h; {
		w.hour = max(w.hour+1, h-24)
		w.hours[w.hour%24] = 0
	}
}

func (w *wear) today(now time.Duration) (sum int64) {
	w.turn(now)
	for _, n := range w.hours {
		sum += n
	}
	return sum
}

// commitEvery is the interval as stretched now, and why it is longer than asked for.
func (s *Store) commitEvery() (time.Duration, string) {
	w, budget := &s.wear, s.o.DailyWrites
	w.earn(s.now(), budget)
	if w.allowance > 0 {
		return s.o.CommitEvery, ""
	}
	every := min(max(time.Duration(w.cost/float64(budget)*float64(day)), s.o.CommitEvery), stretchMax)
	if every <= s.o.CommitEvery {
		return s.o.CommitEvery, ""
	}
	return every, fmt.Sprintf("about %d bytes were written in 24 h, %d are wanted at most", w.today(s.now()), budget)
}

// spent books what the commit just made the disk write.
func (s *Store) spent() {
	d := s.disk
	s.wear.spend(s.now(), s.o.DailyWrites, d.wrote+d.zeroes+journalPerCommit+int64(d.grown)*journalPerGrowth)
	d.zeroes, d.grown = 0, 0
}
