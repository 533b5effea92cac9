package board

import "time"

// Watchdogs opens watchdogs.
type Watchdogs interface {
	// Watchdog opens a watchdog and sets how long it waits. From then on it resets
	// the board unless it is fed. The error is an *Error.
	Watchdog(device string, timeout time.Duration) (Watchdog, error)
}

// Watchdog resets the board when it is not fed in time.
type Watchdog interface {
	// Feed has it wait anew.
	Feed() error
	// Timeout is how long it waits, as it says itself.
	Timeout() time.Duration
	// Fault tells what is not as it was asked for; nil when all is.
	Fault() error
	// Stop ends the watch and gives the device back. A watchdog that cannot be
	// stopped resets the board later.
	Stop() error
}
