package main

import (
	"io/fs"
	"os"
	"time"

	"periph.io/x/conn/v3/i2c"

	"fieldpost/board"
	"fieldpost/board/boardsim"
	"fieldpost/internal/agent"
	"fieldpost/internal/clock"
)

// What a story tells the program of the machine it is to be on.
const (
	boardRoot   = "FIELDPOST_TEST_ROOT"         // folder in place of /, and with it the parts and lines of benchBoard
	wallClock   = "FIELDPOST_TEST_CLOCK"        // what the wall clock says at the start, RFC 3339
	rebootFails = "FIELDPOST_TEST_REBOOT_FAILS" // the board refuses the order to reboot
	builtOn     = "2026-01-01T00:00:00Z"        // date of the build of a program with such a wall clock
	hungBus     = "/dev/i2c-31"                 // a part on it never lets go
	shortedBus  = "/dev/i2c-32"                 // every transfer times out
	closedBus   = "/dev/i2c-33"                 // for other users
	benchLine   = "GPIO17"
)

// onBench is the machine that a story tells of.
func onBench() *agent.Parts {
	p := &agent.Parts{Watch: watchFromEnvironment(), Power: noPower{fails: os.Getenv(rebootFails) != ""}, Root: os.Getenv(boardRoot)}
	if p.Root != "" {
		b := bench{benchBoard()}
		p.Buses, p.Lines = b, b
	}
	if at, err := time.Parse(time.RFC3339, os.Getenv(wallClock)); err == nil {
		p.Clock, built = &wrongClock{clock.System(), time.Until(at)}, builtOn
	}
	return p
}

// benchBoard has on its first bus a BME280, an LM75, and a bridge with a
// thermometer, and one line.
func benchBoard() *boardsim.Board {
	bridge := boardsim.NewDS2482(1)
	bridge.Attach(0, boardsim.NewDS18B20(0x28, 0x0316a2795cff))
	holds := boardsim.NewBME280()
	holds.SetFault(boardsim.Hang)
	return boardsim.New(boardsim.Options{
		Buses: []*boardsim.Bus{
			boardsim.NewBus("/dev/i2c-1", map[uint16]boardsim.Part{
				0x18: bridge, 0x48: boardsim.NewThermometer("lm75"), 0x76: boardsim.NewBME280(),
			}),
			boardsim.NewBus(hungBus, map[uint16]boardsim.Part{0x76: holds}),
			boardsim.NewBus(shortedBus, map[uint16]boardsim.Part{0x76: shorted{}}),
		},
		Lines: []string{benchLine},
	})
}

// shorted is a part on a bus that cannot be driven.
type shorted struct{}

func (shorted) Tx(_, _ []byte) error { return board.ErrBusTimeout }

// bench is a board of which one bus is for other users.
type bench struct{ *boardsim.Board }

func (b bench) I2C(device string) (i2c.BusCloser, error) {
	if device == closedBus {
		return nil, &board.Error{Op: "open", Thing: device, Err: fs.ErrPermission}
	}
	return b.Board.I2C(device)
}

// Find tells whether there is such a line, as the kernel's lines do.
func (b bench) Find(line string) error {
	if line == benchLine {
		return nil
	}
	return &board.Error{Op: "find", Thing: "line " + line, Err: fs.ErrNotExist}
}

// wrongClock is the machine's, with another time on the wall.
type wrongClock struct {
	clock.Clock
	ahead time.Duration
}

func (c *wrongClock) Now() clock.Stamp {
	s := c.Clock.Now()
	s.Wall, s.Trust = s.Wall.Add(c.ahead), clock.TrustPlausible
	if s.Wall.Before(clock.Floor) {
		s.Trust = clock.TrustNone
	}
	return s
}

// noPower is a board that stays in its boot, whether it takes the order to reboot
// or not.
type noPower struct{ fails bool }

func (noPower) MayReboot() error { return nil }

func (p noPower) Reboot() error {
	if p.fails {
		return &board.Error{Op: "reboot", Thing: "board", Err: os.ErrPermission}
	}
	return nil
}
