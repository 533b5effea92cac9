package uplink

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/uplink/auth"
)

// attempt tries the transports; those in works reach the hub. It returns what was
// tried.
func attempt(r *router, works string) string {
	var tried []string
	_ = r.each(context.Background(), func(_ context.Context, transport string) error {
		tried = append(tried, transport)
		if !strings.Contains(works, transport) {
			return errors.New("not reached")
		}
		return nil
	})
	return strings.Join(tried, " ")
}

func TestAutoStaysWithWhatWorks(t *testing.T) {
	r := Route{}.router(nil)
	for i, v := range []struct{ works, tried string }{
		{"", "amqp websocket"},
		{"", "amqp websocket"},
		{"amqp websocket", "amqp"},
		{"", "amqp"},
		{"", "amqp"},
		{"amqp", "amqp"},
		{"websocket", "amqp"},
		{"websocket", "amqp"},
		{"websocket", "amqp"},
		{"websocket", "amqp websocket"},
		{"", "websocket"},
		{"", "websocket"},
		{"", "websocket"},
		{"", "websocket amqp"},
		{"amqp", "websocket amqp"},
		{"amqp", "amqp"},
	} {
		if got := attempt(r, v.works); got != v.tried {
			t.Errorf("attempt %d tried %q, want %q", i, got, v.tried)
		}
	}
}

func TestFixedTransportIsTheOnlyOne(t *testing.T) {
	memory := filepath.Join(t.TempDir(), "transport")
	r := Route{Transport: TransportWebSocket, Memory: memory}.router(nil)
	for _, works := range []string{"", "", "", "", "websocket"} {
		if got := attempt(r, works); got != "websocket" {
			t.Errorf("tried %q", got)
		}
	}
	if _, err := os.Stat(memory); err == nil {
		t.Error("what was configured was remembered as found")
	}
}

func TestStrangeMemoryIsNoMemory(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{"": "", "quic\n": "", "\x00\xff": "", "websocket\n": "websocket", " amqp": "amqp"} {
		file := filepath.Join(dir, "transport")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := recall(file); got != want {
			t.Errorf("%q recalls %q, want %q", text, got, want)
		}
	}
	if got := recall(filepath.Join(dir, "missing")); got != "" {
		t.Errorf("a missing file recalls %q", got)
	}
	remember(filepath.Join(dir, "missing", "transport"), TransportAMQP) // nowhere to write: nothing happens
}

// A transport that hangs leaves the other one its share of the time.
func TestHangingTransportLeavesTimeForTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		began := time.Now()
		err := Route{}.router(nil).each(ctx, func(ctx context.Context, transport string) error {
			if transport == TransportAMQP {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		})
		if took := time.Since(began); err != nil || took != 15*time.Second {
			t.Errorf("took %s, %v", took, err)
		}
	})
}

// A hub that was reached and refuses who we are is not asked over another way.
func TestRefusedIdentityEndsTheSearch(t *testing.T) {
	tried := 0
	err := Route{}.router(nil).each(t.Context(), func(context.Context, string) error {
		tried++
		return &auth.RefusedError{Status: 401}
	})
	if !identityRefused(err) || tried != 1 {
		t.Errorf("%d tried, %v", tried, err)
	}
}

func TestSocketURL(t *testing.T) {
	for _, v := range []struct{ host, addr, want string }{
		{"hub.azure-devices.net", "", "wss://hub.azure-devices.net/$iothub/websocket hub.azure-devices.net:443"},
		{"hub", "gateway:5671", "wss://gateway/$iothub/websocket gateway:443"},
		{"localhost:5679", "", "wss://localhost:5679/$iothub/websocket localhost:5679"},
		{"hub", "[::1]:5671", "wss://[::1]/$iothub/websocket [::1]:443"},
	} {
		id := Identity{Host: v.host, Addr: v.addr}
		if got := id.socketURL().String() + " " + id.socketAddr(); got != v.want {
			t.Errorf("%+v: %s, want %s", v, got, v.want)
		}
	}
}

func TestPlainUser(t *testing.T) {
	for host, want := range map[string]string{
		"myhub.azure-devices.net": "gw@sas.myhub", "localhost:5671": "gw@sas.localhost",
	} {
		if got := (Identity{Host: host, DeviceID: "gw"}).plainUser(); got != want {
			t.Errorf("%s: %s, want %s", host, got, want)
		}
	}
}
