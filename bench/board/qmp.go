package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"
)

// monitor is a connection to QEMU's monitor (QMP).
type monitor struct {
	conn net.Conn
	in   *bufio.Reader
}

// monitor connects to that of the machine.
func (g *guest) monitor() (*monitor, error) {
	conn, err := net.Dial("unix", g.qmp)
	if err != nil {
		return nil, err
	}
	m := &monitor{conn, bufio.NewReader(conn)}
	if _, err := m.in.ReadBytes('\n'); err != nil { // the greeting
		return nil, errors.Join(err, conn.Close())
	}
	if _, err := m.execute("qmp_capabilities", nil); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return m, nil
}

func (m *monitor) execute(command string, args map[string]any) (result json.RawMessage, err error) {
	if err := m.conn.SetDeadline(time.Now().Add(hang)); err != nil {
		return nil, err
	}
	ask := map[string]any{"execute": command}
	if args != nil {
		ask["arguments"] = args
	}
	if err := json.NewEncoder(m.conn).Encode(ask); err != nil {
		return nil, err
	}
	for {
		line, err := m.in.ReadBytes('\n')
		if err != nil {
			return nil, fmt.Errorf("QMP %s: %w", command, err)
		}
		var a struct {
			Return json.RawMessage
			Error  *struct{ Desc string }
		}
		switch err := json.Unmarshal(line, &a); {
		case err != nil:
			return nil, fmt.Errorf("QMP %s: %w", command, err)
		case a.Error != nil:
			return nil, fmt.Errorf("QMP %s: %s", command, a.Error.Desc)
		case a.Return != nil:
			return a.Return, nil
		}
		// an event
	}
}

// temperature has the machine's tmp105 measure that, in °C.
func (m *monitor) temperature(tempC float64) error {
	_, err := m.execute("qom-set", map[string]any{"path": "/machine/peripheral/t0", "property": "temperature", "value": int(tempC * 1000)})
	return err
}
