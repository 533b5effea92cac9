package main

import (
	"bytes"
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"fieldpost/hub"
)

const bookFile = "../../docs/OPERATING.md"

func book(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(bookFile)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// bookCommands returns the lines of code blocks that call the agent.
func bookCommands(text string) []string {
	var found []string
	code := false
	for line := range strings.Lines(text) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "sudo ")
		switch {
		case strings.HasPrefix(line, "```"):
			code = !code
		case code && strings.HasPrefix(line, "agent "):
			line, _, _ = strings.Cut(line, " #")
			if !slices.Contains(found, line) {
				found = append(found, line)
			}
		}
	}
	return found
}

// bookGateway runs an agent with a hub, and returns what the book's paths are
// here. Its hub refuses some records, so that there are dead letters.
func bookGateway(t *testing.T) (replace *strings.Replacer, socket string) {
	t.Helper()
	dir := t.TempDir()
	h, err := hub.New(hub.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.AddDevice("gw1"); err != nil {
		t.Fatal(err)
	}
	secret, err := h.DeviceConnectionString("gw1")
	if err != nil {
		t.Fatal(err)
	}
	socket = filepath.Join(dir, "s")
	config := filepath.Join(dir, "agent.toml")
	for path, content := range map[string]string{
		config: "version = 1\n[agent]\nstate_dir = \"state\"\nsocket = \"s\"\n[hub]\nconnection_string_file = \"key\"\nca_file = \"ca.pem\"\n" +
			"[[sensor]]\nname = \"room\"\nsource = \"simulated\"\nevery = \"200ms\"\n",
		filepath.Join(dir, "key"):    secret,
		filepath.Join(dir, "ca.pem"): string(h.CAPEM()),
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	agentCtx, stopAgent := context.WithCancel(context.Background())
	hubDone, agentDone := make(chan struct{}), make(chan int, 1)
	go func() { defer close(hubDone); _ = h.Run(ctx) }()
	var log bytes.Buffer
	go func() {
		agentDone <- dispatch(agentCtx, env{out: &log, err: &log}, []string{"run", "--config", config})
	}()
	t.Cleanup(func() {
		stopAgent()
		if code := <-agentDone; code != exitOK {
			t.Errorf("the agent ended with %d:\n%s", code, log.String())
		}
		cancel()
		<-hubDone
	})
	for deadline := time.Now().Add(time.Minute); ; {
		var out bytes.Buffer
		if dispatch(t.Context(), env{out: &out, err: &out}, []string{"status", "--socket", socket}) == exitOK {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("the agent is not well:\n%s", out.String())
		}
	}
	return strings.NewReplacer("/etc/fieldpost/agent.toml", config, "/media/usb", dir, "/var/lib/fieldpost", filepath.Join(dir, "state")), socket
}

// Every call of the agent in the book is one that works. Those that need what a
// test has not are named here with the exit code that they have without it.
func TestBookCommands(t *testing.T) {
	elsewhere := map[string]int{
		"agent fsck --store /var/lib/fieldpost":                                    exitStore, // an agent runs
		"agent fsck --store /var/lib/fieldpost --salvage /media/usb/records.jsonl": exitStore,
		"agent queue dead show 0123456789abcdef-1-2-3":                             exitFailure, // there is none
	}
	commands := bookCommands(book(t))
	if len(commands) < 15 {
		t.Fatalf("only %d commands found: %q", len(commands), commands)
	}
	replace, socket := bookGateway(t)
	for _, line := range commands {
		words := strings.Fields(replace.Replace(line))[1:]
		if words[0] == "run" || words[0] == "provision" {
			continue // in this machine's own folders; the gateway of this test is a run, and a story provisions
		}
		if i := slices.Index(words, ">"); i >= 0 {
			words = words[:i]
		}
		if takesSocket(words) {
			words = append(words, "--socket", socket)
		}
		var out, errs bytes.Buffer
		if got, want := dispatch(t.Context(), env{out: &out, err: &errs}, words), elsewhere[line]; got != want {
			t.Errorf("%s: exit code %d, want %d\n%s%s", line, got, want, out.String(), errs.String())
		}
	}
}

// takesSocket reports whether the command that words call asks an agent.
func takesSocket(words []string) bool {
	var help bytes.Buffer
	i := slices.IndexFunc(words, func(w string) bool { return strings.HasPrefix(w, "-") })
	if i < 0 {
		i = len(words)
	}
	dispatch(context.Background(), env{out: &help, err: &help}, append(slices.Clone(words[:i]), "--help"))
	return strings.Contains(help.String(), "-socket path")
}

// Every message that the book explains is one that the program can say.
func TestBookMessages(t *testing.T) {
	_, table, ok := strings.Cut(book(t), "\n## What each message means\n")
	if !ok {
		t.Fatal("the table is not there")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	said := literals(t)
	row := regexp.MustCompile("(?m)^\\| `([^`]+)` \\| [^|]+ \\| [^|]+ \\|$")
	rows := row.FindAllStringSubmatch(table, -1)
	if len(rows) < 30 {
		t.Fatalf("only %d rows found", len(rows))
	}
	for _, r := range rows {
		for part := range strings.SplitSeq(r[1], "…") {
			if part = strings.TrimSpace(part); !strings.Contains(said, part) {
				t.Errorf("nothing in the program says %q", part)
			}
		}
	}
}

// literals are the texts in the sources that the agent and its package are built of, as one.
func literals(t *testing.T) string {
	t.Helper()
	var all strings.Builder
	for _, root := range []string{".", "../../internal", "../../uplink", "../../store", "../../board", "../../sensors", "../../c2d"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			f, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err != nil {
				return err
			}
			ast.Inspect(f, func(n ast.Node) bool {
				if s, ok := n.(*ast.BasicLit); ok && s.Kind == token.STRING {
					if text, err := strconv.Unquote(s.Value); err == nil {
						all.WriteString(text + "\n")
					}
				}
				return true
			})
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	handover, err := os.ReadFile("../../deploy/handover")
	if err != nil {
		t.Fatal(err)
	}
	// What the system itself says.
	return all.String() + string(handover) + "no such host\n"
}
