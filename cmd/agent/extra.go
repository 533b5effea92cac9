package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"fieldpost/internal/provision"
)

// extraFiles are files of other programs. What such a program would refuse later,
// when the file is wiped where it came from, is refused while it is still there.
type extraFiles struct {
	names []string
	least []int // characters, by the same index
}

// add takes a name, or a name:N.
func (x *extraFiles) add(arg string) (err error) {
	name, number, bounded := strings.Cut(arg, ":")
	least := 0
	if bounded {
		if least, err = strconv.Atoi(number); err != nil {
			return errors.New("want name:N with a number N")
		}
	}
	x.names, x.least = append(x.names, name), append(x.least, least)
	return nil
}

// judge finds those in the folder that are too short. Spaces around are not counted.
func (x *extraFiles) judge(dir string) (faults []provision.Fault) {
	for i, name := range x.names {
		text, err := os.ReadFile(filepath.Join(dir, name))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			faults = append(faults, provision.Fault{Text: err.Error()})
		case len(bytes.TrimSpace(text)) < x.least[i]:
			faults = append(faults, provision.Fault{
				Text: fmt.Sprintf("%s: shorter than %d characters", name, x.least[i]),
				Hint: "put a longer one there, or take it away",
			})
		}
	}
	return faults
}
