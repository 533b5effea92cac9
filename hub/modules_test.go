package hub_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
)

// moduleKey returns the primary key of a module.
func (r *rig) moduleKey(name string) string {
	r.Helper()
	text, err := r.hub.DeviceConnectionString(name)
	r.must(err)
	return fields(text)["SharedAccessKey"]
}

// withModules is a rig with dev1 and its modules a and b, and dev2 with a.
func withModules(t *testing.T) *rig {
	r := newRig(t, hub.Options{})
	for device, modules := range map[string][]string{"dev1": {"a", "b"}, "dev2": {"a"}} {
		r.device(device)
		for _, m := range modules {
			_, err := r.hub.AddModule(device, m)
			r.must(err)
		}
	}
	return r
}

func TestModuleLinks(t *testing.T) {
	r := withModules(t)
	path := "/devices/dev1/modules/a"
	key := r.moduleKey("dev1/a")
	for name, connect := range map[string]func() *peer{
		"cbs": func() *peer {
			c, err := r.open(nil)
			r.must(err)
			p := r.peer(c)
			p.cbs().put(r.hub.HostName()+path, token(r.hub.HostName()+path, key, "", farFuture()))
			return p
		},
		"plain": func() *peer {
			c, err := r.open(amqp.SASLTypePlain("dev1/a@sas.localhost", token("localhost"+path, key, "", farFuture())))
			r.must(err)
			return r.peer(c)
		},
		"plain with the word modules": func() *peer {
			c, err := r.open(amqp.SASLTypePlain("dev1/modules/a@sas.localhost", token("localhost"+path, key, "", farFuture())))
			r.must(err)
			return r.peer(c)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := connect()
			p.accepted(p.sender(path+"/messages/events"), amqp.NewMessage([]byte(name)))
			p.receiver(path+"/messages/devicebound", nil)
			for _, other := range []string{"/devices/dev1", "/devices/dev1/modules/b", "/devices/dev2/modules/a", "/devices/dev1/modules/A"} {
				_, err := p.session.NewSender(r.ctx, other+"/messages/events", nil)
				r.wantCondition(err, "amqp:unauthorized-access")
			}
		})
	}
}

// What a module sends carries both its ids, and the hub's word for how it came.
func TestModuleTelemetryIsStamped(t *testing.T) {
	r := withModules(t)
	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	audience := "localhost/devices/dev1/modules/a"
	p.cbs().put(audience, token(audience, r.moduleKey("dev1/a"), "", farFuture()))
	p.accepted(p.sender("/devices/dev1/modules/a/messages/events"), amqp.NewMessage([]byte("x")))

	events := r.hub.Events()
	if len(events) != 1 || events[0].DeviceID != "dev1" {
		t.Fatalf("events %+v", events)
	}
	want := map[string]any{
		"iothub-connection-device-id":   "dev1",
		"iothub-connection-module-id":   "a",
		"iothub-connection-auth-method": `{"scope":"module","type":"sas","issuer":"iothub","acceptingIpFilterRule":null}`,
	}
	for key, value := range want {
		if events[0].Annotations[key] != value {
			t.Errorf("%s is %v, want %v", key, events[0].Annotations[key], value)
		}
	}
}

// The key of a device is not that of its modules; the policy device speaks for
// all of them.
func TestKeyOfADeviceOpensNoModule(t *testing.T) {
	r := withModules(t)
	d := r.asDevice("dev1")
	_, err := d.session.NewSender(r.ctx, "/devices/dev1/modules/a/messages/events", nil)
	r.wantCondition(err, "amqp:unauthorized-access")

	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	p.cbs().put("localhost/devices/dev1", token("localhost/devices/dev1", r.policyKey("device"), "device", farFuture()))
	p.sender("/devices/dev1/modules/a/messages/events")
}

// No device can be called what the registry calls a module.
func TestModuleIsNotADevice(t *testing.T) {
	r := withModules(t)
	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	p.cbs().put("localhost", token("localhost", r.policyKey("device"), "device", farFuture()))
	_, err = p.session.NewSender(r.ctx, "/devices/dev1%2Fa/messages/events", nil)
	r.wantCondition(err, "amqp:not-found")
	p.sender("/devices/dev1/modules/a/messages/events")
}

