package agent

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/uplink/auth"
)

// said collects what an agent tells anybody.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *said) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// tunnels is a proxy that wants a login.
func tunnels(t *testing.T, login string) string {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(login)) {
			w.Header().Set("Proxy-Authenticate", "Basic realm=\"x\"")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		out, err := net.Dial("tcp", r.Host)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		in, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(in, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(out, in); out.Close() }()
		go func() { _, _ = io.Copy(in, out); in.Close() }()
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// forms are the ways in which a secret may be written.
func forms(secret []byte) []string {
	b64 := base64.StdEncoding.EncodeToString(secret)
	return []string{
		string(secret), b64, strings.TrimRight(b64, "="), base64.URLEncoding.EncodeToString(secret),
		url.QueryEscape(b64), url.QueryEscape(string(secret)), hex.EncodeToString(secret), fmt.Sprint(secret),
	}
}

// Whatever goes right or wrong, no secret is in the log at its finest level, in the
// status or in what check says.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	const login = "canary:pass word/with+signs=" // of the proxy
	var (
		strange = []byte("canary: a key that no hub knows.")
		_, c, k = issue(t, time.Now())
	)
	h, err := hub.New(hub.Options{})
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
	cs, err := auth.ParseConnectionString(device)
	if err != nil {
		t.Fatal(err)
	}
	_, keyText, _ := strings.Cut(device, "SharedAccessKey=")
	key, err := base64.StdEncoding.DecodeString(keyText)
	if err != nil {
		t.Fatal(err)
	}
	token := func(key auth.Key) string {
		return key.Sign(auth.Audience(cs.HostName, "gw", ""), "", time.Now().Add(time.Hour)).Reveal()
	}
	private, _ := pem.Decode(k)
	secrets := [][]byte{key, strange, []byte(login), []byte("pass word/with+signs="), private.Bytes}
	var canaries []string
	for _, s := range secrets {
		canaries = append(canaries, forms(s)...)
	}
	// Tokens are made on the way: none has its signature shown, in any spelling.
	canaries = append(canaries, "sig=", "sig%3D", strings.Split(string(k), "\n")[1])

	bare := "HostName=" + cs.HostName + ";DeviceId=gw"
	unknown := bare + ";SharedAccessKey=" + base64.StdEncoding.EncodeToString(strange)
	proxy := "proxy = \"" + tunnels(t, login) + "\"\nproxy_credentials_file = \"login\"\n"
	for _, v := range []struct {
		name, keys string
		files      map[string]string
		works      bool
	}{
		{"key", proxy, map[string]string{"device": device, "login": login}, true},
		{"key over a WebSocket", "transport = \"websocket\"\n" + proxy, map[string]string{"device": device, "login": login}, true},
		{"key in PLAIN", "sas = \"plain\"\n", map[string]string{"device": device}, true},
		{"token", "sas_token_file = \"token\"\n", map[string]string{"device": bare, "token": token(auth.NewKey(key))}, true},
		{"wrong key", "", map[string]string{"device": unknown}, false},
		{"wrong key in PLAIN", "sas = \"plain\"\n", map[string]string{"device": unknown}, false},
		{"wrong token", "sas_token_file = \"token\"\n", map[string]string{"device": bare, "token": token(auth.NewKey(strange))}, false},
		{"broken token", "sas_token_file = \"token\"\n", map[string]string{"device": bare, "token": token(auth.NewKey(strange))[20:]}, false},
		{"wrong login", proxy, map[string]string{"device": device, "login": login + "x"}, false},
		{"broken login", proxy, map[string]string{"device": device, "login": strings.ReplaceAll(login, ":", "")}, false},
		{"broken connection string", "", map[string]string{"device": strings.ReplaceAll(device, ";", "\n")}, false},
		{"broken key", "", map[string]string{"device": bare + ";SharedAccessKey=!" + keyText}, false},
		{"strange certificate", "certificate_file = \"cert\"\nkey_file = \"key\"\n", map[string]string{"device": bare, "cert": string(c), "key": string(k)}, false},
		{"broken private key", "certificate_file = \"cert\"\nkey_file = \"key\"\n", map[string]string{"device": bare, "cert": string(c), "key": string(k[:len(k)-40])}, false},
	} {
		t.Run(v.name, func(t *testing.T) {
			cfg := load(t, "[hub]\nconnection_string_file = \"device\"\nca_file = \"ca\"\n"+v.keys+
				"[[sensor]]\nname = \"made-up\"\nsource = \"simulated\"\nevery = \"100ms\"\n")
			dir := filepath.Dir(cfg.Hub.ConnectionStringFile)
			put(t, dir, map[string][]byte{"ca": h.CAPEM()})
			for name, text := range v.files {
				put(t, dir, map[string][]byte{name: []byte(text)})
			}
			all, now := &said{}, clock.NewFake(time.Now()).Follow()
			for _, p := range CheckFiles(cfg, now.Now()) {
				fmt.Fprintln(all, p.String(), p.Hint)
			}
			r := run(t, cfg, Parts{Clock: now, Seed: 1, Log: slog.New(slog.NewJSONHandler(all, &slog.HandlerOptions{Level: slog.LevelDebug}))})
			if v.works {
				r.until("something delivered", func() bool { return r.Online() && r.drain.Stats().Accepted > 2 })
			} else {
				r.until("a fault", func() bool {
					s := r.Status()
					return s.Link.Failures > 0 || part(s, "identity").Reason != "" && r.Online()
				})
			}
			status, err := json.Marshal(r.Status())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(all, "%s %+v %+v", status, r.link.State(), cfg)
			if err := r.stop(); err != nil {
				t.Error(err)
			}
			for _, canary := range canaries {
				if strings.Contains(all.String(), canary) {
					t.Errorf("%q is in\n%s", canary, all)
				}
			}
			if all.String() == "" || v.works && strings.Contains(all.String(), "link is down") {
				t.Errorf("not what was meant:\n%s", all)
			}
		})
	}
}
