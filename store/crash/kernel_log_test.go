//go:build linux && proof

package crash

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"strings"
)

// The format of dm-log-writes, from drivers/md/dm-log-writes.c. A write stands in
// the log when the disk had to have it: at the flush that follows it, or at once
// when it was made with FUA.
const (
	logMagic = 0x6a736677736872

	logFlush   = 1 << 0
	logFUA     = 1 << 1
	logDiscard = 1 << 2
	logMark    = 1 << 3
)

// logged is one entry of a log of writes.
type logged struct {
	sector  uint64 // on the disk, of 512 bytes
	sectors uint64
	flags   uint64
	at      int64  // of the data in the log, in bytes
	mark    string // what an agent's mark says
}

// readLog lists the entries of a log.
func readLog(r io.ReaderAt) ([]logged, error) {
	le := binary.LittleEndian
	b := make([]byte, 512)
	if _, err := r.ReadAt(b, 0); err != nil {
		return nil, err
	}
	if magic, version, size := le.Uint64(b), le.Uint64(b[8:]), le.Uint32(b[24:]); magic != logMagic || version != 1 || size != 512 {
		return nil, fmt.Errorf("no log of writes: magic %#x, version %d, sectors of %d bytes", magic, version, size)
	}
	all := make([]logged, le.Uint64(b[16:]))
	at := int64(512)
	for i := range all {
		if _, err := r.ReadAt(b, at); err != nil {
			return nil, fmt.Errorf("log entry %d: %w", i, err)
		}
		at += 512
		e := logged{sector: le.Uint64(b), sectors: le.Uint64(b[8:]), flags: le.Uint64(b[16:]), at: at}
		switch n := le.Uint64(b[24:]); {
		case e.flags&logDiscard != 0:
			return nil, fmt.Errorf("log entry %d is a discard, which is not replayed", i)
		case e.flags&logMark != 0 && n > 480:
			return nil, fmt.Errorf("log entry %d is a mark of %d bytes", i, n)
		case e.flags&logMark != 0:
			e.mark, e.sectors = strings.TrimRight(string(b[32:32+n]), "\x00"), 0
		}
		at += int64(e.sectors) * 512
		all[i] = e
	}
	return all, nil
}

// diskState is one state of a disk whose writes were logged.
type diskState struct {
	Entries int    // so many are on it
	Partial uint64 // what follows up to the next flush, in part: seed; 0 = nothing of it
}

// piece is a part of a logged write.
type piece struct {
	sector, sectors uint64
	at              int64
}

// partial is what may be on the disk of the writes that follow the first n entries,
// when it dies before the next flush: each may be there, be missing, or be torn at a
// sector. A write that is a flush itself comes after all others.
func partial(all []logged, n int, seed uint64) []piece {
	rnd := rand.New(rand.NewPCG(seed, 1))
	for n < len(all) && all[n].sectors == 0 {
		n++
	}
	var open []logged
	for _, e := range all[n:] {
		if e.sectors == 0 || e.flags != e.flags&^(logFlush|logFUA) {
			break
		}
		open = append(open, e)
	}
	if len(open) == 0 && n < len(all) {
		open = all[n : n+1]
	}
	var some []piece
	for _, e := range open {
		switch rnd.IntN(4) {
		case 0:
		case 1:
			some = append(some, piece{e.sector, e.sectors, e.at})
		default:
			if e.sector < superblockEnd {
				break
			}
			for i := range e.sectors {
				if rnd.IntN(2) == 0 {
					some = append(some, piece{e.sector + i, 1, e.at + int64(i)*512})
				}
			}
		}
	}
	return some
}

// superblockEnd: ext4 relies on the first block being written whole, as its
// superblock has two sectors and one checksum.
const superblockEnd = 8

// replayed is a disk that is brought to one state after the other.
type replayed struct {
	log, disk *os.File
	entries   []logged
	done      int // so many are on the disk
}

// openReplayed takes /dev/vda, which is as it was before the log /dev/vdb began.
func openReplayed() (*replayed, error) {
	log, err := os.Open("/dev/vdb")
	if err != nil {
		return nil, err
	}
	disk, err := os.OpenFile("/dev/vda", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	r := &replayed{log: log, disk: disk}
	r.entries, err = readLog(log)
	return r, err
}

func (r *replayed) copy(to *os.File, p piece) error {
	b := make([]byte, p.sectors*512)
	_, err := r.log.ReadAt(b, p.at)
	if err == nil {
		_, err = to.WriteAt(b, int64(p.sector)*512)
	}
	return err
}

// goOn puts entries on the disk until so many are there.
func (r *replayed) goOn(entries int) error {
	if entries < r.done || entries > len(r.entries) {
		return fmt.Errorf("%d of %d entries, of %d", r.done, entries, len(r.entries))
	}
	for _, e := range r.entries[r.done:entries] {
		if err := r.copy(r.disk, piece{e.sector, e.sectors, e.at}); err != nil {
			return err
		}
	}
	r.done = entries
	return r.disk.Sync()
}
