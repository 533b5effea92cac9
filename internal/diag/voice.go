package diag

import "time"

// The units in which the program speaks to a person, for what is printed outside
// of this package.

// Span writes seconds with the two largest units that matter.
func Span(d time.Duration) string { return span(d.Seconds()) }

// Volume writes bytes with a binary unit.
func Volume(n int64) string { return volume(n) }

// Clean makes text from elsewhere harmless for a terminal: one line without
// control characters, at most 300 characters.
func Clean(s string) string { return clean(s) }

// Moment writes a time in UTC.
func Moment(t time.Time) string { return moment(t) }
