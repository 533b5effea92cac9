package sysfs

import (
	"path/filepath"
	"strconv"
	"strings"

	"fieldpost/sensors"
)

const iioDir = "sys/bus/iio/devices"

// channels are those of IIO (kernel: Documentation/ABI/testing/sysfs-bus-iio).
func channels() []quantity {
	return []quantity{
		{"temp", "temperature", "Cel", 1e-3},
		{"pressure", "pressure", "hPa", 10}, // of kPa
		{"humidityrelative", "humidity", "%", 1e-3},
		{"illuminance", "illuminance", "lx", 1},
		{"voltage", "voltage", "V", 1e-3},
		{"current", "current", "A", 1e-3},
		{"power", "power", "W", 1e-3},
		{"concentration_co2", "co2", "[ppm]", 1e4}, // of %
	}
}

// IIO returns an opener for the IIO device of that name, with what it sits on
// where there are several: "bme280" or "bme280_1_0076".
func IIO(t Tree, name string) sensors.Opener {
	return open("iio", func() ([]sensors.Value, error) {
		c, err := pick("iio", t.IIOChips(), name)
		if err != nil {
			return nil, err
		}
		return t.iioValues(c), nil
	})
}

// IIOChips lists the IIO devices by name.
func (t Tree) IIOChips() []Chip { return t.chips(iioDir, "iio:device") }

// iioValues reads the channels of a device: in_NAME_input, or in_NAME_raw with
// its offset and scale.
func (t Tree) iioValues(c Chip) (vs []sensors.Value) {
	for _, file := range t.List(c.Dir) {
		channel, isInput := strings.CutSuffix(file, "_input")
		if !isInput {
			var isRaw bool
			if channel, isRaw = strings.CutSuffix(file, "_raw"); !isRaw {
				continue
			}
			if _, both := t.Read(c.Dir + "/" + channel + "_input"); both {
				continue
			}
		}
		name, isIn := strings.CutPrefix(channel, "in_")
		kind := strings.TrimRight(name, "0123456789")
		q, known := quantityOf(channels(), kind)
		if !isIn || !known || len(vs) == maxValues {
			continue
		}
		v := sensors.Value{Name: q.name + strings.TrimPrefix(name, kind), Unit: q.unit}
		num, ok := t.number(c.Dir + "/" + file)
		if !isInput && ok {
			offset, _ := t.number(c.Dir+"/"+channel+"_offset", c.Dir+"/in_"+kind+"_offset")
			scale, scaled := t.number(c.Dir+"/"+channel+"_scale", c.Dir+"/in_"+kind+"_scale")
			if !scaled {
				scale = 1
			}
			num = (num + offset) * scale
		}
		if v.Num = num * q.by; !ok {
			v = Unreadable(v.Name, v.Unit)
		}
		vs = append(vs, v)
	}
	return vs
}

// number reads the first of the files that is there.
func (t Tree) number(files ...string) (float64, bool) {
	for _, f := range files {
		if text, there := t.Read(f); there {
			x, err := strconv.ParseFloat(text, 64)
			return x, err == nil
		}
	}
	return 0, false
}

// parent returns the folder that a linked one stands in: what an IIO device sits on.
func (t Tree) parent(dir string) string {
	real, err := filepath.EvalSymlinks(t.path(dir))
	if err != nil || real == t.path(dir) {
		return ""
	}
	return filepath.Base(filepath.Dir(real))
}
