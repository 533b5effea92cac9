package hostinfo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"fieldpost/sensors"
)

// maxFile bounds what is read of any file.
const maxFile = 64 << 10

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
	return func(context.Context) (sensors.Source, error) { return &source{opt}, nil }
}

type source struct{ opt Options }

// Close implements sensors.Source.
func (s *source) Close() error { return nil }

// Sense implements sensors.Source.
func (s *source) Sense(ctx context.Context) ([]sensors.Value, error) {
	var vs []sensors.Value
	for _, part := range []func() []sensors.Value{s.load, s.memory, s.disk, s.uptime, s.temperatures} {
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
	text, ok := s.read("proc/loadavg")
	if !ok {
		return nil
	}
	first, _, _ := strings.Cut(text, " ")
	return []sensors.Value{number("load1", "1", first)}
}

func (s *source) uptime() []sensors.Value {
	text, ok := s.read("proc/uptime")
	if !ok {
		return nil
	}
	first, _, _ := strings.Cut(text, " ")
	return []sensors.Value{number("uptime_seconds", "s", first)}
}

func (s *source) memory() []sensors.Value {
	text, ok := s.read("proc/meminfo")
	if !ok {
		return nil
	}
	total, ok1 := meminfo(text, "MemTotal:")
	available, ok2 := meminfo(text, "MemAvailable:")
	if !ok1 || !ok2 || total <= 0 {
		return []sensors.Value{unreadable("mem_used_percent", "%"), unreadable("mem_available_bytes", "By")}
	}
	return []sensors.Value{
		{Name: "mem_used_percent", Unit: "%", Num: 100 * (total - available) / total},
		{Name: "mem_available_bytes", Unit: "By", Num: available},
	}
}

// meminfo returns a line of /proc/meminfo in bytes.
func meminfo(text, key string) (float64, bool) {
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		if len(f) == 3 && f[0] == key && f[2] == "kB" {
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
		return []sensors.Value{unreadable("disk_free_bytes", "By"), unreadable("disk_used_percent", "%")}
	}
	return []sensors.Value{
		{Name: "disk_free_bytes", Unit: "By", Num: free},
		{Name: "disk_used_percent", Unit: "%", Num: 100 * (total - free) / total},
	}
}

// read returns the trimmed text of a file below the root; false when there is
// no such file. A file that is there and cannot be read gives empty text.
func (s *source) read(name string) (string, bool) {
	f, err := os.Open(filepath.Join(s.opt.Root, filepath.FromSlash(name)))
	if err != nil {
		return "", !errors.Is(err, os.ErrNotExist)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxFile))
	if err != nil {
		return "", true
	}
	return strings.TrimSpace(string(b)), true
}

// list returns the entries of a directory below the root, sorted by name.
func (s *source) list(name string) []string {
	entries, err := os.ReadDir(filepath.Join(s.opt.Root, filepath.FromSlash(name)))
	if err != nil {
		return nil
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func number(name, unit, text string) sensors.Value {
	num, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return unreadable(name, unit)
	}
	return sensors.Value{Name: name, Unit: unit, Num: num}
}

func unreadable(name, unit string) sensors.Value {
	return sensors.Value{Name: name, Unit: unit, Quality: sensors.Bad, Reason: "unreadable"}
}
