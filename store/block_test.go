package store

import (
	"fmt"
	"reflect"
	"testing"
)

// blockOf packs n records, those of two sensors in turn.
func blockOf(t *testing.T, c *compressor, n int) (recs []Record, k, v []byte) {
	t.Helper()
	var raw []byte
	prev := &Record{}
	for i := range n {
		sensor := fmt.Sprint("bme280-", i%2)
		recs = append(recs, Record{
			ID: ID{Store: [8]byte{1}, Epoch: 3, Class: Telemetry, Seq: uint64(100 + 2*i)}, Kind: KindTelemetry,
			CorrelationID: fmt.Sprint(i), Subject: sensor, ContentType: "application/json",
			Props: map[string]string{"sensor": sensor, "quality": ""}, Body: fmt.Appendf(nil, `{"temperature":%d}`, i),
		})
		if i == n-1 {
			recs[i].Props, recs[i].Body = nil, nil
		}
		raw = appendInBlock(raw, &recs[i], prev)
		prev = &recs[i]
	}
	h := blockHead{key: key{Telemetry, 3, 100}, n: n, last: recs[n-1].Seq, store: [8]byte{1}, epoch: 3}
	k, v, err := c.encodeBlock(h, raw, 7)
	if err != nil {
		t.Fatal(err)
	}
	return recs, k, v
}

// TestDecodedRecordsAreApart: what is handed out is not changed by what is read
// later, nor by who appends to a body.
func TestDecodedRecordsAreApart(t *testing.T) {
	for _, n := range []int{2, 40} { // too small to be packed, and packed
		var c compressor
		want, k, v := blockOf(t, &c, n)
		_, got, err := c.decodeBlock(k, v, 7)
		if err != nil {
			t.Fatal(err)
		}
		_, k2, v2 := blockOf(t, &c, n+1)
		if _, _, err := c.decodeBlock(k2, v2, 7); err != nil {
			t.Fatal(err)
		}
		clear(v) // as a page that is used again
		_ = append(got[0].Body, v...)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%d records: %+v, want %+v", n, got, want)
		}
	}
}

// TestDecodedRecordsShare: what comes again is there once, and the size that the
// decoder counts is the one that Append counted.
func TestDecodedRecordsShare(t *testing.T) {
	var c compressor
	want, k, v := blockOf(t, &c, 40)
	seen := newSeen()
	h, err := parseBlock(k, v, 7)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := c.decodeEntries(&h, seen)
	if err != nil {
		t.Fatal(err)
	}
	for i := range entries {
		if e := &entries[i]; !reflect.DeepEqual(e.rec, want[i]) || e.size != recordLen(&want[i]) {
			t.Errorf("record %d has %d bytes, want %d: %+v", i, e.size, recordLen(&want[i]), e.rec)
		}
	}
	if len(seen.props) != 2 || len(seen.texts) > seenMax {
		t.Errorf("%d properties and %d strings were kept", len(seen.props), len(seen.texts))
	}
	a, b := entries[0].rec.Props, entries[2].rec.Props
	if reflect.ValueOf(a).Pointer() != reflect.ValueOf(b).Pointer() {
		t.Error("equal properties are two maps")
	}
}

// TestDecodeForeignBytes: a block whose checksum is right and whose content is not
// is an error, whatever it says.
func TestDecodeForeignBytes(t *testing.T) {
	var c compressor
	recs, _, _ := blockOf(t, &c, 3)
	whole := appendInBlock(appendInBlock(nil, &recs[0], &Record{}), &recs[1], &recs[0])
	for cut := range whole {
		h := blockHead{key: key{Telemetry, 3, 100}, n: 2, last: recs[1].Seq}
		k, v, err := c.encodeBlock(h, whole[:cut], 7)
		if err != nil {
			t.Fatal(err)
		}
		if _, got, err := c.decodeBlock(k, v, 7); err == nil || got != nil {
			t.Errorf("%d of %d bytes: %d records, %v", cut, len(whole), len(got), err)
		}
	}
}
