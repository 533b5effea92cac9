// Package wifi keeps the radio of a card's board joined to one network: it loads the
// driver, joins, gets an address, and begins anew when the network was lost.
//
// It runs in a process of its own, so that nothing that goes wrong here touches what
// keeps the agent running, and it never gives up. The kernel's driver does the
// handshake of WPA2 itself, as that of a Raspberry Pi's chip can; there is no
// wpa_supplicant, and so neither WPA3 alone nor a login with a user.
//
// What is wrong is told in one line when it changes, and again each hour: whoever
// looks at the screen or the log is a technician without a tool. The password is in
// no line, no argument and no environment.
package wifi

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"path/filepath"
	"strings"

	"fieldpost/deploy/image/typed"
)

// NameFile and PasswordFile are what a person provisions. A network without a
// password is an open one.
const (
	NameFile     = "wifi-name"
	PasswordFile = "wifi-password"
)

// What a network's name and a password of WPA2 may be, in bytes.
const (
	LeastName, MostName         = 1, 32
	LeastPassword, MostPassword = 8, 63
)

// Run keeps the board in the network that the files of a folder name, until ctx
// ends.
func Run(ctx context.Context, folder, dhcp string) error {
	name, password, err := provisioned(folder)
	if err != nil {
		return err
	}
	r := &radio{modules: "/lib/modules", sdio: "/sys/bus/sdio"}
	l := &lease{program: dhcp, resolver: "/tmp/resolv.conf"}
	s := &station{name: name, password: password, radio: r, say: log.Print,
		lease:   func(ctx context.Context) { l.run(ctx, r.name()) },
		address: func() (string, string) { return address(r.name()), l.trouble() }}
	return s.run(ctx)
}

// provisioned reads the two files.
func provisioned(folder string) (name, password string, err error) {
	if name, err = read(folder, NameFile, LeastName, MostName); err != nil {
		return "", "", err
	}
	password, err = read(folder, PasswordFile, LeastPassword, MostPassword)
	if errors.Is(err, fs.ErrNotExist) {
		return name, "", nil
	}
	return name, password, err
}

func read(folder, file string, least, most int) (string, error) {
	text, err := typed.Read(filepath.Join(folder, file))
	if err == nil && (len(text) < least || len(text) > most || strings.ContainsAny(text, "\r\n")) {
		err = fmt.Errorf("%s has not one line of %d to %d characters", file, least, most)
	}
	if err != nil {
		return "", err
	}
	return text, nil
}
