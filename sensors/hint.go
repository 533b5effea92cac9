package sensors

import "errors"

// hinted is an error that knows the next move of a technician. The errors of
// package board do.
type hinted interface{ Hint() string }

// hintOf returns the hint of the first error in the chain of err that has one.
func hintOf(err error) string {
	var h hinted
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
