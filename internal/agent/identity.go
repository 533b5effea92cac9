package agent

import (
	"os"
	"sync"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/uplink"
)

// identity reads who this gateway is at every attempt to connect, and while it is
// connected, so that what is put in place later is found without a restart.
type identity struct {
	hub    config.Hub
	clock  clock.Clock
	awaits string // see Parts

	reading sync.Mutex    // held while files are looked at, which may take long
	files   []os.FileInfo // as they were before last was read; nil when it is not to be kept
	last    uplink.Identity

	mu     sync.Mutex
	device string // the device id read last, for tenants that need it in their addresses
}

// awaiting is the error of an agent whose identity is still to be brought.
type awaiting string

func (a awaiting) Error() string { return "waiting for " + string(a) }

// Hint returns the next move.
func (a awaiting) Hint() string { return "put one in place and start the agent again" }

// noHub is the error of an agent that samples and queues only.
type noHub struct{}

func (noHub) Error() string { return "no hub is configured: hub.connection_string_file is not set" }

// Hint returns the next move.
func (noHub) Hint() string { return hintNoHub }

const hintNoHub = "set hub.connection_string_file to a file with the device's primary connection string; until then the agent samples, queues and sends nothing"

// read returns the identity as the files say now. Errors name the key of the
// configuration and the file, never its content.
func (i *identity) read() (uplink.Identity, error) {
	if i.hub.ConnectionStringFile == "" {
		if i.awaits != "" {
			return uplink.Identity{}, awaiting(i.awaits)
		}
		return uplink.Identity{}, noHub{}
	}
	i.reading.Lock()
	defer i.reading.Unlock()
	if files := look(i.hub); files == nil || !same(files, i.files) {
		id, faults := assemble(i.hub)
		if len(faults) > 0 {
			i.files = nil
			return uplink.Identity{}, faults[0]
		}
		i.files, i.last = files, id
		i.named(id.DeviceID)
	}
	// A clock that nobody vouches for is no reason not to try.
	if now := i.clock.Now(); now.Trust == clock.TrustSynced {
		if f := outOfTime(i.hub, i.last, now.Wall); f != nil {
			return uplink.Identity{}, f
		}
	}
	return i.last, nil
}

func (i *identity) named(device string) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.device = device
}

// deviceID returns the device id of the identity read last, or "".
func (i *identity) deviceID() string {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.device
}

// settled is how old a file must be for its time to tell it from another one of
// the same size.
const settled = 2 * time.Second

// look returns how the files of an identity are, or nil when one is missing or
// has just been written.
func look(hub config.Hub) []os.FileInfo {
	var found []os.FileInfo
	for _, path := range []string{hub.ConnectionStringFile, hub.CAFile, hub.CertificateFile, hub.KeyFile, hub.SASTokenFile} {
		if path == "" {
			continue
		}
		info, err := os.Stat(path)
		if err != nil || time.Since(info.ModTime()).Abs() < settled {
			return nil
		}
		found = append(found, info)
	}
	return found
}

func same(a, b []os.FileInfo) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !os.SameFile(a[i], b[i]) || a[i].Size() != b[i].Size() || !a[i].ModTime().Equal(b[i].ModTime()) {
			return false
		}
	}
	return true
}
