package diag

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
)

var updateDoc = flag.Bool("update-doc", false, "write the table of docs/SOCKET.md anew")

// full answers on every route there is.
func full() Provider {
	p := Provider{Events: NewEvents(), Log: NewLogRing(RingBytes)}
	v := reflect.ValueOf(&p).Elem()
	for i := range v.NumField() {
		f := v.Field(i)
		if f.Kind() != reflect.Func {
			continue
		}
		kind := f.Type()
		f.Set(reflect.MakeFunc(kind, func([]reflect.Value) (out []reflect.Value) {
			for i := range kind.NumOut() {
				out = append(out, reflect.Zero(kind.Out(i)))
			}
			return out
		}))
	}
	return p
}

// The table of the documentation is the table of contents.
func TestSocketDocHasTheRoutes(t *testing.T) {
	const file, head = "../../docs/SOCKET.md", "| route | who | parameters | what |\n|---|---|---|---|\n"
	made := head
	for _, r := range NewServer(ServerOptions{Provider: full()}).routes {
		who := "the socket's group"
		if r.Changes || r.Owner {
			who = "root, the agent's user"
		}
		params := "-"
		if r.Params != "" {
			params = "`" + strings.ReplaceAll(strings.ReplaceAll(r.Params, ", ", "`, `"), " or ", "` or `") + "`"
		}
		made += fmt.Sprintf("| `%s %s` | %s | %s | %s |\n", r.Method, r.Path, who, params, r.Help)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(text), head)
	if !found {
		t.Fatalf("no table in %s", file)
	}
	rows, after, _ := strings.Cut(rest, "\n\n")
	if head+rows+"\n" == made {
		return
	}
	if !*updateDoc {
		t.Fatalf("the table in %s is not that of the program: go test ./internal/diag -run SocketDoc -update-doc writes it\n%s", file, made)
	}
	if err := os.WriteFile(file, []byte(before+made+"\n"+after), 0o644); err != nil {
		t.Fatal(err)
	}
}
