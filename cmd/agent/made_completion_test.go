package main

import (
	"flag"
	"fmt"
	"slices"
	"strings"

	"fieldpost/internal/config"
	"fieldpost/internal/diag"
)

// steps lists what a word may follow to lead to a command: "queue dead" is the
// step from queue by the word dead, and " queue" the first one.
func steps(all []described) []string {
	var found []string
	for _, c := range all {
		step := c.name
		if !strings.Contains(step, " ") {
			step = " " + step
		}
		found = append(found, step)
	}
	return found
}

// firstWords lists the first words of commands.
func firstWords(all []described) []described {
	return slices.DeleteFunc(slices.Clone(all), func(c described) bool { return strings.Contains(c.name, " ") })
}

// bringsFiles tells whether the value of a flag is the name of a file or a folder, and
// takes tells whether there is a value at all.
func bringsFiles(f *flag.Flag) bool {
	value, _ := flag.UnquoteUsage(f)
	return value == "file" || value == "folder" || value == "path"
}

func takes(f *flag.Flag) bool {
	value, _ := flag.UnquoteUsage(f)
	return value != ""
}

// choices lists what the value of a flag may be, where there is a list.
func choices(f *flag.Flag) []string {
	switch value, _ := flag.UnquoteUsage(f); value {
	case "level":
		return config.LogLevels()
	case "class":
		return diag.Classes()
	case "types":
		return diag.EventTypes()
	}
	return nil
}

// argument tells what a command takes beside flags and commands below it: the name of a
// file, or one of some words.
func argument(c described) (file bool, words []string) {
	switch c.name {
	case "bundle show":
		return true, nil
	case "loglevel":
		return false, config.LogLevels()
	}
	return false, nil
}

// wantsFile lists the commands whose argument is the name of a file.
func wantsFile(all []described) []string {
	var found []string
	for _, c := range all {
		if file, _ := argument(c); file {
			found = append(found, c.name)
		}
	}
	return found
}

// valued lists flags with a value, as "command --flag", those that name files or those
// of whose values nothing is known.
func valued(all []described, files bool) []string {
	var found []string
	for _, c := range all {
		for _, f := range c.flags {
			if takes(f) && bringsFiles(f) == files && choices(f) == nil {
				found = append(found, c.name+" --"+f.Name)
			}
		}
	}
	return found
}

// chosen writes a case for every flag whose values are known.
func chosen(all []described, format string) string {
	var b strings.Builder
	for _, c := range all {
		for _, f := range c.flags {
			if values := choices(f); values != nil {
				fmt.Fprintf(&b, format, c.name+" --"+f.Name, strings.Join(values, " "))
			}
		}
	}
	return b.String()
}

// quoted joins words, each in quotes of the shell.
func quoted(words []string, between string) string {
	var b strings.Builder
	for i, w := range words {
		if i > 0 {
			b.WriteString(between)
		}
		b.WriteString("'" + strings.ReplaceAll(w, "'", `'\''`) + "'")
	}
	return b.String()
}

func words(c described) []string {
	_, found := argument(c)
	found = slices.Concat(c.below, found)
	for _, f := range c.flags {
		found = append(found, "--"+f.Name)
	}
	return append(found, "--help")
}

func bashCompletion(all []described) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# bash completion for agent
# %s

_fieldpost_files() {
	compopt -o filenames 2>/dev/null
	mapfile -t COMPREPLY < <(compgen -f -- "$1")
}

_fieldpost() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} name= words= i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case "$name ${COMP_WORDS[i]}" in
		%s)
			name=${name:+$name }${COMP_WORDS[i]}
			;;
		esac
	done
	case "$name $prev" in
	%s)
		_fieldpost_files "$cur"
		return
		;;
%s	%s)
		return
		;;
	esac
	case $name in
	%s)
		if [[ $cur != -* ]]; then
			_fieldpost_files "$cur"
			return
		fi
		;;
	esac
	case $name in
