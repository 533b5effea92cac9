package hub

import (
	"bytes"
	"encoding/json"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
)

// DirError is a file in Options.Dir that cannot be read, or written, or means
// nothing. One that was there is left as it is.
type DirError struct {
	Path string // of the file, or of the directory
	Line int    // where the fault begins, from 1; 0 where no line is to blame
	Err  error
}

// Error names the file, the line and the fault.
func (e *DirError) Error() string {
	text := e.Err.Error()
	if e.Line > 0 {
		text = "line " + strconv.Itoa(e.Line) + ": " + text
	}
	if !strings.Contains(text, e.Path) { // the system's errors name it themselves
		text = e.Path + ": " + text
	}
	return "hub directory: " + text
}

// Unwrap returns the fault.
func (e *DirError) Unwrap() error { return e.Err }

// stateError is a fault of stateFile at offset of its text.
func stateError(dir string, text []byte, offset int, fault error) error {
	line := 1 + bytes.Count(text[:min(max(offset, 0), len(text))], []byte("\n"))
	return &DirError{Path: filepath.Join(dir, stateFile), Line: line, Err: fault}
}

// jsonFault returns where the text is not what was expected, and how.
func jsonFault(text []byte, err error) (offset int, fault error) {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return int(syntax.Offset), err
	case errors.As(err, &kind):
		name := kind.Field
		if name == "" {
			name = "the file"
		}
		return int(kind.Offset), errors.New(name + " cannot be a " + kind.Value)
	}
	return len(text), err
}

// deviceAt returns where the i-th device stands in the text of a state.
func deviceAt(text []byte, i int) int {
	var parts struct{ Devices []json.RawMessage }
	if json.Unmarshal(text, &parts) != nil || i >= len(parts.Devices) {
		return 0
	}
	at := max(0, bytes.Index(text, []byte(`"devices"`)))
	for _, part := range parts.Devices[:i] {
		at += max(0, bytes.Index(text[at:], part)) + len(part)
	}
	return at + max(0, bytes.Index(text[at:], parts.Devices[i]))
}
