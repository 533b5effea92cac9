//go:build linux

package agent

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"text/tabwriter"
	"time"

	"fieldpost/c2d"
)

var (
	killRounds = flag.Int("kills", 1, "rounds of TestCommandKills, each with one command of every kind, at each point")
	killSeed   = flag.Uint64("seed", 20261128, "of the moments of TestCommandKills that are no points")
)

// TestCommandKills ends a gateway by SIGKILL at each point of a command, and at
// random moments, against a hub that delivers again. Whatever was reached: no
// effect is doubled, no outcome is lost, and the sender is told once.
func TestCommandKills(t *testing.T) {
	var mu sync.Mutex
	var rows []verdict
	t.Run("rows", func(t *testing.T) {
		for _, door := range []string{c2d.DoorDevicebound, c2d.DoorMethods} {
			for _, point := range append(slices.Clone(points), "") {
				name := string(point)
				if point == "" {
					name = "random moment"
				}
				t.Run(door+"/"+name, func(t *testing.T) {
					t.Parallel()
					v := killRow(t, door, point)
					v.point = name
					for _, f := range v.faults {
						t.Error(f)
					}
					mu.Lock()
					defer mu.Unlock()
					rows = append(rows, v)
				})
			}
		}
	})
	tabulate(t, rows)
}

// points are those of a command that is carried out.
var points = []c2d.Point{
	c2d.PointReceived, c2d.PointDecoded, c2d.PointBegun, c2d.PointEffectBegun, c2d.PointEffectDone, c2d.PointFinished, c2d.PointSettled,
}

func killRow(t *testing.T, door string, point c2d.Point) verdict {
	s := newSender(t, door)
	g := newGateway(t, s.hub, point)
	g.start()
	kills, busy := 0, 0
	for range *killRounds {
		if point == "" {
			k, b := g.killAtRandom(s)
			kills, busy = kills+k, busy+b
		} else {
			kills += g.killAtPoint(s)
		}
	}
	s.calls.Wait()
	g.until("the end of every command", s.heard)
	journal := g.quiet()
	s.last(g)
	v := s.judge(journal, effectsIn(g.dir).lines())
	v.kills, v.lives = kills, g.life()
	if point != "" {
		v.judgePoint(point, len(killedIn(g.dir).lines()), *killRounds)
	} else if busy*4 < kills {
		v.fault("only %d of %d kills found something to do: the test does not test", busy, kills)
	}
	return v
}

// killAtPoint sends a command of each kind. Each ends the process once.
func (g *gateway) killAtPoint(s *sender) (kills int) {
	g.t.Helper()
	for _, action := range counted {
		before := len(killedIn(g.dir).lines())
		reached := func() bool { return len(killedIn(g.dir).lines()) > before }
		for !reached() {
			// Not to the life before, which can be on its way out.
			g.until("a new life", func() bool { return g.life() > g.deaths() })
			g.onlineLife()
			n := s.send(action)
			g.until(fmt.Sprintf("%s to reach %s", n, g.ends), func() bool { return s.lost(n) || reached() })
			// Nobody sends a method again. What ends the process has to have done so
			// before the next command comes.
			gone := s.door == c2d.DoorMethods && slices.Index(points, g.ends) < slices.Index(points, c2d.PointFinished)
			if action == "leave" && reached() && !gone {
				g.until("the effect of "+n, func() bool { return effectsIn(g.dir).count(n) > 0 })
			}
		}
		kills++
	}
	return kills
}

// deaths counts the lives that have ended themselves.
func (g *gateway) deaths() int {
	n := len(killedIn(g.dir).lines())
	for _, effect := range effectsIn(g.dir).lines() {
		if strings.HasPrefix(effect, "leave-") {
			n++
		}
	}
	return n
}

// killAtRandom ends three lives, each a moment after a command of each kind was
// sent, and counts those that still had something to do. What ends the process by
// itself comes to the last one only.
func (g *gateway) killAtRandom(s *sender) (kills, busy int) {
	g.t.Helper()
	const lives = 3
	random := rand.New(rand.NewPCG(*killSeed, uint64(g.life())))
	for i := range lives {
		life := g.life()
		cmd := g.onlineLife()
		for _, action := range counted {
			if action != "leave" || i == lives-1 {
				s.send(action)
			}
		}
		<-time.After(time.Duration(random.Int64N(int64(40 * time.Millisecond))))
		if !s.heard() {
			busy++
		}
		_ = cmd.Process.Kill()
		kills++
		g.until("a new life", func() bool { return g.life() > life })
	}
	g.until("the end of every command", s.heard)
	return kills, busy
}

// tabulate prints the rows, and appends them to the file of -table.
func tabulate(t *testing.T, rows []verdict) {
	slices.SortFunc(rows, func(a, b verdict) int {
		at := func(v verdict) int {
			i := slices.Index(points, c2d.Point(v.point))
			if i < 0 {
				i = len(points)
			}
			if v.door == c2d.DoorMethods {
				i += 100
			}
			return i
		}
		return at(a) - at(b)
	})
	out := os.Stdout
	if *stormTable != "" {
		file, err := os.OpenFile(*stormTable, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		defer file.Close()
		out = file
	} else if !testing.Verbose() {
		return
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, verdictHead)
	for _, v := range rows {
		fmt.Fprint(w, v)
	}
	if err := w.Flush(); err != nil {
		t.Error(err)
	}
	fmt.Fprintf(out, "%d commands of each kind at each point, seed %d\n", *killRounds, *killSeed)
}
