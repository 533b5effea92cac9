package uplink

import (
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/Azure/go-amqp"

	"fieldpost/store"
)

// What the drain encodes by itself says the same as go-amqp's own encoding of the
// same record.
func TestEncodedAsGoAMQPDoes(t *testing.T) {
	id := store.ID{Store: [8]byte{0xa1, 2, 3, 4, 5, 6, 7, 8}, Epoch: 7, Class: store.Telemetry, Seq: 1<<64 - 1}
	at := time.Date(2026, 3, 4, 6, 6, 7, 89e6, time.UTC)
	long := strings.Repeat("ä", 200)
	full := store.Record{ID: id, Subject: "boiler", ContentType: "application/json", CorrelationID: "cmd-1",
		Props: map[string]string{"sensor": "boiler", "quality": long, long: ""}, Body: []byte(`{"t":21.5}`)}
	change := func(f func(*store.Record)) store.Record {
		r := full
		r.Props = maps.Clone(r.Props)
		f(&r)
		return r
	}
	for name, r := range map[string]store.Record{
		"bare":            {ID: id},
		"full":            full,
		"no subject":      change(func(r *store.Record) { r.Subject = "" }),
		"no correlation":  change(func(r *store.Record) { r.CorrelationID = "" }),
		"binary":          change(func(r *store.Record) { r.ContentType = "application/octet-stream" }),
		"no content type": change(func(r *store.Record) { r.ContentType = "" }),
		"long texts": change(func(r *store.Record) {
			r.Subject, r.CorrelationID, r.ContentType = long, long, "text/"+strings.Repeat("x", 300)
		}),
		"body of 255":  change(func(r *store.Record) { r.Body = make([]byte, 255) }),
		"body of 256":  change(func(r *store.Record) { r.Body = make([]byte, 256) }),
		"body of 70kB": change(func(r *store.Record) { r.Body = make([]byte, 70000) }),
		"our names": change(func(r *store.Record) {
			r.Props = map[string]string{propSeq: "x", propCreationTime: "y", propUncertainty: "z"}
		}),
	} {
		for _, when := range []resolved{{}, {at: at}, {at: at, off: 90 * time.Second}} {
			msg, err := newMessage(&r, when)
			if err != nil {
				t.Fatal(err)
			}
			text, err := msg.MarshalBinary()
			if err != nil {
				t.Fatal(err)
			}
			var theirs, ours amqp.Message
			if err := theirs.UnmarshalBinary(text); err != nil {
				t.Fatal(err)
			}
			mine := appendMessage([]byte("before"), &r, when.at, when.off, r.Body, false)[len("before"):]
			if err := ours.UnmarshalBinary(mine); err != nil {
				t.Fatalf("%s, %+v: %v", name, when, err)
			}
			if !reflect.DeepEqual(theirs, ours) {
				t.Errorf("%s, %+v: got\n%+v\nwant\n%+v", name, when, ours, theirs)
			}
		}
	}
}

func TestAppendToIsString(t *testing.T) {
	id := store.ID{Store: [8]byte{0, 1, 0xff}, Epoch: 1, Class: 3, Seq: 12}
	if got := string(id.AppendTo([]byte("x"))); got != "x0001ff0000000000-1-3-12" || id.String() != got[1:] {
		t.Errorf("got %q and %q", got, id)
	}
}

// A batch holds what fits, whole messages only, and nothing that cannot be encoded.
func TestBatchFillsUpToItsLimit(t *testing.T) {
	records := make([]store.Record, 100)
	for i := range records {
		records[i] = store.Record{ID: store.ID{Class: store.Telemetry, Seq: uint64(i + 1)}, Body: make([]byte, 1000)}
	}
	l := &loader{timeline: resolved{}, letter: newLetter()}
	one, err := newMessage(&records[0], resolved{})
	if err != nil {
		t.Fatal(err)
	}
	text, err := one.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	for _, limit := range []int{0, 1000, 1200, 10_000, 50_000, maxBatch} {
		c := l.batch(records, limit)
		if want := min(limit/(len(text)+8), 100); c.n != want {
			t.Errorf("limit %d: %d records, want %d", limit, c.n, want)
			continue
		}
		if c.n == 0 {
			continue
		}
		encoded, err := c.msg.MarshalBinary()
		if err != nil || len(encoded) > limit || len(encoded) > c.size || c.msg.Format != 0x80013700 || len(c.msg.Data) != c.n {
			t.Fatalf("limit %d: %d bytes, counted as %d, format %#x, %d sections, %v", limit, len(encoded), c.size, c.msg.Format, len(c.msg.Data), err)
		}
		var inner amqp.Message
		if err := inner.UnmarshalBinary(c.msg.Data[c.n-1]); err != nil || inner.Properties.MessageID != records[c.n-1].ID.String() || inner.Header != nil {
			t.Errorf("last message: %+v, %v", inner.Properties, err)
		}
	}
	records[7].Subject = "\xff"
	if c := l.batch(records, maxBatch); c.n != 7 {
		t.Errorf("%d records before the one that cannot be encoded, want 7", c.n)
	}
	if c := l.batch(records[7:], maxBatch); c.n != 0 {
		t.Errorf("%d records from one that cannot be encoded", c.n)
	}
}
