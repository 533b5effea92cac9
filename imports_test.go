// Package fieldpost_test holds the rules of who may import whom, each with its
// reason. Test files are exempt: a test may bring both ends of a wire together.
package fieldpost_test

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

const module = "fieldpost/"

// rule says what the files of one package may import of ours. In pkg and may, a
// trailing "/" covers what lies below.
type rule struct {
	pkg    string // path below the module
	may    []string
	reason string
}

// own lists the rules; a package without one may import nothing of ours.
var own = []rule{
	{"internal/keep", nil, "a leaf: how files are kept, whatever is in them"},
	{"internal/clock", []string{"internal/keep"}, "nearly a leaf, that every part of the agent may import: it keeps one time in a file"},
	{"internal/pulse", nil, "a leaf for the loops that a watchdog asks after"},
	{"internal/canary", nil, "a leaf for tests: what is planted knows nothing of who keeps it"},
	{"internal/http1", nil, "a leaf: what is needed of HTTP without net/http"},
	{"sensors", []string{"internal/clock", "internal/pulse"}, "a sensor knows nothing of queues or networks"},
	{"sensors/", []string{"internal/clock", "internal/keep", "sensors", "sensors/chip", "sensors/sysfs"}, "a family of sources gives Sources, nothing else; one keeps a count"},
	{"board", []string{"internal/clock"}, "buses and lines serve whoever asks"},
	{"board/boardsim", []string{"board"}, "the simulated board has the real one's shape"},
	{"store", []string{"internal/clock", "internal/keep", "internal/pulse"}, "the queue does not care who fills or drains it"},
	{"store/storetest", []string{"store", "internal/clock"}, "the helper of the store's tests"},
	{"uplink/auth", []string{"internal/clock"}, "credentials know no queue"},
	{"uplink", []string{"store", "uplink/auth", "internal/clock", "internal/http1", "internal/keep", "internal/pulse"}, "the link drains the store and needs nothing else"},
	{"c2d", []string{"store", "internal/clock", "internal/http1"}, "commands meet the link only as one of its tenants"},
	{"internal/pipe", []string{"sensors", "store", "internal/clock"}, "the one place where a Reading becomes a Record"},
	{"internal/config", []string{"sensors", "sensors/catalog"}, "a file is checked without opening anything it points to; what sources there are is told in one table"},
	{"internal/diag", []string{"internal/http1"}, "diag looks at everything and owns nothing: it is handed functions"},
	{"internal/probe", []string{"board", "sensors/", "internal/diag"}, "hardware is looked at by what the catalog knows, and told in the socket's words"},
	{"internal/provision", []string{"internal/keep"}, "files are moved without knowing what is in them: it is handed a function that judges"},
	{"internal/top", []string{"internal/diag"}, "the live view sees what the socket tells, and prints it in the same units"},
	{"internal/agent", []string{"sensors", "sensors/", "board", "store", "uplink", "uplink/auth", "c2d",
		"internal/clock", "internal/http1", "internal/keep", "internal/netwatch", "internal/pipe", "internal/config", "internal/diag", "internal/probe"}, "the wiring sees every part of the agent, and never the hub"},
	{"internal/amqpserver/wire", nil, "the server's codec shares nothing with anyone"},
	{"internal/amqpserver", []string{"internal/amqpserver/wire"}, "the engine knows AMQP, not IoT Hub"},
	{"hub", []string{"internal/amqpserver", "internal/amqpserver/wire", "internal/wsserver"}, "hub and agent must not merely agree with each other"},
	{"hub/rest", []string{"hub"}, "the HTTPS door of a hub, for programs that want one"},
	{"internal/service", []string{"uplink/auth", "internal/http1"}, "the service side is a client of the hub, like the agent"},
	{"cmd/hub", []string{"hub", "hub/rest", "internal/service", "uplink/auth"}, "desk tools: a hub to start and a client to talk to one"},
	{"cmd/agent", []string{"internal/agent", "internal/config", "internal/diag", "internal/clock", "internal/keep", "internal/provision", "internal/service", "internal/top",
		"board", "board/", "c2d", "hub", "sensors", "store", "uplink"}, "the program"},
}

// hubIn lists the only files of cmd/agent that may know the local hub.
var hubIn = []string{"demo", "selftest"}

// heavy lists the packages of the standard library that are kept out of the agent,
// and who else may use them.
var heavy = []struct {
	path   string
	in     []string
	reason string
}{
	{"net/http", []string{"cmd/hub", "hub/rest"}, "it is half a megabyte of the agent: internal/http1 has what is needed of it"},
}

