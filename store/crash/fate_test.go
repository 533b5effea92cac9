//go:build linux && proof

package crash

import (
	"bytes"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// fate is what becomes of that which is not durable.
type fate int

const (
	fateKept      fate = iota // all of it is there: the process was killed, nothing more
	fateGone                  // none of it
	fateMixed                 // each write kept, torn or dropped
	fateScattered             // each sector for itself
	fateLate                  // only the later writes: the device turned the order round
	fateOneTorn               // all but one write, which is torn
	fates
)

func (f fate) String() string {
	return [...]string{"kept", "gone", "mixed", "scattered", "late", "one torn"}[f]
}

// crash writes the folder that a power cut leaves now into root, which is empty.
func (d *simdisk) crash(root string, f fate, rnd *rand.Rand) error {
	names := maps.Clone(d.durable)
	for _, n := range d.pending[:prefix(f, len(d.pending), rnd)] {
		n.apply(names)
	}
	for _, p := range slices.Sorted(maps.Keys(names)) {
		if _, ok := names[filepath.Dir(p)]; !ok {
			continue // in a folder that is not there
		}
		n, to := names[p], filepath.Join(root, p)
		var err error
		if n.folder {
			err = os.MkdirAll(to, 0o700)
		} else {
			err = os.WriteFile(to, n.crash(f, rnd), 0o600)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// prefix is how many of n changes that keep their order are there.
func prefix(f fate, n int, rnd *rand.Rand) int {
	switch {
	case f == fateGone:
		return 0
	case f == fateKept, rnd.IntN(2) == 0:
		return n
	default:
		return rnd.IntN(n + 1)
	}
}

// crash is the content of n after a power cut. A sector holds what the page cache
// held at one moment, never a mixture.
func (n *node) crash(f fate, rnd *rand.Rand) []byte {
	sized := prefix(f, len(n.ops), rnd)
	special := 0 // the first that is kept, or the one that is torn
	if len(n.ops) > 0 {
		special = rnd.IntN(len(n.ops))
	}
	cache, out := bytes.Clone(n.disk), bytes.Clone(n.disk)
	size := int64(len(n.disk))
	for i, o := range n.ops {
		cache = o.apply(cache)
		if i < sized {
			size = int64(len(cache))
		}
		if o.data == nil {
			if i < sized {
				out = o.apply(out)
			}
			continue
		}
		keep := keeper(f, i, special, rnd)
		for s := o.off / sector; s*sector < o.off+int64(len(o.data)); s++ {
			if !keep() {
				continue
			}
			end := min((s+1)*sector, int64(len(cache)))
			if end > int64(len(out)) {
				out = resize(out, end)
			}
			copy(out[s*sector:end], cache[s*sector:end])
		}
	}
	return resize(out, size)
}

// keeper says of the sectors of one write, one after the other, which are kept.
func keeper(f fate, i, special int, rnd *rand.Rand) func() bool {
	always := func(yes bool) func() bool { return func() bool { return yes } }
	torn := func() bool { return rnd.IntN(2) == 0 }
	switch f {
	case fateGone:
		return always(false)
	case fateMixed:
		switch p := rnd.IntN(10); {
		case p < 4:
			return always(true)
		case p < 7:
			return torn
		}
		return always(false)
	case fateScattered:
		return torn
	case fateLate:
		return always(i >= special)
	case fateOneTorn:
		if i == special {
			return torn
		}
	}
	return always(true)
}
