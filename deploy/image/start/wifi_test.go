package main

import (
	"bytes"
	"context"
	"errors"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// logged has the log written to a buffer for one test.
func logged(t *testing.T) *bytes.Buffer {
	var said bytes.Buffer
	log.SetOutput(&said)
	t.Cleanup(func() { log.SetOutput(os.Stderr) })
	return &said
}

func TestOnlyANameWantsWiFi(t *testing.T) {
	said := logged(t)
	dir := t.TempDir()
	if wanted(dir) || said.Len() > 0 {
		t.Errorf("nothing: %s", said)
	}
	for _, name := range []string{"wifi-password", "wifi-name"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("c2VjcmV0"), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, want := wanted(dir), name == "wifi-name"; got != want {
			t.Errorf("with %s: %t", name, got)
		}
	}
	if strings.Count(said.String(), "wifi-name is not") != 1 || strings.Contains(said.String(), "c2V") {
		t.Errorf("said: %s", said)
	}
}

// What keeps ending is started less and less often; what has run for long, soon.
func TestWiFiIsKeptWhateverBecomesOfIt(t *testing.T) {
	said := logged(t)
	synctest.Test(t, func(t *testing.T) {
		ctx, stop := context.WithCancel(t.Context())
		var waits []time.Duration
		ended := time.Now()
		keep(ctx, func() error {
			waits = append(waits, time.Since(ended))
			switch len(waits) {
			case 10:
				time.Sleep(steady)
			case 12:
				stop()
			}
			ended = time.Now()
			return errors.New("exit status 2")
		})
		const s = time.Second
		if want := []time.Duration{0, 5 * s, 10 * s, 20 * s, 40 * s, 80 * s, 160 * s, 300 * s, 300 * s, 300 * s, 5 * s, 10 * s}; !slices.Equal(waits, want) {
			t.Errorf("waits: %v, want %v", waits, want)
		}
	})
	if n := strings.Count(said.String(), "ended: exit status 2; it is started again in "); n != 12 {
		t.Errorf("said %d times: %s", n, said)
	}
}

// A board that its radio's driver takes down goes on without, for a while each time.
func TestWiFiThatTakesTheBoardDownIsLeftAlone(t *testing.T) {
	said := logged(t)
	file := filepath.Join(t.TempDir(), "wifi-starts")
	var waits []time.Duration
	boot := func(lasts time.Duration) {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			end := survive(t.Context(), file)
			waits = append(waits, time.Since(began))
			time.Sleep(lasts)
			synctest.Wait()
			end()
		})
	}
	for range mostStarts + 2 {
		boot(survived / 2)
	}
	boot(2 * survived)
	boot(0)
	want := make([]time.Duration, mostStarts+4)
	want[mostStarts], want[mostStarts+1], want[mostStarts+2] = leaveAlone, leaveAlone, leaveAlone
	if !slices.Equal(waits, want) {
		t.Errorf("waits: %v, want %v", waits, want)
	}
	if n := strings.Count(said.String(), "left alone for 10m0s"); n != 3 {
		t.Errorf("said: %s", said)
	}
	if text, err := os.ReadFile(file); err != nil || string(text) != "1\n" {
		t.Errorf("counted: %q, %v", text, err)
	}
}
