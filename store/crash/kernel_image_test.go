//go:build linux && proof

package crash

import (
	"bytes"
	"debug/elf"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

var (
	kernel   = flag.String("kernel", "", "folder with vmlinuz and modules/*.ko, numbered in the order of need, to boot in QEMU")
	prefixes = flag.Int("prefixes", 20, "crash states of each kind of TestKernelLogWrites; 0 = every one")
	lies     = flag.Int("lies", 1, "lying disks of TestKernelLies")
)

const qemu = "qemu-system-x86_64"

// needKernel skips a test that has no kernel to boot, or nothing to boot it with.
func needKernel(t *testing.T) {
	t.Helper()
	switch {
	case *kernel == "":
		t.Skip("SKIPPED: no -kernel to boot; scripts/proof.sh store-kernel gets one")
	case runtime.GOARCH != "amd64" || *childCmd != "":
		t.Skip("SKIPPED: the machine is an amd64 one and runs this very program")
	}
	for _, tool := range []string{qemu, "mkfs.ext4", "e2fsck"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("SKIPPED: %v", err)
		}
	}
}

// initramfs packs this program as /init, and the modules of -kernel: an archive in
// the format "newc" of cpio.
func initramfs(t testing.TB) string {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if static(t, exe); t.Failed() {
		t.FailNow()
	}
	modules, err := filepath.Glob(filepath.Join(*kernel, "modules", "*.ko"))
	if err != nil || len(modules) == 0 {
		t.Fatalf("%s: no modules/*.ko, %v", *kernel, err)
	}
	slices.Sort(modules)
	var b bytes.Buffer
	entries := 0
	add := func(name string, mode int, content []byte) {
		entries++
		fmt.Fprintf(&b, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", entries, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name)+1, 0)
		b.WriteString(name)
		b.Write(make([]byte, 1+(4-(110+len(name)+1)%4)%4))
		b.Write(content)
		b.Write(make([]byte, (4-len(content)%4)%4))
	}
	for _, dir := range []string{"dev", "proc", "sys", "modules"} {
		add(dir, 0o40755, nil)
	}
	for i, path := range append(modules, exe) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := "init"
		if i < len(modules) {
			name = "modules/" + filepath.Base(path)
		}
		add(name, 0o100755, content)
	}
	add("TRAILER!!!", 0, nil)
	path := filepath.Join(t.TempDir(), "initramfs")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// static fails for a program that needs libraries: a machine has none.
func static(t testing.TB, exe string) {
	t.Helper()
	f, err := elf.Open(exe)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Errorf("%s is linked dynamically; build it with CGO_ENABLED=0", exe)
		}
	}
}

// newDisk makes an image with an empty ext4 on it, of the block size that larger
// disks have. Nothing is left for the kernel to initialize later.
func newDisk(t testing.TB, path string) {
	t.Helper()
	if err := sparse(path, diskBytes); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("mkfs.ext4", "-q", "-F", "-b", "4096", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", path)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4: %v: %s", err, out)
	}
}

// diskBytes leaves room for the store and for its headroom.
const diskBytes = 128 << 20

// sparse makes a file of zeros.
func sparse(path string, size int64) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Close())
}
