package uplink

import (
	"strings"

	"fieldpost/internal/keep"
)

// recall reads which transport a file says has worked; empty when it says
// nothing that is known.
func recall(file string) string {
	if file == "" {
		return ""
	}
	text, err := keep.Read(file)
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
	if file != "" {
		_ = keep.Replace(file, []byte(transport+"\n"), true)
	}
}
