package sysfs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"fieldpost/sensors"
)

// tree makes a file system of files and their contents.
func tree(t *testing.T, files map[string]string) Tree {
	t.Helper()
	root := t.TempDir()
	for name, text := range files {
		name = filepath.Join(root, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return Tree(root)
}

// sense returns what a source says, one "name=value unit" or "name bad:reason" each.
func sense(t *testing.T, open sensors.Opener) ([]string, error) {
	t.Helper()
	src, err := open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	vs, err := src.Sense(t.Context())
	var out []string
	for _, v := range vs {
		if v.Quality == sensors.Good {
			out = append(out, fmt.Sprintf("%s=%.6g %s", v.Name, v.Num, v.Unit))
		} else {
			out = append(out, fmt.Sprintf("%s %v:%s", v.Name, v.Quality, v.Reason))
		}
	}
	return out, errors.Join(err, src.Close())
}

func same(t *testing.T, open sensors.Opener, want ...string) {
	t.Helper()
	if got, err := sense(t, open); err != nil || !slices.Equal(got, want) {
		t.Errorf("got  %q, %v\nwant %q", got, err, want)
	}
}

// fails wants an error with a hint.
func fails(t *testing.T, open sensors.Opener, reason, hint string) {
	t.Helper()
	got, err := sense(t, open)
	var h interface{ Hint() string }
	if err == nil || !strings.Contains(err.Error(), reason) || !errors.As(err, &h) || !strings.Contains(h.Hint(), hint) {
		t.Errorf("%q, %v, want %q with hint %q", got, err, reason, hint)
	}
}

func TestHwmon(t *testing.T) {
	const dir = "sys/class/hwmon/hwmon3/"
	fs := tree(t, map[string]string{
		dir + "name": "sht3x\n", dir + "temp1_input": "21500\n", dir + "humidity1_input": "44100\n", dir + "temp1_max": "1\n",
		dir + "in0_input": "junk\n", dir + "temp2_input": "0\n", dir + "temp2_fault": "1\n",
		"sys/class/hwmon/hwmon0/name": "cpu_thermal\n",
	})
	same(t, Hwmon(fs, "sht3x"), "humidity1=44.1 %", "in0 bad:unreadable", "temp1=21.5 Cel", "temp2 bad:fault")
	fails(t, Hwmon(fs, "sht4x"), "no chip is called sht4x", "there are: cpu_thermal, sht3x")
	fails(t, Hwmon(tree(t, nil), "sht4x"), "knows no hwmon chip", "modprobe")
}

func TestHwmonChipsOfOneName(t *testing.T) {
	fs := tree(t, map[string]string{
		"sys/class/hwmon/hwmon0/name": "tmp105", "sys/class/hwmon/hwmon0/temp1_input": "1000",
		"sys/class/hwmon/hwmon1/name": "tmp105", "sys/class/hwmon/hwmon1/temp1_input": "2000",
	})
	for i := range 2 {
		if err := os.Symlink(fmt.Sprintf("../../../1-004%d", 8+i), filepath.Join(string(fs), hwmonDir, fmt.Sprintf("hwmon%d", i), "device")); err != nil {
			t.Skip("symbolic links need a privilege here:", err)
		}
	}
	same(t, Hwmon(fs, "tmp105_1_0049"), "temp1=2 Cel")
	same(t, Hwmon(fs, "tmp105-1-0048"), "temp1=1 Cel")
	fails(t, Hwmon(fs, "tmp105"), "2 chips are called tmp105", "tmp105_1_0048, tmp105_1_0049")
}

func TestIIO(t *testing.T) {
	const dir = iioDir + "/iio:device1/"
	fs := tree(t, map[string]string{
		dir + "name":          "bme280\n",
		dir + "in_temp_input": "25080\n", dir + "in_pressure_input": "100.653253906\n", dir + "in_humidityrelative_input": "59474\n",
		dir + "in_temp_oversampling_ratio": "2\n", dir + "in_magn_x_raw": "1\n",
		iioDir + "/iio:device0/name":            "ads1115\n",
		iioDir + "/iio:device0/in_voltage0_raw": "800\n", iioDir + "/iio:device0/in_voltage0_scale": "0.125\n",
		iioDir + "/iio:device0/in_voltage1_raw": "100\n", iioDir + "/iio:device0/in_voltage_scale": "2\n", iioDir + "/iio:device0/in_voltage1_offset": "-50\n",
		iioDir + "/iio:device0/in_voltage2_raw": "",
		iioDir + "/trigger0/name":               "bme280\n",
	})
	same(t, IIO(fs, "bme280"), "humidity=59.474 %", "pressure=1006.53 hPa", "temperature=25.08 Cel")
	same(t, IIO(fs, "ads1115"), "voltage0=0.1 V", "voltage1=0.1 V", "voltage2 bad:unreadable")
	fails(t, IIO(fs, "scd4x"), "no chip is called scd4x", "ads1115, bme280")
}

func TestW1(t *testing.T) {
	const (
		id   = "28-0316a2795cff"
		good = "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n"
	)
	slave := func(text string) Tree {
		return tree(t, map[string]string{w1Dir + "/" + id + "/w1_slave": text, w1Dir + "/w1_bus_master1/x": ""})
	}
	same(t, W1(slave(good), id), "temperature=23.125 Cel")
	same(t, W1(slave(good), ""), "temperature=23.125 Cel")
	same(t, W1(slave("f0 ff 4b 46 7f ff 10 10 b4 : crc=b4 YES\nf0 ff 4b 46 7f ff 10 10 b4 t=-1000\n"), id), "temperature=-1 Cel")
	fails(t, W1(slave(strings.Replace(good, "YES", "NO", 1)), id), "checksum", "pull-up")
	fails(t, W1(slave("00 00 00 00 00 00 00 00 00 : crc=00 YES\n00 00 00 00 00 00 00 00 00 t=0\n"), id), "zeros", "shorted")
	fails(t, W1(slave(good), "28-000000000000"), "no thermometer 28-000000000000", "there are: "+id)
	fails(t, W1(tree(t, nil), ""), "no thermometer", "dtoverlay=w1-gpio")
	fails(t, W1(tree(t, map[string]string{w1Dir + "/" + id + "/x": "", w1Dir + "/10-1/x": ""}), ""), "2 thermometers", id)
	fails(t, W1(tree(t, map[string]string{w1Dir + "/" + id + "/x": ""}), id), "w1_therm does not have it", "modprobe")
	for _, text := range []string{"", "x", "01 : crc=57 YES\n", "01 : crc=57 YES\n t=x"} {
		if got, err := sense(t, W1(slave(text), id)); err == nil {
			t.Errorf("%q gave %q", text, got)
		}
	}
}

func TestManyValuesAreBounded(t *testing.T) {
	files := map[string]string{"sys/class/hwmon/hwmon0/name": "big"}
	for i := range 100 {
		files[fmt.Sprintf("sys/class/hwmon/hwmon0/in%d_input", i)] = "1"
	}
	if got, _ := sense(t, Hwmon(tree(t, files), "big")); len(got) != maxValues {
		t.Errorf("%d values", len(got))
	}
}
