package service_test

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
	"fieldpost/hub/rest"
	"fieldpost/internal/service"
)

// rest opens the hub's HTTPS door and returns a client of it.
func (b *bench) rest() *service.REST {
	b.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.ctx)
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := rest.Serve(ctx, b.hub, ln, nil); err != nil {
			b.Error(err)
		}
	})
	b.Cleanup(func() { cancel(); serving.Wait() })
	c, err := service.NewREST(service.Options{ConnectionString: b.hub.ServiceConnectionString(), RootCAs: b.roots, Addr: ln.Addr().String()})
	if err != nil {
		b.Fatal(err)
	}
	return c
}

func refused(t *testing.T, err error, code int) {
	t.Helper()
	var said *service.HubError
	if !errors.As(err, &said) || said.Code != code || said.Text == "" || said.TrackingID == "" || said.Hint() == "" ||
		!strings.HasPrefix(said.Condition, "HTTP ") {
		t.Errorf("error %#v, want %d with a hint", err, code)
	}
}

func TestTwin(t *testing.T) {
	b := newBench(t, hub.Options{}, "dev:1#a")
	c := b.rest()
	first, err := c.Twin(b.ctx, "dev:1#a")
	if err != nil || first.DeviceID != "dev:1#a" || first.ETag == "" || first.ConnectionState != "Disconnected" {
		t.Fatalf("twin %+v, %v", first, err)
	}
	twin, err := c.UpdateTwin(b.ctx, "dev:1#a", service.TwinUpdate{
		Tags: json.RawMessage(`{"floor":3}`), Desired: json.RawMessage(`{"interval":60}`), IfMatch: first.ETag,
	})
	if err != nil || string(twin.Tags) != `{"floor":3}` || !strings.Contains(string(twin.Properties.Desired), `"interval":60`) {
		t.Errorf("twin %+v, %v", twin, err)
	}
	_, err = c.UpdateTwin(b.ctx, "dev:1#a", service.TwinUpdate{Tags: json.RawMessage(`{}`), IfMatch: first.ETag})
	refused(t, err, 412001)
	twin, err = c.UpdateTwin(b.ctx, "dev:1#a", service.TwinUpdate{Desired: json.RawMessage(`{"mode":"eco"}`), Replace: true})
	if err != nil || string(twin.Tags) != `{}` || strings.Contains(string(twin.Properties.Desired), "interval") {
		t.Errorf("replaced twin %+v, %v", twin, err)
	}
	_, err = c.Twin(b.ctx, "nobody")
	refused(t, err, 404001)
	if _, err := c.UpdateTwin(b.ctx, "dev:1#a", service.TwinUpdate{Tags: json.RawMessage(`{`)}); !errors.Is(err, service.ErrConfig) {
		t.Errorf("tags that are no JSON: %v", err)
	}
}

func TestInvokeMethod(t *testing.T) {
	b := newBench(t, hub.Options{}, "d")
	c := b.rest()
	_, err := c.InvokeMethod(b.ctx, "d", service.Method{Name: "m"})
	refused(t, err, 404103)
	if _, err := c.InvokeMethod(b.ctx, "d", service.Method{}); !errors.Is(err, service.ErrConfig) {
		t.Errorf("no name: %v", err)
	}
	session := b.device("d")
	properties := map[string]any{"com.microsoft:api-version": "2021-04-12", "com.microsoft:channel-correlation-id": "methods:1"}
	in, err := session.NewReceiver(b.ctx, "/devices/d/methods/devicebound", &amqp.ReceiverOptions{Properties: properties})
	if err != nil {
		t.Fatal(err)
	}
	out, err := session.NewSender(b.ctx, "/devices/d/methods/devicebound", &amqp.SenderOptions{Properties: properties})
	if err != nil {
		t.Fatal(err)
	}
	var replying sync.WaitGroup
	defer replying.Wait()
	replying.Go(func() {
		m, err := in.Receive(b.ctx, nil)
		if err != nil {
			t.Error(err)
			return
		}
		reply := amqp.NewMessage(m.GetData())
		reply.Properties = &amqp.MessageProperties{CorrelationID: m.Properties.CorrelationID}
		reply.ApplicationProperties = map[string]any{"IoThub-status": int32(207)}
		if err := out.Send(b.ctx, reply, nil); err != nil {
			t.Error(err)
		}
	})
	result, err := c.InvokeMethod(b.ctx, "d", service.Method{Name: "echo", Payload: json.RawMessage(`{"a":1}`)})
	if err != nil || result.Status != 207 || string(result.Payload) != `{"a":1}` {
		t.Errorf("result %+v, %v", result, err)
	}
}

