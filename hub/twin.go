package hub

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"maps"
	"sync"
	"time"

	"fieldpost/internal/amqpserver"
	"fieldpost/internal/amqpserver/wire"
)

// Twin is the twin of a device as a service sees it.
type Twin struct {
	Device   Device
	ETag     string          // changes with every change, for TwinUpdate.IfMatch
	Version  int64           // of the whole twin, from 1
	Tags     json.RawMessage // an object the device never sees
	Desired  json.RawMessage // an object, with $metadata and $version
	Reported json.RawMessage // an object, with $metadata and $version
}

// TwinUpdate is what a service changes about a twin. A section left nil stays as
// it is.
type TwinUpdate struct {
	Tags    json.RawMessage // an object
	Desired json.RawMessage // an object; $metadata and $version in it are passed over
	// Replace makes the sections given take the place of the old ones. Default
	// false: they are merged, a null takes a property away.
	Replace bool
	// IfMatch is the ETag the twin must have. Default "", any; "*" is any too.
	IfMatch string
}

// twin is the twin of one device, and the device's links to it.
type twin struct {
	device  *device
	clock   func() time.Time // the hub's, which may be wrong
	changed func()           // tells the file, after every change

	mu       sync.Mutex
	tags     section
	desired  section
	reported section
	version  int64

	links      channel
	subscribed bool     // to changes of desired, on these links
	waiting    [][]byte // messages for the device until its link has credit
	sent       uint32
}

func newTwin(d *device, clock func() time.Time, changed func()) *twin {
	now := clock()
	t := &twin{
		device:   d,
		clock:    clock,
		changed:  changed,
		tags:     newSection("Tags", maxTags, now),
		desired:  newSection("Properties.Desired", maxProperties, now),
		reported: newSection("Properties.Reported", maxProperties, now),
		version:  1,
	}
	t.desired.stamped = true
	return t
}

// Twin returns the twin of a device. The error is an *Error.
func (h *Hub) Twin(id string) (Twin, error) {
	d := h.registry.lookup(id)
	if d == nil {
		return Twin{}, refuseUnknown(id)
	}
	d.twin.mu.Lock()
	defer d.twin.mu.Unlock()
	return h.publicTwin(d), nil
}

// UpdateTwin changes the twin of a device and returns it. A device that has
// subscribed is told of a change of its desired properties. The error is an
// *Error, of status 412 when IfMatch does not hold.
func (h *Hub) UpdateTwin(id string, u TwinUpdate) (Twin, error) {
	d := h.registry.lookup(id)
	if d == nil {
		return Twin{}, refuseUnknown(id)
	}
	t := d.twin
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.update(u); err != nil {
		return Twin{}, err
	}
	return h.publicTwin(d), nil
}

// SetDesired merges patch, a JSON object, into the desired properties of a device
// and returns their new $version. The error is an *Error.
func (h *Hub) SetDesired(id string, patch json.RawMessage) (version int64, err error) {
	d := h.registry.lookup(id)
	if d == nil {
		return 0, refuseUnknown(id)
	}
	t := d.twin
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.update(TwinUpdate{Desired: patch}); err != nil {
		return 0, err
	}
	return t.desired.version, nil
}

// update does all of a change or nothing; the caller holds mu.
func (t *twin) update(u TwinUpdate) error {
	if u.IfMatch != "" && u.IfMatch != "*" && u.IfMatch != t.etag() {
		return refuse(codePrecondition, "The twin has another etag than the request.")
	}
	now := t.clock()
	tags, desired := t.tags, t.desired
	var patch map[string]any
	var err error
	if u.Tags != nil {
		if _, err = tags.change(u.Tags, u.Replace, now); err != nil {
			return err
		}
	}
	if u.Desired != nil {
		if patch, err = desired.change(u.Desired, u.Replace, now); err != nil {
			return err
		}
	}
	t.tags, t.desired = tags, desired
	t.version++
	t.changed()
	if u.Desired != nil && t.subscribed {
		told := maps.Clone(patch)
		told[keyVersion] = t.desired.version
		t.notify(told)
	}
	return nil
}

// publicTwin returns what a service sees; the caller holds mu of the twin.
func (h *Hub) publicTwin(d *device) Twin {
	h.registry.mu.Lock()
	public := d.public()
	h.registry.mu.Unlock()
	t := d.twin
	return Twin{
		Device: public, ETag: t.etag(), Version: t.version,
		Tags:     encodeJSON(t.tags.values),
		Desired:  encodeJSON(t.desired.serviceView()),
		Reported: encodeJSON(t.reported.serviceView()),
	}
}

// etag is the version in the cloud's spelling.
func (t *twin) etag() string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, uint64(t.version)))
}

// open answers one of the device's two links.
func (t *twin) open(l *amqpserver.Link, id string) *wire.Error {
	t.mu.Lock()
	older, err := t.links.join(l, id)
	if err != nil {
		t.mu.Unlock()
		return err
	}
	if l.PeerSends() {
		l.MaxMessageSize = maxTransfer
		l.Credit = requestRoom
		l.OnDelivery = t.receive
	} else {
		// What was for the receiver before is not for this one.
		t.subscribed, t.waiting = false, nil
		l.OnCredit = t.flush
	}
	t.mu.Unlock()
	l.OnDetach = func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.links.leave(l)
	}
	for _, o := range older {
		o.Detach(faultStolen(t.device.name()))
	}
	return nil
}
