package store

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"math"
	"slices"
	"time"

	"fieldpost/internal/clock"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// errDamaged marks bytes or a file that cannot be what the store wrote.
var errDamaged = errors.New("damaged")

const (
	recordVersion = 1
	keyLen        = 1 + 4 + 8
	// recordOverhead is what one record costs beside its value: its key and bbolt's leaf element.
	recordOverhead = keyLen + 16
	// fixedLen is the part of an encoded record before its strings.
	fixedLen = 4 + 1 + 1 + 8 + 4 + 1 + 8 + 16 + 8 + 8 + 4 + 1
)

// key is the place of a record in the queue: class, then the run of the agent
// that appended it, then its sequence. The run on disk equals the epoch, except
// after the identity was drawn anew: then it still grows.
type key struct {
	class Class
	run   uint32
	seq   uint64
}

// thisRun is the run of every record of this process while it is in memory. It
// is known before the file, which gives the number, is open.
const thisRun = math.MaxUint32

func (k key) less(o key) bool {
	if k.class != o.class {
		return k.class < o.class
	}
	if k.run != o.run {
		return k.run < o.run
	}
	return k.seq < o.seq
}

// bytes returns the key as stored; run stands for thisRun.
func (k key) bytes(run uint32) []byte {
	if k.run != thisRun {
		run = k.run
	}
	b := make([]byte, keyLen)
	b[0] = byte(k.class)
	binary.BigEndian.PutUint32(b[1:], run)
	binary.BigEndian.PutUint64(b[5:], k.seq)
	return b
}

// parseKey reads what bytes wrote.
func parseKey(b []byte, run uint32) (key, bool) {
	if len(b) != keyLen || b[0] >= Classes {
		return key{}, false
	}
	k := key{Class(b[0]), binary.BigEndian.Uint32(b[1:]), binary.BigEndian.Uint64(b[5:])}
	if k.run == run {
		k.run = thisRun
	}
	return k, true
}

// recordLen is the length of the encoded record.
func recordLen(r *Record) int {
	n := fixedLen + lenOf(len(r.CorrelationID)) + lenOf(len(r.Subject)) + lenOf(len(r.ContentType)) + lenOf(len(r.Body))
	n += uvarintLen(len(r.Props))
	for k, v := range r.Props {
		n += lenOf(len(k)) + lenOf(len(v))
	}
	return n
}

func lenOf(n int) int { return uvarintLen(n) + n }

func uvarintLen(n int) int {
	l := 1
	for n >= 0x80 {
		n >>= 7
		l++
	}
	return l
}

// appendRecord encodes r after b.
func appendRecord(b []byte, r *Record) []byte {
	from := len(b)
	b = append(b, 0, 0, 0, 0, recordVersion, byte(r.Kind))
	b = append(b, r.Store[:]...)
	b = binary.BigEndian.AppendUint32(b, r.Epoch)
	b = append(b, byte(r.Class))
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	b = append(b, r.Stamp.Boot[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(r.Stamp.BootTime))
	b = binary.BigEndian.AppendUint64(b, uint64(r.Stamp.Wall.Unix()))
	b = binary.BigEndian.AppendUint32(b, uint32(r.Stamp.Wall.Nanosecond()))
	b = append(b, byte(r.Stamp.Trust))
	for _, s := range []string{r.CorrelationID, r.Subject, r.ContentType} {
		b = appendString(b, s)
	}
	b = appendProps(b, r.Props)
	b = binary.AppendUvarint(b, uint64(len(r.Body)))
	b = append(b, r.Body...)
	binary.BigEndian.PutUint32(b[from:], crc32.Checksum(b[from+4:], castagnoli))
	return b
}

func appendProps(b []byte, props map[string]string) []byte {
	keys := make([]string, 0, 8) // most records have fewer: it is not allocated
	for k := range props {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	b = binary.AppendUvarint(b, uint64(len(keys)))
	for _, k := range keys {
		b = appendString(appendString(b, k), props[k])
	}
	return b
}

func appendString(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// decodeRecord reads what appendRecord wrote. The record shares no memory with b.
func decodeRecord(b []byte) (Record, error) {
	if len(b) < fixedLen {
		return Record{}, fmt.Errorf("record of %d bytes: %w: too short", len(b), errDamaged)
	}
	if binary.BigEndian.Uint32(b) != crc32.Checksum(b[4:], castagnoli) {
		return Record{}, fmt.Errorf("record: %w: checksum", errDamaged)
	}
	if b[4] != recordVersion {
		return Record{}, fmt.Errorf("record: %w: version %d", errDamaged, b[4])
	}
	d := decoder{b: b[5:]}
	var r Record
	r.Kind = Kind(d.take(1)[0])
	copy(r.Store[:], d.take(8))
	r.Epoch = binary.BigEndian.Uint32(d.take(4))
	r.Class = Class(d.take(1)[0])
	r.Seq = binary.BigEndian.Uint64(d.take(8))
	copy(r.Stamp.Boot[:], d.take(16))
	r.Stamp.BootTime = time.Duration(binary.BigEndian.Uint64(d.take(8)))
	sec := int64(binary.BigEndian.Uint64(d.take(8)))
	r.Stamp.Wall = time.Unix(sec, int64(binary.BigEndian.Uint32(d.take(4)))).UTC()
	r.Stamp.Trust = clock.Trust(d.take(1)[0])
	r.CorrelationID, r.Subject, r.ContentType = d.text(), d.text(), d.text()
	r.Props = d.props()
	if n := d.uvarint(); n > 0 {
		r.Body = slices.Clone(d.take(n))
	}
	if d.err != nil || len(d.b) != 0 || r.Class >= Classes {
		return Record{}, fmt.Errorf("record: %w: fields", errDamaged)
	}
	return r, nil
}

type decoder struct {
	b    []byte
	err  error
	seen *seen // nil = none
}

func (d *decoder) take(n uint64) []byte {
	if n > uint64(len(d.b)) {
		d.err, d.b = errDamaged, nil
		return nil
	}
	p := d.b[:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) uvarint() uint64 {
	n, l := binary.Uvarint(d.b)
	if l <= 0 {
		d.err, d.b = errDamaged, nil
		return 0
	}
	d.b = d.b[l:]
	return n
}

func (d *decoder) text() string { return string(d.take(d.uvarint())) }

// sealJSON encodes the small things that are read by people too: ledger and
// journal. Fields are only ever added to them.
func sealJSON(tag byte, k []byte, v any) ([]byte, error) {
	j, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return seal(tag, k, append(make([]byte, 4, 4+len(j)), j...)), nil
}

// openJSON reads what sealJSON wrote.
func openJSON(tag byte, k, b []byte, v any) error {
	j, err := unseal(tag, k, b)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(j, v); err != nil {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return nil
}