func TestPurgeQueue(t *testing.T) {
	b := newBench(t, hub.Options{}, "d")
	c := b.rest()
	for range 2 {
		if err := b.client(service.Options{}).Send(b.ctx, service.C2D{DeviceID: "d"}); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := c.PurgeQueue(b.ctx, "d"); n != 2 || err != nil {
		t.Errorf("purged %d, %v", n, err)
	}
	_, err := c.PurgeQueue(b.ctx, "nobody")
	refused(t, err, 404001)
}

func TestNewRESTRefusesOptions(t *testing.T) {
	for _, s := range []string{"", "HostName=h;DeviceId=d;SharedAccessKey=c2VjcmV0", "HostName=h;SharedAccessKeyName=service"} {
		if _, err := service.NewREST(service.Options{ConnectionString: s}); !errors.Is(err, service.ErrConfig) {
			t.Errorf("%q: %v", s, err)
		}
	}
}

// What hubs have been seen to answer, and what is no hub's answer at all.
func TestRESTErrorForms(t *testing.T) {
	const described = `{"errorCode":404103,"trackingId":"t-1","message":"Timed out waiting for device to connect."}`
	quoted, err := json.Marshal(described)
	if err != nil {
		t.Fatal(err)
	}
	var answer, path string
	status := http.StatusNotFound
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		path = r.URL.EscapedPath()
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
	}))
	defer server.Close()
	roots := server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	c, err := service.NewREST(service.Options{
		ConnectionString: "HostName=example.com;SharedAccessKeyName=service;SharedAccessKey=c2VjcmV0",
		RootCAs:          roots, Addr: server.Listener.Addr().String(), Timeout: 10 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	for body, want := range map[string]service.HubError{
		`{"Message":` + string(quoted) + `,"ExceptionMessage":""}`: {Code: 404103, TrackingID: "t-1", Text: "Timed out waiting for device to connect."},
		described: {Code: 404103, TrackingID: "t-1", Text: "Timed out waiting for device to connect."},
		`{"Message":"ErrorCode:DeviceNotFound;x","ExceptionMessage":"Tracking ID:t-2"}`: {Code: 404001, TrackingID: "t-2", Text: "x"},
		`{"Message":"ErrorCode:Other;x","ExceptionMessage":""}`:                         {Text: "Other;x"},
		" <html>no hub</html>\n": {Text: "<html>no hub</html>"},
		"":                       {},
	} {
		answer = body
		_, err := c.Twin(t.Context(), "d")
		want.Op, want.Condition = "read twin of d", "HTTP 404 Not Found"
		var said *service.HubError
		if !errors.As(err, &said) || *said != want {
			t.Errorf("%q: %#v, want %#v", body, said, want)
		}
	}
	_, _ = c.InvokeMethod(t.Context(), "d#1/m 2", service.Method{Name: "m"})
	if path != "/twins/d%231/modules/m%202/methods" {
		t.Errorf("a method of a module goes to %s", path)
	}
	status, answer = http.StatusOK, "no JSON"
	if _, err := c.Twin(t.Context(), "d"); err == nil || !strings.Contains(err.Error(), "not what was asked for") {
		t.Errorf("an answer that is no twin: %v", err)
	}
}
