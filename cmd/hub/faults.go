package main

import (
	"strings"

	"fieldpost/hub"
)

// faults are the lines of a flag that may be repeated.
type faults []hub.Fault

func (f *faults) String() string {
	var lines []string
	for _, fault := range *f {
		lines = append(lines, fault.String())
	}
	return strings.Join(lines, "; ")
}

func (f *faults) Set(line string) error {
	fault, err := hub.ParseFault(line)
	if err != nil {
		return err
	}
	*f = append(*f, fault)
	return nil
}
