package contact

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/sensors"
)

type off struct{}

func (off) On() (bool, error) { return false, nil }
func (off) Close() error      { return nil }

// TestCountThatMayNotBeRead: pulses are counted beside it, it stays as it is, and is
// added once it may be read. Its rights come back without anybody's telling.
func TestCountThatMayNotBeRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		file := filepath.Join(t.TempDir(), "count")
		if err := os.WriteFile(file, []byte("40\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		denied := true
		c := &counter{file: file, line: off{}, read: func(path string) ([]byte, error) {
			if denied {
				return nil, fs.ErrPermission
			}
			return os.ReadFile(path)
		}}
		c.load()
		sense := func(num float64, q sensors.Quality, holds string) {
			t.Helper()
			vs, err := c.Sense(t.Context())
			if err != nil || vs[0].Num != num || vs[0].Quality != q {
				t.Errorf("%+v, %v, want %v %v", vs, err, num, q)
			}
			if b, err := os.ReadFile(file); err != nil || string(b) != holds {
				t.Errorf("the file holds %q, %v, want %q", b, err, holds)
			}
		}
		sense(0, sensors.Suspect, "40\n")
		c.count.Add(2)
		sense(2, sensors.Suspect, "40\n")
		time.Sleep(SaveEvery)
		denied = false
		sense(42, sensors.Good, "42\n")
	})
}
