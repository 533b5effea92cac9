// Package usbip has a kernel see a simulated I²C bus as a real one: an adapter of
// the kind i2c-tiny-usb, plugged into the kernel's virtual USB port (vhci_hcd) by
// the USB/IP protocol. The parts on it are those of board/boardsim, and what reads
// them is whatever reads a bus of this kernel: a program by /dev/i2c-N, or the
// kernel's own drivers.
//
// An [Adapter] is plugged in with Plug and pulled out with Unplug; Wedge has it
// answer nothing at all, as firmware does that has died.
//
// # Limits
//
// One transfer at a time, as the firmware of i2c-tiny-usb does it. A part is
// asked when a transfer is complete: the kernel learns of a byte refused in the
// middle of a write at its end. The device has no endpoint but the control pipe.
package usbip
