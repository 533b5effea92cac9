package hub

import (
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// device is the registry's own entry: a device, or a module of one.
type device struct {
	id         string // of the device, also when this is a module
	module     string // "" for the device itself
	parent     *device
	generation string
	queue      *queue
	twin       *twin
	methods    *methods
	removed    atomic.Bool // for good; a device of the same id is another one

	// entering is held while a connection takes the device, opens its link and
	// evicts the older connection: the last to take is the last to open.
	entering sync.Mutex

	// The rest is guarded by registry.mu.
	settings
	owner *peer // the connection that holds the device's links, the newest
}

// path is where the links of an identity begin.
func (d *device) path() string {
	path := "/devices/" + url.PathEscape(d.id)
	if d.module != "" {
		path += "/modules/" + url.PathEscape(d.module)
	}
	return path
}

// settings are what the operator may change.
type settings struct {
	credentials
	disabled bool // of a device; its modules follow it
}

// name is what the registry knows an identity by: the id of the device, and of a
// module both with a slash between.
func (d *device) name() string { return identityName(d.id, d.module) }

// identityName joins the ids of a name; it is empty for ids nobody can have, so
// that none passes for a module's name.
func identityName(id, module string) string {
	switch {
	case strings.Contains(id+module, "/"):
		return ""
	case module == "":
		return id
	}
	return id + "/" + module
}

// barred reports whether the operator lets the identity connect no more; the
// caller holds registry.mu.
func (d *device) barred() bool {
	return d.removed.Load() || d.disabled || d.parent != nil && d.parent.disabled
}

// equip gives an identity what the hub keeps for it.
func (d *device) equip(h *Hub) {
	d.queue, d.twin, d.methods = newQueue(h, d), newTwin(d, h.faults.now, h.twins.changed), newMethods(h, d)
}
