package main

import (
	"context"
	"io"
	"log"
	"os"
	"path/filepath"
	"syscall"
	"time"

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
	keep(ctx, func() error {
		c := command(ctx, out, "/proc/self/exe", wifiArg)
		c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		return c.Run()
	})
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
