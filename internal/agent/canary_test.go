package agent

import (
	"bytes"
	"context"
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
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/clock"
	"fieldpost/internal/diag"
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

// forms are the ways in which a secret may be written, as a part of something
// longer too: base64 then looks another way at each of three places.
func forms(secret []byte) []string {
	b64 := base64.StdEncoding.EncodeToString(secret)
	all := []string{
		string(secret), b64, strings.TrimRight(b64, "="), base64.URLEncoding.EncodeToString(secret),
		url.QueryEscape(b64), url.QueryEscape(string(secret)), url.PathEscape(string(secret)),
		hex.EncodeToString(secret), strings.ToUpper(hex.EncodeToString(secret)), fmt.Sprint(secret),
	}
	for skip := range min(3, len(secret)) {
		whole := secret[skip:]
		whole = whole[:len(whole)/3*3]
		all = append(all, base64.RawStdEncoding.EncodeToString(whole), base64.RawURLEncoding.EncodeToString(whole))
	}
	return all
}

// found returns the first canary that is in text, or "".
func found(text string, canaries []string) string {
	for _, c := range canaries {
		if strings.Contains(text, c) {
			return c
		}
	}
	return ""
}

// A leak in any spelling and at any place is found.
func TestPlantedSecretIsFound(t *testing.T) {
	secret := []byte("canary:pass word/with+signs=")
	canaries := forms(secret)
	for at := range 7 {
		around := []byte(strings.Repeat("x", at) + string(secret) + "yz")
		for _, leak := range []string{
			string(around), base64.StdEncoding.EncodeToString(around), base64.URLEncoding.EncodeToString(around),
			hex.EncodeToString(around), url.QueryEscape(string(around)), fmt.Sprintf("%X", around), fmt.Sprint(secret),
		} {
			if found("before "+leak+" behind", canaries) == "" {
				t.Errorf("at %d: %q is not noticed", at, leak)
			}
		}
	}
	if c := found("nothing in here", canaries); c != "" {
		t.Errorf("%q found in nothing", c)
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
	secrets := [][]byte{key, []byte(keyText), strange, []byte(login), []byte("pass word/with+signs="), private.Bytes}
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
			short, err := os.MkdirTemp("", "s")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(short) })
			cfg.Agent.Socket = filepath.Join(short, "s")
			all, now := &said{}, clock.NewFake(time.Now()).Follow()
			ring := diag.NewLogRing(diag.RingBytes)
			for _, p := range CheckFiles(cfg, now.Now()) {
				fmt.Fprintln(all, p.String(), p.Hint)
			}
			r := run(t, cfg, Parts{Clock: now, Seed: 1, Ring: ring, Log: slog.New(slog.NewTextHandler(io.MultiWriter(ring, all), &slog.HandlerOptions{Level: slog.LevelDebug}))})
			client := diag.NewClient(cfg.Agent.Socket)
			r.until("the socket", func() bool { _, err := client.Status(t.Context()); return err == nil })
			following, stop := context.WithCancel(t.Context())
			followed := make(chan error, 1)
			go func() {
				followed <- client.Events(following, nil, nil, func(ev diag.Event) error { return json.NewEncoder(all).Encode(ev) })
			}()
			if v.works {
				r.until("something delivered", func() bool { return r.Online() && r.drain.Stats().Accepted > 2 })
			} else {
				r.until("a fault", func() bool {
					s := r.Status()
					return s.Link.Failures > 0 || part(s, "identity").Reason != "" && r.Online()
				})
			}
			// The bundle holds status, figures, the log's ring, goroutines and all else.
			var packed bytes.Buffer
			if err := client.Bundle(t.Context(), &packed); err != nil {
				t.Fatal(err)
			}
			_, files, err := diag.ReadBundle(&packed)
			if err != nil || len(files["log.txt"]) == 0 || len(files["goroutines.txt"]) == 0 || len(files["metrics.txt"]) == 0 {
				t.Errorf("the bundle has %d files, %v", len(files), err)
			}
			for name, body := range files {
				fmt.Fprintf(all, "%s: %s\n", name, body)
			}
			stop()
			<-followed
			status, err := json.Marshal(r.Status())
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(all, "%s %+v %+v", status, r.link.State(), cfg)
			if err := r.stop(); err != nil {
				t.Error(err)
			}
			if canary := found(all.String(), canaries); canary != "" {
				t.Errorf("%q is in\n%s", canary, all)
			}
			if all.String() == "" || v.works && strings.Contains(all.String(), "link is down") {
				t.Errorf("not what was meant:\n%s", all)
			}
		})
	}
}
