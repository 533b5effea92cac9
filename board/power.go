package board

// RebootFileVar names, in the environment, a file by which whoever supervises the
// program is asked to reboot the board: it does when the program has ended and the file
// is there. The program needs no right to reboot then.
const RebootFileVar = "FIELDPOST_REBOOT_FILE"

// Power switches the board itself.
type Power interface {
	// MayReboot tells why Reboot would be refused; nil when nothing speaks
	// against it.
	MayReboot() error
	// Reboot reboots the board. It returns when that is under way, or an *Error.
	Reboot() error
}
