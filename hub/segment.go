package hub

import (
	"encoding/binary"
	"time"
)

// maxSegment is how large a segment may grow, in bytes; an event that is larger
// has one of its own.
const maxSegment = 256 << 10

// place is where an event stands in its partition. All three only ever rise.
type place struct {
	sequence int64
	offset   int64
	enqueued time.Time
}

// logged is one event with everything stamped.
type logged struct {
	place
	payload []byte // the encoded message, as readers get it
}

// segment is a run of events, encoded one behind the other. Its bytes are only
// ever added to, so that a payload handed to a reader stays as it is.
type segment struct {
	first int64 // sequence number of its first event
	begin int64 // offset of its first event
	last  place // of its newest event
	data  []byte
	spill spilled // where the bytes are once data is nil
}

// Of a record: its length without this field, then the time.
const (
	recordLength = 4
	recordHeader = recordLength + 8
)

func (e *logged) size() int { return recordHeader + len(e.payload) }

// add appends an event.
func (s *segment) add(e *logged, limit int) {
	size := e.size()
	if need := len(s.data) + size; need > cap(s.data) {
		s.data = append(make([]byte, 0, max(need, min(2*cap(s.data), limit))), s.data...)
	}
	if len(s.data) == 0 {
		s.first, s.begin = e.sequence, e.offset
	}
	s.data = binary.BigEndian.AppendUint32(s.data, uint32(size-recordLength))
	s.data = binary.BigEndian.AppendUint64(s.data, uint64(e.enqueued.UnixNano()))
	s.data = append(s.data, e.payload...)
	s.last = e.place
}

// end is the sequence number behind the newest event.
func (s *segment) end() int64 { return s.last.sequence + 1 }

// cursor walks the events of one segment.
type cursor struct {
	segment *segment
	read    []byte // the bytes of a segment that has been spilled
	at      int    // in the bytes
	place          // of the event at at; enqueued is not set
}

func newCursor(s *segment) cursor {
	return cursor{segment: s, place: place{sequence: s.first, offset: s.begin}}
}

// event returns the event the cursor is at; there must be one. Its payload
// shares the memory of the segment.
func (c *cursor) event() (logged, error) {
	bytes := c.segment.data
	if bytes == nil {
		if c.read == nil {
			read, err := c.segment.spill.read()
			if err != nil {
				return logged{}, err
			}
			c.read = read
		}
		bytes = c.read
	}
	record := bytes[c.at:]
	end := recordLength + int(binary.BigEndian.Uint32(record))
	e := logged{place: c.place, payload: record[recordHeader:end:end]}
	e.enqueued = time.Unix(0, int64(binary.BigEndian.Uint64(record[recordLength:])))
	return e, nil
}

// step moves the cursor behind e, the event it is at.
func (c *cursor) step(e logged) {
	c.at += e.size()
	c.sequence++
	c.offset += int64(len(e.payload))
}

// left reports whether there is an event at the cursor.
func (c *cursor) left() bool { return c.segment != nil && c.sequence < c.segment.end() }
