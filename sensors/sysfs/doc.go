// Package sysfs reads what the kernel's own drivers measure, from files below
// /sys: hardware monitors (hwmon), industrial I/O (IIO), and thermometers on a
// 1-wire bus (w1_therm). A part that the kernel has a driver for is best read so.
//
// Chips are found by what they are called, never by the number of their folder,
// which changes from boot to boot. They are looked for in each sample: one that
// comes later is found, one that is gone is an error with a hint. A [Tree] is
// where the files are, which tests replace.
//
// # Limits
//
// A file of /sys may block for as long as its driver does. Each sensor here has a
// sampler of its own, so it holds up nobody else.
package sysfs
