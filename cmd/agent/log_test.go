package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
)

func TestLogWriterNeverBlocks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stuck := io.Pipe()
		w := startLog(stuck)
		for i := range 3 * logLines {
			fmt.Fprintf(w, "line %d\n", i)
		}
		// The reader wakes up: what had room arrives in order, the rest is counted.
		var got bytes.Buffer
		go func() {
			defer stuck.Close()
			_ = w.Close()
		}()
		if _, err := io.Copy(&got, r); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(got.String(), "line 0\n") || !strings.Contains(got.String(), "log lines were dropped") {
			t.Errorf("got %.200q …", got.String())
		}
		if n := strings.Count(got.String(), "line "); n < logLines || n > logLines+2 {
			t.Errorf("%d lines arrived, room was for %d", n, logLines)
		}
	})
}

func TestLogWriterGivesUpAtTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, stuck := io.Pipe()
		w := startLog(stuck)
		fmt.Fprintln(w, "nobody reads this")
		_ = w.Close() // returns although nobody reads
		fmt.Fprintln(w, "too late")
		_ = r.Close()
	})
}
