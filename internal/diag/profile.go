package diag

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"runtime"
)

// The runtime's own profiles as text. runtime/pprof, whose profiles are smaller
// and which has one of the processor too, is 82 kB of the program on armv6 and more.

// maxStacks bounds the text of all goroutines, in bytes.
const maxStacks = 4 << 20

// goroutines tells what every goroutine does, as the end of a crash would.
func goroutines(_ context.Context, r request) (any, error) {
	return raw{textKind, Stacks()}, nil
}

// Stacks returns what every goroutine does, as text. The program stands still
// meanwhile.
func Stacks() []byte {
	for size := 64 << 10; ; size *= 2 {
		b := make([]byte, size)
		if n := runtime.Stack(b, true); n < size || size >= maxStacks {
			return b[:n]
		}
	}
}

// memory answers with a profile that "go tool pprof" reads together with the
// program: of what is in use, or of all that was ever taken.
// Source: the text form of runtime/pprof, and github.com/google/pprof,
// profile/legacy_profile.go.
func memory(all bool) func(context.Context, request) (any, error) {
	return func(_ context.Context, r request) (any, error) {
		var records []runtime.MemProfileRecord
		n, ok := runtime.MemProfile(nil, all)
		for !ok {
			records = make([]runtime.MemProfileRecord, n+50)
			n, ok = runtime.MemProfile(records, all)
		}
		var total runtime.MemProfileRecord
		var b bytes.Buffer
		for i := range records[:n] {
			r := &records[i]
			total.AllocBytes += r.AllocBytes
			total.AllocObjects += r.AllocObjects
			total.FreeBytes += r.FreeBytes
			total.FreeObjects += r.FreeObjects
		}
		b.WriteString("heap profile: ")
		writeSizes(&b, &total)
		fmt.Fprintf(&b, " heap/%d\n", 2*runtime.MemProfileRate)
		for i := range records[:n] {
			writeSizes(&b, &records[i])
			stack := records[i].Stack()
			for _, pc := range stack {
				fmt.Fprintf(&b, " %#x", pc)
			}
			frames := runtime.CallersFrames(stack)
			for {
				f, more := frames.Next()
				fmt.Fprintf(&b, "\n#\t%#x\t%s+%#x\t%s:%d", f.PC, f.Function, f.PC-f.Entry, f.File, f.Line)
				if !more {
					break
				}
			}
			b.WriteString("\n\n")
		}
		maps, _ := os.ReadFile("/proc/self/maps") // without it addresses are not moved
		b.WriteString("\nMAPPED_LIBRARIES:\n")
		b.Write(maps)
		return raw{textKind, b.Bytes()}, nil
	}
}

func writeSizes(b *bytes.Buffer, r *runtime.MemProfileRecord) {
	fmt.Fprintf(b, "%d: %d [%d: %d] @", r.InUseObjects(), r.InUseBytes(), r.AllocObjects, r.AllocBytes)
}
