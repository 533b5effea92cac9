//go:build linux

package agent

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"
)

// seconds counts attempts by the tenth of a second in which they were made.
type seconds [][10]int

func histogram(attempts []time.Time, from, to time.Time) seconds {
	h := make(seconds, int(to.Sub(from)/time.Second)+1)
	for _, at := range attempts {
		if !at.Before(from) && !at.After(to) {
			tenth := int(at.Sub(from) / (100 * time.Millisecond))
			h[tenth/10][tenth%10]++
		}
	}
	return h
}

func (h seconds) in(second int) (n int) {
	for _, k := range h[second] {
		n += k
	}
	return n
}

// worst returns the most attempts of a second from the given one on.
func (h seconds) worst(from int) (n, at int) {
	for i := from; i < len(h); i++ {
		if k := h.in(i); k > n {
			n, at = k, i
		}
	}
	return n, at
}

// worstTenth returns the most attempts of a tenth of a second, and its second.
func (h seconds) worstTenth(from int) (n, at int) {
	for i := from; i < len(h); i++ {
		if k := slices.Max(h[i][:]); k > n {
			n, at = k, i
		}
	}
	return n, at
}

// String draws a line for each second with an attempt.
func (h seconds) String() string {
	top, _ := h.worst(0)
	var b bytes.Buffer
	b.WriteString("second  attempts  most in 0.1 s\n")
	for i := range h {
		if n := h.in(i); n > 0 {
			fmt.Fprintf(&b, "%6d  %8d  %13d  %s\n", i, n, slices.Max(h[i][:]), strings.Repeat("#", n*50/top))
		}
	}
	return b.String()
}

// cost is what the process has in use.
type cost struct{ memory, goroutines, files int }

func costNow() cost {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	files, _ := os.ReadDir("/proc/self/fd") // none where there is no /proc
	return cost{int(m.HeapInuse + m.StackInuse), runtime.NumGoroutine(), len(files)}
}

func (c cost) minus(o cost) cost {
	return cost{c.memory - o.memory, c.goroutines - o.goroutines, c.files - o.files}
}

func (c cost) each(n int) string {
	return fmt.Sprintf("each agent, with the hub's end of its connection: %d KiB of heap and stacks, %.1f goroutines, %.1f descriptors",
		c.memory/n>>10, float64(c.goroutines)/float64(n), float64(c.files)/float64(n))
}
