package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// device is the loop device under the file system of the benchmark. Its own
// counters tell what reached it, data and journal; /proc/self/io does not: it
// counts whole folios of the page cache.
type device struct {
	Node  string // "/dev/loop3"
	Mount string
}

// counters of a block device since it was attached.
type counters struct {
	bytes   int64 // written
	flushes int64
}

// usage is what a piece of work cost.
type usage struct {
	counters
	wall time.Duration
}

func (d device) stat() string {
	return filepath.Join("/sys/block", filepath.Base(d.Node), "stat")
}

func (d device) counters() (counters, error) {
	text, err := os.ReadFile(d.stat())
	if err != nil {
		return counters{}, err
	}
	return parseStat(string(text))
}

// parseStat reads the fields of Documentation/block/stat.rst: sectors written are
// the seventh, of 512 bytes whatever the device's own; flushes are the sixteenth.
func parseStat(text string) (counters, error) {
	f := strings.Fields(text)
	if len(f) < 16 {
		return counters{}, fmt.Errorf("block device counts %d things, not 16: the kernel is older than 5.5", len(f))
	}
	sectors, err1 := strconv.ParseInt(f[6], 10, 64)
	flushes, err2 := strconv.ParseInt(f[15], 10, 64)
	return counters{bytes: sectors * 512, flushes: flushes}, errors.Join(err1, err2)
}

// sync writes out whatever the file system still holds, its journal included.
func (d device) sync() error {
	f, err := os.Open(d.Mount)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.Syncfs(int(f.Fd()))
}

// measure runs fn and returns what it wrote, with what the file system owed at its
// end. The time is that of fn alone.
func (d device) measure(fn func() error) (usage, error) {
	if err := d.sync(); err != nil {
		return usage{}, err
	}
	before, err := d.counters()
	if err != nil {
		return usage{}, err
	}
	began := time.Now()
	if err := fn(); err != nil {
		return usage{}, err
	}
	wall := time.Since(began)
	if err := d.sync(); err != nil {
		return usage{}, err
	}
	after, err := d.counters()
	return usage{counters{after.bytes - before.bytes, after.flushes - before.flushes}, wall}, err
}

// forget empties the page cache of this file system, and of no other.
func (d device) forget() error {
	if err := syscall.Unmount(d.Mount, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", d.Mount, err)
	}
	if err := syscall.Mount(d.Node, d.Mount, "ext4", 0, ""); err != nil {
		return fmt.Errorf("mount %s: %w", d.Node, err)
	}
	return nil
}

// numbers returns MAJOR:MINOR.
func (d device) numbers() (string, error) {
	text, err := os.ReadFile(filepath.Join("/sys/block", filepath.Base(d.Node), "dev"))
	return strings.TrimSpace(string(text)), err
}
