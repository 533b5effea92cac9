package uplink

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"
)

const (
	// maxFrame is the max-frame-size we announce, in bytes.
	maxFrame = 64 << 10
	// maxPartial bounds what has come of messages that are not complete, of all links
	// together, in bytes. The largest that hubs send are below 256 KiB.
	maxPartial = 1 << 20
	// frameFactor is how many IdleTimeout a frame may take: as long as the longest one
	// does at 2400 bit/s, with the default.
	frameFactor = 4
	// maxHead is how much of a frame is looked at: a transfer as far as its field more,
	// with a delivery-tag of the 32 bytes that are allowed.
	maxHead = 96

	headerSize = 8 // of a frame, and of a protocol header, bytes
)

// framingError says that the peer does not keep to AMQP. Going on would cost
// memory without bounds, or wait for ever.
type framingError struct{ what string }

func (e *framingError) Error() string { return e.what }

// framing holds the peer to what we announced. The AMQP library takes frames of
// 2 GiB, a new time limit with each byte of a frame, and messages of any size
// from a hub that names no max-message-size when it attaches. Source: AMQP 1.0
// part 2, sections 2.3 and 2.7.5; part 5, section 3.2.
type framing struct {
	net.Conn
	idle   time.Duration // the time limit the library gives each read
	within time.Duration // of a whole frame

	broken  atomic.Pointer[framingError]
	preface bool      // a protocol header is due
	head    []byte    // the first bytes of the frame that comes now
	left    int       // bytes of it that are still to come, once its header is here
	began   time.Time // when its first byte came; zero between frames

	partial map[uint64]int // bytes of unfinished messages, by channel and handle
	sum     int            // of all
}

func newFraming(nc net.Conn, idle time.Duration) *framing {
	return &framing{
		Conn: nc, idle: idle, within: frameFactor * idle,
		preface: true, head: make([]byte, 0, maxHead), partial: map[uint64]int{},
	}
}

// fault returns what the peer did wrong, or nil.
func (f *framing) fault() error {
	if e := f.broken.Load(); e != nil {
		return e
	}
	return nil
}

func (f *framing) refuse(format string, args ...any) error {
	e := &framingError{fmt.Sprintf(format, args...)}
	f.broken.Store(e)
	return e
}

// Read implements net.Conn.
func (f *framing) Read(b []byte) (int, error) {
	if err := f.fault(); err != nil {
		return 0, err
	}
	late := f.began.Add(f.within)
	if !f.began.IsZero() && time.Until(late) < f.idle {
		_ = f.Conn.SetReadDeadline(late)
	}
	n, err := f.Conn.Read(b)
	now := time.Now()
	if !f.began.IsZero() && !now.Before(late) && (err == nil || errors.Is(err, os.ErrDeadlineExceeded)) {
		return 0, f.refuse("the hub sent the beginning of a frame and not the rest within %s", f.within)
	}
	if broken := f.follow(b[:n], now); broken != nil {
		return 0, broken
	}
	return n, err
}

// follow goes along with what was read.
func (f *framing) follow(b []byte, now time.Time) error {
	for len(b) > 0 {
		if f.began.IsZero() {
			f.began = now
		}
		if missing := headerSize - len(f.head); missing > 0 {
			n := min(missing, len(b))
			f.head, b = append(f.head, b[:n]...), b[n:]
			if n < missing {
				return nil
			}
			if err := f.size(); err != nil {
				return err
			}
		} else {
			n := min(f.left, len(b))
			f.head = append(f.head, b[:min(n, maxHead-len(f.head))]...)
			f.left, b = f.left-n, b[n:]
		}
		if f.left == 0 {
			if err := f.frame(); err != nil {
				return err
			}
			f.head, f.began = f.head[:0], time.Time{}
		}
	}
	return nil
}

// size reads the header of a frame, or a protocol header where one is due.
func (f *framing) size() error {
	f.left = 0
	if f.preface {
		if string(f.head[:4]) != "AMQP" {
			return f.refuse("what answers there does not speak AMQP")
		}
		return nil
	}
	n := binary.BigEndian.Uint32(f.head)
	if n < headerSize || n > maxFrame {
		return f.refuse("the hub began a frame of %d bytes, of at most %d", n, maxFrame)
	}
	f.left = int(n) - headerSize
	return nil
}

// Codes of the performatives that matter here, as they end their descriptors.
const (
	performTransfer = 0x14
	performDetach   = 0x16
	performEnd      = 0x17
	saslOutcome     = 0x44

	frameTypeSASL = 1
)

// frame takes in a whole frame or protocol header.
func (f *framing) frame() error {
	if f.preface {
		f.preface = false
		return nil
	}
	offset := int(f.head[4]) * 4
	if offset < headerSize || offset >= len(f.head) {
		return nil // a heartbeat, or nothing the library can read
	}
	code, fields := described(f.head[offset:])
	channel := uint64(binary.BigEndian.Uint16(f.head[6:])) << 32
	switch {
	case f.head[5] == frameTypeSASL:
		f.preface = code == saslOutcome
	case code == performTransfer:
		return f.transfer(channel, fields)
	case code == performDetach, code == performEnd:
		for key, n := range f.partial {
			if key>>32 == channel>>32 {
				delete(f.partial, key)
				f.sum -= n
			}
		}
	}
	return nil
}

// transfer books a part of a message.
func (f *framing) transfer(channel uint64, fields []byte) error {
	handle, more, ok := transferFields(fields)
	if !ok {
		return f.refuse("the hub sent a transfer that is none")
	}
	key := channel | uint64(handle)
	if !more {
		f.sum -= f.partial[key]
		delete(f.partial, key)
		return nil
	}
	size := int(binary.BigEndian.Uint32(f.head))
	f.partial[key] += size
	if f.sum += size; f.sum > maxPartial {
		return f.refuse("the hub began messages of more than %d bytes", maxPartial)
	}
	return nil
}
