package hub

import (
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
)

// device is the registry's own entry.
type device struct {
	id         string
	generation string
	queue      *queue
	removed    atomic.Bool // for good; a device of the same id is another one

	// entering is held while a connection takes the device, opens its link and
	// evicts the older connection: the last to take is the last to open.
	entering sync.Mutex

	// The rest is guarded by registry.mu.
	primary   Key
	secondary Key
	disabled  bool
	owner     *peer // the connection that holds the device's links, the newest
}

// registry knows the devices and the shared access policies.
type registry struct {
	hub      *Hub
	policies map[string]policy // fixed once made

	mu             sync.Mutex
	devices        map[string]*device
	lastGeneration int64
	starts         uint32
}

func newRegistry(h *Hub, kept *state) (*registry, error) {
	r := &registry{hub: h, devices: make(map[string]*device), starts: kept.Starts + 1}
	var err error
	if r.policies, err = kept.policies(); err != nil {
		return nil, err
	}
	for _, k := range kept.Devices {
		d, err := k.device()
		if err != nil {
			return nil, err
		}
		d.queue = newQueue(h, d)
		r.devices[d.id] = d
		if n, err := strconv.ParseInt(d.generation, 10, 64); err == nil {
			r.lastGeneration = max(r.lastGeneration, n)
		}
	}
	return r, r.save()
}

// change applies f to a device and keeps the result. It returns the connection
// that held the device's links.
func (r *registry) change(id string, f func(*device)) (*device, *peer, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.devices[id]
	if d == nil {
		return nil, nil, fmt.Errorf("device %q: %w", id, ErrDeviceNotFound)
	}
	f(d)
	if err := r.save(); err != nil {
		return nil, nil, fmt.Errorf("device %q: %w", id, err)
	}
	return d, d.owner, nil
}

func (r *registry) lookup(id string) *device {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.devices[id]
}

// canonical replaces a device identifier that is still percent-encoded by the
// one the registry knows.
func (r *registry) canonical(res resource) resource {
	id := res.deviceID()
	if id == "" || r.lookup(id) != nil {
		return res
	}
	res = append(resource(nil), res...)
	res[1] = unescape(id)
	return res
}

func (r *registry) all() []*device {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*device, 0, len(r.devices))
	for _, d := range r.devices {
		list = append(list, d)
	}
	return list
}

// keys returns the device and its keys, or nil when it must not connect.
func (r *registry) keys(id string) (d *device, primary, secondary Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d = r.devices[id]
	if d == nil || d.disabled {
		return nil, Key{}, Key{}
	}
	return d, d.primary, d.secondary
}

// take makes p the connection of d and returns the one it was taken from, if
// any. It fails when the device may not connect.
func (r *registry) take(d *device, p *peer) (from *peer, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.removed.Load() || d.disabled {
		return nil, false
	}
	from, d.owner = d.owner, p
	if from == p {
		from = nil
	}
	return from, true
}

// leave undoes take, unless a newer connection has taken the device already.
func (r *registry) leave(d *device, p *peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.owner == p {
		d.owner = nil
	}
}
