//go:build linux && proof

package crash

import (
	"bytes"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"fieldpost/store"
)

// base is a folder with a queue in use, to be damaged.
type base struct {
	name   string
	files  map[string][]byte
	claims *claims
	pages  [][]string // message-ids of the records that lie on each page of queue.db
}

// bases are made by agents: one stopped cleanly, one killed, and one whose pages
// have been used several times over.
func bases(t *testing.T, rnd *rand.Rand) []*base {
	t.Helper()
	var all []*base
	for _, b := range []struct {
		name string
		runs []load
	}{
		{"stopped", []load{{Marks: 200, Drain: drainScattered}}},
		{"killed", []load{{Marks: 200, Drain: drainScattered, Crash: true}}},
		{"recycled", []load{{Marks: 200, Drain: drainBacklog}, {Marks: 200, Drain: drainLive}, {Marks: 150, Drain: drainScattered, Crash: true}}},
	} {
		dir, c := t.TempDir(), newClaims()
		for _, l := range b.runs {
			l.Dir, l.Seed, l.CommitEvery, l.CommitBytes, l.MaxMemory = dir, rnd.Uint64(), 20*time.Millisecond, 16<<10, 4<<20
			c.follow(t, l, 0)
		}
		f := &base{name: b.name, files: make(map[string][]byte), claims: c}
		for _, name := range []string{"queue.db", "identity"} {
			content, err := os.ReadFile(filepath.Join(dir, name))
			if err != nil {
				t.Fatal(err)
			}
			f.files[name] = content
		}
		clear(c.settled) // what was delivered may come again out of a damaged file
		if len(c.durable) < 300 || len(c.faults) > 0 || len(c.begun) == 0 {
			t.Fatalf("%s: %d records, %d commands, %q", b.name, len(c.durable), len(c.begun), c.faults)
		}
		f.index(t)
		all = append(all, f)
	}
	return all
}

// index finds out what lies on each page: it is read alone, without a meta page and
// without the others. A record that takes more than a page is on none.
func (b *base) index(t *testing.T) {
	t.Helper()
	dir, file := t.TempDir(), b.files["queue.db"]
	file = file[:inUse(file)]
	for n := range pages(file) {
		alone := make([]byte, 3*page)
		if n > 1 {
			copy(alone[2*page:], at(file, n))
		}
		if err := os.WriteFile(filepath.Join(dir, "queue.db"), alone, 0o600); err != nil {
			t.Fatal(err)
		}
		var ids []string
		note := func(r store.Salvaged) error { ids = append(ids, r.Record.ID.String()); return nil }
		if _, err := store.Fsck(t.Context(), dir, store.FsckOptions{Salvage: note}); err != nil {
			t.Fatal(err)
		}
		b.pages = append(b.pages, ids)
	}
}

// sound returns the records that lie on no page but such that are in file as they
// were. Where a page was damaged, an older copy may lie on a free one: the store may
// have used that again before it met the damage.
func (b *base) sound(file []byte) map[string]bool {
	whole, ids := b.files["queue.db"], make(map[string]bool)
	for n := range b.pages {
		same := n < pages(file) && bytes.Equal(at(whole, n), at(file, n))
		for _, id := range b.pages[n] {
			before, seen := ids[id]
			ids[id] = same && (before || !seen)
		}
	}
	return ids
}

