package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"fieldpost/internal/diag"
	"fieldpost/internal/top"
)

// topWithin is how long one answer may take: a view that waits longer is no live
// one.
const topWithin = 5 * time.Second

func runTop(ctx context.Context, e env, args []string) int {
	f := flags(e, "top")
	socket := f.String("socket", defaultSocket, "the agent's `path`")
	every := f.Duration("every", time.Second, "time between two looks, at least 200ms")
	once := f.Bool("once", false, "print one frame and end, as when the output is no terminal")
	if code, ok := parse(e, f, args); !ok {
		return code
	}
	if *every < 200*time.Millisecond {
		return misused(e, f, fmt.Sprintf("--every %v is shorter than 200ms", *every))
	}
	client := diag.NewClient(*socket)
	client.Within = topWithin
	term := os.Getenv("TERM")
	able := term != "" && term != "dumb"
	o := top.Options{Client: client, Every: *every, ASCII: !speaksUTF8(), Colour: able && os.Getenv("NO_COLOR") == ""}
	out, isFile := e.out.(*os.File)
	live := isFile && !*once && top.Is(out) && top.Is(os.Stdin) && able
	if live {
		if err := top.On(ctx, os.Stdin, out, func(ctx context.Context, s top.Screen) error { return top.Run(ctx, s, o) }); err != nil {
			return fail(e, exitFailure, err, "")
		}
		return exitOK
	}
	columns := 0
	if isFile {
		columns = top.Columns(out)
	}
	o.Colour = o.Colour && isFile && top.Is(out)
	if err := top.Once(ctx, e.out, o, columns); err != nil {
		return unanswered(e, err)
	}
	return exitOK
}

// speaksUTF8 asks the locale, in the order in which it is asked by POSIX.
func speaksUTF8() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(os.Getenv(name)); v != "" {
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return false
}
