package catalog

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
			Open:  true,
			Notes: "Beside these it gives each thermal zone as <type>_temperature, and what hwmon chips measure as <chip>_<input>, such as tmp105_temp1. What the machine does not have is left out.",
		},
	}
}

// made lists what is not measured.
func made() []Source {
	return []Source{
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
