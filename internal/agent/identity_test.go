package agent

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/internal/config"
	"fieldpost/internal/diag"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// issue makes a certificate for gw that is good for an hour around a moment.
func issue(t *testing.T, around time.Time) (leaf *x509.Certificate, cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(around.UnixNano()), Subject: pkix.Name{CommonName: "gw"},
		NotBefore: around.Add(-time.Hour), NotAfter: around.Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err = x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return leaf, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// put puts files in place, each of them written long ago.
func put(t *testing.T, dir string, files map[string][]byte) {
	t.Helper()
	for name, text := range files {
		path := filepath.Join(dir, name)
		writeLongAgo(t, path+".new", text)
		if err := os.Rename(path+".new", path); err != nil {
			t.Fatal(err)
		}
	}
}

func writeLongAgo(t *testing.T, path string, text []byte) {
	t.Helper()
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(path, noon, noon); err != nil {
		t.Fatal(err)
	}
}

// marked is a text as editors of Windows begin one in UTF-8.
func marked(text []byte) []byte { return append([]byte("\ufeff"), text...) }

// wide is a text as Windows calls Unicode.
func wide(text []byte) []byte {
	b := []byte("\xff\xfe")
	for _, c := range text {
		b = append(b, c, 0)
	}
	return b
}

// What check says of each bad file, and what keeps the link of run from dialling:
// the key, the file, why, and what to do.
func TestBadIdentityFiles(t *testing.T) {
	_, cert, key := issue(t, noon)
	_, expired, expiredKey := issue(t, noon.Add(-24*time.Hour))
	_, young, youngKey := issue(t, noon.Add(24*time.Hour))
	const x509 = "HostName=h;DeviceId=gw;x509=true"
	const sas = "HostName=h;DeviceId=gw;SharedAccessKey=a2V5IG9mIHRoZSBkZXZpY2U="
	const pair = "certificate_file = \"cert\"\nkey_file = \"key\"\n"
	token := func(ends string) string { return "SharedAccessSignature sr=h&sig=c2VjcmV0&se=" + ends }
	for _, c := range []struct {
		name, device, keys string
		files              map[string][]byte
		key, says, hint    string
		starts             bool // the link tries nevertheless
	}{
		{"good certificate", x509, pair, map[string][]byte{"cert": cert, "key": key}, "", "", "", true},
		{"good certificate beside a key", sas, pair, map[string][]byte{"cert": cert, "key": key}, "", "", "", true},
		{"both in one file", x509, "certificate_file = \"cert\"\nkey_file = \"cert\"\n", map[string][]byte{"cert": append(key, cert...)}, "", "", "", true},
		{"good token", "HostName=h;DeviceId=gw", "sas_token_file = \"token\"\n", map[string][]byte{"token": []byte(token("4102444800") + "\n")}, "", "", "", true},
		{"certificate not configured", x509, "", nil, "hub.connection_string_file", "no certificate is configured", "hub.certificate_file", false},
		{"nothing to prove it", "HostName=h;DeviceId=gw", "", nil, "hub.connection_string_file", "no SharedAccessKey", "primary connection string", false},
		{"key without its end", "HostName=h;DeviceId=gw;SharedAccessKey=a2V5", "", nil, "hub.connection_string_file", "SharedAccessKey has 3 bytes", "copy the whole line", true},
		{"module", sas + ";ModuleId=m", "", nil, "hub.connection_string_file", "module: not supported", "device's", false},
		{"certificate missing", x509, pair, map[string][]byte{"key": key}, "hub.certificate_file", "cert: no such file", "issued for this device", false},
		{"key missing", x509, pair, map[string][]byte{"cert": cert}, "hub.key_file", "key: no such file", "private key", false},
		{"key of another", x509, pair, map[string][]byte{"cert": cert, "key": expiredKey}, "hub.key_file", "does not belong to the certificate", "private key", false},
		{"key for a certificate", x509, pair, map[string][]byte{"cert": key, "key": key}, "hub.certificate_file", "no CERTIFICATE in PEM", "issued for this device", false},
		{"expired", x509, pair, map[string][]byte{"cert": expired, "key": expiredKey}, "hub.certificate_file", "expired on 2026-05-31 13:00", "new one", false},
		{"not yet valid", x509, pair, map[string][]byte{"cert": young, "key": youngKey}, "hub.certificate_file", "not valid before 2026-06-02 11:00", "check the clock", false},
		{"token missing", sas, "sas_token_file = \"token\"\n", nil, "hub.sas_token_file", "token: no such file", "SharedAccessSignature", false},
		{"no token", sas, "sas_token_file = \"token\"\n", map[string][]byte{"token": []byte("c2VjcmV0")}, "hub.sas_token_file", "lacks one of sr, sig and se", "SharedAccessSignature", false},
		{"token ended", sas, "sas_token_file = \"token\"\n", map[string][]byte{"token": []byte(token("1000000000"))}, "hub.sas_token_file", "the token ended on 2001-09-09", "new token", true},
		{"all with a mark", "\ufeff" + x509, pair + "ca_file = \"ca\"\n", map[string][]byte{"cert": marked(cert), "key": marked(key), "ca": marked(cert)}, "", "", "", true},
		{"token with a mark", sas, "sas_token_file = \"token\"\n", map[string][]byte{"token": marked([]byte(token("4102444800")))}, "", "", "", true},
		{"connection string as 16 bits", string(wide([]byte(sas))), "", nil, "hub.connection_string_file", "device: is UTF-16", "save it as UTF-8", false},
		{"authorities as 16 bits", sas, "ca_file = \"ca\"\n", map[string][]byte{"ca": wide(cert)}, "hub.ca_file", "ca: is UTF-16", "save it as UTF-8", false},
		{"certificate as 16 bits", x509, pair, map[string][]byte{"cert": wide(cert), "key": key}, "hub.certificate_file", "cert: is UTF-16", "save it as UTF-8", false},
		{"key as 16 bits", x509, pair, map[string][]byte{"cert": cert, "key": wide(key)}, "hub.key_file", "key: is UTF-16", "save it as UTF-8", false},
		{"token as 16 bits", sas, "sas_token_file = \"token\"\n", map[string][]byte{"token": wide([]byte(token("4102444800")))}, "hub.sas_token_file", "token: is UTF-16", "save it as UTF-8", false},
		{"login as 16 bits", sas, "proxy = \"http://p:1\"\nproxy_credentials_file = \"login\"\n", map[string][]byte{"login": wide([]byte("u:c2VjcmV0"))}, "hub.proxy_credentials_file", "login: is UTF-16", "save it as UTF-8", true},
		{"certificate in DER", x509, pair, map[string][]byte{"cert": {0x30, 0x82, 0, 0x10, 0, 0}, "key": key}, "hub.certificate_file", "cert: holds zero bytes", "as PEM", false},
		{"no login", sas, "proxy = \"http://p:1\"\nproxy_credentials_file = \"login\"\n", map[string][]byte{"login": []byte("c2VjcmV0")}, "hub.proxy_credentials_file", "USER:PASSWORD", "as the proxy knows", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := load(t, "[hub]\nconnection_string_file = \"device\"\n"+c.keys)
			dir := filepath.Dir(cfg.Hub.ConnectionStringFile)
			put(t, dir, map[string][]byte{"device": []byte(c.device)})
			put(t, dir, c.files)
			now := clock.NewFake(noon)
			var said []string
			for _, p := range CheckFiles(cfg, now.Now()) {
				said = append(said, p.String()+" | "+p.Hint)
			}
			all := strings.Join(said, "\n")
			for _, want := range []string{c.key, c.says, c.hint} {
				if !strings.Contains(all, want) {
					t.Errorf("check says %q, want %q", all, want)
				}
			}
			if (c.key == "") != (len(said) == 0) || strings.Contains(all, "c2VjcmV0") {
				t.Errorf("check says %q", all)
			}
			_, err := (&identity{hub: cfg.Hub, clock: now}).read()
			if (err == nil) != c.starts || err != nil && !strings.Contains(err.Error(), c.key+": ") {
				t.Errorf("run: %v", err)
			}
		})
	}
}

