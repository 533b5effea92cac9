package provision

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

const (
	maxFiles = 32
	maxFile  = 1 << 20 // bytes
)

// file is one file of a source or a set.
type file struct {
	name string
	data []byte
}

// between parts sum and name where a file is listed.
const between = "  "

// listed is the file's line in a list: it names a content without telling it.
func (f file) listed() string {
	s := sha256.Sum256(f.data)
	return hex.EncodeToString(s[:]) + between + f.name + "\n"
}

// readFolder reads the regular files of a folder, by name, and tells of what can be
// no file of a set. A folder that is not there has none.
func readFolder(dir string) (files []file, wrong []Fault, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return nil, nil, nil
		}
		return nil, nil, err
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		switch {
		case strayed(e.Name()):
			continue
		case !e.Type().IsRegular():
			wrong = append(wrong, Fault{path + ": not a regular file", "put plain files into the folder, and no folders"})
			continue
		case len(files) == maxFiles:
			return files, append(wrong, Fault{fmt.Sprintf("%s: more than %d files", dir, maxFiles), "leave only the configuration and the files it names"}), nil
		}
		data, err := readFile(path)
		var large *Error
		switch {
		case errors.As(err, &large):
			wrong = append(wrong, Fault{large.Error(), large.Next})
		case err != nil:
			return nil, nil, err
		default:
			files = append(files, file{e.Name(), data})
		}
	}
	return files, wrong, nil
}

// strayed reports whether a file of that name is one that laptops put on every card
// they see, often without showing it. Such files are left alone.
func strayed(name string) bool {
	if strings.HasPrefix(name, ".") {
		return true
	}
	switch strings.ToLower(name) {
	case "desktop.ini", "thumbs.db", "system volume information", "$recycle.bin":
		return true
	}
	return false
}

func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(data) > maxFile {
		err = &Error{fmt.Errorf("%s: larger than %d KiB", path, maxFile>>10), "this is no file the agent wants"}
	}
	return data, err
}

// find returns where the file of that name is, or -1.
func find(files []file, name string) int {
	for i := range files {
		if files[i].name == name {
			return i
		}
	}
	return -1
}

// merge lays files over those of the set in force, by name.
func merge(inForce, given []file) []file {
	all := append([]file(nil), given...)
	for _, f := range inForce {
		if find(given, f.name) < 0 {
			all = append(all, f)
		}
	}
	return all
}

// equal reports whether both hold the same files.
func equal(a, b []file) bool {
	for _, f := range a {
		if i := find(b, f.name); i < 0 || !bytes.Equal(b[i].data, f.data) {
			return false
		}
	}
	return len(a) == len(b)
}

// Error is an error with the next move.
type Error struct {
	Err  error
	Next string
}

func (e *Error) Error() string { return e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Hint returns the next move.
func (e *Error) Hint() string { return e.Next }
