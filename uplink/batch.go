package uplink

import (
	"github.com/Azure/go-amqp"

	"fieldpost/internal/clock"
	"fieldpost/store"
)

const (
	// batchFormat is the message-format of several messages in one transfer: each
	// data section is one of them, encoded whole. All share one outcome.
	batchFormat = 0x80013700
	// maxBatch leaves of the 256 KiB that a hub takes what framing may add, bytes.
	maxBatch = 255 << 10
	// batchFrom is how many records must wait to be sent as a batch: fewer go out
	// one by one, and each gets an outcome of its own.
	batchFrom = 8
	// meterStep is what hubs count messages in, bytes.
	meterStep = 4 << 10
)

// cargo is what is sent in one transfer.
type cargo struct {
	msg   *amqp.Message
	n     int // records in it
	size  int // in the window, bytes
	wire  int // encoded, bytes; 0 when nobody asks
	steps int // as hubs meter it, in units of meterStep
}

// loader makes transfers of records, in memory that is used again for the next.
type loader struct {
	timeline clock.Timeline
	gz       *zipper // nil = bodies stay as they are
	weigh    bool    // the encoded size of single messages is asked for

	letter *letter
	buf    []byte
	ends   []int
	data   [][]byte
}

// look has the clock read once for the records that are loaded next.
func (l *loader) look(t clock.Timeline) {
	l.timeline = t
	if s, ok := t.(clock.Snapshotter); ok {
		l.timeline = s.Snapshot()
	}
}

func steps(size int) int { return max(1, (size+meterStep-1)/meterStep) }

// single loads one record.
func (l *loader) single(r *store.Record) (cargo, error) {
	msg, err := l.letter.write(r, l.timeline, l.gz)
	if err != nil {
		return cargo{}, err
	}
	n := size(r)
	c := cargo{msg: msg, n: 1, size: n, steps: steps(n)}
	if l.weigh {
		at, off := l.timeline.Resolve(r.Stamp)
		l.buf = appendMessage(l.buf[:0], r, at, off, msg.Data[0], l.letter.encoding == encodingGzip)
		c.wire = len(l.buf)
	}
	return c, nil
}

// batch loads records from the first on while they encode and fit into limit
// bytes, framing included. It loads none when the first alone does not.
func (l *loader) batch(records []store.Record, limit int) cargo {
	l.buf, l.ends = l.buf[:0], l.ends[:0]
	c, total := cargo{}, 0
	for i := range records {
		r := &records[i]
		if encodable(r) != nil {
			break
		}
		at, off := l.timeline.Resolve(r.Stamp)
		body, zipped := l.gz.squeeze(r.Body)
		before := len(l.buf)
		l.buf = appendMessage(l.buf, r, at, off, body, zipped)
		framed := dataSize(len(l.buf) - before)
		if total+framed > limit {
			break
		}
		total += framed
		l.ends = append(l.ends, len(l.buf))
		c.steps += steps(size(r))
	}
	l.data = l.data[:0]
	from := 0
	for _, to := range l.ends {
		l.data = append(l.data, l.buf[from:to])
		from = to
	}
	c.n, c.size, c.wire = len(l.ends), total, total
	l.letter.msg = amqp.Message{Format: batchFormat, Data: l.data}
	c.msg = &l.letter.msg
	return c
}

// pack loads packable records from the first on while they fit into limit bytes.
func (l *loader) pack(records []store.Record, limit int) cargo {
	l.buf = l.buf[:0]
	n := 0
	for i := range records {
		r := &records[i]
		at, off := l.timeline.Resolve(r.Stamp)
		before := len(l.buf)
		if l.buf = appendPacked(l.buf, r, at, off); n > 0 && len(l.buf)+packRoom > limit {
			l.buf = l.buf[:before]
			break
		}
		n++
	}
	l.buf = append(l.buf, ']')
	l.letter.enclose(records[:n], l.buf, l.timeline, l.gz)
	total := len(l.letter.data[0]) + packRoom
	return cargo{msg: &l.letter.msg, n: n, size: total, wire: total, steps: steps(total)}
}
