// Package config reads the agent's configuration: one TOML file, strictly.
//
// Parse turns bytes into a Config and a list of Problems; Load does the same
// for a file. A file that is TOML at all is checked to its end, so that one run
// of check tells every fault: unknown keys with the nearest known one, wrong
// types, values out of range, names used twice, names that lead nowhere. Only a
// syntax error stands alone, because behind it nothing can be trusted. A Config
// that came with problems is for looking at, never for running.
//
// One table of keys, in keys.go, drives all of it: what is known, of which type,
// in which range, the default, and the commented file that Defaults prints.
//
// Secrets are named by file path only; no key takes one, and no Problem repeats
// a value that looks like one. Whether the named files are there is not asked
// here; whoever finds one missing makes it a Config.Problem, which knows the line.
//
// Relative paths start at the folder of the configuration file. A file may hold
// 256 KiB. Nothing here reads the environment, blocks beyond reading the file,
// or keeps state.
package config
