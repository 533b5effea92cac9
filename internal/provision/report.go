package provision

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// report tells a person what is wrong, or takes back what it told. It writes only
// when that changes something.
func (o Options) report(d *disk, failed error) error {
	there, err := os.ReadFile(o.Report)
	if failed == nil {
		if os.IsNotExist(err) {
			return nil
		}
		if err := d.remove(o.Report); err != nil {
			return err
		}
		return d.syncFolder(filepath.Dir(o.Report))
	}
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	text := []byte(o.told(failed))
	if bytes.Equal(there, text) {
		return nil
	}
	if err := d.write(o.Report, text, 0o644); err != nil {
		return err
	}
	return d.syncFolder(filepath.Dir(o.Report))
}

// told is the text for whoever puts the card into a laptop.
func (o Options) told(failed error) string {
	var b strings.Builder
	var unwiped *UnwipedError
	before, unknown := o.To.Provisioned()
	switch folder := filepath.Base(o.From); {
	case errors.As(failed, &unwiped):
		b.WriteString("The files in the folder " + folder + " are in force, and could not be removed from it.\n\n")
	case unknown != nil:
		b.WriteString("The files in the folder " + folder + " were not taken, and whether others are in force cannot be told: " + unknown.Error() + ".\n\n")
	case before:
		b.WriteString("The files in the folder " + folder + " were not taken. The ones from before are still in force.\n\n")
	default:
		b.WriteString("The files in the folder " + folder + " were not taken. Readings are kept, and nothing is sent until a right set is there.\n\n")
	}
	for _, f := range Faults(failed) {
		b.WriteString(f.Text + "\n")
		if f.Hint != "" {
			b.WriteString("hint: " + f.Hint + "\n")
		}
	}
	b.WriteString("\nMend this and start the gateway with the card again. This file is removed when the files were taken.\n")
	return b.String()
}

// Faults returns what an error of Take has to tell, in lines for a person.
func Faults(err error) (faults []Fault) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			faults = append(faults, Faults(e)...)
		}
		return faults
	}
	var refused *Refused
	if errors.As(err, &refused) {
		return refused.Faults
	}
	f := Fault{Text: err.Error()}
	var hinted interface{ Hint() string }
	switch {
	case errors.As(err, &hinted):
		f.Hint = hinted.Hint()
	case errors.Is(err, fs.ErrPermission):
		f.Hint = "run it as root, or as the owner of that folder"
	}
	return []Fault{f}
}
