package board

import (
	"log/slog"
	"sync"
)

// HostBoard is the board the program runs on. It implements Buses and Lines and
// is safe for concurrent use.
type HostBoard struct {
	log *slog.Logger

	mu    sync.Mutex
	chips []chip              // after the first Output
	ready bool                // chips was looked up
	taken map[string]struct{} // lines held by an Output, as chip:number
}

// Host returns the board the program runs on. It opens nothing yet.
func Host(log *slog.Logger) *HostBoard {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &HostBoard{log: log, taken: make(map[string]struct{})}
}
