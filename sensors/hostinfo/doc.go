// Package hostinfo is the gateway itself as a sensor: load, memory, disk space,
// uptime, temperatures, and what the kernel's hwmon drivers measure.
//
// Everything is read from files of /proc and /sys, and disk space from the file
// system of the state directory; nothing is executed and no privilege needed.
// Values:
//
//	load1                 1     average of the last minute
//	mem_used_percent      %     of MemTotal, by MemAvailable
//	mem_available_bytes   By
//	disk_free_bytes       By    for an unprivileged user, where StateDir is
//	disk_used_percent     %     what such a user cannot fill
//	uptime_seconds        s     since boot
//	cpu_temperature       Cel   of the thermal zone of the processor
//	<type>_temperature    Cel   of the other thermal zones
//	undervoltage          1     1 while a Raspberry Pi's supply is too low
//	frequency_capped, throttled, temperature_limited
//	                      1     likewise, where its firmware can be asked; each
//	                            of the four with _since_boot too
//	<disk>_written_bytes  By    since boot
//	<disk>_life_used_percent
//	                      %     of an eMMC, in steps of ten
//	<net>_rx_bytes, <net>_tx_bytes
//	                      By    of network interfaces with hardware
//	<chip>_<input>        Cel, V, A, W, % or /min: hwmon, e.g. tmp105_temp1
//
// hwmon chips are named by their name file, never by the number of their
// directory, which changes from boot to boot. Chips with the same name are told
// apart by the device they sit on: tmp105_1_0048_temp1.
//
// What the machine does not have is left out; what is there and cannot be read
// is [sensors.Bad], reason "unreadable". A sample fails only when there is
// nothing at all, as on systems other than Linux without a StateDir.
package hostinfo
