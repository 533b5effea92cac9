//go:build linux && proof

package crash

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"

	"fieldpost/store"
)

// page is the page size of the file, in bytes.
const page = 4096

// damage is one class of what can befall a folder.
type damage struct {
	name string
	// spoil changes the content of the queue file; nil when harm does something else.
	spoil func(rnd *rand.Rand, file []byte) []byte
	// harm changes the folder.
	harm func(rnd *rand.Rand, dir string) error
	// least is the share of the records that must come on average, in percent: what
	// the damage leaves of a queue of some hundred pages, by the worst of draws. Apart from that every record
	// must come that lies on a page which is as it was.
	least float64
	// plain: the judge must not be root. restore names what is to be made accessible.
	plain   bool
	restore []string
	// base is what is damaged instead of a queue of agents.
	base func() *base
}

func pages(file []byte) int { return len(file) / page }

// inUse is how much of the file was ever written, in bytes: behind it is space that
// is held for later, and damage there tells nothing.
func inUse(file []byte) int {
	n := pages(file)
	for n > 2 && len(bytes.Trim(at(file, n-1), "\x00")) == 0 {
		n--
	}
	return n * page
}

func at(file []byte, n int) []byte { return file[n*page : (n+1)*page] }

func garbage(rnd *rand.Rand, b []byte) {
	for i := range b {
		b[i] = byte(rnd.Uint32())
	}
}

// each does f to n pages behind the metas.
func each(rnd *rand.Rand, file []byte, n int, f func([]byte)) []byte {
	for range n {
		f(at(file, 2+rnd.IntN(pages(file)-2)))
	}
	return file
}

// damages are all classes.
var damages = []damage{
	{name: "nothing", spoil: func(_ *rand.Rand, f []byte) []byte { return f }, least: 100},
	{name: "one meta page zero", spoil: func(rnd *rand.Rand, f []byte) []byte { clear(at(f, rnd.IntN(2))); return f }, least: 100},
	{name: "both meta pages zero", spoil: func(_ *rand.Rand, f []byte) []byte { clear(f[:2*page]); return f }, least: 100},
	{name: "both meta pages garbage", spoil: func(rnd *rand.Rand, f []byte) []byte { garbage(rnd, f[:2*page]); return f }, least: 100},
	{name: "one page zero", spoil: func(rnd *rand.Rand, f []byte) []byte { return each(rnd, f, 1, func(p []byte) { clear(p) }) }, least: 95},
	{name: "one page garbage", spoil: func(rnd *rand.Rand, f []byte) []byte { return each(rnd, f, 1, func(p []byte) { garbage(rnd, p) }) }, least: 95},
	{name: "one bit", spoil: func(rnd *rand.Rand, f []byte) []byte { return bits(rnd, f, 1) }, least: 99},
	{name: "twenty bits", spoil: func(rnd *rand.Rand, f []byte) []byte { return bits(rnd, f, 20) }, least: 85},
	{name: "twenty pages zero", spoil: func(rnd *rand.Rand, f []byte) []byte { return each(rnd, f, 20, func(p []byte) { clear(p) }) }, least: 50},
	{name: "twenty pages garbage", spoil: func(rnd *rand.Rand, f []byte) []byte { return each(rnd, f, 20, func(p []byte) { garbage(rnd, p) }) }, least: 50},
	{name: "half of the pages garbage", spoil: func(rnd *rand.Rand, f []byte) []byte {
		return each(rnd, f, pages(f)*7/10, func(p []byte) { garbage(rnd, p) })
	}, least: 25},
	{name: "a page in another's place", spoil: func(rnd *rand.Rand, f []byte) []byte {
		copy(at(f, rnd.IntN(pages(f))), at(f, rnd.IntN(pages(f))))
		return f
	}, least: 95},
	{name: "sectors in others' places", spoil: func(rnd *rand.Rand, f []byte) []byte {
		for range 10 {
			to, from := rnd.IntN(len(f)/sector), rnd.IntN(len(f)/sector)
			copy(f[to*sector:(to+1)*sector], f[from*sector:(from+1)*sector])
		}
		return f
	}, least: 80},
	{name: "every page header", spoil: func(rnd *rand.Rand, f []byte) []byte {
		for n := range pages(f) {
			at(f, n)[rnd.IntN(16)] ^= byte(1 + rnd.IntN(255))
		}
		return f
	}, least: 100},
	{name: "cut off anywhere", spoil: func(rnd *rand.Rand, f []byte) []byte { return f[:rnd.IntN(len(f))] }},
	{name: "last tenth cut off", spoil: func(rnd *rand.Rand, f []byte) []byte { return f[:len(f)-1-rnd.IntN(len(f)/10)] }, least: 75},
	{name: "last tenth zero", spoil: func(rnd *rand.Rand, f []byte) []byte { clear(f[len(f)-1-rnd.IntN(len(f)/10):]); return f }, least: 75},
	{name: "foreign file", spoil: foreign},
	{name: "old format", base: oldFormat},
	{name: "removed", harm: func(_ *rand.Rand, dir string) error { return os.Remove(filepath.Join(dir, "queue.db")) }},
	{name: "something else in its place", harm: otherThing},
	{name: "no permission", harm: locked, plain: true, restore: []string{"closed", "queue.db", "."}, least: 100},
	{name: "identity", harm: badIdentity, least: 100},
	{name: "leftovers", harm: leftovers, least: 100},
}

