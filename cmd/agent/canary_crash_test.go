//go:build linux

package main

import (
	"bytes"
	"encoding/base64"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/canary"
	"fieldpost/internal/diag"
)

// TestCrashTellsNoSecret gives an agent a secret in every slot, those that systemd
// can hand over as credentials, and lets it crash: once with a key and a proxy that
// work, once with a certificate that the hub does not know. Neither its log at the finest level, nor its
// bundle, nor its folders, nor what the crash prints holds a piece of a secret, and no
// core is left, in which all would be.
func TestCrashTellsNoSecret(t *testing.T) {
	for _, c := range []struct {
		name, hub string
		slots     []string // given as files; the others are in the environment and among the arguments of a program
		online    bool
	}{
		{"online", "transport = \"websocket\"\nproxy = \"environment\"\n",
			[]string{"connection-string"}, true},
		{"refused", "proxy = \"http://PROXY\"\nproxy_credentials_file = \"keys/proxy-credentials\"\n" +
			"sas_token_file = \"keys/sas-token\"\ncertificate_file = \"device.pem\"\nkey_file = \"keys/device-key.pem\"\n",
			[]string{"connection-string", "sas-token", "device-key.pem", "proxy-credentials"}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := startHub(t, hub.Options{})
			planted, err := canary.New(h.HostName(), "gw")
			if err != nil {
				t.Fatal(err)
			}
			key, err := hub.ParseKey(planted.Key)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := h.Register(hub.Registration{DeviceID: "gw", PrimaryKey: key}); err != nil {
				t.Fatal(err)
			}
			proxy := tunnel(t, planted, h.Addr())
			dir, handed := t.TempDir(), t.TempDir()
			text := "version = 1\n[agent]\nstate_dir = \"state\"\nsocket = \"s\"\nlog_level = \"debug\"\n" +
				"[hub]\nconnection_string_file = \"keys/connection-string\"\nca_file = \"ca.pem\"\naddress = \"hub.invalid:5671\"\nclock_wait = \"0s\"\n" +
				strings.ReplaceAll(c.hub, "PROXY", proxy) +
				"[store]\ncommit_every = \"100ms\"\n[[sensor]]\nname = \"s\"\nsource = \"simulated\"\nevery = \"100ms\"\n"
			environment := append(os.Environ(), childOfTest+"=1", "GOTRACEBACK=crash", "NO_PROXY=", "no_proxy=", "CREDENTIALS_DIRECTORY="+handed)
			files := map[string]string{filepath.Join(dir, "ca.pem"): string(h.CAPEM()), filepath.Join(dir, "device.pem"): planted.Certificate}
			for i, slot := range planted.Slots {
				switch {
				case slot.Env != "":
					environment = append(environment, slot.Env+"="+strings.ReplaceAll(slot.Text, "proxy.invalid:3128", proxy))
				case slot.Key == "sensor.program":
					text += "[[sensor]]\nname = \"p\"\nsource = \"command\"\nevery = \"1s\"\nprogram = [\"/bin/false\", " + strconv.Quote(slot.Text) + "]\n"
				case i > 0 && slot.File == planted.Slots[0].File:
					// A connection string has a key or a token.
				default:
					if slices.Contains(c.slots, slot.File) {
						files[filepath.Join(handed, "keys_"+slot.File)] = slot.Text
					}
				}
			}
			files[filepath.Join(dir, "agent.toml")] = text
			for path, text := range files {
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			said := crash(t, dir, environment, c.online)
			if leak := planted.Search().In(said); leak != "" {
				t.Error(leak)
			}
		})
	}
}

// tunnel is a proxy that takes both logins, and leads to one address only.
func tunnel(t *testing.T, planted canary.Planted, to string) string {
	logins := map[string]bool{}
	for _, slot := range planted.Slots {
		login := slot.Text
		if slot.Env != "" {
			u, err := url.Parse(slot.Text)
			if err != nil {
				t.Fatal(err)
			}
			password, _ := u.User.Password()
			login = u.User.Username() + ":" + password
		}
		logins["Basic "+base64.StdEncoding.EncodeToString([]byte(login))] = slot.Field == "Proxy.Login"
	}
	var open sync.WaitGroup
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !logins[r.Header.Get("Proxy-Authorization")] {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		in, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		canary.Tunnel(in, to, &open)
	}))
	t.Cleanup(func() { s.Close(); open.Wait() })
	return s.Listener.Addr().String()
}

// crash runs an agent in dir until it is where it can get, and crashes it. It returns
// all that is told and left.
func crash(t *testing.T, dir string, environment []string, online bool) string {
	var said bytes.Buffer
	// A shell raises the limit that the tests may have got from whoever runs them.
	agent := exec.CommandContext(t.Context(), "/bin/sh", "-c", "ulimit -c unlimited; exec \"$0\" run --config agent.toml", executable(t))
	agent.Dir, agent.Env, agent.Stdout, agent.Stderr = dir, environment, &said, &said
	if err := agent.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- agent.Wait() }()
	t.Cleanup(func() { _ = agent.Process.Kill() })
	client := diag.NewClient(filepath.Join(dir, "s"))
	for deadline := time.Now().Add(2 * time.Minute); ; time.Sleep(10 * time.Millisecond) {
		s, err := client.Status(t.Context())
		refused := slices.ContainsFunc(s.Chain, func(p diag.Part) bool { return p.Part == "identity" && p.Reason != "" })
		if err == nil && s.Link.Phase == "online" && refused != online {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("status %+v, %v\n%s", s, err, &said)
		}
	}
	var packed bytes.Buffer
	if err := client.Bundle(t.Context(), &packed); err != nil {
		t.Fatal(err)
	}
	_, files, err := diag.ReadBundle(&packed)
	if err != nil || len(files) < 8 {
		t.Fatalf("%d files in the bundle, %v", len(files), err)
	}
	if err := agent.Process.Signal(syscall.SIGABRT); err != nil {
		t.Fatal(err)
	}
	<-ended
	status, _ := agent.ProcessState.Sys().(syscall.WaitStatus)
	if status.Signal() != syscall.SIGABRT || !strings.Contains(said.String(), "SIGABRT: abort") || !strings.Contains(said.String(), "goroutine ") {
		t.Errorf("not the crash that was meant: %v\n%s", agent.ProcessState, &said)
	}
	if status.CoreDump() {
		t.Error("a core was dumped")
	}
	for name, text := range files {
		said.WriteString(name + "\n" + string(text) + "\n")
	}
	config := filepath.Join(dir, "agent.toml")
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || path == config {
			return err
		}
		text, err := os.ReadFile(path)
		said.WriteString(path + "\n" + string(text) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return said.String()
}

func executable(t *testing.T) string {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return self
}

// TestCrashLeavesACoreElsewhere shows that a machine makes cores at all, for the test
// that demands that there is none.
func TestCrashLeavesACoreElsewhere(t *testing.T) {
	c := exec.CommandContext(t.Context(), "/bin/sh", "-c", "ulimit -c unlimited && kill -ABRT $$")
	c.Dir = t.TempDir()
	_ = c.Run()
	if status, _ := c.ProcessState.Sys().(syscall.WaitStatus); !status.CoreDump() {
		t.Skip("SKIPPED: this machine leaves no core of anybody: ulimit or core_pattern")
	}
}
