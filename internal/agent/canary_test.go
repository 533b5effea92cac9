package agent

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/canary"
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
	var open sync.WaitGroup
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") != "Basic "+base64.StdEncoding.EncodeToString([]byte(login)) {
			w.Header().Set("Proxy-Authenticate", "Basic realm=\"x\"")
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		in, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		canary.Tunnel(in, r.Host, &open)
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// Whatever goes right or wrong, no secret is in the log at its finest level, in the
// status or in what check says.
func TestNoSecretIsTold(t *testing.T) {
	t.Parallel()
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	serving := start(t.Context(), h.Run)
	defer serving.stop()
	planted, err := canary.New(h.HostName(), "gw")
	if err != nil {
		t.Fatal(err)
	}
	strange, err := canary.New(h.HostName(), "gw") // what the hub does not know
	if err != nil {
		t.Fatal(err)
	}
	known, err := hub.ParseKey(planted.Key)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Register(hub.Registration{DeviceID: "gw", PrimaryKey: known}); err != nil {
		t.Fatal(err)
	}
	text := func(p canary.Planted, name string) string {
		i := slices.IndexFunc(p.Slots, func(s canary.Slot) bool { return s.Name == name })
		return p.Slots[i].Text
	}
	key, err := auth.ParseKey(planted.Key)
	if err != nil {
		t.Fatal(err)
	}
	token := key.Sign(auth.Audience(h.HostName(), "gw", ""), "", time.Now().Add(time.Hour)).Reveal()
	device, login := text(planted, "shared access key"), text(planted, "login of the proxy")
	unknown, private := text(strange, "shared access key"), text(strange, "private key")
	search, others := planted.Search(), strange.Search()
	_, sig, _ := strings.Cut(token, "&sig=")
	sig, _, _ = strings.Cut(sig, "&")
	search.Add("signature", []byte(sig))

	bare := "HostName=" + h.HostName() + ";DeviceId=gw"
	proxy := "proxy = \"" + tunnels(t, login) + "\"\nproxy_credentials_file = \"login\"\n"
	for _, v := range []struct {
		name, keys string
		files      map[string]string
		works      bool
	}{
		{"key", proxy, map[string]string{"device": device, "login": login}, true},
		{"key over a WebSocket", "transport = \"websocket\"\n" + proxy, map[string]string{"device": device, "login": login}, true},
		{"key in PLAIN", "sas = \"plain\"\n", map[string]string{"device": device}, true},
		{"token", "sas_token_file = \"token\"\n", map[string]string{"device": bare, "token": token}, true},
		{"token in the connection string", "", map[string]string{"device": text(strange, "token of the connection string")}, false},
		{"wrong key", "", map[string]string{"device": unknown}, false},
		{"wrong key in PLAIN", "sas = \"plain\"\n", map[string]string{"device": unknown}, false},
		{"wrong token", "sas_token_file = \"token\"\n", map[string]string{"device": bare, "token": text(strange, "token")}, false},
		{"broken token", "sas_token_file = \"token\"\n", map[string]string{"device": bare, "token": text(strange, "token")[20:]}, false},
		{"wrong login", proxy, map[string]string{"device": device, "login": login + "x"}, false},
		{"broken login", proxy, map[string]string{"device": device, "login": strings.ReplaceAll(login, ":", "")}, false},
		{"broken connection string", "", map[string]string{"device": strings.ReplaceAll(device, ";", "\n")}, false},
		{"broken key", "", map[string]string{"device": bare + ";SharedAccessKey=!" + planted.Key}, false},
		{"strange certificate", "certificate_file = \"cert\"\nkey_file = \"key\"\n", map[string]string{"device": bare, "cert": strange.Certificate, "key": private}, false},
		{"broken private key", "certificate_file = \"cert\"\nkey_file = \"key\"\n", map[string]string{"device": bare, "cert": strange.Certificate, "key": private[:len(private)-40]}, false},
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
			for _, search := range []*canary.Search{search, others} {
				if leak := search.In(all.String()); leak != "" {
					t.Error(leak)
				}
			}
			if strings.Contains(all.String(), "sig=") || strings.Contains(all.String(), "sig%3D") {
				t.Errorf("a token that was made on the way is in\n%s", all)
			}
			if all.String() == "" || v.works && strings.Contains(all.String(), "link is down") {
				t.Errorf("not what was meant:\n%s", all)
			}
		})
	}
}
