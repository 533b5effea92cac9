package provision

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const (
	// ConfigFile is the name of the configuration in a set.
	ConfigFile = "agent.toml"

	linkName  = "current"
	setPrefix = "set-"
	newName   = ".new"         // a set that is being written
	newLink   = ".current.new" // a link that is about to be renamed
	takenName = ".taken"       // in a set: what is still to be wiped at the source
)

// Folder is where provisioned sets are kept.
type Folder string

// Config returns the path of the configuration in force, whether it is there or not.
func (f Folder) Config() string { return filepath.Join(string(f), linkName, ConfigFile) }

// Provisioned reports whether a set is in force. One that this user may not read,
// or that a disk does not give, is an error: to take it for none would have
// something else run in its place.
func (f Folder) Provisioned() (bool, error) {
	config, err := os.Open(f.Config())
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return false, nil
	case err != nil:
		return false, err
	}
	return true, config.Close()
}

// Unfinished reports whether a set is in force whose source was not wiped yet.
func (f Folder) Unfinished() bool {
	_, err := os.Lstat(filepath.Join(string(f), linkName, takenName))
	return err == nil
}

func (f Folder) path(name string) string { return filepath.Join(string(f), name) }

// current returns the name of the set in force, or "".
func (f Folder) current() (string, error) {
	name, err := os.Readlink(f.path(linkName))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "", nil
	case err != nil:
		return "", err
	case number(name) == 0:
		return "", fmt.Errorf("%s: names %q, which is no set", f.path(linkName), name)
	}
	return name, nil
}

// number returns that of a set's name, or 0.
func number(name string) uint64 {
	digits, ok := strings.CutPrefix(name, setPrefix)
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil {
		return 0
	}
	return n
}

// next returns the name of a set that is not there yet.
func (f Folder) next() (string, error) {
	entries, err := os.ReadDir(string(f))
	if err != nil {
		return "", err
	}
	var last uint64
	for _, e := range entries {
		last = max(last, number(e.Name()))
	}
	return setPrefix + strconv.FormatUint(last+1, 10), nil
}

// rights are the modes of what is stored: those of the folder itself, and never
// more than its group may read.
func (f Folder) rights() (folder, file fs.FileMode, err error) {
	info, err := os.Stat(string(f))
	if err != nil {
		return 0, 0, err
	}
	if !info.IsDir() {
		return 0, 0, fmt.Errorf("%s: not a folder", f)
	}
	if info.Mode().Perm()&0o050 == 0o050 {
		return 0o750, 0o640, nil
	}
	return 0o700, 0o600, nil
}
