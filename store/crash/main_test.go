//go:build linux && proof

package crash

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"text/tabwriter"
	"time"
)

var (
	rounds    = flag.Int("rounds", 6, "kills of TestKill")
	states    = flag.Int("states", 32, "crash states of TestPowerCut")
	files     = flag.Int("files", 100, "damaged files of TestCorrupt")
	childCmd  = flag.String("child", "", "how to start agents and judges; default this binary")
	seed      = flag.Uint64("seed", 0, "of everything random; 0 = drawn")
	keep      = flag.String("keep", "", "build the folders of bad crash states again in this one")
	tableFile = flag.String("table", "", "append the tables of results to this file")
)

// hang is how long anything may take before it counts as stuck. It says nothing
// about speed.
const hang = 60 * time.Second

// role names what the test binary, started anew, is: "agent", "judge",
// "plain judge", "disk" or "guest".
// The work follows as JSON in roleWork.
const (
	role     = "FIELDPOST_CRASH_ROLE"
	roleWork = "FIELDPOST_CRASH_WORK"
)

func TestMain(m *testing.M) {
	switch os.Getenv(role) {
	case "agent":
		runAgent()
	case "judge":
		runJudge()
	case "plain judge":
		dropRights()
	case "disk":
		runDisk()
	case "guest":
		runGuest()
	default:
		flag.Parse()
		if *seed == 0 {
			*seed = uint64(time.Now().UnixNano())
		}
		os.Exit(m.Run())
	}
}

// child is this binary, or another build of it, in a role.
func child(t testing.TB, as string, work any) *exec.Cmd {
	t.Helper()
	args := strings.Fields(*childCmd)
	if len(args) == 0 {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		args = []string{exe}
	}
	j, err := json.Marshal(work)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), role+"="+as, roleWork+"="+string(j))
	return cmd
}

// work reads what child was given.
func work(into any) {
	if err := json.Unmarshal([]byte(os.Getenv(roleWork)), into); err != nil {
		panic(err)
	}
}

// table shows rows, the first being the head, and appends them to -table.
func table(t testing.TB, title string, rows [][]string) {
	t.Helper()
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(w, strings.Join(r, "\t"))
	}
	w.Flush()
	t.Logf("%s, seed %d\n%s", title, *seed, b.String())
	if *tableFile == "" {
		return
	}
	f, err := os.OpenFile(*tableFile, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintf(f, "%s, seed %d\n%s\n", title, *seed, b.String())
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}

// few joins the first of many.
func few(all []string) string {
	const most = 5
	if len(all) > most {
		return fmt.Sprintf("%s … %d in all", strings.Join(all[:most], "; "), len(all))
	}
	return strings.Join(all, "; ")
}
