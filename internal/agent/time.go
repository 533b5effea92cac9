package agent

import (
	"log/slog"
	"path/filepath"
	"time"

	"fieldpost/internal/clock"
	"fieldpost/internal/diag"
)

// floorFile is the name, in the state folder, of the newest time that was ever
// vouched for.
const floorFile = "clock-floor"

// newFloor puts a floor under the present, at the date of the build, and returns
// what keeps it over restarts.
func newFloor(built time.Time, c clock.Clock, stateDir string, log *slog.Logger) *clock.FloorFile {
	return &clock.FloorFile{
		Path:     filepath.Join(stateDir, floorFile),
		Earliest: clock.NewEarliest(built),
		Clock:    c,
		Log:      log,
	}
}

// clockOf tells how far the wall clock can be trusted, and what follows when it
// cannot.
func clockOf(s *diag.Agent, now clock.Stamp, earliest time.Time) {
	s.Clock = now.Trust.String()
	switch now.Trust {
	case clock.TrustNone:
		s.ClockMeans = "the clock is behind " + earliest.UTC().Format(time.DateTime) +
			", which has passed: certificates and tokens go by that time, readings get theirs once the clock is set"
		s.ClockHint = "timedatectl tells whether an NTP client runs: let it out (UDP 123), or set the clock with timedatectl set-time"
	case clock.TrustPlausible:
		s.ClockMeans = "nothing vouches for the clock: readings carry their time with its uncertainty"
		s.ClockHint = "start an NTP client, or check that it reaches its servers (UDP 123): timedatectl tells"
	}
}