// A certificate without its key, and a key without its certificate, are faults of
// the configuration, which says them: nothing is said twice.
func TestHalfACertificateIsSaidOnce(t *testing.T) {
	dir := t.TempDir()
	_, cert, key := issue(t, noon)
	put(t, dir, map[string][]byte{"device": []byte("HostName=h;DeviceId=gw"), "cert": cert, "key": key})
	file := func(name string) string { return filepath.Join(dir, name) }
	for _, hub := range []config.Hub{
		{ConnectionStringFile: file("device"), CertificateFile: file("cert")},
		{ConnectionStringFile: file("device"), KeyFile: file("key")},
	} {
		if _, faults := assemble(hub); len(faults) > 0 {
			t.Errorf("said again: %v", faults)
		}
	}
}

// Another address is another way to the same hub: its certificate is looked at by
// the name in the connection string.
func TestAddressKeepsTheNameOfTheHub(t *testing.T) {
	t.Parallel()
	h, err := hub.New(hub.Options{HostName: "hub.example"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddDevice("gw"); err != nil {
		t.Fatal(err)
	}
	serving := start(t.Context(), h.Run)
	defer serving.stop()
	device, err := h.DeviceConnectionString("gw")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(h.Addr())
	for _, v := range []struct{ name, says string }{{"hub.example", ""}, {"other.example", "another host"}} {
		cfg := load(t, "[hub]\nconnection_string_file = \"device\"\nca_file = \"ca\"\naddress = \"127.0.0.1:"+port+"\"\n")
		put(t, filepath.Dir(cfg.Hub.CAFile), map[string][]byte{
			"device": []byte(strings.ReplaceAll(device, "hub.example", v.name)), "ca": h.CAPEM(),
		})
		r := run(t, cfg, Parts{Clock: clock.NewFake(time.Now()).Follow(), Seed: 1})
		r.until("an attempt", func() bool { return r.Online() || r.Status().Link.Failures > 0 })
		if p := part(r.Status(), "identity"); !strings.Contains(p.Hint, v.says) || (v.says == "") != r.Online() {
			t.Errorf("%s: identity %+v, link %+v", v.name, p, r.Status().Link)
		}
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	}
}

// Whether a certificate is good now, a clock that nobody vouches for cannot tell.
func TestExpiredByADoubtfulClock(t *testing.T) {
	_, cert, key := issue(t, noon.Add(-24*time.Hour))
	cfg := load(t, "[hub]\nconnection_string_file = \"device\"\ncertificate_file = \"cert\"\nkey_file = \"key\"\n")
	put(t, filepath.Dir(cfg.Hub.KeyFile), map[string][]byte{"device": []byte("HostName=h;DeviceId=gw;x509=true"), "cert": cert, "key": key})
	now := clock.NewFake(noon)
	now.SetTrust(clock.TrustPlausible)
	if _, err := (&identity{hub: cfg.Hub, clock: now}).read(); err != nil {
		t.Error(err)
	}
}

// Files are read again when they have changed, and only then.
func TestIdentityIsReadAgain(t *testing.T) {
	cfg := load(t, "[hub]\nconnection_string_file = \"device\"\n")
	path := cfg.Hub.ConnectionStringFile
	dir := filepath.Dir(path)
	i := &identity{hub: cfg.Hub, clock: clock.NewFake(noon)}
	device := func() string {
		id, err := i.read()
		if err != nil {
			return err.Error()
		}
		return id.DeviceID
	}
	text := func(id string) []byte { return []byte("HostName=h;DeviceId=" + id + ";SharedAccessKey=a2V5") }
	put(t, dir, map[string][]byte{"device": text("gw-1")})
	if got := device(); got != "gw-1" {
		t.Fatal(got)
	}
	writeLongAgo(t, path, text("gw-2")) // same file, size and time
	if got := device(); got != "gw-1" {
		t.Errorf("read again though nothing seems to have changed: %s", got)
	}
	put(t, dir, map[string][]byte{"device": text("gw-3")})
	if got := device(); got != "gw-3" {
		t.Errorf("a file that took the place of another was not read: %s", got)
	}
	// Just written: its time may be that of the next write as well.
	now := time.Now()
	for _, id := range []string{"gw-4", "gw-5"} {
		if err := os.WriteFile(path, text(id), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, now, now); err != nil {
			t.Fatal(err)
		}
		if got := device(); got != id {
			t.Errorf("read %s, want %s", got, id)
		}
	}
	os.Remove(path)
	if got := device(); !strings.Contains(got, "no such file") {
		t.Errorf("a file that is gone: %s", got)
	}
}

// The agent samples while its certificate is out of time, says so, and connects
// when there is a good one.
func TestAgentWaitsForAGoodCertificate(t *testing.T) {
	t.Parallel()
	good, cert, key := issue(t, time.Now())
	_, expired, expiredKey := issue(t, time.Now().Add(-24*time.Hour))
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Register(hub.Registration{DeviceID: "gw", PrimaryThumbprint: hub.Thumbprint(good)}); err != nil {
		t.Fatal(err)
	}
	serving := start(t.Context(), h.Run)
	defer serving.stop()
	cfg := load(t, "[hub]\nconnection_string_file = \"device\"\nca_file = \"ca\"\ncertificate_file = \"cert\"\nkey_file = \"key\"\n"+
		"transport = \"websocket\"\n[[sensor]]\nname = \"made-up\"\nsource = \"simulated\"\nevery = \"100ms\"\n")
	dir := filepath.Dir(cfg.Hub.KeyFile)
	put(t, dir, map[string][]byte{
		"device": []byte("HostName=" + h.HostName() + ";DeviceId=gw;x509=true"), "ca": h.CAPEM(), "cert": expired, "key": expiredKey,
	})
	r := run(t, cfg, Parts{Clock: clock.NewFake(time.Now()).Follow(), Seed: 1})
	r.until("the fault", func() bool { return part(r.Status(), "identity").State == diag.Broken })
	p := part(r.Status(), "identity")
	if !strings.Contains(p.Reason, "hub.certificate_file: ") || !strings.Contains(p.Reason, "expired") || !strings.Contains(p.Hint, "new one") {
		t.Errorf("identity: %+v", p)
	}
	r.until("readings", func() bool { return r.Status().Queue.Depth > 2 })
	put(t, dir, map[string][]byte{"cert": cert, "key": key})
	r.until("everything delivered", func() bool { return r.Online() && h.EventCount() > 3 })
	if s := r.Status(); s.Link.Transport != "websocket" {
		t.Errorf("link %+v", s.Link)
	}
	if err := r.stop(); err != nil {
		t.Error(err)
	}
}

// The environment is read once in the life of a program, so each case has one of
// its own.
func TestEnvironmentProxy(t *testing.T) {
	if os.Getenv("FIELDPOST_TEST_PROXY") != "" {
		via, err := proxyOf(config.Hub{Proxy: config.ProxyFromEnvironment})("hub.example:443")
		if err != nil {
			os.Stdout.WriteString("error " + err.Error())
		} else {
			os.Stdout.WriteString("proxy " + via.Addr + " " + via.Login.Basic() + ".")
		}
		return
	}
	for _, c := range []struct{ proxy, none, want string }{
		{"", "", "proxy  Basic ."},
		{"http://user:pass@proxy.example:3128", "", "proxy proxy.example:3128 Basic dXNlcjpwYXNz."},
		{"http://proxy.example", "", "proxy proxy.example:80 Basic ."},
		{"proxy.example:3128", "", "proxy proxy.example:3128 Basic ."},
		{"http://proxy.example:3128", ".example", "proxy  Basic ."},
		{"https://user:c2VjcmV0@proxy.example:3128", "", "error hub.proxy: HTTPS_PROXY of the environment is not http://host:port"},
		{"http://user:12/c2VjcmV0@proxy.example:3128", "", "error hub.proxy: HTTPS_PROXY of the environment is not http://host:port"},
		{"http://user:c2VjcmV0#c2VjcmV0@proxy.example:3128", "", "error hub.proxy: HTTPS_PROXY of the environment is not http://host:port"},
		{"user:c2VjcmV0%zz@proxy", "", "error hub.proxy: HTTPS_PROXY of the environment is not http://host:port"},
	} {
		child := exec.Command(os.Args[0], "-test.run=^TestEnvironmentProxy$", "-test.v=false")
		child.Env = append(os.Environ(), "FIELDPOST_TEST_PROXY=1", "HTTPS_PROXY="+c.proxy, "NO_PROXY="+c.none, "https_proxy=", "no_proxy=")
		out, err := child.Output()
		if err != nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%s without %q: %s, %v, want %s", c.proxy, c.none, out, err, c.want)
		}
	}
}
