package keep

import (
	"bufio"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// HintFixed is the next move about a file that its owner's rights do not open.
const HintFixed = "what forbids it is not the owner or the mode: lsattr tells whether the file or its folder is fixed (chattr -i)"

// Hint is the next move about what this process may not have in dir, and about what
// else is named: it is to belong to the user who runs this process.
func Hint(dir string, more ...string) string {
	var words []string
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		words = []string{"mkdir -p " + absolute(dir), "&&"}
	}
	words = append(words, "chown -R", me(), absolute(dir))
	for _, path := range more {
		words = append(words, absolute(path))
	}
	return strings.Join(words, " ")
}

// HintAbout is the next move after err, which may be one of rights: chown is what
// Hint said. It is empty when rights are not what is missing.
func HintAbout(err error, chown string) string {
	switch {
	case errors.Is(err, syscall.EPERM):
		return HintFixed
	case errors.Is(err, fs.ErrPermission):
		return chown
	}
	return ""
}

func absolute(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

// me is the user who runs this process as chown wants it: with the colon its own
// group comes along, which is known of a user with a name only.
func me() string {
	uid := strconv.Itoa(os.Geteuid())
	if f, err := os.Open("/etc/passwd"); err == nil {
		defer f.Close()
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if fields := strings.Split(lines.Text(), ":"); len(fields) > 2 && fields[2] == uid {
				return fields[0] + ":"
			}
		}
	}
	return uid
}
