package usbip

import (
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"syscall"
)

// The stream between kernel and device (Linux: Documentation/usb/usbip_protocol.rst).
const (
	headerBytes = 48

	cmdSubmit = 1
	cmdUnlink = 2
	retSubmit = 3
	retUnlink = 4

	toHost = 1 // direction

	// A control transfer has a length of 16 bits.
	maxData = 1 << 16
)

// request is a USBIP_CMD_SUBMIT.
type request struct {
	seq   uint32
	in    bool
	setup setup
	out   []byte
}

// stream serves one connection of the kernel. Requests are done in order; one that
// takes its time may be unlinked meanwhile.
type stream struct {
	device *device
	conn   io.ReadWriter
	gate   *gate
	queue  chan request

	mu      sync.Mutex
	pending map[uint32]bool // asked and neither answered nor unlinked
}

// serve returns when the connection ends.
func (s *stream) serve() error {
	s.queue = make(chan request, 64) // more than the kernel has under way on a control pipe
	s.pending = make(map[uint32]bool)
	go s.work()
	defer close(s.queue)
	for {
		var h [headerBytes]byte
		if _, err := io.ReadFull(s.conn, h[:]); err != nil {
			return err
		}
		s.gate.wait()
		be := binary.BigEndian
		seq := be.Uint32(h[4:])
		switch command := be.Uint32(h[0:]); command {
		case cmdSubmit:
			r := request{seq: seq, in: be.Uint32(h[12:]) == toHost, setup: parseSetup(h[40:])}
			n := be.Uint32(h[24:])
			if n > maxData {
				return fmt.Errorf("a transfer of %d bytes", n)
			}
			if !r.in {
				r.out = make([]byte, n)
				if _, err := io.ReadFull(s.conn, r.out); err != nil {
					return err
				}
			}
			s.mu.Lock()
			s.pending[seq] = true
			s.mu.Unlock()
			s.queue <- r
		case cmdUnlink:
			if err := s.unlink(seq, be.Uint32(h[20:])); err != nil {
				return err
			}
		default:
			return fmt.Errorf("unknown command %d", command)
		}
	}
}

func (s *stream) work() {
	for r := range s.queue {
		in, err := s.device.control(r.setup, r.out)
		s.gate.wait()
		if s.answer(r, in, err) != nil {
			return // the kernel has hung up, and serve learns it too
		}
	}
}

// answer sends USBIP_RET_SUBMIT, unless the request was unlinked.
func (s *stream) answer(r request, in []byte, fault error) error {
	status, n := syscall.Errno(0), len(in)
	switch {
	case fault != nil:
		status, n, in = syscall.EPIPE, 0, nil
	case !r.in:
		n, in = len(r.out), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.pending[r.seq] {
		return nil
	}
	delete(s.pending, r.seq)
	return s.send(retSubmit, r.seq, status, n, in)
}

// unlink sends USBIP_RET_UNLINK: the status is that of a request taken back, or 0
// when its answer is on its way already.
func (s *stream) unlink(seq, which uint32) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := syscall.Errno(0)
	if s.pending[which] {
		delete(s.pending, which)
		status = syscall.ECONNRESET
	}
	return s.send(retUnlink, seq, status, 0, nil)
}

// send writes one answer; s.mu is held, so that answers do not mix.
func (s *stream) send(command, seq uint32, status syscall.Errno, n int, data []byte) error {
	b := make([]byte, headerBytes, headerBytes+len(data))
	be := binary.BigEndian
	be.PutUint32(b[0:], command)
	be.PutUint32(b[4:], seq)
	be.PutUint32(b[20:], uint32(-int32(status)))
	be.PutUint32(b[24:], uint32(n))
	_, err := s.conn.Write(append(b, data...))
	return err
}

// gate lets everything through until it is shut.
type gate struct {
	mu     sync.Mutex
	opened chan struct{} // nil while open
}

func (g *gate) set(shut bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case shut && g.opened == nil:
		g.opened = make(chan struct{})
	case !shut && g.opened != nil:
		close(g.opened)
		g.opened = nil
	}
}

func (g *gate) wait() {
	g.mu.Lock()
	opened := g.opened
	g.mu.Unlock()
	if opened != nil {
		<-opened
	}
}
