package uplink

import (
	"net"
	"sync/atomic"
	"time"
)

// meter counts what passes over a connection and knows when the peer was last
// heard.
type meter struct {
	net.Conn
	written atomic.Int64
	heard   atomic.Pointer[time.Time]
}

func newMeter(nc net.Conn) *meter {
	m := &meter{Conn: nc}
	m.note()
	return m
}

func (m *meter) note() {
	now := time.Now()
	m.heard.Store(&now)
}

// Read implements net.Conn.
func (m *meter) Read(b []byte) (int, error) {
	n, err := m.Conn.Read(b)
	if n > 0 {
		m.note()
	}
	return n, err
}

// Write implements net.Conn.
func (m *meter) Write(b []byte) (int, error) {
	n, err := m.Conn.Write(b)
	m.written.Add(int64(n))
	return n, err
}

// silence is how long the peer has not been heard.
func (m *meter) silence() time.Duration { return time.Since(*m.heard.Load()) }
