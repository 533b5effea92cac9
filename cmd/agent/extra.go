package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"fieldpost/internal/provision"
)

// extraFiles are files of other programs. What such a program would refuse later,
// when the file is wiped where it came from, is refused while it is still there.
type extraFiles struct {
	names       []string
	least, most []int // characters, by the same index
}

// add takes a name, a name:N, or a name:N-M.
func (x *extraFiles) add(arg string) (err error) {
	name, bounds, bounded := strings.Cut(arg, ":")
	least, most := 0, math.MaxInt
	if bounded {
		low, high, both := strings.Cut(bounds, "-")
		if least, err = strconv.Atoi(low); err == nil && both {
			most, err = strconv.Atoi(high)
		}
		if err != nil {
			return errors.New("want name:N or name:N-M with numbers")
		}
	}
	x.names, x.least, x.most = append(x.names, name), append(x.least, least), append(x.most, most)
	return nil
}

// judge finds those in the folder that are too short or too long, or no single line.
// Spaces around are not counted, nor is the mark that some editors begin a file with.
func (x *extraFiles) judge(dir string) (faults []provision.Fault) {
	for i, name := range x.names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		text = bytes.TrimSpace(bytes.TrimPrefix(text, []byte("\ufeff")))
		n := len(text)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			faults = append(faults, provision.Fault{Text: err.Error()})
		case n < x.least[i]:
			faults = append(faults, provision.Fault{
				Text: fmt.Sprintf("%s: shorter than %d characters", name, x.least[i]),
				Hint: "put a longer one there, or take it away",
			})
		case x.least[i] > 0 && bytes.ContainsAny(text, "\r\n"):
			faults = append(faults, provision.Fault{Text: name + ": more than one line", Hint: "leave one there"})
		case n > x.most[i]:
			faults = append(faults, provision.Fault{
				Text: fmt.Sprintf("%s: longer than %d characters", name, x.most[i]),
				Hint: "put a shorter one there, or take it away; a letter beyond a to z may count as two or more",
			})
		}
	}
	return faults
}
