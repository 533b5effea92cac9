package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
)

// MaxFile is the largest configuration file that is read, in bytes.
const MaxFile = 256 << 10

// Load reads the file at path and parses it.
func Load(path string) (*Config, []Problem) {
	data, err := read(path)
	if err != nil {
		p := Problem{File: path, Message: "cannot be read: " + cause(err)}
		if errors.Is(err, fs.ErrNotExist) {
			p.Message = "no such file"
			p.Hint = "agent check --defaults prints a complete one"
		} else if errors.Is(err, fs.ErrPermission) {
			p.Hint = "run it as root or as the agent's user"
		}
		return nil, []Problem{p}
	}
	return Parse(path, data)
}

// Parse reads a configuration from data; name is used in problems, and its
// folder is where relative paths start. Without problems the Config is complete
// and may be run. With problems it holds what could be understood; it is nil
// when data is not TOML, or no text at all.
func Parse(name string, data []byte) (*Config, []Problem) {
	if len(data) > MaxFile {
		return nil, []Problem{{File: name, Message: "larger than " + strconv.Itoa(MaxFile>>10) + " KiB"}}
	}
	text, err := Text(data)
	var none *NoTextError
	if errors.As(err, &none) {
		return nil, []Problem{{File: name, Message: none.Error(), Hint: none.Hint()}}
	}
	root, problems := parseTree(text)
	if root == nil {
		problems[0].File = name
		return nil, problems
	}
	c := checker{
		config:   &Config{origin: origin{file: name, lines: make(map[string]int)}},
		dir:      filepath.Dir(name),
		problems: problems,
	}
	c.check(root)
	return c.config, c.sorted()
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, MaxFile+1))
}

// cause is err without the operation and the path, which the problem names already.
func cause(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}