func bits(rnd *rand.Rand, f []byte, n int) []byte {
	for range n {
		f[rnd.IntN(len(f))] ^= 1 << rnd.IntN(8)
	}
	return f
}

func foreign(rnd *rand.Rand, _ []byte) []byte {
	n := rnd.IntN(200_000)
	switch rnd.IntN(6) {
	case 0:
		return nil
	case 1:
		return bytes.Repeat([]byte("Nov 21 22:22:22 gw kernel: mmc0: card never left busy state\n"), 1+n/60)
	case 2:
		return make([]byte, n)
	case 3:
		return bytes.Repeat([]byte{0xff}, n)
	case 4:
		return append([]byte("SQLite format 3\x00"), make([]byte, n)...)
	}
	b := make([]byte, n)
	garbage(rnd, b)
	return b
}

//go:embed testdata/format1.db.gz
var format1 []byte

// oldFormat is a queue with 40 records and one begun command, as format 1 had it.
func oldFormat() *base {
	z, err := gzip.NewReader(bytes.NewReader(format1))
	if err != nil {
		panic(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		panic(err)
	}
	c := newClaims()
	for n := range uint64(40) {
		id := store.ID{Store: [8]byte{0x0a, 0x73, 0x31, 0xca, 0x46, 0x6e, 0x55, 0x63}, Epoch: 1, Class: store.Telemetry, Seq: n + 1}.String()
		c.durable[id], c.appended[id] = "", ""
	}
	c.begun[oldCommand] = false
	return &base{name: "format 1", files: map[string][]byte{"queue.db": b, "identity": []byte(`{"store":"0a7331ca466e5563","epoch":1}`)}, claims: c}
}

// What the queue of format 1 holds carries no checksum of its own.
const (
	oldSubject = "bench"
	oldCommand = "old"
)

// otherThing puts something that is no file where the queue file was.
func otherThing(rnd *rand.Rand, dir string) error {
	path := filepath.Join(dir, "queue.db")
	if err := os.Remove(path); err != nil {
		return err
	}
	switch rnd.IntN(5) {
	case 0:
		return os.Mkdir(path, 0o700)
	case 1:
		return os.MkdirAll(filepath.Join(path, "lost+found", "x"), 0o700)
	case 2:
		return syscall.Mkfifo(path, 0o600)
	case 3:
		return os.Symlink("/nonexistent/queue.db", path)
	}
	return os.Symlink("queue.db", path)
}

// locked takes rights away: those to the file, which the store gives itself again;
// those to its folder; or those to a folder on the way, so that not even where the
// file lies can be told.
func locked(rnd *rand.Rand, dir string) error {
	path, closed := filepath.Join(dir, "queue.db"), filepath.Join(dir, "closed")
	switch rnd.IntN(3) {
	case 0:
		return os.Chmod(dir, 0o500)
	case 1:
		return os.Chmod(path, 0)
	}
	return errors.Join(os.Mkdir(closed, 0o700), os.Rename(path, filepath.Join(closed, "queue.db")),
		os.Symlink(filepath.Join("closed", "queue.db"), path), os.Chmod(closed, 0))
}

func badIdentity(rnd *rand.Rand, dir string) error {
	path := filepath.Join(dir, "identity")
	b := make([]byte, rnd.IntN(100))
	switch rnd.IntN(4) {
	case 0:
		return os.Remove(path)
	case 1:
		garbage(rnd, b)
	case 2:
		if err := os.Remove(path); err != nil {
			return err
		}
		return os.Mkdir(path, 0o700)
	}
	return os.WriteFile(path, b, 0o600)
}

// leftovers are what an interrupted start may leave, with anything in it.
func leftovers(rnd *rand.Rand, dir string) error {
	for _, name := range []string{"queue.db.new", "identity.new", ".opening", "corrupt-1"} {
		b := make([]byte, rnd.IntN(10_000))
		path := filepath.Join(dir, name)
		var err error
		switch rnd.IntN(4) {
		case 0:
			err = os.WriteFile(path, b, 0o600)
		case 1:
			garbage(rnd, b)
			err = os.WriteFile(path, b, 0o600)
		case 2:
			err = os.Mkdir(path, 0o700)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
