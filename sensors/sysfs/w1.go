package sysfs

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"fieldpost/sensors"
)

const w1Dir = "sys/bus/w1/devices"

// errChecksum and errZeros are readings that are none.
var (
	errChecksum = &missingError{"checksum is wrong", "check for long or bad wires, a missing pull-up (4.7 kOhm) and a weak supply"}
	errZeros    = &missingError{"nothing but zeros is read", "the data line is shorted to ground, or the part has no supply"}
)

// W1 returns an opener for the thermometer of that id on a 1-wire bus, such as
// "28-0316a2795cff", that kernel driver w1_therm has. Without an id it is the only
// one there is.
func W1(t Tree, id string) sensors.Opener {
	return open("ds18b20", func() ([]sensors.Value, error) {
		id, err := t.w1Device(id)
		if err != nil {
			return nil, err
		}
		text, there := t.Read(w1Dir + "/" + id + "/w1_slave")
		if !there {
			return nil, fmt.Errorf("%s: %w", id, &missingError{"kernel driver w1_therm does not have it", "modprobe w1_therm"})
		}
		celsius, err := w1Slave(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", id, err)
		}
		return []sensors.Value{{Name: "temperature", Unit: "Cel", Num: celsius}}, nil
	})
}

// W1Devices lists the thermometers: family codes 10, 22, 28, 3b and 42.
func (t Tree) W1Devices() (ids []string) {
	for _, n := range t.List(w1Dir) {
		switch family, _, _ := strings.Cut(n, "-"); family {
		case "10", "22", "28", "3b", "42":
			ids = append(ids, n)
		}
	}
	return ids
}

func (t Tree) w1Device(id string) (string, error) {
	ids := t.W1Devices()
	for _, n := range ids {
		if n == id || id == "" && len(ids) == 1 {
			return n, nil
		}
	}
	switch {
	case len(ids) == 0:
		return "", &missingError{"no thermometer on a 1-wire bus", "on a Raspberry Pi enable it with dtoverlay=w1-gpio in config.txt and reboot; check wiring and pull-up (4.7 kOhm)"}
	case id == "":
		return "", &missingError{fmt.Sprintf("there are %d thermometers", len(ids)), "name one in device: " + strings.Join(ids, ", ")}
	}
	return "", &missingError{"no thermometer " + id, "there are: " + strings.Join(ids, ", ")}
}

// w1Slave reads what w1_therm shows: nine bytes with their checksum twice, and
// the temperature in thousandths of a °C behind "t=".
func w1Slave(text string) (celsius float64, err error) {
	scratchpad, rest, ok := strings.Cut(text, ":")
	if !ok {
		return 0, errors.New("not what w1_therm shows")
	}
	if !strings.Contains(rest, "YES") {
		return 0, errChecksum
	}
	if strings.Trim(scratchpad, "0 ") == "" {
		return 0, errZeros
	}
	_, digits, ok := strings.Cut(text, "t=")
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if !ok || err != nil {
		return 0, errors.New("no temperature is shown")
	}
	return float64(n) / 1000, nil
}
