//go:build linux

package agent

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"fieldpost/c2d"
	"fieldpost/internal/config"
	"fieldpost/uplink"
)

// A test starts this binary anew as a gateway, with its folder in lifeIn. It ends
// itself at the point in lifeEnds; without one, actions take their time.
const (
	lifeIn   = "FIELDPOST_TEST_LIFE"
	lifeEnds = "FIELDPOST_TEST_ENDS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(lifeIn); dir != "" {
		os.Exit(live(dir, c2d.Point(os.Getenv(lifeEnds))))
	}
	os.Exit(m.Run())
}

// live is one life of a gateway. It reports on file descriptor 3 that it is online.
func live(dir string, ends c2d.Point) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	cfg, problems := config.Load(filepath.Join(dir, "agent.toml"))
	if len(problems) > 0 {
		fmt.Fprintln(os.Stderr, problems)
		return 2
	}
	report := os.NewFile(3, "report")
	parts := Parts{
		Actions:    countedActions(effectsIn(dir), ends == ""),
		BackoffMax: 200 * time.Millisecond,
		Watch: Watch{Link: func(s uplink.LinkState) {
			if s.Phase == uplink.PhaseOnline {
				fmt.Fprintln(report, "online")
			}
		}},
	}
	if ends != "" {
		parts.Failpoint = endAt(ends, killedIn(dir))
	}
	if err := New(cfg, parts).Run(ctx); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// endAt ends the process at a point, once for each command.
func endAt(ends c2d.Point, killed tally) func(c2d.Point, string) {
	var mu sync.Mutex
	return func(at c2d.Point, id string) {
		if at != ends {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		if killed.count(id) == 0 {
			killed.note(id)
			die()
		}
	}
}

// die ends the process as kill -9 does: nothing of it runs any more.
func die() {
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {}
}

// tally is a file with a line for each thing that happened. A line outlives the
// process that wrote it.
type tally string

func effectsIn(dir string) tally { return tally(filepath.Join(dir, "effects")) }
func killedIn(dir string) tally  { return tally(filepath.Join(dir, "killed")) }

func (f tally) note(line string) {
	file, err := os.OpenFile(string(f), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = file.WriteString(line + "\n")
		file.Close()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(3)
	}
}

func (f tally) lines() []string {
	content, _ := os.ReadFile(string(f)) // none yet
	return strings.Fields(string(content))
}

func (f tally) count(line string) (n int) {
	for _, l := range f.lines() {
		if l == line {
			n++
		}
	}
	return n
}

// counted are the names of actions of each kind. What "leave" does ends the process.
var counted = []string{"once", "repeatable", "resumable", "leave"}

// countedActions count their effects under the argument n. Slow ones take a
// moment before and after it.
func countedActions(effects tally, slow bool) []c2d.Action {
	pause := func(ctx context.Context) {
		if !slow {
			return
		}
		select {
		case <-time.After(rand.N(20 * time.Millisecond)):
		case <-ctx.Done():
		}
	}
	effect := func(ctx context.Context, a c2d.Args) (any, error) {
		pause(ctx)
		effects.note(a.String("n"))
		pause(ctx)
		return a.String("n"), nil
	}
	happened := func(_ context.Context, a c2d.Args) (bool, any, error) {
		return effects.count(a.String("n")) > 0, a.String("n"), nil
	}
	leave := func(n string) c2d.Result {
		return c2d.Result{Due: n, AfterSettle: func() error {
			effects.note(n)
			die()
			return nil
		}}
	}
	args := []c2d.Arg{{Name: "n", Type: "string", Required: true, Help: "what to count"}}
	return []c2d.Action{
		{Name: "once", Help: "counts", Args: args, Run: effect},
		{Name: "repeatable", Help: "counts", Args: args, Run: effect, Repeat: c2d.Repeatable},
		{Name: "resumable", Help: "counts", Args: args, Run: effect, Repeat: c2d.Resumable, Resume: happened},
		{
			Name: "leave", Help: "counts and ends the process", Args: args, Repeat: c2d.Resumable, Resume: happened,
			Run: func(_ context.Context, a c2d.Args) (any, error) { return leave(a.String("n")), nil },
			Prove: func(n string) c2d.Result {
				if slices.Contains(effects.lines(), n) {
					return c2d.Result{Value: n}
				}
				return leave(n)
			},
		},
	}
}
