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
// bbolt writes, its meta page, and what the journal of ext4 takes for the change of
// the inode's time (descriptor, inode, commit block). The inode itself is written
// every so often, and growing takes extents and bitmaps.
const (
	journalPerCommit = 12 << 10
	journalPerGrowth = 24 << 10
	tablesBytes      = 4 << 10
	tablesEvery      = 30 * time.Second
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
	before    int64         // written in the day before the start
	tables    time.Duration // when the file system last wrote its tables out
}

// spent is what the file keeps of wear, in bytes.
type spent struct {
	today     int64
	allowance int64
}

// restore takes up what the file tells, and that the machine was powered for so
// long since.
func (w *wear) restore(p *spent, powered time.Duration, budget int64) {
	if p == nil {
		return
	}
	w.before = int64(float64(max(p.today, 0)) * max(float64(day-powered)/float64(day), 0))
	w.allowance = min(w.allowance, max(float64(p.allowance), -float64(budget))+float64(budget)*float64(powered)/float64(day))
}

// spend books a commit.
func (w *wear) spend(now time.Duration, budget, bytes int64) {
	w.earn(now, budget)
	if now-w.tables >= tablesEvery {
		w.tables, bytes = now, bytes+tablesBytes
	}
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
	// Which hour of the day before it was written in is not kept: it goes evenly.
	return sum + int64(float64(w.before)*max(float64(day-now)/float64(day), 0))
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

// counted books the commit just made, and whether bbolt itself let the file grow
// for it. Called with io and mu held.
func (s *Store) counted(grew bool) {
	d := s.disk
	if grew {
		d.syncs++
		d.given++
	}
	s.commits++
	if !d.db.NoSync {
		s.syncs += 2 + uint64(d.syncs) // data pages, then the meta page
	}
	s.wear.spend(s.now(), s.o.DailyWrites, d.wrote+d.zeroes+journalPerCommit+int64(d.given)*journalPerGrowth)
	d.zeroes, d.given, d.syncs = 0, 0, 0
}
