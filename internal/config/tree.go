package config

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// kind is what a node of the parsed file is, in the words of problems.
type kind string

const (
	table   kind = "a table"
	list    kind = "a list"
	text    kind = "a text"
	integer kind = "a whole number"
	float   kind = "a number with a fraction"
	boolean kind = "true or false"
	moment  kind = "a date or time"
)

// node is one value of the parsed file, with the line it stands on.
type node struct {
	kind   kind
	line   int
	text   string // decoded text, or the other scalars as written
	items  []*node
	names  []string // keys of a table, in the order met
	keys   map[string]*node
	header bool // a table opened by [name]
	lists  bool // a list opened by [[name]]
}

func newTable(line int) *node {
	return &node{kind: table, line: line, keys: make(map[string]*node)}
}

func (n *node) set(name string, value *node) {
	n.keys[name] = value
	n.names = append(n.names, name)
}

// tree builds nodes from what the TOML parser meets.
type tree struct {
	parser   unstable.Parser
	newlines []int // offsets
	size     int
	problems []Problem
}

// parseTree returns the whole file as one table, and what is wrong with it as
// TOML: keys that are set twice. At a syntax error there is no table and one
// problem.
func parseTree(data []byte) (*node, []Problem) {
	// The parser finds positions by address; a spare byte of capacity keeps the
	// address of what is left behind the last byte from moving.
	data = append(make([]byte, 0, len(data)+1), data...)
	t := &tree{size: len(data)}
	for i, b := range data {
		if b == '\n' {
			t.newlines = append(t.newlines, i)
		}
	}
	root := newTable(0)
	current, path := root, ""
	t.parser.Reset(data)
	for t.parser.NextExpression() {
		e := t.parser.Expression()
		switch e.Kind {
		case unstable.Table, unstable.ArrayTable:
			current, path = t.open(root, e)
		case unstable.KeyValue:
			t.assign(current, path, e)
		}
	}
	if err := t.parser.Error(); err != nil {
		return nil, []Problem{t.syntax(data, err)}
	}
	return root, t.problems
}

// line is the line of an offset, from 1. The end of the file counts to its last line.
func (t *tree) line(offset int) int {
	if offset == t.size && offset > 0 {
		offset--
	}
	before, _ := slices.BinarySearch(t.newlines, offset)
	return before + 1
}

func (t *tree) syntax(data []byte, err error) Problem {
	p := Problem{Message: "not TOML: " + visible(err.Error())}
	var at *unstable.ParserError
	if !errors.As(err, &at) {
		return p
	}
	p.Line = t.line(int(t.parser.Range(at.Highlight).Offset))
	line := bytes.Split(data, []byte("\n"))[p.Line-1]
	if _, value, ok := strings.Cut(string(line), "="); ok {
		value = strings.TrimSpace(value)
		if value != "" && !strings.ContainsAny(value[:1], `"'[{`) {
			p.Hint = `texts, durations and sizes stand in quotes: every = "10s"`
		}
	}
	return p
}

// open finds or makes the table that a [header] or [[header]] names.
func (t *tree) open(root *node, e *unstable.Node) (*node, string) {
	names, line := t.keyOf(e)
	path := strings.Join(names, ".")
	at := t.descend(root, names[:len(names)-1], path, line)
	if at == nil {
		return newTable(line), path
	}
	last := names[len(names)-1]
	old := at.keys[last]
	if e.Kind == unstable.ArrayTable {
		item := newTable(line)
		switch {
		case old == nil:
			at.set(last, &node{kind: list, lists: true, line: line, items: []*node{item}})
		case old.lists:
			old.items = append(old.items, item)
		default:
			t.twice(path, line, old)
		}
		return item, path
	}
	switch {
	case old == nil:
		old = newTable(line)
		at.set(last, old)
	case old.kind != table || old.header:
		t.twice(path, line, old)
		old = newTable(line)
	}
	old.header = true
	return old, path
}

// assign puts a key and its value into current, the table opened last.
func (t *tree) assign(current *node, path string, e *unstable.Node) {
	names, line := t.keyOf(e)
	full := strings.Join(names, ".")
	if path != "" {
		full = path + "." + full
	}
	at := t.descend(current, names[:len(names)-1], full, line)
	if at == nil {
		return
	}
	last := names[len(names)-1]
	if old := at.keys[last]; old != nil {
		t.twice(full, line, old)
		return
	}
	at.set(last, t.value(e.Value(), full, line))
}

// descend follows names from n, making tables where there is nothing, and going
// into the newest item of a list of tables. It returns nil after telling that a
// name is taken by something else.
func (t *tree) descend(n *node, names []string, path string, line int) *node {
	for _, name := range names {
		next := n.keys[name]
		switch {
		case next == nil:
			next = newTable(line)
			n.set(name, next)
		case next.lists:
			next = next.items[len(next.items)-1]
		case next.kind != table:
			t.twice(path, line, next)
			return nil
		}
		n = next
	}
	return n
}

func (t *tree) twice(path string, line int, old *node) {
	t.problems = append(t.problems, Problem{
		Line: line, Key: path,
		Message: fmt.Sprintf("already on line %d", old.line),
		Hint:    "keep one of the two",
	})
}

// keyOf returns the dotted key of an expression and its line.
func (t *tree) keyOf(e *unstable.Node) ([]string, int) {
	var names []string
	line := 0
	for it := e.Key(); it.Next(); {
		if line == 0 {
			line = t.line(int(it.Node().Raw.Offset))
		}
		names = append(names, string(it.Node().Data))
	}
	return names, line
}

// value converts one value; line is where its key stands.
func (t *tree) value(v *unstable.Node, path string, line int) *node {
	n := &node{line: line, text: string(v.Data)}
	switch v.Kind {
	case unstable.String:
		n.kind, n.line = text, t.line(int(v.Raw.Offset))
	case unstable.Integer:
		n.kind, n.line = integer, t.line(int(v.Raw.Offset))
	case unstable.Float:
		n.kind, n.line = float, t.line(int(v.Raw.Offset))
	case unstable.Bool:
		n.kind, n.line = boolean, t.line(int(t.parser.Range(v.Data).Offset))
	case unstable.Array:
		n.kind = list
		for it := v.Children(); it.Next(); {
			n.items = append(n.items, t.value(it.Node(), path, line))
		}
	case unstable.InlineTable:
		n = newTable(t.line(int(v.Raw.Offset)))
		n.header = true
		for it := v.Children(); it.Next(); {
			t.assign(n, path, it.Node())
		}
	default:
		n.kind, n.line = moment, t.line(int(t.parser.Range(v.Data).Offset))
	}
	return n
}
