package provision

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Options say what Take takes from where.
type Options struct {
	From string // the folder a person filled; one that is not there is an empty one
	To   Folder // made with rights for its owner alone when it is not there

	// Report is the path of a text file that tells a person what was wrong; it is
	// removed when nothing is. Empty = none.
	Report string

	// Extra are names of files that belong to other programs of this machine, and
	// that no configuration names.
	Extra []string

	// Text judges whether data, of any file, is text. What Check would say when one is
	// not need not hold when it is saved anew, and is not asked.
	Text func(data []byte) error

	// Check judges a configuration and the files that it names, and returns the paths
	// of these. They are in dir; a configuration that was made of them may not be. A
	// set with faults never comes into force.
	Check func(dir string, config []byte) (named []string, faults []Fault)

	step func(op, path string) // called before everything that changes a disk; tests cut there
}

// Fault is one thing that is wrong with a set.
type Fault struct {
	Text string
	Hint string // the next move, or empty
}

// Refused is the error of a set that Check found faults in.
type Refused struct{ Faults []Fault }

func (r *Refused) Error() string {
	texts := make([]string, len(r.Faults))
	for i, f := range r.Faults {
		texts[i] = f.Text
	}
	return strings.Join(texts, "; ")
}

// Result is what Take did.
type Result int

// Results of Take.
const (
	Nothing Result = iota // nothing was there to take
	Taken                 // another set is in force
	Same                  // what was there is in force already; it was wiped
)

// Take takes the files of o.From, laid over those in force, as a new set, and
// wipes them there. Without an error nothing that was taken is left. With one, the
// set that was in force before is in force, unless it is an *UnwipedError. Another
// Take of the same folder is waited for, half a minute or until ctx ends.
func Take(ctx context.Context, o Options) (result Result, err error) {
	d := &disk{step: o.step}
	folder, err := o.open(d)
	if folder != nil {
		defer folder.Close()
		if err = lock(ctx, folder); err == nil {
			result, err = o.take(d)
		}
	}
	if o.Report != "" && !errors.Is(err, ErrBusy) { // the other one reports
		err = o.reported(err, o.report(d, err))
	}
	return result, err
}

// reported adds that the report failed, unless its cause was told already.
func (o Options) reported(err, failed error) error {
	if failed == nil || errors.Is(err, fs.ErrPermission) && errors.Is(failed, fs.ErrPermission) {
		return err
	}
	return errors.Join(err, fmt.Errorf("%s could not be brought up to date: %w", filepath.Base(o.Report), failed))
}

// UnwipedError tells that a set is in force and what it was made from is still
// where it was.
type UnwipedError struct {
	From string
	Err  error
}

func (e *UnwipedError) Error() string {
	return fmt.Sprintf("in force, but not wiped from %s: %v", e.From, e.Err)
}
func (e *UnwipedError) Unwrap() error { return e.Err }

// Hint returns the next move.
func (e *UnwipedError) Hint() string {
	return "its secrets can still be read there: make it writable and provision again, or remove them by hand"
}

func (o Options) take(d *disk) (Result, error) {
	unwiped := o.finish(d)
	there, err := o.given()
	if err != nil {
		return Nothing, err
	}
	given := there
	if unwiped != nil {
		if given, err = o.fresh(there); err != nil {
			return Nothing, err
		}
	}
	if len(given) == 0 {
		return Nothing, unwiped
	}
	if err := o.tidy(d); err != nil {
		return Nothing, err
	}
	inForce, err := o.inForce()
	if err != nil {
		return Nothing, err
	}
	all := withConfig(merge(inForce, given), given)
	toWipe := given
	for _, f := range inForce { // taken before; what is there by now, half wiped, is not what it was
		if find(there, f.name) >= 0 && find(given, f.name) < 0 {
			toWipe = append(toWipe, f)
		}
	}
	if equal(all, inForce) {
		return Same, o.wipeLater(d, toWipe)
	}
	if err := o.bring(d, all, toWipe); err != nil {
		_ = d.removeSet(o.To.path(newName))
		return Nothing, err
	}
	return Taken, o.finish(d)
}

