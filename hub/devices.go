package hub

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Errors of the registry.
var (
	ErrDeviceExists   = errors.New("device already exists")
	ErrDeviceNotFound = errors.New("device not found")
)

// maxModules is how many modules a device may have.
const maxModules = 50

// Device is one entry of the registry: a device, or a module of one. Functions
// that take an id take a module's as DEVICE/MODULE.
type Device struct {
	ID           string
	ModuleID     string // "" for the device itself
	GenerationID string // digits; another after the device was removed and added again
	Auth         AuthType
	PrimaryKey   Key // with AuthSAS
	SecondaryKey Key
	// The thumbprints of AuthSelfSigned, upper-case hexadecimal; "" for none.
	PrimaryThumbprint, SecondaryThumbprint string

	Disabled  bool // a module follows its device
	Connected bool // holds at least one link
	Queued    int  // cloud-to-device messages waiting or locked
}

// Name is the id that names the entry: ID, or ID/ModuleID for a module.
func (d Device) Name() string { return identityName(d.ID, d.ModuleID) }

// AddDevice registers a device with keys of its own; Register says more. A device
// that exists is returned unchanged with ErrDeviceExists.
func (h *Hub) AddDevice(id string) (Device, error) {
	return h.Register(Registration{DeviceID: id})
}

// AddModule registers a module of a device with keys of its own. A module that
// exists is returned unchanged with ErrDeviceExists.
func (h *Hub) AddModule(deviceID, moduleID string) (Device, error) {
	if err := checkID("module", moduleID); err != nil {
		return Device{}, err
	}
	return h.Register(Registration{DeviceID: deviceID, ModuleID: moduleID})
}

// Register adds a device or a module. One that exists is returned unchanged with
// ErrDeviceExists; a module of an unknown device is refused with
// ErrDeviceNotFound. A device has at most 50 modules.
func (h *Hub) Register(g Registration) (Device, error) {
	if err := checkID("device", g.DeviceID); err != nil {
		return Device{}, err
	}
	if g.ModuleID != "" {
		if err := checkID("module", g.ModuleID); err != nil {
			return Device{}, err
		}
	}
	c, err := g.credentials()
	if err != nil {
		return Device{}, fmt.Errorf("device %q: %w", identityName(g.DeviceID, g.ModuleID), err)
	}
	return h.registry.add(g.DeviceID, g.ModuleID, c)
}

// RemoveDevice forgets a device with its modules, its queue and its unread
// feedback, or one module, and ends its links with amqp:not-found.
func (h *Hub) RemoveDevice(id string) error {
	gone, err := h.registry.remove(id)
	if err != nil {
		return err
	}
	for _, d := range gone {
		d.queue.close()
		d.methods.close()
		if d.module == "" {
			h.feedback.forget(d.id)
		}
		if d.owner != nil {
			d.owner.revoke(d.device, faultDeviceNotFound(d.name()))
		}
	}
	return nil
}

// DisableDevice takes away the right to connect from a device and its modules,
// and ends their links with amqp:unauthorized-access. Its queue stays.
func (h *Hub) DisableDevice(id string) error {
	_, concerned, err := h.registry.change(id, func(d *device) error { return d.setDisabled(true) })
	if err != nil {
		return err
	}
	for _, d := range concerned {
		if d.owner != nil {
			d.owner.revoke(d.device, faultDeviceDisabled(d.name()))
		}
	}
	return nil
}

// EnableDevice undoes DisableDevice.
func (h *Hub) EnableDevice(id string) error {
	_, _, err := h.registry.change(id, func(d *device) error { return d.setDisabled(false) })
	return err
}

func (d *device) setDisabled(disabled bool) error {
	if d.module != "" {
		return errors.New("a module has no status of its own: it follows its device")
	}
	d.disabled = disabled
	return nil
}

// KeyChange is what RegenerateKeys does.
type KeyChange string

