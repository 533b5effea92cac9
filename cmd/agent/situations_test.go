package main

import (
	"bytes"
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// situations are the stories of what each command says when something is as it
// should not be, by the names of their files.
var situations = []string{"alone", "running", "not-allowed", "bus-broken", "disk-full", "key-wrong", "clock-wrong"}

var (
	storyRow  = regexp.MustCompile(`^(?:says|shows|stranger) ([0-9]+) (?:\$[A-Z]+|'[^']*'(?:\$[A-Z]+)?) agent (.+)$`)
	storyNone = regexp.MustCompile(`^# Without meaning: ([a-z, ]+): \S.*\.$`)
	storyTold = regexp.MustCompile(`^(says|shows|stranger|# Without meaning)\b`)
)

// told is what a story holds: the exit codes of each command, none for one that
// has no meaning there.
func told(t *testing.T, situation string) map[string][]string {
	t.Helper()
	file := "testdata/when-" + situation + ".txtar"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	script, _, _ := strings.Cut(string(text), "\n-- ")
	codes := make(map[string][]string)
	for n, line := range slices.All(strings.Split(script, "\n")) {
		row, none := storyRow.FindStringSubmatch(line), storyNone.FindStringSubmatch(line)
		switch {
		case row != nil:
			name := commandOf(row[2])
			if !slices.Contains(codes[name], row[1]) {
				codes[name] = append(codes[name], row[1])
			}
		case none != nil:
			for name := range strings.SplitSeq(none[1], ", ") {
				if len(codes[name]) > 0 || commandOf(name) != name {
					t.Errorf("%s:%d: %q has a row, or is no command", file, n+1, name)
				}
				codes[name] = []string{}
			}
		case storyTold.MatchString(line):
			t.Errorf("%s:%d cannot be read: %s", file, n+1, line)
		}
	}
	return codes
}

// commandOf is the longest name of a command that the words begin with.
func commandOf(words string) string {
	longest := ""
	for _, c := range allCommands() {
		if strings.HasPrefix(words+" ", c.name+" ") && len(c.name) > len(longest) {
			longest = c.name
		}
	}
	return longest
}

// Every command has its words in every situation, or a reason why it has none; and
// the book has the exit codes of all.
func TestEverySituationIsTold(t *testing.T) {
	files, err := filepath.Glob("testdata/when-*.txtar")
	if err != nil || len(files) != len(situations) {
		t.Errorf("%d situations, and the stories %q", len(situations), files)
	}
	all := allCommands()
	slices.SortStableFunc(all, func(a, b command) int {
		return cmp.Compare(place(a.name), place(b.name))
	})
	stories := make(map[string]map[string][]string)
	head, under := "| command |", "|---|"
	for _, s := range situations {
		stories[s] = told(t, s)
		head += " " + strings.ReplaceAll(s, "-", " ") + " |"
		under += "---|"
	}
	made := head + "\n" + under + "\n"
	_, documented, _ := strings.Cut(book(t), "\n## Exit codes\n")
	for _, c := range all {
		made += "| `" + c.name + "` |"
		for _, s := range situations {
			codes, is := stories[s][c.name]
			if !is {
				t.Errorf("testdata/when-%s.txtar: what %q says there is missing: says CODE 'WORDS' agent %s …, or # Without meaning: %s: a reason.", s, c.name, c.name, c.name)
			}
			for _, code := range codes {
				if !strings.Contains(documented, "\n| "+code+" | ") {
					t.Errorf("%s: exit code %s of %q is not in %s", s, code, c.name, bookFile)
				}
			}
			slices.Sort(codes)
			made += " " + cmp.Or(strings.Join(codes, ", "), "–") + " |"
		}
		made += "\n"
	}
	before, rest, found := strings.Cut(book(t), head+"\n")
	old, after, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatalf("the table is not in %s; its first line is\n%s", bookFile, head)
	}
	switch {
	case head+"\n"+old+"\n" == made:
	case *update:
		if err := os.WriteFile(bookFile, []byte(before+made+"\n"+after), 0o644); err != nil {
			t.Error(err)
		}
	default:
		t.Errorf("the exit codes in %s are not those of the stories: go generate ./cmd/agent writes\n%s", bookFile, made)
	}
}

// place orders commands as the usage does, those below another behind it.
func place(name string) string {
	first, _, _ := strings.Cut(name, " ")
	return fmt.Sprintf("%02d", slices.IndexFunc(commands(), func(c command) bool { return c.name == first }))
}

// Whoever mistypes a flag of any command is told so.
func TestEveryCommandRefusesAStrangeFlag(t *testing.T) {
	for _, c := range allCommands() {
		var out, errs bytes.Buffer
		code := c.run(t.Context(), env{out: &out, err: &errs}, []string{"--cofnig", "x"})
		if code != exitUsage || out.Len() > 0 || !strings.HasPrefix(errs.String(), "flag provided but not defined: -cofnig\nagent "+c.name+": ") {
			t.Errorf("%s --cofnig: exit code %d\n%s%s", c.name, code, out.String(), errs.String())
		}
	}
}
