package config

import (
	"cmp"
	"fmt"
	"slices"
	"sort"
	"strings"
)

// checker walks a parsed file against the table of keys and fills a Config.
type checker struct {
	config   *Config
	dir      string // where relative paths start
	problems []Problem
}

func (c *checker) check(root *node) {
	all := sections()
	for _, s := range all {
		switch {
		case s.name == "":
			c.top(all, s, root)
		case s.inner():
			// belongs to the items of the list before
		case s.many:
			c.list(all, s, root.keys[s.name], s.name, &target{Config: c.config})
		default:
			c.one(all, s, root.keys[s.name])
		}
	}
	c.rules()
}

func (c *checker) sorted() []Problem {
	sort.SliceStable(c.problems, func(i, j int) bool { return c.problems[i].Line < c.problems[j].Line })
	for i := range c.problems {
		c.problems[i].File = c.config.origin.file
	}
	return c.problems
}

func (c *checker) add(line int, key, message, hint string) {
	c.problems = append(c.problems, Problem{Line: line, Key: key, Message: message, Hint: hint})
}

// line tells where a key stood; 0 when it was not in the file.
func (c *checker) line(path string) int { return c.config.origin.lines[path] }

// top checks what stands outside of any table.
func (c *checker) top(all []section, s section, root *node) {
	known := append(keyNames(s), sectionNames(all)...)
	for _, name := range root.names {
		if !slices.Contains(known, name) {
			c.unknown(all, "", name, root.keys[name], known)
		}
	}
	t := target{Config: c.config, version: Version}
	c.fill(s, root, &t, "")
	if t.version != Version {
		c.add(c.line("version"), "version", fmt.Sprintf("is %d, this agent reads version %d", t.version, Version), "")
	}
}

// one checks a [table]; an absent one gets its defaults.
func (c *checker) one(all []section, s section, n *node) {
	switch {
	case n == nil:
		n = newTable(0)
	case n.kind != table:
		c.add(n.line, s.name, fmt.Sprintf("is %s, must be a table", n.kind), fmt.Sprintf("write [%s] once, without double brackets", s.name))
		n = newTable(0)
	}
	c.strangers(all, s, n)
	c.fill(s, n, &target{Config: c.config}, s.name)
}

// list checks every item of a [[table]] that stands at a path, in the item of
// another one or in none.
func (c *checker) list(all []section, s section, n *node, at string, in *target) {
	if n == nil {
		return
	}
	if n.kind != list {
		c.add(n.line, s.name, fmt.Sprintf("is %s, must be a list of tables", n.kind), fmt.Sprintf("write [[%s]] with double brackets", s.name))
		return
	}
	for i, item := range n.items {
		if item.kind != table {
			c.add(item.line, s.name, fmt.Sprintf("holds %s, must be a list of tables", item.kind), "")
			continue
		}
		t := newTarget(c.config)
		c.strangers(all, s, item)
		path := fmt.Sprintf("%s[%d]", at, i)
		c.config.origin.lines[path] = item.line
		c.fill(s, item, t, path)
		switch s.name {
		case "bus":
			c.config.Buses = append(c.config.Buses, *t.bus)
		case "sensor":
			for _, inner := range all {
				if name, ok := strings.CutPrefix(inner.name, "sensor."); ok {
					c.list(all, inner, item.keys[name], path+"."+name, t)
				}
			}
			c.config.Sensors = append(c.config.Sensors, *t.sensor)
		case "sensor.value":
			in.sensor.Values = append(in.sensor.Values, *t.value)
		case "output":
			c.config.Outputs = append(c.config.Outputs, *t.output)
		}
	}
}

// strangers tells of every key of n that s does not know.
func (c *checker) strangers(all []section, s section, n *node) {
	known := keyNames(s)
	for _, inner := range all {
		if name, ok := strings.CutPrefix(inner.name, s.name+"."); ok {
			known = append(known, name)
		}
	}
	for _, name := range n.names {
		if !slices.Contains(known, name) {
			c.unknown(all, s.name, name, n.keys[name], known)
		}
	}
}

// fill stores the values of n, or the defaults, where the keys of s say.
func (c *checker) fill(s section, n *node, t *target, path string) {
	for _, k := range s.keys {
		v := n.keys[k.name]
		at := pathOf(path, k.name)
		switch {
		case v != nil:
			c.config.origin.lines[at] = v.line
			c.store(pathOf(s.name, k.name), at, k, v, t)
		case k.required:
			c.add(n.line, pathOf(s.name, k.name), "missing", "add "+k.name+" = "+cmp.Or(k.example, k.value))
		case k.value != "":
			root, _ := parseTree([]byte("x = " + k.value))
			c.store(pathOf(s.name, k.name), at, k, root.keys["x"], t)
		}
	}
}

// unknown tells of a key or table that nothing knows, and what may have been meant.
func (c *checker) unknown(all []section, in, name string, n *node, known []string) {
	what := "key"
	if n.kind == table || n.lists {
		what = "table"
	}
	message, hint := "unknown "+what, ""
	if near := nearest(name, known); near != "" {
		message += " (nearest: " + near + ")"
	} else if home := homeOf(all, name); home != "" {
		message += " (it belongs in " + home + ")"
	} else {
		hint = "known here: " + strings.Join(known, ", ")
	}
	if n.kind == text && secret(n.text) {
		hint = secretHint
	}
	c.add(n.line, pathOf(in, shown(name)), message, hint)
}

// homeOf names the tables that know a key.
func homeOf(all []section, name string) string {
	var homes []string
	for _, s := range all {
		if s.name != "" && slices.Contains(keyNames(s), name) {
			homes = append(homes, heading(s))
		}
	}
	return strings.Join(homes, " or ")
}

// inner reports whether the tables of a section stand in those of another.
func (s section) inner() bool { return strings.Contains(s.name, ".") }

func newTarget(c *Config) *target {
	return &target{Config: c, bus: new(Bus), sensor: new(Sensor), value: new(SensorValue), output: new(Output)}
}

func heading(s section) string {
	if s.many {
		return "[[" + s.name + "]]"
	}
	return "[" + s.name + "]"
}

func keyNames(s section) []string {
	var names []string
	for _, k := range s.keys {
		names = append(names, k.name)
	}
	return names
}

func sectionNames(all []section) []string {
	var names []string
	for _, s := range all {
		if s.name != "" && !s.inner() {
			names = append(names, s.name)
		}
	}
	return names
}
