package wifi

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// drivers are the modules for the chips of Raspberry Pis, in the order in which they
// need each other.
var drivers = []string{
	"brcmutil/brcmutil.ko", "brcmfmac/brcmfmac.ko",
	"brcmfmac/wcc/brcmfmac-wcc.ko", "brcmfmac/cyw/brcmfmac-cyw.ko", "brcmfmac/bca/brcmfmac-bca.ko",
}

const driverFolder = "kernel/drivers/net/wireless/broadcom/brcm80211"

// load inserts the drivers of a folder. The driver asks for the module of the chip's
// vendor when it meets a chip, and there is no modprobe here that would answer: so it
// meets none, until all of them are in.
func load(folder, sdio string, insert func(path string) error) (err error) {
	if err := os.WriteFile(filepath.Join(sdio, "drivers_autoprobe"), []byte("0"), 0); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, os.WriteFile(filepath.Join(sdio, "drivers_autoprobe"), []byte("1"), 0))
		meet(sdio)
	}()
	for _, name := range drivers {
		path := filepath.Join(folder, driverFolder, name)
		if err := insert(path); err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("load %s: %w", path, err)
		}
	}
	return nil
}

// meet has the drivers look at each chip that has none. What comes of it is seen by the
// interface.
func meet(sdio string) {
	for _, chip := range chips(sdio) {
		_ = os.WriteFile(filepath.Join(sdio, "drivers_probe"), []byte(chip), 0)
	}
}

func insert(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return unix.FinitModule(int(f.Fd()), "", 0)
}

// release is that of the kernel that runs.
func release() (string, error) {
	var u unix.Utsname
	err := unix.Uname(&u)
	return unix.ByteSliceToString(u.Release[:]), err
}

// chips are the functions of chips on the bus that a board's radio hangs on.
func chips(sdio string) (names []string) {
	entries, _ := os.ReadDir(filepath.Join(sdio, "devices"))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// absence says why there is no radio, as far as the bus tells.
func absence(sdio string) error {
	var ids []string
	for _, chip := range chips(sdio) {
		vendor, _ := os.ReadFile(filepath.Join(sdio, "devices", chip, "vendor"))
		device, _ := os.ReadFile(filepath.Join(sdio, "devices", chip, "device"))
		if id := strings.TrimSpace(string(vendor)) + ":" + strings.TrimSpace(string(device)); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return errors.New("no Wi-Fi chip answers on this board")
	}
	return fmt.Errorf("the Wi-Fi chip does not start (SDIO %s): this card has no firmware for it, or it is broken", strings.Join(ids, ", "))
}