// tidy removes what a power cut, or another set, has left.
func (o Options) tidy(d *disk) error {
	current, err := o.To.current()
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(string(o.To))
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch name := e.Name(); {
		case name == newLink:
			err = d.remove(o.To.path(name))
		case name == newName, number(name) > 0 && name != current:
			err = d.removeSet(o.To.path(name))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// given returns the files of the source. Whatever there cannot be one of a set is a
// fault of its giver.
func (o Options) given() ([]file, error) {
	files, wrong, err := readFolder(o.From)
	if err == nil && len(wrong) > 0 {
		err = &Refused{wrong}
	}
	return files, err
}

// inForce returns the files of the set in force; none when there is no such set.
func (o Options) inForce() ([]file, error) {
	current, err := o.To.current()
	if current == "" || err != nil {
		return nil, err
	}
	files, wrong, err := readFolder(o.To.path(current))
	if err == nil && len(wrong) > 0 {
		err = &Error{errors.New(wrong[0].Text), wrong[0].Hint}
	}
	return files, err
}

// bring checks a set and puts it in force, with the list of what is to be wiped at
// the source then. The rename of the link is the instant.
func (o Options) bring(d *disk, all, toWipe []file) error {
	name, err := o.To.next()
	if err != nil {
		return err
	}
	fresh, set := o.To.path(newName), o.To.path(name)
	if err := d.writeSet(o.To, fresh, append(all, taken(toWipe))); err != nil {
		return err
	}
	if faults := o.judge(fresh, all); len(faults) > 0 {
		return &Refused{faults}
	}
	if err := d.rename(fresh, set); err != nil {
		return err
	}
	if err := d.link(name, o.To.path(newLink)); err != nil {
		return err
	}
	if err := d.syncFolder(string(o.To)); err != nil {
		return err
	}
	if err := d.rename(o.To.path(newLink), o.To.path(linkName)); err != nil {
		return err
	}
	return d.syncFolder(string(o.To))
}

// judge finds the faults of a set, told by the names its giver knows.
func (o Options) judge(dir string, all []file) (unread []Fault) {
	for _, f := range all {
		if err := o.Text(f.data); err != nil {
			fault := Faults(err)[0]
			unread = append(unread, Fault{f.name + ": " + fault.Text, fault.Hint})
		}
	}
	if len(unread) > 0 {
		return unread
	}
	named, faults := o.Check(dir, all[find(all, ConfigFile)].data)
	for i := range faults {
		faults[i].Text = strings.ReplaceAll(faults[i].Text, dir+string(filepath.Separator), "")
		faults[i].Hint = strings.ReplaceAll(faults[i].Hint, dir+string(filepath.Separator), "")
	}
	for _, f := range all {
		if f.name == ConfigFile || slices.Contains(o.Extra, f.name) || slices.Contains(named, filepath.Join(dir, f.name)) {
			continue
		}
		faults = append(faults, Fault{
			f.name + ": nothing in " + ConfigFile + " names this file",
			o.rename(f.name, named),
		})
	}
	return faults
}

// rename is the next move for a file that nothing names.
func (o Options) rename(name string, named []string) string {
	wanted := append(append(named, ConfigFile), o.Extra...)
	for _, k := range known {
		wanted = append(wanted, k.name)
	}
	for _, path := range wanted {
		if w := filepath.Base(path); alike(name, w) {
			return "rename it to " + w
		}
	}
	return "correct its name, name it in " + ConfigFile + ", or take it away"
}

// alike reports whether a laptop may have made name of wanted: a FAT disk does not tell
// capitals from small letters, Windows hides the .txt that its editor has added, and
// what knows short names only writes the first six letters and ~1.
func alike(name, wanted string) bool {
	name = strings.ToLower(name)
	short, _, isShort := strings.Cut(name, "~")
	return name == wanted || strings.TrimSuffix(name, ".txt") == wanted || isShort && len(short) == 6 && strings.HasPrefix(wanted, short)
}

// Check judges the folder o.From as Take would for a gateway that has nothing in force,
// and changes nothing. It reports whether there is something to take.
func Check(o Options) (something bool, err error) {
	if _, err := os.Stat(o.From); err != nil {
		return false, &Error{err, "give the path of the folder that was filled"}
	}
	given, err := o.given()
	if err != nil || len(given) == 0 {
		return false, err
	}
	if faults := o.judge(filepath.Clean(o.From), withConfig(given, given)); len(faults) > 0 {
		return true, &Refused{faults}
	}
	return true, nil
}
