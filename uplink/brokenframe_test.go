package uplink_test

import (
	"strings"
	"testing"
	"time"

	"fieldpost/hub"
	"fieldpost/uplink"
)

// A hub that breaks the protocol costs a connection, whatever its frame was to be,
// and a technician reads what it did.
func TestHubBreaksTheProtocol(t *testing.T) {
	for fault, want := range map[string]string{
		"oversized-frame count=1":         "began a frame of",
		"garbage bytes=64 seed=1 count=1": "began a frame of",
		"half-frame count=1":              "",
	} {
		t.Run(fault, func(t *testing.T) {
			bubble(t, func(t *testing.T, r *rig, _ *line) {
				ids := r.append(1)
				r.start()
				r.drained()
				r.hub.Inject(hub.MustParseFault(fault))
				ids = append(ids, r.append(1)...)
				r.eventually(10*time.Minute, "the end of the connection", func(s uplink.LinkState) bool { return s.Failures == 1 })
				r.eventually(10*time.Minute, "another one", online)
				r.drained()
				r.mustHave(ids, 1)
				r.mu.Lock()
				defer r.mu.Unlock()
				said := false
				for _, s := range r.states {
					said = said || strings.Contains(s.LastError, want) && s.LastError != "" && s.Hint != "" && (want == "" || s.Cause == uplink.CauseHub)
				}
				must(t, said, "nobody reads %q: %+v", want, r.states)
			})
		})
	}
}
