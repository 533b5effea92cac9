package store

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"fieldpost/internal/clock"
)

func sampleRecords() []Record {
	return []Record{
		{ID: ID{Class: Debug}, Stamp: clock.Stamp{Wall: time.Time{}.UTC()}},
		{
			ID:    ID{Store: [8]byte{1, 2, 3, 4, 5, 6, 7, 8}, Epoch: 9, Class: Telemetry, Seq: 1 << 40},
			Kind:  KindTelemetry,
			Stamp: clock.Stamp{Boot: [16]byte{9}, BootTime: -1, Wall: time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), Trust: clock.TrustSynced},
			Props: map[string]string{"a": "b", "": strings.Repeat("x", 300)}, CorrelationID: "c", Subject: "s", ContentType: "t",
			Body: bytes.Repeat([]byte{0}, 200),
		},
	}
}

func TestRecordRoundTrip(t *testing.T) {
	for _, r := range sampleRecords() {
		b := appendRecord([]byte("before"), &r)[6:]
		if len(b) != recordLen(&r) {
			t.Errorf("recordLen = %d, encoded are %d", recordLen(&r), len(b))
		}
		got, err := decodeRecord(b)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("decode = %+v, %v; want %+v", got, err, r)
		}
		for i := range b {
			bad := bytes.Clone(b)
			bad[i] ^= 0x10
			if _, err := decodeRecord(bad); !errors.Is(err, errDamaged) {
				t.Fatalf("bit flip at byte %d: %v", i, err)
			}
			if _, err := decodeRecord(b[:i]); !errors.Is(err, errDamaged) {
				t.Fatalf("cut at byte %d: %v", i, err)
			}
		}
	}
}

func TestKeyOrder(t *testing.T) {
	keys := []key{{Alarm, 1, 1}, {Alarm, 1, 256}, {Alarm, 2, 1}, {Alarm, thisRun, 1}, {Result, 1, 1}, {Telemetry, 1, 1}}
	for i := 1; i < len(keys); i++ {
		a, b := keys[i-1].bytes(7), keys[i].bytes(7)
		if bytes.Compare(a, b) >= 0 || !keys[i-1].less(keys[i]) || keys[i].less(keys[i-1]) {
			t.Errorf("%v is not before %v", keys[i-1], keys[i])
		}
		if k, ok := parseKey(b, 7); !ok || k != keys[i] {
			t.Errorf("parse of %v gives %v", keys[i], k)
		}
	}
	for _, b := range [][]byte{nil, make([]byte, 12), {9, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1}} {
		if k, ok := parseKey(b, 7); ok {
			t.Errorf("parse of %x gives %v", b, k)
		}
	}
}

func FuzzRecord(f *testing.F) {
	for _, r := range sampleRecords() {
		f.Add(appendRecord(nil, &r)[4:])
	}
	f.Add(bytes.Repeat([]byte{0xff}, 100))
	f.Fuzz(func(t *testing.T, content []byte) {
		if len(content) < 1 {
			return
		}
		b := sealed(content)
		r, err := decodeRecord(b)
		if err != nil {
			if !errors.Is(err, errDamaged) {
				t.Fatalf("error of another kind: %v", err)
			}
			return
		}
		again := appendRecord(nil, &r)
		if len(again) != recordLen(&r) {
			t.Fatalf("recordLen = %d, encoded are %d", recordLen(&r), len(again))
		}
		got, err := decodeRecord(again)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Fatalf("decode of what was decoded = %+v, %v; want %+v", got, err, r)
		}
	})
}

func FuzzPreflight(f *testing.F) {
	f.Add(make([]byte, 3*filePage))
	f.Fuzz(func(t *testing.T, file []byte) {
		_ = preflight(t.Context(), bytes.NewReader(file), int64(len(file)), func(Progress) {}) // must return
	})
}
