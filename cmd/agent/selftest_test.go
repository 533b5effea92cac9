package main

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/hub"
	"fieldpost/internal/agent"
	"fieldpost/internal/diag"
)

func TestTryLeavesBehindWhatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		never := make(chan struct{})
		f, took := try(t.Context(), agent.Check{Within: time.Minute, Run: func(context.Context) agent.Finding {
			<-never
			return agent.Finding{}
		}})
		close(never)
		if f.State != agent.Failed || !strings.Contains(f.Detail, "has not returned for 1 min 2 s") || f.Hint == "" || took != time.Minute+lateFor {
			t.Errorf("%+v after %v", f, took)
		}
	})
}

func TestTrySurvivesAPanic(t *testing.T) {
	f, _ := try(t.Context(), agent.Check{Within: time.Minute, Run: func(context.Context) agent.Finding { panic("oh") }})
	if f.State != agent.Failed || f.Detail != "panicked: oh" {
		t.Errorf("%+v", f)
	}
}

// A chain that is broken anywhere says where, however long its agent took to meet it.
func TestChainSaysWhereItBreaks(t *testing.T) {
	refused := func(s diag.Status) bool { return s.Queue.Dead > 0 }
	broken := func(s diag.Status) bool { return strings.HasPrefix(complaint(s), "the agent says of its hub: c2d: ") }
	for name, c := range map[string]struct {
		options hub.Options
		met     func(diag.Status) bool // nil: it ends by itself
		want    string
	}{
		"readings are not accepted": {hub.Options{Outcome: func(hub.Event) hub.Settlement { return hub.RejectWith("amqp:not-allowed", "no") }}, refused,
			"no reading was accepted by the local hub: context canceled; records that it refused: "},
		"the hub does not listen": {hub.Options{Listen: "127.0.0.1:none"}, nil, "start the local hub: "},
		"the way of commands is closed": {hub.Options{Faults: faulty(t, "refuse-link devicebound")}, broken,
			"; the agent says of its hub: c2d: attach receiver "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), chainWithin)
			defer cancel()
			dir := t.TempDir()
			var watch sync.WaitGroup
			defer watch.Wait()
			if c.met != nil {
				client := diag.Client{Path: filepath.Join(dir, "chain", "agent.sock"), Within: chainWithin}
				watch.Go(func() {
					defer cancel()
					_ = await(ctx, func() bool {
						s, err := client.Status(ctx)
						return err == nil && c.met(s)
					})
				})
			}
			s := selftest{hub: c.options}
			f := s.chain(ctx, dir)
			cancel()
			if f.State != agent.Failed || !strings.Contains(f.Detail, c.want) || f.Hint != chainHint {
				t.Errorf("%+v", f)
			}
		})
	}
	s := selftest{}
	if f := s.chain(t.Context(), filepath.Join(t.TempDir(), "nowhere")); f.State != agent.Failed {
		t.Errorf("without a folder: %+v", f)
	}
}

func faulty(t *testing.T, line string) []hub.Fault {
	t.Helper()
	f, err := hub.ParseFault(line)
	if err != nil {
		t.Fatal(err)
	}
	return []hub.Fault{f}
}

func TestSelftestReportCounts(t *testing.T) {
	var out bytes.Buffer
	p := newSelftestPrinter(&out, false)
	p.row("a", agent.Finding{State: agent.Passed, Detail: "fine\x1b[2J"}, 0)
	p.row("b", agent.Finding{State: agent.Failed, Detail: "broken", Hint: "mend it"}, 0)
	p.row("c", agent.Finding{State: agent.Skipped}, 0)
	if err := p.end(); err != nil || p.report.OK || p.report.Passed != 1 || p.report.Failed != 1 || p.report.Skipped != 1 {
		t.Errorf("%+v, %v", p.report, err)
	}
	want := "pass     a                  fine?[2J\nfail     b                  broken\n                            hint: mend it\n" +
		"skipped  c                  \n\n1 passed, 1 failed, 1 skipped\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
