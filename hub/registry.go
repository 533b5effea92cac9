package hub

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"sync"
	"time"
)

// registry knows the devices, their modules and the shared access policies.
type registry struct {
	hub      *Hub
	policies map[string]policy // fixed once made

	mu             sync.Mutex
	devices        map[string]*device // by name
	lastGeneration int64
	starts         uint32
}

func newRegistry(h *Hub, kept *state) (*registry, error) {
	r := &registry{hub: h, devices: make(map[string]*device), starts: kept.Starts + 1}
	var err error
	if r.policies, err = kept.policies(h.opts.Dir); err != nil {
		return nil, err
	}
	for _, modules := range []bool{false, true} { // a module needs its device
		for i, k := range kept.Devices {
			if (k.ModuleID != "") != modules {
				continue
			}
			if fault := r.restore(k); fault != nil {
				err = errors.Join(err, stateError(h.opts.Dir, kept.text, deviceAt(kept.text, i), fault))
			}
		}
	}
	if err != nil {
		return nil, err
	}
	return r, r.save()
}

// restore puts back one kept identity.
func (r *registry) restore(k keptDevice) error {
	d, err := k.device()
	if err != nil {
		return err
	}
	if d.module != "" {
		if d.parent = r.devices[d.id]; d.parent == nil {
			return fmt.Errorf("module %q: %w", d.name(), ErrDeviceNotFound)
		}
	}
	if r.devices[d.name()] != nil {
		return fmt.Errorf("device %q: %w", d.name(), ErrDeviceExists)
	}
	d.equip(r.hub)
	r.devices[d.name()] = d
	if n, err := strconv.ParseInt(d.generation, 10, 64); err == nil {
		r.lastGeneration = max(r.lastGeneration, n)
	}
	return nil
}

// add makes a new identity and keeps it. One that exists is returned as it is
// with ErrDeviceExists.
func (r *registry) add(id, module string, c credentials) (Device, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d := &device{id: id, module: module, settings: settings{credentials: c}}
	name := d.name()
	if older := r.devices[name]; older != nil {
		return older.public(), fmt.Errorf("device %q: %w", name, ErrDeviceExists)
	}
	if module != "" {
		if d.parent = r.devices[id]; d.parent == nil {
			return Device{}, fmt.Errorf("device %q: %w", id, ErrDeviceNotFound)
		}
		if len(r.modules(d.parent)) >= maxModules {
			return Device{}, fmt.Errorf("device %q: has %d modules, the most there can be", id, maxModules)
		}
	}
	r.lastGeneration = max(r.lastGeneration+1, ticks(time.Now()))
	d.generation = strconv.FormatInt(r.lastGeneration, 10)
	d.equip(r.hub)
	r.devices[name] = d
	if err := r.save(); err != nil {
		delete(r.devices, name)
		return Device{}, fmt.Errorf("device %q: %w", name, err)
	}
	return d.public(), nil
}

// held is an identity and the connection that had its links when it changed.
type held struct {
	*device
	owner *peer
}

// remove forgets an identity, a device with its modules, and returns what is
// gone. What cannot be kept does not happen.
func (r *registry) remove(name string) ([]held, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, err := r.find(name)
	if err != nil {
		return nil, err
	}
	gone := append([]*device{d}, r.modules(d)...)
	for _, d := range gone {
		delete(r.devices, d.name())
	}
	if err := r.save(); err != nil {
		for _, d := range gone {
			r.devices[d.name()] = d
		}
		return nil, fmt.Errorf("device %q: %w", name, err)
	}
	list := make([]held, 0, len(gone))
	for _, d := range gone {
		d.removed.Store(true)
		list = append(list, held{d, d.owner})
	}
	r.hub.twins.changed()
	return list, nil
}

// change applies f to the settings of an identity and keeps the result. It
// returns the identity as it is then, and its modules. What cannot be kept does
// not happen.
func (r *registry) change(name string, f func(*device) error) (Device, []held, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	d, err := r.find(name)
	if err != nil {
		return Device{}, nil, err
	}
	before := d.settings
	if err = f(d); err == nil {
		err = r.save()
	}
	if err != nil {
		d.settings = before
		return Device{}, nil, fmt.Errorf("device %q: %w", name, err)
	}
	concerned := []held{{d, d.owner}}
	for _, m := range r.modules(d) {
		concerned = append(concerned, held{m, m.owner})
	}
	return d.public(), concerned, nil
}

// find returns an identity; the caller holds mu.
func (r *registry) find(name string) (*device, error) {
	if d := r.devices[name]; d != nil {
		return d, nil
	}
	return nil, fmt.Errorf("device %q: %w", name, ErrDeviceNotFound)
}

// modules returns the modules of a device; the caller holds mu.
func (r *registry) modules(parent *device) []*device {
	var list []*device
	for _, d := range r.devices {
		if d.parent == parent {
			list = append(list, d)
		}
	}
	return list
}

func (r *registry) lookup(name string) *device {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.devices[name]
}

// canonical replaces identifiers that are still percent-encoded by those the
// registry knows.
func (r *registry) canonical(res resource) resource {
	name := res.identity()
	if name == "" || r.lookup(name) != nil {
		return res
	}
	res = append(resource(nil), res...)
	res[1] = unescape(res[1])
	if res.moduleID() != "" {
		res[3] = unescape(res[3])
	}
	return res
}

// all returns every identity by name.
func (r *registry) all() []*device {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]*device, 0, len(r.devices))
	for _, d := range r.devices {
		list = append(list, d)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name() < list[j].name() })
	return list
}

// credentials returns an identity and what it authenticates with, or why it must
// not connect.
func (r *registry) credentials(name string) (*device, credentials, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch d := r.devices[name]; {
	case d == nil:
		return nil, credentials{}, &barredError{name, r.hub.names.hub(), "not registered"}
	case d.barred():
		return nil, credentials{}, &barredError{name, r.hub.names.hub(), "is disabled"}
	default:
		return d, d.credentials, nil
	}
}

// take makes p the connection of d and returns the one it was taken from, if
// any. It fails when the device may not connect.
func (r *registry) take(d *device, p *peer) (from *peer, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if d.barred() {
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