// lay puts the base, damaged, into a new folder, and tells which records lie on
// pages that are all as they were.
func (b *base) lay(t *testing.T, d *damage, rnd *rand.Rand) (dir string, sound map[string]bool) {
	t.Helper()
	dir = t.TempDir()
	for name, content := range b.files {
		if name == "queue.db" && d.spoil != nil {
			used := inUse(content)
			spoilt := d.spoil(rnd, bytes.Clone(content[:used]))
			if len(spoilt) == used {
				spoilt = append(spoilt, content[used:]...)
			}
			content, sound = spoilt, b.sound(spoilt)
		}
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if d.harm != nil {
		if err := d.harm(rnd, dir); err != nil {
			t.Fatal(err)
		}
	}
	return dir, sound
}

// salvage sums up one class of damage.
type salvage struct {
	files, died, bad, aside  int
	wrong, faults, withheld  int
	share, worst             float64 // of the records, in percent
	known, unsure, forgotten int     // commands
	again                    int
	slowest                  time.Duration
}

// TestCorrupt: whatever became of the folder, the process lives, the store opens,
// nothing wrong comes out of it, and what is valid does.
func TestCorrupt(t *testing.T) {
	rnd := rand.New(rand.NewPCG(*seed, 4))
	all := bases(t, rnd)
	judges := map[bool]*jury{false: newJury(t), true: newJury(t)}
	judges[true].as = "plain judge"
	head := []string{"damage", "files", "died", "bad", "wrong", "other faults", "withheld", "set aside", "came %", "worst %", "commands known %", "unsure", "forgotten", "delivered again", "slowest open"}
	rows := [][]string{head}
	total, perClass := 0, max(*files/len(damages), 1)
	for i := range damages {
		d := &damages[i]
		if d.plain && *childCmd != "" {
			t.Logf("SKIPPED: %s: another build cannot give up its rights", d.name)
			continue
		}
		n := perClass
		if i < *files%len(damages) {
			n++
		}
		s := salvage{worst: 100}
		t.Run(d.name, func(t *testing.T) {
			for k := range n {
				b := all[k%len(all)]
				if d.base != nil {
					b = d.base()
				}
				s.one(t, b, d, judges[d.plain], rand.New(rand.NewPCG(*seed, uint64(i)<<32|uint64(k))))
			}
			if s.share /= float64(s.files); s.share < d.least {
				t.Errorf("%.1f %% of the records came, seed %d", s.share, *seed)
			}
		})
		if total += s.files; s.files == 0 {
			continue
		}
		rows = append(rows, s.row(d.name))
	}
	table(t, fmt.Sprintf("damaged files, %d", total), rows)
}

// one damages one copy of b and has it judged.
func (s *salvage) one(t *testing.T, b *base, d *damage, j *jury, rnd *rand.Rand) {
	t.Helper()
	dir, sound := b.lay(t, d, rnd)
	defer os.RemoveAll(dir)
	c := b.claims.clone()
	w := job{Dir: dir, Commands: slices.Collect(maps.Keys(c.begun))}
	for _, name := range d.restore {
		w.Restore = append(w.Restore, filepath.Join(dir, name))
	}
	f, how := j.judge(w)
	s.files++
	if f == nil {
		s.died++
		t.Errorf("%s, %s: %s", d.name, b.name, how)
		return
	}
	v := c.compare(f, true)
	for id := range f.Records {
		if _, ok := c.appended[id]; !ok && !result(id) {
			v.wrong = append(v.wrong, id+" was never appended")
		}
	}
	if len(v.wrong)+len(v.faults) > 0 {
		s.bad++
		t.Errorf("%s, %s: wrong: %s; faults: %s", d.name, b.name, few(v.wrong), few(v.faults))
	}
	withheld := slices.DeleteFunc(slices.Clone(v.lost), func(id string) bool { return !sound[id] || c.dying[id] })
	if s.withheld += len(withheld); len(withheld) > 0 {
		t.Errorf("%s, %s: on pages that are whole, and did not come: %s; lost by reason: %v", d.name, b.name, few(withheld), f.Reasons)
	}
	share := 100 * float64(v.came) / float64(max(v.came+len(v.lost), 1))
	s.share += share
	s.worst = min(s.worst, share)
	s.wrong, s.faults = s.wrong+len(v.wrong), s.faults+len(v.faults)
	s.known += len(c.begun) - v.unsure - len(v.forgot)
	s.unsure, s.forgotten = s.unsure+v.unsure, s.forgotten+len(v.forgot)
	s.again += c.again
	s.slowest = max(s.slowest, f.Opened)
	if aside, err := filepath.Glob(filepath.Join(dir, "corrupt-*")); err == nil && len(aside) > 0 {
		s.aside++
		if d.plain {
			t.Errorf("%s, %s: set aside, and nothing but a right was missing", d.name, b.name)
		}
	}
	if len(v.forgot) > 0 {
		t.Errorf("%s, %s: commands forgotten without a word: %s", d.name, b.name, few(v.forgot))
	}
}

func (s *salvage) row(name string) []string {
	commands := max(s.known+s.unsure+s.forgotten, 1)
	return []string{name, fmt.Sprint(s.files), fmt.Sprint(s.died), fmt.Sprint(s.bad), fmt.Sprint(s.wrong), fmt.Sprint(s.faults), fmt.Sprint(s.withheld), fmt.Sprint(s.aside),
		fmt.Sprintf("%.1f", s.share), fmt.Sprintf("%.1f", s.worst), fmt.Sprintf("%.1f", 100*float64(s.known)/float64(commands)), fmt.Sprint(s.unsure), fmt.Sprint(s.forgotten),
		fmt.Sprint(s.again), fmt.Sprint(s.slowest.Round(time.Millisecond))}
}

// result says whether the ID is of a result: agents do not announce these.
func result(id string) bool {
	p, err := store.ParseID(id)
	return err == nil && p.Class == store.Result
}
