package agent

import (
	"io"
	"os"
	"path/filepath"
	"strings"
)

// maxKernelFile bounds what is read of a file of the kernel's, in bytes.
const maxKernelFile = 16 << 10

// kernelFile reads the beginning of a file below /proc or /sys; what cannot be
// read is empty.
func kernelFile(root, name string) string {
	f, err := os.Open(filepath.Join(root, filepath.FromSlash(name)))
	if err != nil {
		return ""
	}
	defer f.Close()
	text, _ := io.ReadAll(io.LimitReader(f, maxKernelFile))
	return strings.TrimRight(string(text), "\n\x00")
}
