package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sync/atomic"
	"syscall"
)

// consolePieces wait for a console, beyond which new ones are dropped. A piece is
// what was written at once, at most the 32 KiB of os/exec's copying.
const consolePieces = 64

// console hands what is written to a terminal that may stop taking it: whoever
// presses Scroll Lock must not be able to hold the gateway up.
type console struct {
	to      io.Writer
	pieces  chan []byte
	dropped atomic.Int64
}

// consoles are those of the paths that there are.
func consoles(paths ...string) (found []io.Writer) {
	for _, path := range paths {
		// Without O_NONBLOCK the opening of a serial line may wait for its other end.
		if f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NOCTTY|syscall.O_NONBLOCK, 0); err == nil {
			c := &console{to: f, pieces: make(chan []byte, consolePieces)}
			go c.copy()
			found = append(found, c)
		}
	}
	return found
}

// Write never blocks and never fails.
func (c *console) Write(b []byte) (int, error) {
	select {
	case c.pieces <- bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n")):
	default:
		c.dropped.Add(1)
	}
	return len(b), nil
}

func (c *console) copy() {
	for b := range c.pieces {
		_, _ = c.to.Write(b)
		if n := c.dropped.Swap(0); n > 0 {
			fmt.Fprintf(c.to, "\r\nstart: this console stood still: %d pieces of the log are missing here\r\n", n)
		}
	}
}
