package rest_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/hub"
	"fieldpost/hub/rest"
)

// rig is a hub with its HTTPS door.
type rig struct {
	*testing.T
	ctx    context.Context
	hub    *hub.Hub
	roots  *x509.CertPool
	addr   string
	client *http.Client
}

func newRig(t *testing.T) *rig {
	t.Helper()
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	var serving sync.WaitGroup
	serving.Go(func() { h.Run(ctx) })
	serving.Go(func() {
		if err := rest.Serve(ctx, h, ln, nil); err != nil {
			t.Error(err)
		}
	})
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(h.CAPEM())
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, ServerName: "localhost"}}}
	t.Cleanup(func() { client.CloseIdleConnections(); cancel(); serving.Wait() })
	r := &rig{t, ctx, h, roots, ln.Addr().String(), client}
	_, err = h.AddDevice("dev:1#a")
	r.must(err)
	return r
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func sign(resource, key, policy string) string {
	secret, err := base64.StdEncoding.DecodeString(key)
	if err != nil {
		panic(err)
	}
	expiry := time.Now().Add(time.Hour).Unix()
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%s\n%d", url.QueryEscape(resource), expiry)
	token := fmt.Sprintf("SharedAccessSignature sr=%s&sig=%s&se=%d", url.QueryEscape(resource),
		url.QueryEscape(base64.StdEncoding.EncodeToString(mac.Sum(nil))), expiry)
	if policy != "" {
		token += "&skn=" + policy
	}
	return token
}

func (r *rig) key(policy string) string {
	r.Helper()
	key, err := r.hub.PolicyKey(policy)
	r.must(err)
	return key.Base64()
}

// response is what came back, its body decoded.
type response struct {
	status int
	header http.Header
	body   map[string]any
}

// code returns the number in the error of a method, or the name in another's.
func (a response) code(t *testing.T) any {
	t.Helper()
	text, _ := a.body["Message"].(string)
	if name, ok := strings.CutPrefix(text, "ErrorCode:"); ok {
		tracking, _ := a.body["ExceptionMessage"].(string)
		name, sentence, _ := strings.Cut(name, ";")
		if sentence == "" || len(tracking) < len("Tracking ID:")+16 || name != a.header.Get("iothub-errorcode") {
			t.Errorf("error %v", a.body)
		}
		return name
	}
	var said struct {
		ErrorCode                         int
		TrackingID, Message, TimestampUTC string
	}
	if err := json.Unmarshal([]byte(text), &said); err != nil || said.TrackingID == "" || said.Message == "" || said.TimestampUTC == "" {
		t.Errorf("error %v: %v", a.body, err)
	}
	return said.ErrorCode
}

const device = "dev:1%23a" // as a path has it

