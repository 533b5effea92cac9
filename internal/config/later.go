package config

import (
	"fmt"
	"slices"
	"sort"
)

// Problem makes a problem of something found outside of this package, such as a
// file that the configuration names and that is not there. Key is a path as in
// "hub.ca_file"; the problem carries the line where it stands, if it does.
func (c *Config) Problem(key, message, hint string) Problem {
	return Problem{File: c.origin.file, Line: c.origin.lines[key], Key: key, Message: message, Hint: hint}
}

// CheckCommands tells which allowed commands do not exist; known are those that do.
func (c *Config) CheckCommands(known []string) []Problem {
	var problems []Problem
	for key, names := range map[string][]string{
		"commands.allow": c.Commands.Allow, "commands.allow_methods": c.Commands.AllowMethods, "commands.allow_local": c.Commands.AllowLocal,
	} {
		for i, name := range names {
			if slices.Contains(known, name) {
				continue
			}
			message := "unknown command " + quote(name)
			if near := nearest(name, known); near != "" {
				message += " (nearest: " + near + ")"
			}
			p := c.Problem(key, message, "")
			p.Line = c.origin.lines[fmt.Sprintf("%s[%d]", key, i)]
			problems = append(problems, p)
		}
	}
	sort.Slice(problems, func(i, j int) bool {
		a, b := problems[i], problems[j]
		return a.Line < b.Line || a.Line == b.Line && a.String() < b.String()
	})
	return problems
}