`, madeBy, quoted(steps(all), "|"), quoted(valued(all, true), "|"),
		chosen(all, "\t'%s')\n\t\tmapfile -t COMPREPLY < <(compgen -W '%s' -- \"$cur\")\n\t\treturn\n\t\t;;\n"),
		quoted(valued(all, false), "|"), quoted(wantsFile(all), "|"))
	var first []string
	for _, c := range firstWords(all) {
		first = append(first, c.name)
	}
	fmt.Fprintf(&b, "\t'') words='%s help' ;;\n", strings.Join(first, " "))
	for _, c := range all {
		fmt.Fprintf(&b, "\t'%s') words='%s' ;;\n", c.name, strings.Join(words(c), " "))
	}
	b.WriteString(`	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _fieldpost agent fieldpost
`)
	return b.String()
}

func zshCompletion(all []described) string {
	var b strings.Builder
	fmt.Fprintf(&b, `#compdef agent fieldpost
# %s

local name= word
local -a offers
for word in ${words[2,CURRENT-1]}; do
	case "$name $word" in
	(%s) name=${name:+$name }$word ;;
	esac
done
case "$name ${words[CURRENT-1]}" in
(%s) _files; return ;;
%s(%s) _message value; return ;;
esac
case $name in
(%s) [[ $PREFIX == -* ]] || { _files; return } ;;
esac
case $name in
`, madeBy, quoted(steps(all), "|"), quoted(valued(all, true), "|"), chosen(all, "('%s') compadd %s; return ;;\n"),
		quoted(valued(all, false), "|"), quoted(wantsFile(all), "|"))
	offer := func(name string, below []string, flags []*flag.Flag, more ...string) {
		fmt.Fprintf(&b, "('%s') offers=(%s) ;;\n", name, quoted(slices.Concat(offers(all, name, below, flags, ":"), more), " "))
	}
	var first []string
	for _, c := range firstWords(all) {
		first = append(first, c.name)
	}
	offer("", first, nil)
	for _, c := range all {
		_, words := argument(c)
		offer(c.name, c.below, c.flags, words...)
	}
	b.WriteString("esac\n_describe agent offers\n")
	return b.String()
}

// offers lists the words that may follow a command with what they mean.
func offers(all []described, name string, below []string, flags []*flag.Flag, between string) []string {
	var found []string
	for _, word := range below {
		full := strings.TrimSpace(name + " " + word)
		i := slices.IndexFunc(all, func(c described) bool { return c.name == full })
		found = append(found, word+between+all[i].summary)
	}
	for _, f := range flags {
		_, usage := flag.UnquoteUsage(f)
		found = append(found, "--"+f.Name+between+usage)
	}
	return found
}

func fishCompletion(all []described) string {
	var b strings.Builder
	fmt.Fprintf(&b, `# fish completion for agent
# %s

function __fieldpost_command
	set -l name ''
	for word in (commandline -opc)[2..-1]
		switch "$name $word"
			case %s
				set name (string trim -- "$name $word")
		end
	end
	echo $name
end

for program in agent fieldpost
	complete -c $program -f
`, madeBy, quoted(steps(all), " "))
	offer := func(at, rest, text string) {
		fmt.Fprintf(&b, "\tcomplete -c $program -n %s %s", fishQuoted("string match -q -- "+fishQuoted(at)+" (__fieldpost_command)"), rest)
		if text != "" {
			b.WriteString(" -d " + fishQuoted(text))
		}
		b.WriteByte('\n')
	}
	for _, c := range firstWords(all) {
		offer("", "-a "+c.name, c.summary)
	}
	for _, c := range all {
		for _, word := range c.below {
			i := slices.IndexFunc(all, func(o described) bool { return o.name == c.name+" "+word })
			offer(c.name, "-a "+word, all[i].summary)
		}
		switch file, words := argument(c); {
		case file:
			offer(c.name, "-F", "")
		case words != nil:
			offer(c.name, "-a "+fishQuoted(strings.Join(words, " ")), "")
		}
		for _, f := range c.flags {
			rest := "-l " + f.Name
			switch {
			case choices(f) != nil:
				rest += " -x -a " + fishQuoted(strings.Join(choices(f), " "))
			case bringsFiles(f):
				rest += " -r -F"
			case takes(f):
				rest += " -x"
			}
			_, usage := flag.UnquoteUsage(f)
			offer(c.name, rest, usage)
		}
	}
	b.WriteString("end\n")
	return b.String()
}

func fishQuoted(s string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(s) + "'"
}
