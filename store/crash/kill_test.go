//go:build linux && proof

package crash

import (
	"bufio"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// follow starts an agent, feeds its marks to c, and kills it after limit of them; with
// limit 0 it waits until the agent ends by itself.
func (c *claims) follow(t testing.TB, l load, limit int) {
	t.Helper()
	cmd := child(t, "agent", l)
	var stderr limited
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	stuck := time.AfterFunc(5*hang, func() { cmd.Process.Kill() })
	defer stuck.Stop()
	var killed time.Time
	in := bufio.NewReader(out)
	n := 0
	for {
		text, err := in.ReadString('\n')
		if err != nil {
			break // a line without end was never wholly said
		}
		c.mark(text)
		if n++; n == limit {
			if err := cmd.Process.Kill(); err != nil {
				t.Error(err)
			}
			killed = time.Now()
		}
	}
	err = cmd.Wait()
	switch {
	case limit > 0 && killed.IsZero():
		t.Fatalf("the agent ended by itself after %d marks: %v\n%s", n, err, stderr.String())
	case limit == 0 && (err == nil) == l.Crash:
		t.Fatalf("the agent ended: %v\n%s", err, stderr.String())
	}
	if killed.IsZero() {
		killed = time.Now()
	}
	c.ended(killed, l.CommitEvery)
}

// limited keeps the first bytes written to it.
type limited struct{ b []byte }

func (l *limited) Write(p []byte) (int, error) {
	l.b = append(l.b, p[:min(len(p), 8192-len(l.b))]...)
	return len(p), nil
}

func (l *limited) String() string { return string(l.b) }

// killLoad is what the agent of one round does.
func killLoad(rnd *rand.Rand, dir string) load {
	return load{
		Dir: dir, Seed: rnd.Uint64(), Drain: rnd.IntN(drainWays), Quiet: rnd.IntN(4) == 0,
		CommitEvery: []time.Duration{5, 20, 100}[rnd.IntN(3)] * time.Millisecond,
		CommitBytes: 2 << 10 << rnd.IntN(6), MaxMemory: 1 << 20 << rnd.IntN(4),
	}
}

// TestKill: nothing that was durable is lost by a kill, order is kept, what was
// settled a commit ago does not come again, and no command is forgotten.
func TestKill(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*seed, 1))
	dir := t.TempDir()
	c, j := newClaims(), newJury(t)
	var total verdict
	durable, accepted, judged, again, marks := 0, 0, 0, 0, 0
	var slowest time.Duration
	for round := range *rounds {
		l := killLoad(rnd, dir)
		c.follow(t, l, 5+rnd.IntN(300))
		if round < *rounds-1 && rnd.IntN(4) > 0 {
			continue // the next agent goes on with what this one left
		}
		durable, accepted = durable+len(c.durable), accepted+len(c.acking)
		f, how := j.judge(job{Dir: dir, Commands: slices.Collect(maps.Keys(c.begun))})
		if f == nil {
			t.Fatalf("round %d: %s", round, how)
		}
		v := c.compare(f, false)
		if bad := v.bad(); bad != nil {
			t.Errorf("round %d, seed %d: %q", round, *seed, bad)
		}
		total.lost, total.wrong = append(total.lost, v.lost...), append(total.wrong, v.wrong...)
		total.late, total.forgot = append(total.late, v.late...), append(total.forgot, v.forgot...)
		total.faults = append(total.faults, v.faults...)
		judged++
		slowest = max(slowest, f.Opened)
		c.taken(f)
		again, marks = c.again, c.marks
	}
	if durable == 0 || accepted == 0 && *rounds > 20 || len(c.begun) == 0 {
		t.Fatalf("the agents did nothing: %d durable, %d accepted, %d commands", durable, accepted, len(c.begun))
	}
	table(t, "kill -9 under load", [][]string{
		{"rounds", "judged", "marks", "durable", "lost", "wrong", "accepted", "again", "oldest again", "too late", "commands", "forgotten", "other faults", "slowest open"},
		{fmt.Sprint(*rounds), fmt.Sprint(judged), fmt.Sprint(marks), fmt.Sprint(durable), fmt.Sprint(len(total.lost)), fmt.Sprint(len(total.wrong)), fmt.Sprint(accepted),
			fmt.Sprint(again), fmt.Sprint(c.oldest.Round(time.Millisecond)), fmt.Sprint(len(total.late)), fmt.Sprint(len(c.begun)), fmt.Sprint(len(total.forgot)),
			fmt.Sprint(len(total.faults)), fmt.Sprint(slowest.Round(time.Millisecond))},
	})
}

// TestKillCatchesLies: an agent that says durable at append is caught.
func TestKillCatchesLies(t *testing.T) {
	dir := t.TempDir()
	c := newClaims()
	c.follow(t, load{Dir: dir, Seed: *seed, CommitEvery: time.Minute, CommitBytes: 8 << 20, MaxMemory: 32 << 20, Lie: true}, 200)
	f, how := newJury(t).judge(job{Dir: dir, Commands: slices.Collect(maps.Keys(c.begun))})
	if f == nil {
		t.Fatal(how)
	}
	if v := c.compare(f, false); len(v.lost) == 0 {
		t.Errorf("%d records were said to be durable before they were, and none is missing: %q", len(c.durable), v.bad())
	}
}
