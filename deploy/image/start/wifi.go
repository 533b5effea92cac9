package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/google/renameio/v2"

	"fieldpost/deploy/image/wifi"
)

// wifiArg has this program keep the Wi-Fi, and do nothing else.
const wifiArg = "wifi"

// wanted reports whether a set names a network.
func wanted(folder string) bool {
	_, name := os.Lstat(filepath.Join(folder, wifi.NameFile))
	_, password := os.Lstat(filepath.Join(folder, wifi.PasswordFile))
	if name != nil && password == nil {
		log.Printf("%s is there and %s is not: no Wi-Fi is joined", wifi.PasswordFile, wifi.NameFile)
	}
	return name == nil
}

// keepWiFi has this program run a second time to keep the Wi-Fi, whatever becomes of it.
func keepWiFi(ctx context.Context, out io.Writer) {
	defer survive(ctx, wifiStarts)()
	keep(ctx, func() error {
		c := command(ctx, out, "/proc/self/exe", wifiArg)
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return c.Run()
	})
}

const (
	// wifiStarts counts the boots that have loaded the driver and may not have survived it.
	wifiStarts = permanent + "/wifi-starts"
	mostStarts = 5
	survived   = 20 * time.Second // a driver that stops the kernel does so as it meets its chip
	leaveAlone = 10 * time.Minute
)

// survive waits when the last boots have all ended soon after the driver was loaded: a
// kernel that panics of it starts the board again, and what keeps the readings shall
// have that time. A power that flaps looks the same, so it is not for long. It counts this boot until it has lasted; the function
// it returns ends the count.
func survive(ctx context.Context, file string) (end func()) {
	text, _ := os.ReadFile(file)
	before, _ := strconv.Atoi(strings.TrimSpace(string(text)))
	if before >= mostStarts {
		log.Printf("the board went down soon after the last %d starts of its Wi-Fi: it is left alone for %v", before, leaveAlone)
		select {
		case <-time.After(leaveAlone):
		case <-ctx.Done():
			return func() {}
		}
	}
	if err := count(file, before+1); err != nil {
		log.Printf("starts of the Wi-Fi are not counted: %v", err)
	}
	lasted := time.AfterFunc(survived, func() { _ = os.Remove(file) })
	return func() { lasted.Stop() }
}

// count writes a number that the next moment must not take back.
func count(file string, n int) error {
	if err := renameio.WriteFile(file, []byte(strconv.Itoa(n)+"\n"), 0o600); err != nil {
		return err
	}
	folder, err := os.Open(filepath.Dir(file))
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// keep runs what keeps the Wi-Fi again and again, until ctx ends.
func keep(ctx context.Context, run func() error) {
	for wait := restartAfter; ; wait = min(2*wait, longestRestart) {
		began := time.Now()
		err := run()
		if time.Since(began) >= steady {
			wait = restartAfter
		}
		log.Printf("what keeps the Wi-Fi ended: %v; it is started again in %v", err, wait)
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return
		}
	}
}
