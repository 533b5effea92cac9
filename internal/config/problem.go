package config

import (
	"strconv"
	"strings"
)

// Problem is one fault of a configuration.
type Problem struct {
	File    string `json:"file"`
	Line    int    `json:"line,omitempty"` // from 1; 0 = the file as a whole
	Key     string `json:"key,omitempty"`  // path of the key, "sensor.every"; empty = the file as a whole
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // the next move, or empty
}

// String returns "agent.toml:12: hub.ca_fil: unknown key (nearest: ca_file)",
// without the hint.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(p.Line))
	}
	if b.Len() > 0 {
		b.WriteString(": ")
	}
	if p.Key != "" {
		b.WriteString(p.Key)
		b.WriteString(": ")
	}
	b.WriteString(p.Message)
	return b.String()
}

// Error makes a Problem an error with the text of String.
func (p Problem) Error() string { return p.String() }
