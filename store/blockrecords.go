package store

import (
	"encoding/binary"
	"fmt"
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
	b = appendProps(b, r.Props)
	b = binary.AppendUvarint(b, uint64(len(r.Body)))
	return append(b, r.Body...)
}

// decodeRecords reads what appendInBlock wrote for every record of the block, into
// what at gives for each: the record, and its recordLen. The bodies lie in raw.
func decodeRecords(raw []byte, h *blockHead, seen *seen, at func(i int) (r *Record, size *int)) error {
	d := decoder{b: raw, seen: seen}
	prev := &Record{}
	for i := range h.n {
		r, size := at(i)
		r.Store, r.Epoch, r.Class = h.store, h.epoch, h.class
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
		rest := len(d.b)
		r.CorrelationID, r.Subject, r.ContentType = d.like(prev.CorrelationID), d.like(prev.Subject), d.like(prev.ContentType)
		r.Props = d.props()
		if n := d.uvarint(); n > 0 {
			r.Body = slices.Clip(d.take(n))
		}
		*size = fixedLen + rest - len(d.b)
		if d.err != nil || i > 0 && delta == 0 || i == 0 && r.Seq != h.seq || i == h.n-1 && r.Seq != h.last {
			return fmt.Errorf("block: %w: record %d", errDamaged, i)
		}
		prev = r
	}
	if len(d.b) != 0 {
		return fmt.Errorf("block: %w: %d bytes too many", errDamaged, len(d.b))
	}
	return nil
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

// seen holds strings and properties that were decoded, to be the same memory
// where they come again: sensors and their properties do.
type seen struct {
	texts map[string]string
	props map[string]map[string]string // by their encoding
}

// seenMax bounds each table.
const seenMax = 64

func newSeen() *seen {
	return &seen{make(map[string]string), make(map[string]map[string]string)}
}

// like reads a string that is often equal to s.
func (d *decoder) like(s string) string {
	b := d.take(d.uvarint())
	if string(b) == s {
		return s
	}
	if t, ok := d.seen.texts[string(b)]; ok {
		return t
	}
	t := string(b)
	if len(d.seen.texts) < seenMax {
		d.seen.texts[t] = t
	}
	return t
}

// props reads properties. Their strings share one piece of memory, and so do equal
// ones when d has seen.
func (d *decoder) props() map[string]string {
	from := d.b
	n := d.uvarint()
	if n > uint64(len(d.b)) {
		d.err = errDamaged
	}
	if n == 0 || d.err != nil {
		return nil
	}
	for range 2 * n {
		d.take(d.uvarint())
	}
	if d.err != nil {
		return nil
	}
	from = from[:len(from)-len(d.b)]
	if d.seen != nil {
		if p := d.seen.props[string(from)]; p != nil {
			return p
		}
	}
	text, again := string(from), decoder{b: from}
	again.uvarint()
	next := func() string {
		l := len(again.take(again.uvarint()))
		end := len(text) - len(again.b)
		return text[end-l : end]
	}
	p := make(map[string]string, n)
	for range n {
		k := next()
		p[k] = next()
	}
	if d.seen != nil && len(d.seen.props) < seenMax {
		d.seen.props[text] = p
	}
	return p
}
