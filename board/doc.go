// Package board is the gateway's own hardware: the buses that sensors sit on,
// the lines that outputs drive, and who the machine says it is.
//
// [Buses] opens an I²C bus by its device name, [Lines] takes a GPIO line as an
// [Output]; [Host] implements both for the machine the program runs on, through
// periph's Linux packages. [Identify] reads model and serial number. Package
// boardsim implements the same interfaces without any hardware.
//
// # Promises
//
// Nothing is opened before it is asked for, and nothing that is missing ends
// the program: no bus, no GPIO chip, no permission, a container without device
// nodes are errors of the call that needed them. Every such error is an
// [*Error], which names the thing and carries a hint for the technician.
//
// A bus is opened by its number at the moment of the call, so one that was
// plugged in later, or again, is found. GPIO chips are looked up once, at the
// first Output.
//
// An Output keeps the state it was given in memory. It is never read back from
// the line: periph's GPIOLine turns a line into an input when its level or its
// function is asked for, which would drop a relay.
//
// # Limits
//
// Linux only; elsewhere [Host] gives errors that are errors.ErrUnsupported.
// Buses must be real I²C: adapters that speak SMBus only are refused by periph.
// A transfer has the kernel's deadline only. A line given with initial true is
// low for some microseconds while it is taken, because periph's GPIOLine sets
// the direction before the level: a relay does not notice, a latch may.
//
// The umbrella package periph.io/x/host/v3 is not used: its legacy drivers can
// panic on goroutines of their own when a device node is missing.
package board