// What becomes of a device's two keys.
const (
	RegeneratePrimary   KeyChange = "primary"
	RegenerateSecondary KeyChange = "secondary"
	SwapKeys            KeyChange = "swap"
)

// RegenerateKeys makes a new primary or secondary key, or swaps the two. Tokens
// already accepted stay good until they expire.
func (h *Hub) RegenerateKeys(id string, how KeyChange) (Device, error) {
	public, _, err := h.registry.change(id, func(d *device) error {
		if d.auth != AuthSAS {
			return fmt.Errorf("it has no keys: its authentication is %s", d.auth)
		}
		switch how {
		case RegeneratePrimary:
			d.primary = newKey()
		case RegenerateSecondary:
			d.secondary = newKey()
		case SwapKeys:
			d.primary, d.secondary = d.secondary, d.primary
		default:
			return fmt.Errorf("key change %q is not primary, secondary or swap", how)
		}
		return nil
	})
	return public, err
}

// PurgeQueue drops the cloud-to-device messages that wait for a device, with
// feedback "Purged", and returns how many. Locked messages stay.
func (h *Hub) PurgeQueue(id string) (int, error) {
	d := h.registry.lookup(id)
	if d == nil {
		return 0, fmt.Errorf("device %q: %w", id, ErrDeviceNotFound)
	}
	return d.queue.purge(), nil
}

// Device returns one entry of the registry.
func (h *Hub) Device(id string) (Device, error) {
	r := h.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	d, err := r.find(id)
	if err != nil {
		return Device{}, err
	}
	return d.public(), nil
}

// Devices returns all devices by identifier, without the modules.
func (h *Hub) Devices() []Device {
	return h.list(func(d *device) bool { return d.module == "" })
}

// Modules returns the modules of a device by identifier; none for a device that
// is not known.
func (h *Hub) Modules(deviceID string) []Device {
	return h.list(func(d *device) bool { return d.module != "" && d.id == deviceID })
}

func (h *Hub) list(which func(*device) bool) []Device {
	all := h.registry.all()
	h.registry.mu.Lock()
	defer h.registry.mu.Unlock()
	list := make([]Device, 0, len(all))
	for _, d := range all {
		if which(d) {
			list = append(list, d.public())
		}
	}
	return list
}

// DeviceConnectionString returns the connection string of a device or a module:
// primary key included, or "x509=true" in its place.
func (h *Hub) DeviceConnectionString(id string) (string, error) {
	r := h.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	d, err := r.find(id)
	if err != nil {
		return "", err
	}
	text := fmt.Sprintf("HostName=%s;DeviceId=%s", h.HostName(), d.id)
	if d.module != "" {
		text += ";ModuleId=" + d.module
	}
	if d.auth != AuthSAS {
		return text + ";x509=true", nil
	}
	return text + ";SharedAccessKey=" + d.primary.Base64(), nil
}

// public is what the operator sees; the caller holds registry.mu.
func (d *device) public() Device {
	return Device{
		ID: d.id, ModuleID: d.module, GenerationID: d.generation, Auth: d.auth,
		PrimaryKey: d.primary, SecondaryKey: d.secondary,
		PrimaryThumbprint: d.thumbprints[0], SecondaryThumbprint: d.thumbprints[1],
		Disabled:  d.disabled || d.parent != nil && d.parent.disabled,
		Connected: d.owner != nil, Queued: d.queue.depth(),
	}
}

func checkID(kind, id string) error {
	if len(id) == 0 || len(id) > 128 {
		return fmt.Errorf("%s id %q: must have 1 to 128 characters", kind, id)
	}
	for _, c := range id {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-:.+%_#*?!(),=@;$'", c) {
			return fmt.Errorf("%s id %q: character %q is not allowed", kind, id, c)
		}
	}
	return nil
}

// ticks counts 100 ns from the year 1, as the cloud's own generation ids do.
func ticks(t time.Time) int64 {
	const epoch = 62135596800 // seconds from the year 1 to 1970
	return (t.Unix()+epoch)*1e7 + int64(t.Nanosecond())/100
}
