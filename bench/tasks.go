package main

import (
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	settleTime = 2 * time.Second  // an idle process is looked at after this
	kept       = 100              // readings left in the queue while commits after a drain are measured
	smallFile  = 32 * mib         // what an empty queue's file may have
	shrinkTime = 60 * time.Second // within this
)

// childFill fills the store and closes it.
func childFill(t task) (answer, *queue, error) {
	q, err := startQueue(queueOptions(t.Dir), false)
	if err != nil {
		return answer{}, nil, err
	}
	return answer{}, q, fill(q, newSampler(9), t.Count, t.Group)
}

// childOpen opens the store, looks at the memory, and commits a little.
func childOpen(t task) (answer, *queue, error) {
	var a answer
	var err error
	if a.Base, err = readMemory(false); err != nil {
		return a, nil, err
	}
	q, err := startQueue(queueOptions(t.Dir), t.Append)
	if err != nil {
		return a, nil, err
	}
	a.Ready, a.Taken = q.ready.Seconds(), q.taken.Seconds()
	time.Sleep(settleTime)
	if a.Idle, err = readMemory(false); err != nil {
		return a, nil, err
	}
	return a, q, q.enqueue(newSampler(11).group(t.Group))
}

// childDrain drains all but a few, measures what commits cost then, drains the
// rest and waits for the file to become small.
func childDrain(t task) (answer, *queue, error) {
	var a answer
	var err error
	if a.Base, err = readMemory(false); err != nil {
		return a, nil, err
	}
	q, err := startQueue(queueOptions(t.Dir), false)
	if err != nil {
		return a, nil, err
	}
	if err := resetPeak(); err != nil {
		return a, nil, err
	}
	if err := q.drain(q.queued() - kept); err != nil {
		return a, nil, err
	}
	if a.Peak, err = readMemory(true); err != nil {
		return a, nil, err
	}
	if a.Drained, err = readMemory(false); err != nil {
		return a, nil, err
	}
	b := bench{dev: t.Device}
	if a.Freshly, err = b.pacedCommits(q, t.Dir, newSampler(13), t.Group, pacedCount, slowEvery); err != nil {
		return a, nil, err
	}
	if err := q.drainAll(); err != nil {
		return a, nil, err
	}
	if a.FileEmpty, err = fileSize(t.Dir); err != nil {
		return a, nil, err
	}
	a.FileEnd = a.FileEmpty
	for began := time.Now(); a.FileEnd > smallFile && time.Since(began) < shrinkTime; {
		time.Sleep(100 * time.Millisecond)
		if a.FileEnd, err = fileSize(t.Dir); err != nil {
			return a, nil, err
		}
		a.Shrunk = time.Since(began).Seconds()
	}
	return a, q, nil
}

func fileSize(dir string) (int64, error) {
	info, err := os.Stat(queueFile(dir))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// childRate drains a layout as fast as it can.
func childRate(t task) (answer, *queue, error) {
	l, err := layoutNamed(t.Layout)
	if err != nil {
		return answer{}, nil, err
	}
	q, err := l.open(t.Dir, openOptions{})
	if err != nil {
		return answer{}, nil, err
	}
	began := time.Now()
	if err := q.drain(t.Count); err != nil {
		return answer{}, nil, err
	}
	return answer{Rate: float64(t.Count) / time.Since(began).Seconds()}, nil, q.close()
}

// childProbe reads single pages at random, to see what the device gives.
func childProbe(t task) (answer, *queue, error) {
	f, err := os.Open(queueFile(t.Dir))
	if err != nil {
		return answer{}, nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return answer{}, nil, err
	}
	if err := unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_RANDOM); err != nil {
		return answer{}, nil, err
	}
	rng, page := rand.New(rand.NewPCG(1, 2)), make([]byte, 4096)
	began := time.Now()
	for range t.Count {
		if _, err := f.ReadAt(page, rng.Int64N(info.Size()/4096)*4096); err != nil {
			return answer{}, nil, fmt.Errorf("probe: %w", err)
		}
	}
	return answer{IOPS: float64(t.Count) / time.Since(began).Seconds()}, nil, nil
}

// childCommits makes commits between two removals of a file that is not there,
// which show up in a trace.
func childCommits(t task) (answer, *queue, error) {
	var a answer
	q, err := startQueue(queueOptions(t.Dir), false)
	if err != nil {
		return a, nil, err
	}
	s := newSampler(uint64(t.Group))
	if t.Recycle {
		n := (t.Count+2*pacedWarm)*t.Group + youngFile
		if err := fill(q, s, n, 500); err != nil {
			return a, nil, err
		}
		if err := q.drain(n - kept); err != nil {
			return a, nil, err
		}
	}
	if err := fill(q, s, pacedWarm*t.Group, t.Group); err != nil {
		return a, nil, err
	}
	st := q.s.Stats()
	l := lull{dev: t.Device, dir: t.Dir, every: slowEvery}
	u, err := t.Device.measure(func() error {
		_ = os.Remove(t.Mark) // not there
		for range t.Count {
			l.tick()
			if err := q.enqueue(s.group(t.Group)); err != nil {
				return err
			}
			if err := l.pass(); err != nil {
				return err
			}
		}
		_ = os.Remove(t.Mark) // not there
		return nil
	})
	if err != nil {
		return a, nil, err
	}
	end := q.s.Stats()
	a.Bytes, a.OwnSyncs, a.Commits, a.Written = u.bytes, l.syncs, end.Commits-st.Commits, end.WrittenToday-st.WrittenToday
	return a, q, nil
}
