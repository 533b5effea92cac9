// Package board is the gateway's own hardware: the buses that sensors sit on,
// the lines that outputs drive, and who the machine says it is.
//
// [Buses] opens an I²C bus by its device name, [Lines] takes a GPIO line as an
// [Output]; [Host] implements both for the machine the program runs on: buses
// through periph's Linux package, lines through the kernel's GPIO character
// device. [Identify] reads model and serial number. Package
// boardsim implements the same interfaces without any hardware.
//
// # Promises
//
// Nothing is opened before it is asked for, and nothing that is missing ends
// the program: no bus, no GPIO chip, no permission, a container without device
// nodes are errors of the call that needed them. Every such error is an
// [*Error], which names the thing and carries a hint for the technician.
//
// Buses and GPIO chips are looked up at the moment of the call, so one that was
// plugged in later, or again, is found.
//
// A line is taken with its initial value: it has it from the moment it becomes
// an output, without a pulse of the other level before. An Output keeps the state
// it was given in memory. It is never read back from the line: some libraries
// turn a line into an input when its level or its function is asked for, which
// would drop a relay.
//
// # Limits
//
// Linux only; elsewhere [Host] gives errors that are errors.ErrUnsupported.
// Buses must be real I²C: adapters that speak SMBus only are refused by periph.
// A transfer has the kernel's deadline only. What a line does when it is given
// back, or when the program is killed, the kernel's driver decides: most leave it
// as it is, some turn it into an input.
//
// The umbrella package periph.io/x/host/v3 is not used: its legacy drivers can
// panic on goroutines of their own when a device node is missing.
package board