// A message to a module waits in a queue of its own.
func TestModuleQueue(t *testing.T) {
	r := withModules(t)
	path := "/devices/dev1/modules/a"
	s := r.asService()
	to := path + "/messages/devicebound"
	m := amqp.NewMessage([]byte("for a"))
	m.Properties = &amqp.MessageProperties{To: &to}
	s.accepted(s.sender("/messages/devicebound"), m)

	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	p.cbs().put("localhost"+path, token("localhost"+path, r.moduleKey("dev1/a"), "", farFuture()))
	got := p.receive(p.receiver(path+"/messages/devicebound", nil))
	if string(got.GetData()) != "for a" || *got.Properties.To != path+"/messages/deviceBound" {
		t.Errorf("received %q to %q", got.GetData(), *got.Properties.To)
	}
}

// A module follows its device: disabled with it, removed with it.
func TestModuleFollowsItsDevice(t *testing.T) {
	r := withModules(t)
	path := "localhost/devices/dev1/modules/a"
	open := func() (*peer, *amqp.Sender) {
		c, err := r.open(nil)
		r.must(err)
		p := r.peer(c)
		p.cbs().put(path, token(path, r.moduleKey("dev1/a"), "", farFuture()))
		return p, p.sender("/devices/dev1/modules/a/messages/events")
	}
	_, s := open()
	if err := r.hub.DisableDevice("dev1/a"); err == nil {
		t.Error("a module is disabled by itself")
	}
	r.must(r.hub.DisableDevice("dev1"))
	r.wantCondition(r.sendUntilError(s), "amqp:unauthorized-access")
	c, err := r.open(nil)
	r.must(err)
	reply, status := r.peer(c).cbs().request(putTokenMessage("1", sasType, path, token(path, r.moduleKey("dev1/a"), "", farFuture())))
	if text := reply.ApplicationProperties["status-description"]; status != 401 || text != "Device dev1/a at IotHub localhost is disabled" {
		t.Errorf("token of a module whose device is disabled: %d %v", status, text)
	}
	r.must(r.hub.EnableDevice("dev1"))
	_, s = open()
	r.must(r.hub.RemoveDevice("dev1"))
	r.wantCondition(r.sendUntilError(s), "amqp:not-found")
	if _, err := r.hub.Device("dev1/a"); !errors.Is(err, hub.ErrDeviceNotFound) {
		t.Errorf("the module is still there: %v", err)
	}
	if _, err := r.hub.Device("dev2/a"); err != nil {
		t.Errorf("the module of another device is gone: %v", err)
	}
}

func TestModuleRegistration(t *testing.T) {
	r := newRig(t, hub.Options{})
	if _, err := r.hub.AddModule("dev1", "a"); !errors.Is(err, hub.ErrDeviceNotFound) {
		t.Errorf("a module without its device: %v", err)
	}
	r.device("dev1")
	for _, bad := range []string{"", "a/b", "a b"} {
		if _, err := r.hub.AddModule("dev1", bad); err == nil {
			t.Errorf("module id %q accepted", bad)
		}
	}
	for i := range 50 {
		_, err := r.hub.AddModule("dev1", fmt.Sprint("m", i))
		r.must(err)
	}
	if _, err := r.hub.AddModule("dev1", "one-more"); err == nil {
		t.Error("a 51st module accepted")
	}
	if got := r.hub.Modules("dev1"); len(got) != 50 || got[0].Name() != "dev1/m0" || len(r.hub.Devices()) != 1 {
		t.Errorf("%d modules, the first %q; %d devices", len(got), got[0].Name(), len(r.hub.Devices()))
	}
	if _, err := r.hub.AddModule("dev1", "m0"); !errors.Is(err, hub.ErrDeviceExists) {
		t.Errorf("a module twice: %v", err)
	}
}
