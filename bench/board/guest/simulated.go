package main

import (
	"errors"
	"fmt"

	"fieldpost/bench/board/errand"
	"fieldpost/bench/board/usbip"
	"fieldpost/board/boardsim"
)

// simulated is an adapter with its parts.
type simulated struct {
	adapter *usbip.Adapter
	parts   map[uint16]part
}

type part interface {
	boardsim.Part
	SetFault(boardsim.Fault)
}

func (g *guest) simulate(e errand.Errand, a *errand.Answer) (err error) {
	if e.Do == errand.Make {
		s := &simulated{parts: map[uint16]part{}}
		parts := map[uint16]boardsim.Part{}
		for addr, kind := range e.Parts {
			s.parts[addr] = newPart(kind)
			parts[addr] = s.parts[addr]
		}
		s.adapter = usbip.New(e.Port, parts)
		g.adapters[e.Port] = s
		return s.adapter.Plug()
	}
	s := g.adapters[e.Port]
	if s == nil {
		return fmt.Errorf("no adapter on port %d", e.Port)
	}
	switch e.Do {
	case errand.Plug:
		return s.adapter.Plug()
	case errand.Unplug:
		return s.adapter.Unplug()
	case errand.Bus:
		a.Number, a.OK = s.adapter.Bus()
		return nil
	case errand.Wedge:
		s.adapter.Wedge(e.On)
		return nil
	}
	p := s.parts[e.At]
	if p == nil {
		return fmt.Errorf("no part at %#02x of port %d", e.At, e.Port)
	}
	switch e.Do {
	case errand.Fault:
		p.SetFault(boardsim.Fault(e.Fault))
		return nil
	case errand.Set:
		return set(p, e.Values)
	}
	return errors.New("no such errand")
}

// bridge is a DS2482 with a thermometer on its line.
type bridge struct {
	*boardsim.DS2482
	thermometer *boardsim.DS18B20
}

// newPart makes a part of the kind that a source of that name reads.
func newPart(kind string) part {
	switch kind {
	case "bme280":
		return boardsim.NewBME280()
	case "ds2482":
		b := bridge{boardsim.NewDS2482(1), boardsim.NewDS18B20(0x28, 0x0316a2795cff)}
		b.Attach(0, b.thermometer)
		return b
	case "sht3x", "sht4x", "hdc302x", "aht20":
		return boardsim.NewHygrometer(kind)
	default:
		return boardsim.NewThermometer(kind)
	}
}

// set has a part measure those values.
func set(p part, v []float64) error {
	switch p := p.(type) {
	case *boardsim.BME280:
		if len(v) == 3 {
			p.Set(v[0], v[1], v[2])
			return nil
		}
	case *boardsim.Hygrometer:
		if len(v) == 2 {
			p.Set(v[0], v[1])
			return nil
		}
	case bridge:
		if len(v) == 1 {
			p.thermometer.Set(v[0])
			return nil
		}
	case *boardsim.Thermometer:
		if len(v) == 1 {
			p.Set(v[0])
			return nil
		}
	}
	return fmt.Errorf("%d values for a %T", len(v), p)
}
