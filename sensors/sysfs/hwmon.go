package sysfs

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"fieldpost/sensors"
)

// maxValues bounds how many values a chip gives.
const maxValues = 32

const hwmonDir = "sys/class/hwmon"

// quantity is a kind of input of the kernel: its prefix, what the value is called
// here, and by how much the kernel's number is multiplied.
type quantity struct {
	prefix, name, unit string
	by                 float64
}

// quantityOf finds the kind of an input by its name without the number behind it.
func quantityOf(all []quantity, prefix string) (quantity, bool) {
	for _, q := range all {
		if q.prefix == prefix {
			return q, true
		}
	}
	return quantity{}, false
}

// inputs are those of hwmon (kernel: Documentation/hwmon/sysfs-interface).
func inputs() []quantity {
	return []quantity{
		{"temp", "temp", "Cel", 1e-3}, {"in", "in", "V", 1e-3}, {"curr", "curr", "A", 1e-3},
		{"humidity", "humidity", "%", 1e-3}, {"power", "power", "W", 1e-6}, {"fan", "fan", "/min", 1},
	}
}

// Chip is one that the kernel has a driver for.
type Chip struct {
	Dir    string // in the tree
	Kind   string // its name file, as a key: "tmp105"
	Device string // the device it sits on, as a key: "1_0048"; "" for a virtual chip
	Name   string // Kind, with Device where Kind is not enough
}

// HwmonChips lists the hardware monitors by name. Of chips that nothing tells
// apart only the first is kept.
func (t Tree) HwmonChips() []Chip { return t.chips(hwmonDir, "") }

// chips lists the folders of a class that begin with a prefix and have a name.
func (t Tree) chips(class, prefix string) (chips []Chip) {
	var keys []string
	count, found := make(map[string]int), make(map[string]Chip)
	for _, n := range t.List(class) {
		if !strings.HasPrefix(n, prefix) {
			continue
		}
		c := Chip{Dir: class + "/" + n}
		text, _ := t.Read(c.Dir + "/name")
		if c.Kind = Key(text); c.Kind == "" {
			continue
		}
		c.Device = Key(cmp.Or(t.Link(c.Dir+"/device"), t.parent(c.Dir)))
		count[c.Kind]++
		key := c.Kind + " " + c.Device + " " + c.Dir
		keys, found[key] = append(keys, key), c
	}
	slices.Sort(keys)
	last := ""
	for _, key := range keys {
		c := found[key]
		c.Name = c.Kind
		if count[c.Kind] > 1 && c.Device != "" {
			c.Name += "_" + c.Device
		}
		if c.Name != last {
			chips = append(chips, c)
		}
		last = c.Name
	}
	return chips
}

// HwmonValues reads the inputs of a chip, by the names of their files: temp1, in0.
func (t Tree) HwmonValues(c Chip) (vs []sensors.Value) {
	for _, file := range t.List(c.Dir) {
		stem, isInput := strings.CutSuffix(file, "_input")
		kind, known := quantityOf(inputs(), strings.TrimRight(stem, "0123456789"))
		if !isInput || !known {
			continue
		}
		text, _ := t.Read(c.Dir + "/" + file)
		v := Number(stem, kind.unit, text)
		v.Num *= kind.by
		if fault, _ := t.Read(c.Dir + "/" + stem + "_fault"); fault == "1" {
			v.Quality, v.Reason = sensors.Bad, "fault"
		}
		if vs = append(vs, v); len(vs) == maxValues {
			break
		}
	}
	return vs
}

// Hwmon returns an opener for the hardware monitor of that name, with its device
// where there are several: "tmp105" or "tmp105_1_0048".
func Hwmon(t Tree, name string) sensors.Opener {
	return open("hwmon", func() ([]sensors.Value, error) {
		c, err := pick("hwmon", t.HwmonChips(), name)
		if err != nil {
			return nil, err
		}
		return t.HwmonValues(c), nil
	})
}

// pick returns the chip of that name.
func pick(source string, chips []Chip, name string) (Chip, error) {
	var found []Chip
	var names []string
	for _, c := range chips {
		names = append(names, c.Name)
		if c.Name == Key(name) || c.Kind+"_"+c.Device == Key(name) {
			return c, nil
		}
		if c.Kind == Key(name) {
			found = append(found, c)
		}
	}
	switch {
	case len(found) > 0:
		return Chip{}, &missingError{fmt.Sprintf("%d chips are called %s", len(found), name), "name one of: " + strings.Join(names, ", ")}
	case len(names) > 0:
		return Chip{}, &missingError{"no chip is called " + name, "there are: " + strings.Join(names, ", ")}
	}
	return Chip{}, &missingError{"the kernel knows no " + source + " chip", "load the part's driver (modprobe), and tell the kernel of the part with a dtoverlay in config.txt or new_device of its bus"}
}

// missingError is a chip that is not there.
type missingError struct{ text, hint string }

func (e *missingError) Error() string { return e.text }
func (e *missingError) Hint() string  { return e.hint }

// open makes an opener of what reads all values at once.
func open(source string, sense func() ([]sensors.Value, error)) sensors.Opener {
	return func(context.Context) (sensors.Source, error) { return &reader{source, sense}, nil }
}

type reader struct {
	source string
	sense  func() ([]sensors.Value, error)
}

// Sense implements sensors.Source.
func (r *reader) Sense(ctx context.Context) ([]sensors.Value, error) {
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	vs, err := r.sense()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", r.source, err)
	}
	return vs, nil
}

// Close implements sensors.Source.
func (*reader) Close() error { return nil }
