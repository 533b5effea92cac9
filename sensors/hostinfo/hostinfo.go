package hostinfo

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"fieldpost/sensors"
	"fieldpost/sensors/sysfs"
)

// Options says where to look.
type Options struct {
	Root     string // of the file system with proc and sys; default "/"
	StateDir string // whose disk is measured; default "" (no disk values)
}

// Open returns an opener for the host. Opening never fails.
func Open(opt Options) sensors.Opener {
	if opt.Root == "" {
		opt.Root = "/"
	}
	return func(context.Context) (sensors.Source, error) { return &source{opt, sysfs.Tree(opt.Root)}, nil }
}

type source struct {
	opt  Options
	tree sysfs.Tree
}

// Close implements sensors.Source.
func (s *source) Close() error { return nil }

// Sense implements sensors.Source.
func (s *source) Sense(ctx context.Context) ([]sensors.Value, error) {
	var vs []sensors.Value
	for _, part := range []func() []sensors.Value{s.load, s.memory, s.disk, s.uptime, s.temperatures, s.supply, s.disks, s.networks} {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		vs = append(vs, part()...)
	}
	if len(vs) == 0 {
		return nil, fmt.Errorf("host: nothing to read below %s on %s: %w", s.opt.Root, runtime.GOOS, errors.ErrUnsupported)
	}
	return vs, nil
}

func (s *source) load() []sensors.Value {
	text, ok := s.tree.Read("proc/loadavg")
	if !ok {
		return nil
	}
	first, _, _ := strings.Cut(text, " ")
	return []sensors.Value{sysfs.Number("load1", "1", first)}
}

func (s *source) uptime() []sensors.Value {
	text, ok := s.tree.Read("proc/uptime")
	if !ok {
		return nil
	}
	first, _, _ := strings.Cut(text, " ")
	return []sensors.Value{sysfs.Number("uptime_seconds", "s", first)}
}

func (s *source) memory() []sensors.Value {
	text, ok := s.tree.Read("proc/meminfo")
	if !ok {
		return nil
	}
	total, ok1 := meminfo(text, "MemTotal:")
	available, ok2 := meminfo(text, "MemAvailable:")
	if !ok1 || !ok2 || total <= 0 {
		return []sensors.Value{sysfs.Unreadable("mem_used_percent", "%"), sysfs.Unreadable("mem_available_bytes", "By")}
	}
	return []sensors.Value{
		{Name: "mem_used_percent", Unit: "%", Num: 100 * (total - available) / total},
		{Name: "mem_available_bytes", Unit: "By", Num: available},
	}
}

// meminfo returns a line of /proc/meminfo in bytes.
func meminfo(text, key string) (float64, bool) {
	for line := range strings.Lines(text) {
		if !strings.HasPrefix(line, key) {
			continue
		}
		if f := strings.Fields(line); len(f) == 3 && f[0] == key && f[2] == "kB" {
			kb, err := strconv.ParseUint(f[1], 10, 64)
			return float64(kb) * 1024, err == nil
		}
	}
	return 0, false
}

func (s *source) disk() []sensors.Value {
	if s.opt.StateDir == "" {
		return nil
	}
	total, free, err := diskSpace(s.opt.StateDir)
	if err != nil || total <= 0 {
		return []sensors.Value{sysfs.Unreadable("disk_free_bytes", "By"), sysfs.Unreadable("disk_used_percent", "%")}
	}
	return []sensors.Value{
		{Name: "disk_free_bytes", Unit: "By", Num: free},
		{Name: "disk_used_percent", Unit: "%", Num: 100 * (total - free) / total},
	}
}
