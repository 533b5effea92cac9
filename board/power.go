package board

// Power switches the board itself.
type Power interface {
	// MayReboot tells why Reboot would be refused; nil when nothing speaks
	// against it.
	MayReboot() error
	// Reboot reboots the board. It returns when that is under way, or an *Error.
	Reboot() error
}
