package wire

import (
	"encoding/binary"
	"time"
)

// fieldWriter writes the list of a composite field by field. Absent fields are
// written as null and cut off again at the end of the list. The first error
// stays, and every later call does nothing.
type fieldWriter struct {
	b     []byte
	count int // fields written
	used  int // fields up to the last one that is not null
	end   int // len(b) after that field
	err   error
}

// appendComposite writes a described list.
func appendComposite(b []byte, code uint64, write func(*fieldWriter)) ([]byte, error) {
	b = appendUint64(append(b, 0), code)
	b, start := openCompound(b)
	w := fieldWriter{b: b, end: len(b)}
	write(&w)
	if w.err != nil {
		return b[:start], w.err
	}
	if w.used == 0 {
		return append(w.b[:start], 0x45), nil
	}
	return closeCompound(w.b[:w.end], start, 0xc0, w.used), nil
}

func (w *fieldWriter) null() {
	w.b = append(w.b, 0x40)
	w.count++
}

func (w *fieldWriter) wrote(b []byte) {
	w.b = b
	w.count++
	w.used, w.end = w.count, len(b)
}

func (w *fieldWriter) fail(err error) {
	if w.err == nil {
		w.err = err
	}
}

// flag writes a boolean whose default is false.
func (w *fieldWriter) flag(v bool) {
	if !v {
		w.null()
		return
	}
	w.wrote(append(w.b, 0x41))
}

func (w *fieldWriter) bool(v bool) { w.wrote(appendBool(w.b, v)) }

func (w *fieldWriter) uint8(v uint8) { w.wrote(append(w.b, 0x50, v)) }

func (w *fieldWriter) uint16(v uint16) {
	w.wrote(binary.BigEndian.AppendUint16(append(w.b, 0x60), v))
}

func (w *fieldWriter) uint32(v uint32) { w.wrote(appendUint32(w.b, v)) }

func (w *fieldWriter) optUint32(v *uint32) {
	if v == nil {
		w.null()
		return
	}
	w.uint32(*v)
}

// nonzero writes a uint that is absent when it is 0.
func (w *fieldWriter) nonzero(v uint32) {
	if v == 0 {
		w.null()
		return
	}
	w.uint32(v)
}

func (w *fieldWriter) uint64(v uint64) { w.wrote(appendUint64(w.b, v)) }

func (w *fieldWriter) string(v string) { w.wrote(appendString(w.b, v)) }

// text writes a string that is absent when it is empty.
func (w *fieldWriter) text(v string) {
	if v == "" {
		w.null()
		return
	}
	w.string(v)
}

// symbol writes a symbol that is absent when it is empty.
func (w *fieldWriter) symbol(v Symbol) {
	if v == "" {
		w.null()
		return
	}
	w.wrote(appendSymbol(w.b, v))
}

// symbols writes an array of symbols that is absent when it is nil.
func (w *fieldWriter) symbols(v []Symbol) {
	if v == nil {
		w.null()
		return
	}
	b, start := openCompound(w.b)
	wide := byte(0xa3)
	for _, s := range v {
		if len(s) > 255 {
			wide = 0xb3
		}
	}
	b = append(b, wide)
	for _, s := range v {
		if wide == 0xb3 {
			b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		} else {
			b = append(b, byte(len(s)))
		}
		b = append(b, s...)
	}
	w.wrote(closeCompound(b, start, 0xe0, len(v)))
}

// binary writes bytes that are absent when nil.
func (w *fieldWriter) binary(v []byte) {
	if v == nil {
		w.null()
		return
	}
	w.wrote(appendBinary(w.b, v))
}

// timestamp writes a moment that is absent when zero.
func (w *fieldWriter) timestamp(v time.Time) {
	if v.IsZero() {
		w.null()
		return
	}
	w.any(v)
}

// any writes a value that is absent when nil.
func (w *fieldWriter) any(v any) {
	if v == nil {
		w.null()
		return
	}
	b, err := appendValue(w.b, v, 1)
	if err != nil {
		w.fail(err)
		return
	}
	w.wrote(b)
}

// mapping writes a map that is absent when nil.
func (w *fieldWriter) mapping(v Map) {
	if v == nil {
		w.null()
		return
	}
	w.any(v)
}

// composite writes a nested described list.
func (w *fieldWriter) composite(code uint64, write func(*fieldWriter)) {
	b, err := appendComposite(w.b, code, write)
	if err != nil {
		w.fail(err)
		return
	}
	w.wrote(b)
}
