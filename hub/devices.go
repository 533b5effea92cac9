package hub

import (
	"errors"
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"
)

// Errors of the registry.
var (
	ErrDeviceExists   = errors.New("device already exists")
	ErrDeviceNotFound = errors.New("device not found")
)

// Device is one entry of the registry.
type Device struct {
	ID           string
	GenerationID string // digits; another after the device was removed and added again
	PrimaryKey   Key
	SecondaryKey Key
	Disabled     bool
	Connected    bool // holds at least one link
	Queued       int  // cloud-to-device messages waiting or locked
}

// AddDevice makes a device with keys of its own. The identifier has 1 to 128
// characters out of ASCII letters, digits and - : . + % _ # * ? ! ( ) , = @ ; $ '.
// An existing device is returned unchanged with ErrDeviceExists.
func (h *Hub) AddDevice(id string) (Device, error) {
	if err := checkDeviceID(id); err != nil {
		return Device{}, err
	}
	r := h.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	if d := r.devices[id]; d != nil {
		return d.public(), fmt.Errorf("device %q: %w", id, ErrDeviceExists)
	}
	r.lastGeneration = max(r.lastGeneration+1, ticks(time.Now()))
	d := &device{
		id:         id,
		generation: strconv.FormatInt(r.lastGeneration, 10),
		primary:    newKey(),
		secondary:  newKey(),
	}
	d.queue = newQueue(h, d)
	r.devices[id] = d
	if err := r.save(); err != nil {
		delete(r.devices, id)
		return Device{}, fmt.Errorf("device %q: %w", id, err)
	}
	return d.public(), nil
}

// RemoveDevice forgets a device, its queue and its unread feedback, and ends
// its links with amqp:not-found.
func (h *Hub) RemoveDevice(id string) error {
	d, owner, err := h.registry.change(id, func(d *device) {
		d.removed.Store(true)
		delete(h.registry.devices, id)
	})
	if err != nil {
		return err
	}
	d.queue.close()
	h.feedback.forget(id)
	if owner != nil {
		owner.revoke(d, faultDeviceNotFound(id))
	}
	return nil
}

// DisableDevice takes a device's right to connect and ends its links with
// amqp:unauthorized-access. Its queue stays.
func (h *Hub) DisableDevice(id string) error {
	d, owner, err := h.registry.change(id, func(d *device) { d.disabled = true })
	if err != nil {
		return err
	}
	if owner != nil {
		owner.revoke(d, faultDeviceDisabled(id))
	}
	return nil
}

// EnableDevice undoes DisableDevice.
func (h *Hub) EnableDevice(id string) error {
	_, _, err := h.registry.change(id, func(d *device) { d.disabled = false })
	return err
}

// RotateKeys moves a device's secondary key to the primary place and makes a new
// secondary one. Tokens already accepted stay good until they expire.
func (h *Hub) RotateKeys(id string) (Device, error) {
	var public Device
	_, _, err := h.registry.change(id, func(d *device) {
		d.primary, d.secondary = d.secondary, newKey()
		public = d.public()
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

// Devices returns all devices by identifier.
func (h *Hub) Devices() []Device {
	r := h.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Device, 0, len(r.devices))
	for _, d := range r.devices {
		list = append(list, d.public())
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ID < list[j].ID })
	return list
}

// DeviceConnectionString returns the connection string of a device, primary key
// included.
func (h *Hub) DeviceConnectionString(id string) (string, error) {
	r := h.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	d := r.devices[id]
	if d == nil {
		return "", fmt.Errorf("device %q: %w", id, ErrDeviceNotFound)
	}
	return fmt.Sprintf("HostName=%s;DeviceId=%s;SharedAccessKey=%s", h.HostName(), d.id, d.primary.Base64()), nil
}

func (d *device) public() Device {
	return Device{
		ID: d.id, GenerationID: d.generation,
		PrimaryKey: d.primary, SecondaryKey: d.secondary,
		Disabled: d.disabled, Connected: d.owner != nil, Queued: d.queue.depth(),
	}
}

func checkDeviceID(id string) error {
	if len(id) == 0 || len(id) > 128 {
		return fmt.Errorf("device id %q: must have 1 to 128 characters", id)
	}
	for _, c := range id {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("-:.+%_#*?!(),=@;$'", c) {
			return fmt.Errorf("device id %q: character %q is not allowed", id, c)
		}
	}
	return nil
}

// ticks counts 100 ns from the year 1, as the cloud's own generation ids do.
func ticks(t time.Time) int64 {
	const epoch = 62135596800 // seconds from the year 1 to 1970
	return (t.Unix()+epoch)*1e7 + int64(t.Nanosecond())/100
}
