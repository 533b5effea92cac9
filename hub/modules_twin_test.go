package hub_test

import (
	"encoding/json"
	"testing"

	"fieldpost/hub"
)

// A module has a twin and methods of its own.
func TestModuleTwinAndMethods(t *testing.T) {
	r := withModules(t)
	const path = "/devices/dev1/modules/a"
	c, err := r.open(nil)
	r.must(err)
	p := r.peer(c)
	p.cbs().put(r.hub.HostName()+path, token(r.hub.HostName()+path, r.moduleKey("dev1/a"), "", farFuture()))

	if _, err := r.hub.SetDesired("dev1/a", json.RawMessage(`{"mode":"eco"}`)); err != nil {
		t.Fatal(err)
	}
	twin := p.pair(path+"/twin", "twin:1", 10)
	_, reply := twin.ask(twinRequest("g", "GET", "", " "))
	r.sameJSON("the module's twin", reply.GetData(), `{"desired":{"mode":"eco","$version":2},"reported":{"$version":1}}`)
	for _, other := range []string{"dev1", "dev1/b", "dev2/a"} {
		if twin, err := r.hub.Twin(other); err != nil || twin.Version != 1 {
			t.Errorf("%s: %+v, %v", other, twin, err)
		}
	}

	methods := p.pair(path+"/methods/deviceBound", "methods:1", 10)
	_, err = r.hub.InvokeMethod(r.ctx, "dev1", hub.Method{Name: "m"})
	wantRefused(t, answer{err: err}, 404103, 0)
	called := r.invoke("dev1/a", hub.Method{Name: "m"})
	r.must(methods.out.Send(r.ctx, methodReply(methods.receive(methods.in), int32(200), `"a"`), nil))
	if a := <-called; a.err != nil || string(a.Payload) != `"a"` {
		t.Errorf("result %+v", a)
	}
}
