// Package board is the gateway's own hardware: the buses that sensors sit on,
// the lines that outputs drive, and who the machine says it is.
//
// [Buses] opens an I²C bus by its device name, [Lines] takes a GPIO line as an
// [Output], [Inputs] one as an [Input]; [Host] implements them for the machine the
// program runs on, through the kernel's character devices. [Identify] reads model
// and serial number. Package boardsim implements the same interfaces without any
// hardware.
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
// Buses must be real I²C: adapters that speak SMBus only are refused.
// A transfer has the kernel's deadline only, which is set to 200 ms where the
// adapter lets itself be told. A part that a kernel driver has is refused with
// the way to read it; a driver that takes it later is not noticed until the bus
// is opened anew. What a line does when it is given
// back, or when the program is killed, the kernel's driver decides: most leave it
// as it is, some turn it into an input.
//
// Nothing of periph.io/x/host/v3 is used: its legacy drivers can panic on
// goroutines of their own when a device node is missing, its I²C bus turns an
// errno into text.
package board
