package provision

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// A worn card takes its time, and a unit that is started waits for it: 90 s by
// systemd's default.
const (
	lockWithin = 30 * time.Second
	lockEvery  = 100 * time.Millisecond
)

// ErrBusy is the error of a Take whose folder another one keeps.
var ErrBusy = errors.New("another provisioning is under way")

// open opens the folder that keeps what is taken, and makes it when there is something
// to take. None at all is needed when there is not.
func (o Options) open(d *disk) (*os.File, error) {
	folder, err := os.Open(string(o.To))
	if !errors.Is(err, fs.ErrNotExist) {
		return folder, err
	}
	given, err := o.given()
	if err != nil || len(given) == 0 {
		return nil, err
	}
	if err := d.makeFolder(string(o.To)); err != nil {
		return nil, err
	}
	return os.Open(string(o.To))
}

// lock waits until no other Take works on the folder. It is locked until it is closed.
func lock(ctx context.Context, folder *os.File) error {
	for end := time.Now().Add(lockWithin); ; time.Sleep(lockEvery) {
		switch ours, err := tryLock(folder); {
		case err != nil:
			return fmt.Errorf("lock %s: %w", folder.Name(), err)
		case ours:
			return nil
		case ctx.Err() != nil, !time.Now().Before(end):
			return &Error{fmt.Errorf("%s: %w", folder.Name(), ErrBusy), "provision again when it has ended"}
		}
	}
}
