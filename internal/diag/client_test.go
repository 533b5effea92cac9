package diag

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestNoAgent(t *testing.T) {
	gone, left := tempPath(t), tempPath(t)
	stale(t, left)
	for name, path := range map[string]string{"no socket": gone, "stale socket": left} {
		_, err := NewClient(path).Status(t.Context())
		if !errors.Is(err, ErrNoAgent) || !strings.Contains(err.Error(), path) || Hint(err) == "" {
			t.Errorf("%s: got %v, hint %q", name, err, Hint(err))
		}
	}
}

// The hint starts the agent as it is started on this machine.
func TestNoAgentSaysHowToStartIt(t *testing.T) {
	c := NewClient(tempPath(t))
	c.Root = t.TempDir()
	for _, unit := range []string{"", "lib/systemd/system", "etc/systemd/system"} {
		want := "start it with agent run, or"
		if unit != "" {
			want = "start it with systemctl start fieldpost, or"
			if err := errors.Join(os.MkdirAll(filepath.Join(c.Root, unit), 0o700), os.WriteFile(filepath.Join(c.Root, unit, "fieldpost.service"), nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := c.Status(t.Context()); !strings.HasPrefix(Hint(err), want) {
			t.Errorf("%q: hint %q, want %q", unit, Hint(err), want)
		}
		if err := os.RemoveAll(filepath.Join(c.Root, "lib")); err != nil {
			t.Fatal(err)
		}
	}
}

// What is no socket is told of as that: an agent may be running beside it.
func TestAskedWhatIsNoSocket(t *testing.T) {
	file := tempPath(t)
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Dir(file)} {
		_, err := NewClient(path).Status(t.Context())
		if !errors.Is(err, ErrNoAgent) || err.Error() != "no agent can be asked at "+path+": what is there is no socket" || !strings.Contains(Hint(err), "remove it") {
			t.Errorf("got %v, hint %q", err, Hint(err))
		}
		if _, err := Listen(path); err == nil || !strings.Contains(Hint(err), "remove it") || CheckFree(path) == nil || CheckFree(path).Error() != err.Error() {
			t.Errorf("listen %v, hint %q; check %v", err, Hint(err), CheckFree(path))
		}
	}
	if err := errors.Join(CheckFree(tempPath(t)), CheckFree(serve(t, ServerOptions{}))); err != nil {
		t.Errorf("nothing, and a socket: %v", err)
	}
}

func TestForbiddenSocket(t *testing.T) {
	if os.Getuid() <= 0 {
		t.Skip("root may open everything")
	}
	path := serve(t, ServerOptions{})
	if err := os.Chmod(path, 0); err != nil {
		t.Fatal(err)
	}
	_, err := NewClient(path).Status(t.Context())
	if errors.Is(err, ErrNoAgent) || !errors.Is(err, os.ErrPermission) || Hint(err) == "" {
		t.Errorf("got %v, hint %q", err, Hint(err))
	}
}

func TestAnswerErrors(t *testing.T) {
	path := serve(t, ServerOptions{Provider: Provider{
		Queue: returns(QueueReport{}, hintedFault{errors.New("disk is gone")}),
	}})
	_, err := NewClient(path).Queue(t.Context())
	var answer *AnswerError
	if !errors.As(err, &answer) || answer.Status != 500 || err.Error() != "disk is gone" || Hint(err) != "look under it" {
		t.Errorf("got %v, hint %q", err, Hint(err))
	}
	if _, err := NewClient(path).Status(t.Context()); !errors.As(err, &answer) || answer.Status != 404 {
		t.Errorf("got %v", err)
	}
}

func TestClientOfAStranger(t *testing.T) {
	for name, c := range map[string]struct {
		handler http.HandlerFunc
		want    string
	}{
		"text":       {func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "hello") }, "no agent answers at"},
		"other JSON": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(418); io.WriteString(w, "{}") }, "no agent answers at"},
		"endless": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1<<20)); err != nil {
					return
				}
			}
		}, "is larger than"},
		"silent": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "did not answer within"},
		"away":   {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "ask agent at"},
	} {
		t.Run(name, func(t *testing.T) {
			path := tempPath(t)
			l, err := net.Listen("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			h := &http.Server{Handler: c.handler}
			served := make(chan error, 1)
			go func() { served <- h.Serve(l) }()
			client := NewClient(path)
			client.Within = hang
			if name == "silent" {
				client.Within = 20 * time.Millisecond
			}
			if _, err := client.Status(context.Background()); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %s", err, c.want)
			}
			h.Close()
			<-served
		})
	}
}
