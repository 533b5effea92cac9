//go:build linux && proof

package crash

import (
	"errors"
	"os"
	"syscall"
)

// state brings the disk to a state, and judges the store on a snapshot of it: what
// ext4 and the judge write goes to /dev/vdc and is forgotten.
func (g *guest) state(e errand, a *answer) (err error) {
	if g.disk == nil {
		if g.disk, err = openReplayed(); err != nil {
			return err
		}
	}
	if err := g.disk.goOn(e.State.Entries); err != nil {
		return err
	}
	sectors, err := sectorsOf("/dev/vda")
	if err != nil {
		return err
	}
	const name = "state"
	node, err := dmDevice(name, sectors, "snapshot", "/dev/vda /dev/vdc N 8")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dmGone(name)) }()
	if e.State.Partial != 0 {
		if err := g.disk.addPart(node, e.State); err != nil {
			return err
		}
	}
	if err := mount(node); err != nil {
		return err
	}
	a.judge(e.Job)
	return syscall.Unmount(guestDisk, 0)
}

// addPart writes what a state holds of unflushed writes.
func (r *replayed) addPart(node string, s diskState) error {
	f, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	for _, p := range partial(r.entries, s.Entries, s.Partial) {
		if err = r.copy(f, p); err != nil {
			break
		}
	}
	return errors.Join(err, f.Sync(), f.Close())
}
