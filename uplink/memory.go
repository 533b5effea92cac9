package uplink

import (
	"os"
	"strings"
)

// recall reads which transport a file says has worked; empty when it says
// nothing that is known.
func recall(file string) string {
	if file == "" {
		return ""
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return ""
	}
	switch t := strings.TrimSpace(string(text)); t {
	case TransportAMQP, TransportWebSocket:
		return t
	default:
		return ""
	}
}

// remember writes it. A file that cannot be written costs one attempt after the
// next start, so nobody is told.
func remember(file, transport string) {
	if file == "" {
		return
	}
	next := file + ".new"
	if os.WriteFile(next, []byte(transport+"\n"), 0o600) != nil || os.Rename(next, file) != nil {
		_ = os.Remove(next)
	}
}