func (r *rig) do(method, path, body string, header ...string) response {
	r.Helper()
	request, err := http.NewRequestWithContext(r.ctx, method, "https://"+r.addr+path, strings.NewReader(body))
	r.must(err)
	request.Header.Set("Authorization", sign(r.hub.HostName(), r.key("service"), "service"))
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	got, err := r.client.Do(request)
	r.must(err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	r.must(err)
	a := response{status: got.StatusCode, header: got.Header}
	if len(text) > 0 && text[0] == '{' {
		r.must(json.Unmarshal(text, &a.body))
	}
	return a
}

const version = "?api-version=2021-04-12"

func TestTwin(t *testing.T) {
	r := newRig(t)
	first := r.do("GET", "/twins/"+device+version, "")
	etag, _ := first.body["etag"].(string)
	if first.status != 200 || first.body["deviceId"] != "dev:1#a" || first.body["connectionState"] != "Disconnected" ||
		first.body["status"] != "enabled" || etag == "" || first.header.Get("ETag") != `"`+etag+`"` {
		t.Errorf("twin %d %v %v", first.status, first.header, first.body)
	}
	desired := func(a response) map[string]any {
		t.Helper()
		properties, _ := a.body["properties"].(map[string]any)
		section, _ := properties["desired"].(map[string]any)
		if a.status != 200 || section["$metadata"] == nil {
			t.Fatalf("twin %d %v", a.status, a.body)
		}
		return section
	}
	// An SDK sends back what it read, with what it knows besides.
	a := r.do("PATCH", "/twins/"+device+version, `{"deviceId":"other","etag":"x","tags":{"floor":3},"properties":{"desired":{"a":{"b":1},"c":2,"$version":1}}}`,
		"If-Match", `"`+etag+`"`)
	if d := desired(a); d["$version"] != 2.0 || d["c"] != 2.0 || a.body["deviceId"] != "dev:1#a" || a.body["etag"] == etag {
		t.Errorf("merged %v", a.body)
	}
	if a := r.do("PATCH", "/twins/"+device+version, `{"tags":{"floor":4}}`, "If-Match", `W/"`+etag+`"`); a.status != 412 ||
		a.code(t) != "PreconditionFailed" {
		t.Errorf("stale etag: %d %v", a.status, a.body)
	}
	a = r.do("PATCH", "/twins/"+device+version, `{"properties":{"desired":{"a":{"b":null,"d":5}}}}`, "If-Match", "*")
	if d := desired(a); fmt.Sprint(d["a"]) != "map[d:5]" || d["c"] != 2.0 {
		t.Errorf("merged %v", d)
	}
	a = r.do("PUT", "/twins/"+device+version, `{"properties":{"desired":{"e":true}}}`)
	if d := desired(a); d["e"] != true || d["c"] != nil || d["$version"] != 4.0 || fmt.Sprint(a.body["tags"]) != "map[]" {
		t.Errorf("replaced %v", a.body)
	}
}

func TestRefusals(t *testing.T) {
	r := newRig(t)
	_, err := r.hub.AddDevice("dev")
	r.must(err)
	_, err = r.hub.AddModule("dev", "module")
	r.must(err)
	if a := r.do("GET", "/twins/dev/modules/module"+version, ""); a.status != 200 || a.body["deviceId"] != "dev" || a.body["moduleId"] != "module" {
		t.Errorf("twin of a module: %d %v", a.status, a.body)
	}
	deviceKey, err := r.hub.DeviceConnectionString("dev:1#a")
	r.must(err)
	_, key, _ := strings.Cut(deviceKey, "SharedAccessKey=")
	host := r.hub.HostName()
	for name, c := range map[string]struct {
		method, path, body, token string
		status                    int
		code                      any
	}{
		"no api-version":     {"GET", "/twins/" + device, "", "", 400, "InvalidProtocolVersion"},
		"unknown device":     {"GET", "/twins/nobody" + version, "", "", 404, "DeviceNotFound"},
		"purge of nobody":    {"DELETE", "/devices/nobody/commands" + version, "", "", 404, "DeviceNotFound"},
		"no token":           {"GET", "/twins/" + device + version, "", "none", 401, "IotHubUnauthorizedAccess"},
		"a device's token":   {"GET", "/twins/" + device + version, "", sign(host+"/devices/dev:1#a", key, ""), 401, "IotHubUnauthorizedAccess"},
		"policy device":      {"GET", "/twins/" + device + version, "", sign(host, r.key("device"), "device"), 401, "IotHubUnauthorizedAccess"},
		"another path":       {"GET", "/twins/" + device + version, "", sign(host+"/twins/other", r.key("service"), "service"), 401, "IotHubUnauthorizedAccess"},
		"no JSON":            {"PATCH", "/twins/" + device + version, "{", "", 400, "ArgumentInvalid"},
		"desired is a list":  {"PATCH", "/twins/" + device + version, `{"properties":{"desired":[]}}`, "", 400, "ArgumentInvalid"},
		"too large":          {"PATCH", "/twins/" + device + version, `{"tags":"` + strings.Repeat("x", 256<<10) + `"}`, "", 413, "MessageTooLarge"},
		"no method name":     {"POST", "/twins/" + device + "/methods" + version, `{}`, "", 400, 400004},
		"hasty":              {"POST", "/twins/" + device + "/methods" + version, `{"methodName":"m","responseTimeoutInSeconds":4}`, "", 400, 400004},
		"patient":            {"POST", "/twins/" + device + "/methods" + version, `{"methodName":"m","connectTimeoutInSeconds":301}`, "", 400, 400004},
		"device not online":  {"POST", "/twins/" + device + "/methods" + version, `{"methodName":"m"}`, "", 404, 404103},
		"a slash":            {"GET", "/twins/dev%2Fmodule" + version, "", "", 404, "DeviceNotFound"},
		"unknown module":     {"GET", "/twins/" + device + "/modules/m" + version, "", "", 404, "DeviceNotFound"},
		"module's method":    {"POST", "/twins/" + device + "/modules/m/methods" + version, `{"methodName":"m"}`, "", 404, 404001},
		"method of nobody":   {"POST", "/twins/nobody/methods" + version, `{"methodName":"m"}`, "", 404, 404001},
		"narrow token works": {"DELETE", "/devices/nobody/commands" + version, "", sign(host+"/devices/nobody", r.key("iothubowner"), "iothubowner"), 404, "DeviceNotFound"},
	} {
		var header []string
		if c.token != "" {
			header = []string{"Authorization", c.token}
		}
		a := r.do(c.method, c.path, c.body, header...)
		if a.status != c.status || a.code(t) != c.code {
			t.Errorf("%s: %d %v", name, a.status, a.body)
		}
	}
	if a := r.do("GET", "/devices/"+device+version, ""); a.status != 404 {
		t.Errorf("a path that is not served: %d", a.status)
	}
	if a := r.do("POST", "/twins/"+device+version, ""); a.status != 405 {
		t.Errorf("a method that is not served: %d", a.status)
	}
}

// session opens a session of the device.
func (r *rig) session() *amqp.Session {
	r.Helper()
	text, err := r.hub.DeviceConnectionString("dev:1#a")
	r.must(err)
	_, key, _ := strings.Cut(text, "SharedAccessKey=")
	conn, err := amqp.Dial(r.ctx, "amqps://"+r.hub.Addr(), &amqp.ConnOptions{
		HostName:  "localhost",
		TLSConfig: &tls.Config{RootCAs: r.roots, ServerName: "localhost"},
		SASLType:  amqp.SASLTypePlain("dev:1#a@sas.localhost", sign(r.hub.HostName()+"/devices/dev:1#a", key, "")),
	})
	r.must(err)
	r.Cleanup(func() { conn.Close() })
	session, err := conn.NewSession(r.ctx, nil)
	r.must(err)
	return session
}

func TestMethod(t *testing.T) {
	r := newRig(t)
	session := r.session()
	address := "/devices/" + device + "/methods/devicebound"
	properties := map[string]any{"com.microsoft:api-version": "2021-04-12", "com.microsoft:channel-correlation-id": "methods:1"}
	in, err := session.NewReceiver(r.ctx, address, &amqp.ReceiverOptions{Properties: properties})
	r.must(err)
	out, err := session.NewSender(r.ctx, address, &amqp.SenderOptions{Properties: properties})
	r.must(err)
	var replying sync.WaitGroup
	defer replying.Wait()
	replying.Go(func() {
		request, err := in.Receive(r.ctx, nil)
		if err != nil {
			t.Error(err)
			return
		}
		reply := amqp.NewMessage([]byte(`{"got":` + string(request.GetData()) + `}`))
		reply.Properties = &amqp.MessageProperties{CorrelationID: request.Properties.CorrelationID}
		reply.ApplicationProperties = map[string]any{"IoThub-status": int32(202)}
		if err := out.Send(r.ctx, reply, nil); err != nil {
			t.Error(err)
		}
	})
	a := r.do("POST", "/twins/"+device+"/methods"+version, `{"methodName":"reboot","payload":[1,2],"responseTimeoutInSeconds":60,"connectTimeoutInSeconds":0}`)
	if a.status != 200 || a.body["status"] != 202.0 || fmt.Sprint(a.body["payload"]) != "map[got:[1 2]]" {
		t.Errorf("result %d %v", a.status, a.body)
	}
	if twin := r.do("GET", "/twins/"+device+version, ""); twin.body["connectionState"] != "Connected" {
		t.Errorf("twin of a connected device: %v", twin.body)
	}
}

func TestPurge(t *testing.T) {
	r := newRig(t)
	conn, err := amqp.Dial(r.ctx, "amqps://"+r.hub.Addr(), &amqp.ConnOptions{
		HostName:  "localhost",
		TLSConfig: &tls.Config{RootCAs: r.roots, ServerName: "localhost"},
		SASLType:  amqp.SASLTypePlain("service@sas.root.localhost", sign(r.hub.HostName(), r.key("service"), "service")),
	})
	r.must(err)
	defer conn.Close()
	session, err := conn.NewSession(r.ctx, nil)
	r.must(err)
	out, err := session.NewSender(r.ctx, "/messages/devicebound", nil)
	r.must(err)
	for range 3 {
		to := "/devices/" + device + "/messages/devicebound"
		m := amqp.NewMessage([]byte("x"))
		m.Properties = &amqp.MessageProperties{To: &to}
		r.must(out.Send(r.ctx, m, nil))
	}
	a := r.do("DELETE", "/devices/"+device+"/commands"+version, "")
	moduleID, told := a.body["moduleId"]
	if a.status != 200 || a.body["totalMessagesPurged"] != 3.0 || a.body["deviceId"] != "dev:1#a" || !told || moduleID != nil {
		t.Errorf("purge %d %v", a.status, a.body)
	}
	if n := r.hub.Devices()[0].Queued; n != 0 {
		t.Errorf("%d messages left", n)
	}
}

// The door closes with its context, also under a call that waits.
func TestServeEnds(t *testing.T) {
	r := newRig(t)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	r.must(err)
	ctx, cancel := context.WithCancel(r.ctx)
	done := make(chan error, 1)
	go func() { done <- rest.Serve(ctx, r.hub, ln, nil) }()
	answered := make(chan response, 1)
	r.addr = ln.Addr().String()
	if a := r.do("GET", "/twins/"+device+version, ""); a.status != 200 {
		t.Errorf("twin: %d", a.status)
	}
	// The end comes while the request is half written.
	body, last := io.Pipe()
	go func() {
		request, err := http.NewRequestWithContext(r.ctx, "POST", "https://"+r.addr+"/twins/"+device+"/methods"+version, body)
		if err != nil {
			t.Error(err)
			return
		}
		request.Header.Set("Authorization", sign(r.hub.HostName(), r.key("service"), "service"))
		got, err := r.client.Do(request)
		if err != nil {
			answered <- response{}
			return
		}
		got.Body.Close()
		answered <- response{status: got.StatusCode}
	}()
	fmt.Fprint(last, `{"methodName":"m","connectTimeoutInSeconds":300`)
	cancel()
	fmt.Fprint(last, `}`)
	last.Close()
	if a := <-answered; a.status != 0 && a.status != 503 {
		t.Errorf("answer %d", a.status)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
