package uplink

import (
	"errors"
	"sync"
	"time"

	"github.com/Azure/go-amqp"
)

const (
	// twiceForget is how long after the last proof of another client with our
	// identity the next one is the first again. The stable minute is no measure:
	// each of the two is left alone while the other waits.
	twiceForget = time.Hour
	// twiceOnce is how long one takeover may take to arrive: a hub says it on the
	// link of the commands and on the connection.
	twiceOnce = 5 * time.Second
	// twiceTell is the time between two lines in the log about it.
	twiceTell = 10 * time.Minute
	// shortLives is how many connections in a row the hub must end without a word,
	// soon after they came online, before another client is thought of.
	shortLives = 4
)

// twice keeps what speaks for another client with our identity. IoT hubs let the
// newest win and tell the other one in several ways, or in none: see diagnose.
type twice struct {
	mu    sync.Mutex
	curve backoff
	times uint64
	last  time.Time
	wait  time.Duration // as it was told for the last one
	told  time.Time
	short int
}

// robbed books a proof and returns how long to leave the other one alone, and
// whether it is time to say so in the log.
func (w *twice) robbed() (wait time.Duration, tell bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	switch passed := now.Sub(w.last); {
	case passed < twiceOnce:
		return w.wait, false
	case passed >= twiceForget:
		w.curve.reset()
	}
	w.times++
	w.last = now
	if tell = now.Sub(w.told) >= twiceTell; tell {
		w.told = now
	}
	w.wait = w.curve.slow(twiceFactor)
	return w.wait, tell
}

// ended books the end of a connection that was online, and reports whether the
// pattern speaks for another client: the hub lets us in again and again and hangs
// up without a reason. A bad line can look the same, so this is a hint, no proof.
func (w *twice) ended(err error, stable bool) bool {
	var conn *amqp.ConnError
	w.mu.Lock()
	defer w.mu.Unlock()
	if stable || !errors.As(err, &conn) {
		w.short = 0
		return false
	}
	w.short++
	return w.short >= shortLives
}

// count returns how many proofs there were, and when the last one was.
func (w *twice) count() (uint64, time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.times, w.last
}
