package config

import (
	"bytes"
	"errors"
)

// mark is what many editors of Windows begin a text in UTF-8 with.
const mark = "\ufeff"

// NoTextError is the error of a file that is no text in UTF-8. It tells nothing of
// what is in the file.
type NoTextError struct {
	err  error
	hint string
}

func (e *NoTextError) Error() string { return e.err.Error() }

// Hint returns the next move.
func (e *NoTextError) Hint() string { return e.hint }

var (
	errWide = &NoTextError{errors.New("is UTF-16"), "save it as UTF-8"}
	errZero = &NoTextError{errors.New("holds zero bytes, which no text does"),
		"a text is wanted here, certificates and keys as PEM; if it is one where it comes from, copy it again, and eject the disk before it is pulled out"}
)

// Text returns data without the mark that a text in UTF-8 may begin with. The error
// is a *NoTextError for a text in 16 bits, as Notepad's Unicode and the > of Windows
// PowerShell write it, and for what is none.
func Text(data []byte) ([]byte, error) {
	switch zeros := zeros(data); {
	case bytes.HasPrefix(data, []byte("\xff\xfe")), bytes.HasPrefix(data, []byte("\xfe\xff")):
		return nil, errWide
	case zeros[0]+zeros[1] == 0:
		return bytes.TrimPrefix(data, []byte(mark)), nil
	case min(zeros[0], zeros[1]) == 0 && max(zeros[0], zeros[1]) > len(data)/4:
		return nil, errWide // without a mark: every other byte of Latin letters is zero
	}
	return nil, errZero
}

// zeros counts those at even and at odd places.
func zeros(data []byte) (n [2]int) {
	for i, b := range data {
		if b == 0 {
			n[i%2]++
		}
	}
	return n
}