// foreign lists where each third-party module may be used.
var foreign = []struct {
	prefix string
	in     []string
	reason string
}{
	{"github.com/Azure/go-amqp", []string{"uplink", "uplink/auth", "c2d", "internal/service"}, "one AMQP client library, at the wire only"},
	{"go.etcd.io/bbolt", []string{"store"}, "the file format is the store's own affair"},
	{"github.com/klauspost/compress/zstd", []string{"store"}, "blocks on the card are a fifth of their records"},
	{"github.com/warthog618/go-gpiocdev", []string{"board"}, "lines are taken in one place"},
	{"periph.io/x/conn/v3/", []string{"sensors/", "board", "board/", "internal/probe", "internal/agent"}, "hardware is touched in two places and looked at in a third, and the wiring hands buses over"},
	{"periph.io/x/devices/v3/bmxx80", []string{"sensors/bme280"}, "what it does wrong is guarded there"},
	{"periph.io/x/devices/v3/ds248x", []string{"sensors/ds18b20"}, "what it does wrong is guarded there"},
	{"periph.io/x/devices/v3/", nil, "docs/PROOFS.md tells what these drivers do wrong; ours are in sensors"},
	{"periph.io/x/", []string{"sensors/", "board", "board/"}, "drivers are used by sources"},
	{"github.com/pelletier/go-toml/", []string{"internal/config"}, "one reader of configuration"},
	{"golang.org/x/sys/", []string{"internal/clock", "internal/diag", "internal/top", "sensors/", "board", "store"}, "what the standard library does not say about the platform"},
}

// never is imported by nobody.
var never = map[string]string{
	"periph.io/x/host/v3":           "its Init may panic in a goroutine of its own; the sub-packages are loaded one by one",
	"periph.io/x/host/v3/bcm283x":   "it registers pins behind the kernel's back and panics without /dev/gpiochip0",
	"periph.io/x/host/v3/rpi":       "needs bcm283x",
	"periph.io/x/host/v3/sysfs":     "its buses turn an errno into text and hand the kernel addresses of a stack that may move, its init registers drivers nobody asked for",
	"periph.io/x/host/v3/gpioioctl": "its first Out pulses the other level, and asking a line back makes it an input",
}

func TestImports(t *testing.T) {
	for file, imports := range sources(t) {
		pkg := filepath.ToSlash(filepath.Dir(file))
		for _, path := range imports {
			if why, bad := never[path]; bad {
				t.Errorf("%s imports %s: %s", file, path, why)
			}
			for _, r := range heavy {
				if (path == r.path || strings.HasPrefix(path, r.path+"/")) && !slices.ContainsFunc(r.in, func(p string) bool { return covers(p, pkg) }) {
					t.Errorf("%s imports %s, allowed only in %v: %s", file, path, r.in, r.reason)
				}
			}
			switch {
			case strings.HasPrefix(path, module):
				checkOwn(t, file, pkg, strings.TrimPrefix(path, module))
			case strings.Contains(strings.SplitN(path, "/", 2)[0], "."):
				checkForeign(t, file, pkg, path)
			}
		}
	}
}

func checkOwn(t *testing.T, file, pkg, path string) {
	t.Helper()
	i := slices.IndexFunc(own, func(r rule) bool { return covers(r.pkg, pkg) })
	if i < 0 {
		t.Errorf("%s imports %s, and no rule names %s", file, path, pkg)
		return
	}
	if !slices.ContainsFunc(own[i].may, func(m string) bool { return covers(m, path) }) {
		t.Errorf("%s imports %s, which %s may not: %s", file, path, pkg, own[i].reason)
	}
	if pkg == "cmd/agent" && path == "hub" {
		base := filepath.Base(file)
		if !slices.ContainsFunc(hubIn, func(p string) bool { return strings.HasPrefix(base, p) }) {
			t.Errorf("%s imports hub: only the demo and the selftest bring a hub along", file)
		}
	}
}

func checkForeign(t *testing.T, file, pkg, path string) {
	t.Helper()
	for _, r := range foreign {
		if strings.HasPrefix(path, r.prefix) {
			if !slices.ContainsFunc(r.in, func(p string) bool { return covers(p, pkg) }) {
				t.Errorf("%s imports %s, allowed only in %v: %s", file, path, r.in, r.reason)
			}
			return
		}
	}
	t.Errorf("%s imports %s, which is on no list", file, path)
}

// covers reports whether rule names path: exactly, or below it when rule ends in "/".
func covers(rule, path string) bool {
	if strings.HasSuffix(rule, "/") {
		return strings.HasPrefix(path, rule)
	}
	return rule == path
}

// sources returns the imports of every Go file of this module that is no test.
func sources(t *testing.T) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	skip := []string{"bench", "deploy", "interop", "tools", "dist", ".git"}
	err := filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (slices.Contains(skip, path) || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		f, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, s := range f.Imports {
			p, err := strconv.Unquote(s.Path.Value)
			if err != nil {
				return err
			}
			found[path] = append(found[path], p)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) < 10 {
		t.Fatalf("only %d files found: the walk has lost its way", len(found))
	}
	return found
}
