package store_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"fieldpost/store"
	"fieldpost/store/storetest"
)

// childDir names the folder in which the test binary, started anew, is the agent
// that will be killed.
const childDir = "FIELDPOST_STORE_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(childDir); dir != "" {
		child(dir)
	}
	if dir := os.Getenv(servantDir); dir != "" {
		serve(dir)
	}
	os.Exit(m.Run())
}

func childOptions(dir string) store.Options {
	return store.Options{Dir: dir, CommitEvery: 5 * time.Millisecond, CommitBytes: 16 << 10, MaxBytes: 32 << 20}
}

// child appends, settles and journals until it is killed. What it prints is true
// at that moment: "durable ID", "begun N", "done N"; "acking ID" is printed first.
func child(dir string) {
	s := store.New(childOptions(dir))
	go s.Run(context.Background())
	ctx := context.Background()
	go func() {
		for n := uint64(1); ; n++ {
			c := store.Command{MessageID: fmt.Sprint(os.Getpid(), "-", n), Seq: n, EnqueuedAt: time.Now()}
			if _, err := s.Journal().Begin(ctx, c); err != nil {
				panic(err)
			}
			fmt.Println("begun", c.MessageID)
			if n%2 == 0 {
				continue
			}
			if err := s.Journal().Finish(ctx, c, store.Outcome{Verdict: store.Completed}, storetest.Rec(store.Result, "r")); err != nil {
				panic(err)
			}
			fmt.Println("done", c.MessageID)
		}
	}()
	go func() {
		for {
			l, err := s.Next(ctx, store.Want{Records: 1 + rand.N(50), LiveFirst: rand.N(2) == 0, Classes: []store.Class{store.Telemetry}})
			if err != nil {
				panic(err)
			}
			for _, r := range l.Records() {
				if rand.N(30) == 0 {
					fmt.Println("acking", r.ID)
					l.Ack(r.ID)
				}
			}
			l.Release()
		}
	}()
	for {
		c := store.Telemetry
		if rand.N(10) == 0 {
			c = store.Alarm
		}
		recs := make([]store.Record, 1+rand.N(20))
		for i := range recs {
			recs[i] = storetest.Rec(c, strings.Repeat("x", rand.N(400)))
		}
		tk, err := s.Append(ctx, recs...)
		if err != nil {
			panic(err)
		}
		if err := tk.Durable(ctx); err != nil {
			panic(err)
		}
		for _, id := range tk.IDs() {
			fmt.Println("durable", id)
		}
	}
}

func TestKilled(t *testing.T) {
	rounds := 10
	if testing.Short() {
		rounds = 3
	}
	dir := t.TempDir()
	durable, acking := map[string]bool{}, map[string]bool{}
	begun := map[string]store.Verdict{}
	for range rounds {
		for _, line := range killed(t, dir, 50+rand.N(1500)) {
			what, id, _ := strings.Cut(line, " ")
			switch what {
			case "durable":
				durable[id] = true
			case "acking":
				acking[id] = true
			case "begun":
				begun[id] = store.Pending
			case "done":
				begun[id] = store.Completed
			}
		}
	}
	if len(durable) == 0 || len(begun) == 0 {
		t.Fatal("the child did nothing")
	}
	o := childOptions(dir)
	o.JournalSize = 1 << 20
	s := store.New(o)
	stop := storetest.Start(t, s)
	storetest.Ready(t, s)
	if l, err := s.Losses(context.Background()); err != nil || len(l) == 0 || l[0].Reason != store.LostUncleanStop || l[0].Within != o.CommitEvery {
		t.Errorf("ledger %+v, %v", l, err)
	}
	entries := map[string]store.Verdict{}
	for _, e := range s.Journal().Entries() {
		entries[e.Command.MessageID] = e.Outcome.Verdict
	}
	results := 0
	for id, v := range begun {
		if got, ok := entries[id]; v == store.Pending && !ok || v == store.Completed && ok && got != v {
			t.Errorf("command %s was %s, the journal says %s (%v)", id, v, got, ok)
		}
		if v == store.Completed {
			results++
		}
	}
	got := map[string]bool{}
	for _, r := range storetest.Drained(t, s, o) {
		got[r.ID.String()] = true
		if r.Class == store.Result {
			results--
		}
	}
	if results > 0 {
		t.Errorf("%d results of finished commands are missing", results)
	}
	missing := 0
	for id := range durable {
		if !got[id] && !acking[id] {
			missing++
		}
	}
	if missing > 0 {
		t.Errorf("%d of %d durable records are missing", missing, len(durable))
	}
	t.Logf("%d durable, %d accepted, %d came, %d commands", len(durable), len(acking), len(got), len(begun))
	stop()
	storetest.Verify(t, o)
}

// killed runs the child, kills it after so many lines that are no acks, and returns what it had printed.
func killed(t *testing.T, dir string, lines int) (out []string) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe)
	cmd.Env = append(os.Environ(), childDir+"="+dir)
	cmd.Stderr = os.Stderr
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	hang := time.AfterFunc(time.Minute, func() { cmd.Process.Kill() })
	defer hang.Stop()
	in := bufio.NewReader(pipe)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		out = append(out, strings.TrimSpace(line))
		if !strings.HasPrefix(line, "acking") {
			lines--
		}
		if lines == 0 {
			cmd.Process.Kill()
		}
	}
	if err := cmd.Wait(); lines > 0 {
		t.Fatalf("the child ended by itself: %v", err)
	}
	return out
}
