//go:build linux && proof

package crash

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
)

// logOf builds a log of writes of one sector each, filled with their number; a mark
// stands for every word.
func logOf(entries ...any) []byte {
	le := binary.LittleEndian
	super := make([]byte, 512)
	le.PutUint64(super, logMagic)
	le.PutUint64(super[8:], 1)
	le.PutUint64(super[16:], uint64(len(entries)))
	le.PutUint32(super[24:], 512)
	log := super
	for i, e := range entries {
		b := make([]byte, 512)
		switch e := e.(type) {
		case string:
			le.PutUint64(b[16:], logMark)
			le.PutUint64(b[24:], uint64(len(e)))
			copy(b[32:], e)
		case int:
			le.PutUint64(b, uint64(100+i))
			le.PutUint64(b[8:], 1)
			le.PutUint64(b[16:], uint64(e))
			b = append(b, bytes.Repeat([]byte{byte(i)}, 512)...)
		}
		log = append(log, b...)
	}
	return log
}

// TestLogOfWrites: a log is read as it was written, and each line belongs to the
// last write before it.
func TestLogOfWrites(t *testing.T) {
	all, err := readLog(bytes.NewReader(logOf(0, "0", logFUA, 0, 0, logFlush, "1", "dm-log-writes-end")))
	if err != nil || len(all) != 8 || all[3].sector != 103 || all[3].at != 512*7 || all[1].mark != "0" || all[1].sectors != 0 {
		t.Fatalf("%+v, %v", all, err)
	}
	r := &recording{entries: all, lines: []string{"a", "b"}, ends: map[int]bool{}}
	if err := r.complete(); err != nil {
		t.Error(err)
	}
	want := []moment{{diskState{}, 0}, {diskState{1, 0}, 1}, {diskState{3, 0}, 1}, {diskState{4, 0}, 1}, {diskState{5, 0}, 1}, {diskState{6, 0}, 2}}
	if got := r.moments(0); !reflect.DeepEqual(got, want) {
		t.Errorf("moments %v, want %v", got, want)
	}
	for _, c := range []struct {
		name  string
		marks []any
		lines int
		ends  map[int]bool
		good  bool
	}{
		{"two runs", []any{"0", "1", "0"}, 3, map[int]bool{2: true, 3: true}, true},
		{"two runs, each died over a line", []any{"0", "1", "0", "1"}, 2, map[int]bool{1: true, 2: true}, true},
		{"a mark without its line", []any{"0", "1"}, 1, nil, false},
		{"a line without its mark", []any{"0"}, 2, nil, false},
		{"a mark too late", []any{"0", "2"}, 2, nil, false},
	} {
		all, err := readLog(bytes.NewReader(logOf(c.marks...)))
		if err != nil {
			t.Fatal(err)
		}
		r := &recording{entries: all, lines: make([]string, c.lines), ends: c.ends}
		if err := r.complete(); (err == nil) != c.good || err == nil && r.moments(0)[0].lines != c.lines {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for name, log := range map[string][]byte{
		"a discard": logOf(logDiscard), "another magic": make([]byte, 512), "a log cut short": logOf(0)[:512], "a long mark": logOf(strings.Repeat("x", 481))[:1024],
	} {
		if _, err := readLog(bytes.NewReader(log)); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

// TestPartialWrites: of what follows, only what no flush has covered may be on the
// disk, in every combination; a flush is alone.
func TestPartialWrites(t *testing.T) {
	all, err := readLog(bytes.NewReader(logOf(0, 0, logFlush, "0", 0)))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		after int
		want  map[string]bool
	}{
		{0, map[string]bool{"[]": true, "[100]": true, "[101]": true, "[100 101]": true}},
		{2, map[string]bool{"[]": true, "[102]": true}},
		{3, map[string]bool{"[]": true, "[104]": true}},
		{5, map[string]bool{"[]": true}},
	} {
		got := make(map[string]bool)
		for seed := range uint64(200) {
			sectors := []uint64{}
			for _, p := range partial(all, c.after, seed) {
				sectors = append(sectors, p.sector)
			}
			got[fmt.Sprint(sectors)] = true
		}
		if !reflect.DeepEqual(got, c.want) {
			t.Errorf("after %d: %v, want %v", c.after, got, c.want)
		}
	}
}

// TestKernelFailureIsNoticed: neither a disk that cannot be mounted nor a machine
// that dies is taken for a store that is well.
func TestKernelFailureIsNoticed(t *testing.T) {
	needKernel(t)
	empty := filepath.Join(t.TempDir(), "empty")
	if err := sparse(empty, diskBytes); err != nil {
		t.Fatal(err)
	}
	m, err := boot(t, initramfs(t), empty)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := m.try(errand{Do: "mount", Device: "/dev/vda"}); err != nil || !strings.Contains(a.Err, "invalid argument") {
		t.Errorf("mount of an empty disk: %q, %v", a.Err, err)
	}
	if _, err := m.try(errand{Do: "judge", Job: job{Die: true}}); err == nil || !strings.Contains(err.Error(), "exitcode=0x00000700") {
		t.Errorf("a judge that dies: %v", err)
	}
}
