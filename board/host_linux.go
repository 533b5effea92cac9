package board

// HostBoard is the board the program runs on. It implements Buses and Lines and
// is safe for concurrent use.
type HostBoard struct {
	gpio gpio
}

// Host returns the board the program runs on. It opens nothing yet.
func Host() *HostBoard { return &HostBoard{gpio: cdev{}} }
