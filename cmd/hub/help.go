package main

import (
	"flag"
	"fmt"
	"io"
)

const intro = `Usage: hub COMMAND [FLAGS]

A local IoT Hub, and the tools of its operator.

`

const outro = `
hub COMMAND --help shows the flags and an example.
Exit codes: 0 fine, 1 failure, 2 usage, 3 configuration.

A first look, in three terminals:
  hub serve --json --device gateway-1 | tee hub.json
  hub events --hub hub.json --from start
  hub send --hub hub.json --device gateway-1 --command ping --wait
`

func printUsage(w io.Writer) {
	fmt.Fprint(w, intro)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-10s %s\n", c.name, c.summary)
	}
	fmt.Fprint(w, outro)
}

func (c command) printHelp(w io.Writer, flags *flag.FlagSet) {
	fmt.Fprint(w, "Usage: hub ", c.name)
	defined := false
	flags.VisitAll(func(*flag.Flag) { defined = true })
	if defined {
		fmt.Fprint(w, " [FLAGS]")
	}
	if c.args != "" {
		fmt.Fprint(w, " ", c.args)
	}
	fmt.Fprintf(w, "\n\n%s\n", c.help)
	if defined {
		fmt.Fprint(w, "\nFlags:\n")
		flags.VisitAll(func(f *flag.Flag) { printFlag(w, f) })
	}
	fmt.Fprintf(w, "\nExample:\n  %s\n", c.example)
}

func printFlag(w io.Writer, f *flag.Flag) {
	value, usage := flag.UnquoteUsage(f)
	if value != "" {
		value = " " + value
	}
	if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0" && f.DefValue != "0s" {
		usage += " (default " + f.DefValue + ")"
	}
	fmt.Fprintf(w, "  %-29s %s\n", "--"+f.Name+value, usage)
}
