package catalog

import "fieldpost/sensors"

// linux lists what the kernel tells.
func linux() []Source {
	return []Source{
		{
			Name: "host", Help: "the gateway itself",
			Values: []Value{
				value("load1", "1", 0, 0).telling("average of the last minute"),
				value("mem_used_percent", "%", 0, 0).telling("of MemTotal, by MemAvailable"),
				value("mem_available_bytes", "By", 0, 0),
				value("disk_free_bytes", "By", 0, 0).telling("for an unprivileged user, where agent.state_dir is"),
				value("disk_used_percent", "%", 0, 0).telling("what such a user cannot fill"),
				value("uptime_seconds", "s", 0, 0).telling("since boot"),
				value("cpu_temperature", "Cel", 0, 0).telling("of the thermal zone of the processor"),
				value("undervoltage", "1", 0, 0).telling("1 while a Raspberry Pi's supply is too low"),
			},
			Open: true,
			Notes: "Beside these it gives each thermal zone as `<type>_temperature`, what hwmon chips measure as `<chip>_<input>`, such as `tmp105_temp1`, and of each disk and network interface " +
				"`mmcblk0_written_bytes`, `eth0_rx_bytes`, `eth0_tx_bytes`, of an eMMC `mmcblk0_life_used_percent`. On Raspberry Pi OS the firmware adds `frequency_capped`, `throttled` and " +
				"`temperature_limited`, 0 or 1, and of each of these whether it was so since boot, such as `throttled_since_boot`. What the machine does not have is left out.",
		},
		{
			Name: "hwmon", Help: "a hardware monitor that the kernel has a driver for", Keys: []string{"device"}, Required: []string{"device"}, Open: true,
			Notes:   "The values are called as the kernel calls its inputs: `temp1` in Cel, `humidity1` in %, `in0` in V, `curr1` in A, `power1` in W, `fan1` in /min. `cat /sys/class/hwmon/*/name` lists what there is.",
			Example: "device = \"sht3x\"\n",
		},
		{
			Name: "iio", Help: "a part that the kernel has an IIO driver for", Keys: []string{"device"}, Required: []string{"device"}, Open: true,
			Notes:   "The values are `temperature` in Cel, `pressure` in hPa, `humidity` in %, `illuminance` in lx, `voltage0` in V, `current0` in A, `power0` in W, `co2` in [ppm], as the part has them. `cat /sys/bus/iio/devices/*/name` lists what there is.",
			Example: "device = \"bme280\"\n",
		},
		ds18b20(),
		contact("digital", "a contact or other level on a GPIO line", value("on", "1", 0, 1)),
		contact("counter", "pulses on a GPIO line, such as those of a meter", value("count", "1", 0, 0).telling("changes to on since it was begun")),
	}
}

func contact(name, help string, v Value) Source {
	s := Source{
		Name: name, Help: help, Keys: []string{"line", "pull", "active_low", "debounce"}, Required: []string{"line"},
		Values:  []Value{v},
		Wiring:  "a contact between the line and ground, with pull = \"up\" and active_low = true; never more than 3.3 V on a line of a Raspberry Pi",
		Example: "line = \"GPIO5\"\npull = \"up\"\nactive_low = true\ndebounce = \"20ms\"\n",
	}
	if name == "counter" {
		s.Notes = "The count is kept in agent.state_dir, which is written every five minutes at most and at the end: a power cut loses the pulses since, and nobody counts while the agent does not run. A `gain` makes litres or kWh of it."
	}
	return s
}

func ds18b20() Source {
	temperature := value("temperature", "Cel", -55, 125)
	temperature.Sentinels = []sensors.Sentinel{
		{Num: 85, Reason: "power-on-value", Near: 2},
		{Num: -127, Reason: "no-answer"},
	}
	return Source{
		Name: "ds18b20", Help: "DS18B20, DS18S20, DS1822, DS1825 or DS28EA00 on a 1-wire line, behind a DS2482 on an I2C bus or by the kernel's w1_therm",
		Addresses: between(0x18, 0x1F), Bridged: true, Keys: []string{"device", "resolution"},
		Values:    []Value{temperature},
		Wiring:    "VDD to 3.3 V, GND to ground, DQ to the IO line of the DS2482, or to the line of dtoverlay=w1-gpio (GPIO4) with 4.7 kOhm from DQ to 3.3 V",
		Datasheet: "DS18B20 19-7487, DS2482-100 19-4930",
		Notes: "With a bus, the agent drives the DS2482-100 or -800 at that address itself: take this where there is such a bridge, for many or distant thermometers and for those on parasitic power. " +
			"Any number of sensors may be behind one address; each measurement holds the bus for 750 ms, or less by its resolution. " +
			"Without a bus, the kernel has the line, on a GPIO or by its own driver of the bridge: take this for a few thermometers on a Raspberry Pi's GPIO4; `ls /sys/bus/w1/devices` lists them. " +
			"85 °C is what a part says before it has measured: it is believed only after a measurement within 2 °C of it. Without device it is the only one there is.",
		Example: "device = \"28-0316a2795cff\"\n",
	}
}

// made lists what is not measured by the agent itself.
func made() []Source {
	return []Source{
		{
			Name: "command", Help: "a program that prints one JSON object", Keys: []string{"program", "timeout"}, Required: []string{"program"}, Open: true,
			Notes: "The members of the object are the values: numbers, true and false as 1 and 0, or objects such as `{\"value\": 0.2, \"unit\": \"l/min\", \"age\": 3.5}` with UCUM units and an age in seconds, " +
				"which max_age looks at. What is null is bad. The program is started for each sample without a shell, with PATH, LANG and TZ alone, as the agent's user; it may print 16 KiB and 64 values.",
			Example: "program = [\"/usr/local/bin/read-meter\", \"--json\"]\n",
		},
		{
			Name: "simulated", Help: "made-up values, for trials",
			Values: []Value{
				value("temperature", "Cel", 0, 0),
				value("humidity", "%", 0, 0),
				value("pressure", "hPa", 0, 0),
			},
		},
	}
}
