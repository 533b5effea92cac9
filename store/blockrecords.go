package store

import (
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"time"

	"fieldpost/internal/clock"
)

// appendInBlock encodes r after b, as the difference to prev, the record before
// it in the block; the first is told against the zero record. Identity and class
// stand in the head of the block.
func appendInBlock(b []byte, r, prev *Record) []byte {
	b = binary.AppendUvarint(b, r.Seq-prev.Seq)
	same := byte(0)
	if r.Stamp.Boot == prev.Stamp.Boot {
		same = 1
	}
	b = append(b, byte(r.Kind), byte(r.Stamp.Trust), same)
	if same == 0 {
		b = append(b, r.Stamp.Boot[:]...)
	}
	b = binary.AppendVarint(b, int64(r.Stamp.BootTime)-int64(prev.Stamp.BootTime))
	b = binary.AppendVarint(b, r.Stamp.Wall.Unix()-prev.Stamp.Wall.Unix())
	b = binary.AppendUvarint(b, uint64(r.Stamp.Wall.Nanosecond()))
	for _, s := range []string{r.CorrelationID, r.Subject, r.ContentType} {
		b = appendString(b, s)
	}
	b = binary.AppendUvarint(b, uint64(len(r.Props)))
	for _, k := range slices.Sorted(maps.Keys(r.Props)) {
		b = appendString(appendString(b, k), r.Props[k])
	}
	b = binary.AppendUvarint(b, uint64(len(r.Body)))
	return append(b, r.Body...)
}

// decodeRecords reads what appendInBlock wrote for every record of the block.
func decodeRecords(raw []byte, h blockHead) ([]Record, error) {
	d := decoder{b: raw}
	recs := make([]Record, 0, min(h.n, len(raw)))
	prev := &Record{}
	for i := range h.n {
		r := Record{ID: ID{Store: h.store, Epoch: h.epoch, Class: h.class}}
		delta := d.uvarint()
		r.Seq = prev.Seq + delta
		r.Kind, r.Stamp.Trust = Kind(d.byte()), clock.Trust(d.byte())
		if d.byte() == 1 {
			r.Stamp.Boot = prev.Stamp.Boot
		} else {
			copy(r.Stamp.Boot[:], d.take(16))
		}
		r.Stamp.BootTime = prev.Stamp.BootTime + time.Duration(d.varint())
		sec := prev.Stamp.Wall.Unix() + d.varint()
		r.Stamp.Wall = time.Unix(sec, int64(d.uvarint())).UTC()
		r.CorrelationID, r.Subject, r.ContentType = d.text(), d.text(), d.text()
		r.Props = d.props()
		if n := d.uvarint(); n > 0 {
			r.Body = slices.Clone(d.take(n))
		}
		if d.err != nil || i > 0 && delta == 0 {
			return nil, fmt.Errorf("block: %w: record %d", errDamaged, i)
		}
		recs = append(recs, r)
		prev = &recs[i]
	}
	if len(d.b) != 0 || recs[0].Seq != h.seq || recs[h.n-1].Seq != h.last {
		return nil, fmt.Errorf("block: %w: sequences", errDamaged)
	}
	return recs, nil
}

func (d *decoder) byte() byte {
	if p := d.take(1); p != nil {
		return p[0]
	}
	return 0
}

func (d *decoder) varint() int64 {
	n, l := binary.Varint(d.b)
	if l <= 0 {
		d.err, d.b = errDamaged, nil
		return 0
	}
	d.b = d.b[l:]
	return n
}

func (d *decoder) props() map[string]string {
	n := d.uvarint()
	if n == 0 || d.err != nil {
		return nil
	}
	if n > uint64(len(d.b)) {
		d.err = errDamaged
		return nil
	}
	p := make(map[string]string, n)
	for ; n > 0 && d.err == nil; n-- {
		k := d.text()
		p[k] = d.text()
	}
	return p
}
