package usbip

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
	"time"

	"fieldpost/board/boardsim"
)

// kernel is the other end of a stream.
type kernel struct {
	*testing.T
	conn net.Conn
	seq  uint32
}

func connect(t *testing.T, parts map[uint16]boardsim.Part) (*kernel, *Adapter) {
	t.Helper()
	a := New(3, parts)
	ours, theirs := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- (&stream{device: a.device, conn: theirs, gate: &a.gate}).serve() }()
	t.Cleanup(func() {
		_ = ours.Close()
		<-ended
	})
	if err := ours.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return &kernel{T: t, conn: ours}, a
}

func (k *kernel) send(command uint32, fill func(h []byte), data []byte) {
	k.Helper()
	k.seq++
	h := make([]byte, headerBytes)
	binary.BigEndian.PutUint32(h, command)
	binary.BigEndian.PutUint32(h[4:], k.seq)
	fill(h)
	if _, err := k.conn.Write(append(h, data...)); err != nil {
		k.Fatal(err)
	}
}

func (k *kernel) submit(s setup, data []byte) {
	k.Helper()
	k.send(cmdSubmit, func(h []byte) {
		if s.kind&directionIn != 0 {
			binary.BigEndian.PutUint32(h[12:], toHost)
		}
		binary.BigEndian.PutUint32(h[24:], uint32(s.length))
		h[40], h[41] = s.kind, s.request
		le := binary.LittleEndian
		le.PutUint16(h[42:], s.value)
		le.PutUint16(h[44:], s.index)
		le.PutUint16(h[46:], s.length)
	}, data)
}

// receive returns an answer: its command, which it answers, status and data.
func (k *kernel) receive(in bool) (command, seq uint32, status int32, data []byte) {
	k.Helper()
	h := make([]byte, headerBytes)
	if _, err := io.ReadFull(k.conn, h); err != nil {
		k.Fatal(err)
	}
	be := binary.BigEndian
	if in {
		data = make([]byte, be.Uint32(h[24:]))
		if _, err := io.ReadFull(k.conn, data); err != nil {
			k.Fatal(err)
		}
	}
	return be.Uint32(h), be.Uint32(h[4:]), int32(be.Uint32(h[20:])), data
}

// ask does one request that succeeds.
func (k *kernel) ask(s setup, data []byte) []byte {
	k.Helper()
	k.submit(s, data)
	command, seq, status, in := k.receive(s.kind&directionIn != 0)
	if command != retSubmit || seq != k.seq || status != 0 {
		k.Fatalf("command %d, sequence %d of %d, status %d", command, seq, k.seq, status)
	}
	return in
}

// read does a whole transfer as the kernel's driver does it: one byte to a part, and
// n bytes from it.
func (k *kernel) read(at uint16, register byte, n uint16) (data []byte, status byte) {
	k.Helper()
	k.ask(setup{typeVendor, cmdTransfer | bitBegin, 0, at, 1}, []byte{register})
	if status = k.status(); status != statusAck {
		return nil, status
	}
	data = k.ask(setup{directionIn | typeVendor, cmdTransfer | bitEnd, 1, at, n}, nil)
	return data, k.status()
}

func (k *kernel) status() byte {
	k.Helper()
	return k.ask(setup{directionIn | typeVendor, cmdStatus, 0, 0, 1}, nil)[0]
}

func TestTransfers(t *testing.T) {
	part := boardsim.NewBME280()
	k, _ := connect(t, map[uint16]boardsim.Part{0x76: part})
	if id, status := k.read(0x76, 0xD0, 1); !bytes.Equal(id, []byte{0x60}) || status != statusAck {
		t.Errorf("chip id %x, status %d", id, status)
	}
	if _, status := k.read(0x77, 0xD0, 1); status != statusNoAck {
		t.Errorf("nobody at 0x77, status %d", status)
	}
	part.SetFault(boardsim.Absent)
	if _, status := k.read(0x76, 0xD0, 1); status != statusNoAck {
		t.Errorf("part without an answer, status %d", status)
	}
	part.SetFault(boardsim.NoFault)
	k.ask(setup{typeVendor, cmdTransfer | bitBegin | bitEnd, 0, 0x76, 2}, []byte{0xF5, 0x28})
	if config, _ := k.read(0x76, 0xF5, 1); k.status() != statusAck || !bytes.Equal(config, []byte{0x28}) {
		t.Errorf("register written reads %x", config)
	}
}

func TestDescriptors(t *testing.T) {
	k, _ := connect(t, nil)
	in := func(kind, index byte, length uint16) []byte {
		return k.ask(setup{directionIn, requestDescriptor, uint16(kind)<<8 | uint16(index), 0, length}, nil)
	}
	if d := in(descriptorDevice, 0, 64); len(d) != 18 || !bytes.Equal(d[8:12], []byte{0x03, 0x04, 0x31, 0xC6}) {
		t.Errorf("device % x", d)
	}
	if d := in(descriptorConfig, 0, 9); len(d) != 9 || d[2] != 18 {
		t.Errorf("configuration, first 9 bytes: % x", d)
	}
	if d := in(descriptorString, 3, 255); string(d[2:]) != "s\x00i\x00m\x003\x00" {
		t.Errorf("serial number %q", d)
	}
	k.submit(setup{directionIn, requestDescriptor, 6 << 8, 0, 10}, nil) // of the other speed: there is none
	if _, _, status, _ := k.receive(true); status != -32 {
		t.Errorf("unknown descriptor: status %d", status)
	}
}

// TestUnlink: the kernel gives up a transfer that a part holds up, and the next one works.
func TestUnlink(t *testing.T) {
	part := boardsim.NewBME280()
	part.SetFault(boardsim.Hang)
	k, a := connect(t, map[uint16]boardsim.Part{0x76: part})
	k.submit(setup{typeVendor, cmdTransfer | bitBegin | bitEnd, 0, 0x76, 2}, []byte{0xF5, 0})
	held := k.seq
	unlink := func(which uint32, want int32) {
		t.Helper()
		k.send(cmdUnlink, func(h []byte) { binary.BigEndian.PutUint32(h[20:], which) }, nil)
		if command, seq, status, _ := k.receive(false); command != retUnlink || seq != k.seq || status != want {
			t.Errorf("command %d, sequence %d of %d, status %d", command, seq, k.seq, status)
		}
	}
	unlink(held, -104)
	unlink(held, 0)
	part.SetFault(boardsim.NoFault)
	if id, status := k.read(0x76, 0xD0, 1); !bytes.Equal(id, []byte{0x60}) || status != statusAck {
		t.Errorf("chip id %x, status %d", id, status)
	}

	a.Wedge(true)
	k.submit(setup{directionIn | typeVendor, cmdStatus, 0, 0, 1}, nil)
	answered := make(chan bool)
	go func() {
		_, _, status, in := k.receive(true)
		answered <- status == 0 && len(in) == 1
	}()
	select {
	case <-answered:
		t.Error("a wedged adapter answers")
	case <-time.After(20 * time.Millisecond):
	}
	a.Wedge(false)
	if !<-answered {
		t.Error("no good answer after it")
	}
}
