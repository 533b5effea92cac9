package uplink

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"fieldpost/internal/clock"
)

func testBudget(file string, c clock.Clock, steps bool) *budget {
	o := DrainOptions{DailyBytes: 100_000, DailySteps: steps, BudgetFile: file, Clock: c}
	o.setDefaults()
	return newBudget(&o)
}

func TestBudgetOfADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := clock.NewFake(time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC)).Follow()
		c.SetTrust(clock.TrustSynced)
		b := testBudget("", c, false)
		for range 9 {
			b.spend(&cargo{wire: 10_000 - transferOverhead})
		}
		if used, limit, _, over := b.spent(); used != 90_000 || limit != 100_000 || over {
			t.Fatalf("used %d of %d, over: %v", used, limit, over)
		}
		b.spend(&cargo{wire: 10_000})
		left, over := b.exhausted()
		if !over || left != 2*time.Hour {
			t.Fatalf("used up: %v, for %s; midnight is in two hours", over, left)
		}
		time.Sleep(left)
		if left, over := b.exhausted(); over {
			t.Fatalf("used up for %s on the next day", left)
		}
		if used, _, left, _ := b.spent(); used != 0 || left != day {
			t.Fatalf("used %d, next day in %s", used, left)
		}
	})
}

func TestBudgetInSteps(t *testing.T) {
	b := testBudget("", wallClock{}, true)
	b.spend(&cargo{wire: 300, steps: steps(300)})
	b.spend(&cargo{wire: 4096, steps: steps(4096)})
	b.spend(&cargo{wire: 4097, steps: steps(4097)})
	if used, _, _, _ := b.spent(); used != 4*4096 {
		t.Errorf("used %d", used)
	}
}

// A clock that is not believed, or was set back, neither opens a new day nor
// keeps a budget closed for longer than a day.
func TestBudgetWithoutAClock(t *testing.T) {
	for name, set := range map[string]func(*clock.Fake){
		"none":     func(c *clock.Fake) { c.SetTrust(clock.TrustNone); c.SetWall(time.Unix(0, 0)) },
		"set back": func(c *clock.Fake) { c.SetWall(time.Date(2025, 1, 1, 0, 0, 0, 0, time.UTC)) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := clock.NewFake(time.Date(2026, 3, 4, 22, 0, 0, 0, time.UTC)).Follow()
				c.SetTrust(clock.TrustSynced)
				b := testBudget("", c, false)
				b.spend(&cargo{wire: 200_000})
				set(c)
				left, over := b.exhausted()
				if !over || left > day || left < 23*time.Hour {
					t.Fatalf("used up: %v, for %s", over, left)
				}
				time.Sleep(left)
				if _, over := b.exhausted(); over {
					t.Fatal("used up for more than a day")
				}
			})
		})
	}
}

func TestBudgetOutlivesARestart(t *testing.T) {
	c := clock.NewFake(time.Date(2026, 3, 4, 5, 0, 0, 0, time.UTC))
	file := filepath.Join(t.TempDir(), "budget")
	b := testBudget(file, c, false)
	b.spend(&cargo{wire: 50_000})
	written, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	b.spend(&cargo{wire: 100})
	if again, err := os.Stat(file); err != nil || !again.ModTime().Equal(written.ModTime()) {
		t.Errorf("the file was written for 300 bytes: %v", err)
	}
	if used, _, _, _ := testBudget(file, c, false).spent(); used != 50_000+transferOverhead {
		t.Errorf("after a kill %d bytes are known", used)
	}
	b.keep()
	if used, _, _, _ := testBudget(file, c, false).spent(); used != 50_100+2*transferOverhead {
		t.Errorf("after a stop %d bytes are known", used)
	}
	c.Advance(day)
	if used, _, _, _ := testBudget(file, c, false).spent(); used != 0 {
		t.Errorf("%d bytes of yesterday count today", used)
	}
	for _, text := range []string{"", "x", `{"day":"2026-03-05","used":"no"}`, `[]`} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if used, _, _, _ := testBudget(file, c, false).spent(); used != 0 {
			t.Errorf("file %q: used %d", text, used)
		}
	}
}

func TestNoBudget(t *testing.T) {
	var b *budget
	b.spend(&cargo{wire: 1 << 30})
	b.keep()
	if _, over := b.exhausted(); over {
		t.Error("no budget is used up")
	}
}
