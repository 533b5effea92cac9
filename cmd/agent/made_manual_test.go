package main

import (
	"flag"
	"fmt"
	"strings"
)

// madeBy stands at the head of every file that is made from the commands.
const madeBy = "Made from the table of commands by go generate ./cmd/agent; changes here are lost."

// manual writes agent(1), for man(7).
func manual(all []described) string {
	var b strings.Builder
	fmt.Fprintf(&b, ".\\\" %s\n.TH AGENT 1 \"\" fieldpost \"fieldpost\"\n", madeBy)
	b.WriteString(`.SH NAME
agent, fieldpost \- sample sensors, queue readings, send them to Azure IoT Hub, obey its commands
.SH SYNOPSIS
.B agent
.I COMMAND
.RI [ flags ]
.SH DESCRIPTION
.B agent
samples sensors, keeps every reading until Azure IoT Hub has accepted it, and carries out the hub's commands once.
The Debian package calls the program
.B fieldpost
and has
.B agent
as another name for it, by
.BR update\-alternatives (1).
.PP
Without hardware or cloud, begin with
.BR "agent demo" .
Flags may have one dash or two.
.SH COMMANDS
`)
	for _, c := range all {
		fmt.Fprintf(&b, ".SS agent %s\n%s.\n", roff(c.name), roff(upper(c.summary)))
		for _, f := range c.flags {
			value, usage := flag.UnquoteUsage(f)
			fmt.Fprintf(&b, ".TP\n.B \\-\\-%s", roff(f.Name))
			if value != "" {
				fmt.Fprintf(&b, " \\fI%s\\fR", roff(value))
			}
			fmt.Fprintf(&b, "\n%s", roff(upper(usage)))
			if usual(f) {
				fmt.Fprintf(&b, " (default %s)", roff(f.DefValue))
			}
			b.WriteString(".\n")
		}
		fmt.Fprintf(&b, ".PP\nExample:\n.PP\n.EX\n    %s\n.EE\n", roff(c.example))
	}
	b.WriteString(`.SH EXIT STATUS
.TP
.B 0
Fine.
.TP
.B 1
Failure; of
.BR status :
something is broken.
.TP
.B 2
Usage.
.TP
.B 3
Configuration:
.B check
lists every fault.
.TP
.B 4
Store: another agent uses the state folder or the socket;
.B fsck
found damage, or no store.
.TP
.B 5
No agent at the socket.
.SH ENVIRONMENT
.TP
.B CREDENTIALS_DIRECTORY
Where systemd puts credentials. A file of
.B [hub]
that is there by the name of its folder, a _, and its own name is read there:
.I keys_connection\-string
in place of
.IR /etc/fieldpost/keys/connection\-string .
.TP
.B FIELDPOST_REBOOT_FILE
Whoever supervises the agent reboots the board when it finds this file after the agent has stopped.
The command board.reboot makes it.
.SH FILES
.TP
.I /etc/fieldpost/agent.toml
Configuration;
.B agent check \-\-defaults
prints one with every key explained.
.TP
.I /etc/fieldpost/keys/
Connection string, private key or token, for root only.
.TP
.I /var/lib/fieldpost/
The queue.
.TP
.I /run/fieldpost/agent.sock
The socket: members of the group fieldpost may look, root may change.
.SH SEE ALSO
.BR systemctl (1),
.BR journalctl (1)
`)
	return b.String()
}

// usual tells whether a flag has a default worth telling.
func usual(f *flag.Flag) bool {
	return f.DefValue != "" && f.DefValue != "false" && f.DefValue != "0"
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }

// roff escapes text: no dash is a hyphen where it may be copied from.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "'", `\(aq`, "`", `\(ga`, "…", "...").Replace(s)
	if strings.HasPrefix(s, ".") {
		s = `\&` + s
	}
	return s
}
