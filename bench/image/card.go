package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"fieldpost/bench/desk"
)

// Where scripts/image.sh puts the boot partition and the permanent one, in bytes.
const (
	bootAt      = 4194304
	bootBytes   = 104857600
	permanentAt = 1157627904
)

const (
	tree   = "bcm2710-rpi-3-b.dtb"
	report = "fieldpost-error.txt"

	toProvision = "still to provision, all files on the boot partition"
	inForce     = "provisioned, all files in force"
)

// card is an SD card, and what of it the firmware of a real board would load.
type card struct {
	options
	file  string
	given map[string]string
	boots int
}

// newCard copies the image.
func newCard(ctx context.Context, o options) (*card, error) {
	c := &card{options: o, file: filepath.Join(o.work, "card.img")}
	if err := command(ctx, "cp", "--sparse=always", o.image, c.file); err != nil {
		return nil, err
	}
	for _, name := range []string{"vmlinuz", tree, "cmdline.txt"} {
		if err := command(ctx, "mcopy", "-n", "-i", c.bootFS(), "::"+name, o.work); err != nil {
			return nil, err
		}
	}
	// What dtparam=i2c_arm=on in config.txt has the firmware do.
	if err := command(ctx, "fdtput", "-t", "s", c.path(tree), "/soc/i2c@7e804000", "status", "okay"); err != nil {
		return nil, err
	}
	// The model has no chip at which a Raspberry Pi 3 has its lights.
	if err := command(ctx, "fdtput", "-r", c.path(tree), "/leds/led-pwr"); err != nil {
		return nil, err
	}
	pins, err := exec.CommandContext(ctx, "fdtget", "-t", "x", c.path(tree), "/soc/gpio@7e200000", "phandle").Output()
	if err != nil {
		return nil, fmt.Errorf("fdtget %s: %w", tree, err)
	}
	return c, command(ctx, "fdtput", "-t", "x", c.path(tree), "/leds/led-act", "gpios", strings.TrimSpace(string(pins)), strconv.FormatInt(lightPin, 16), "0")
}

// put puts files into the folder on the boot partition, in place of those given before.
func (c *card) put(ctx context.Context, given map[string]string) error {
	c.given = given
	for name, text := range given {
		path := c.path(name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			return err
		}
		if err := command(ctx, "mcopy", "-o", "-i", c.bootFS(), path, "::fieldpost/"+name); err != nil {
			return err
		}
	}
	return nil
}

// told is what the gateway tells on the boot partition; nothing when there is no such file.
func (c *card) told(ctx context.Context) (string, error) {
	files, err := exec.CommandContext(ctx, "mdir", "-b", "-i", c.bootFS(), "::").Output()
	if err != nil || !strings.Contains(string(files), report) {
		return "", err
	}
	text, err := exec.CommandContext(ctx, "mtype", "-i", c.bootFS(), "::"+report).Output()
	return string(text), err
}

func (c *card) path(name string) string { return filepath.Join(c.work, name) }

func (c *card) bootFS() string { return fmt.Sprintf("%s@@%d", c.file, bootAt) }

// provisioned tells how the card is provisioned after a cut: "half" is what must
// not be.
func (c *card) provisioned(ctx context.Context, dir string) (string, error) {
	if err := c.look(ctx, dir); err != nil {
		return "", err
	}
	set, err := os.Readlink(filepath.Join(dir, "fieldpost", "current"))
	if errors.Is(err, os.ErrNotExist) {
		for name, text := range c.given {
			got, err := exec.CommandContext(ctx, "mtype", "-i", c.bootFS(), "::fieldpost/"+name).Output()
			if err != nil || string(got) != text {
				return "half", nil
			}
		}
		return toProvision, nil
	}
	if err != nil {
		return "", err
	}
	for name, text := range c.given {
		got, err := os.ReadFile(filepath.Join(dir, "fieldpost", set, name))
		if err != nil || string(got) != text {
			return "half", nil
		}
	}
	return inForce, nil
}

// kept are the message-ids in the store on the card.
func (c *card) kept(ctx context.Context, dir string) ([]string, error) {
	if err := c.look(ctx, dir); err != nil {
		return nil, err
	}
	return desk.Kept(ctx, c.agent, filepath.Join(dir, "var", "lib", "fieldpost"))
}

// look brings what is on the permanent partition, as the kernel would find it, into
// a folder. It works on a copy: the card stays as the cut has left it.
func (c *card) look(ctx context.Context, dir string) error {
	const block = 4096
	fs := c.path("permanent.img")
	defer os.Remove(fs)
	if err := command(ctx, "dd", "if="+c.file, "of="+fs, "bs="+strconv.Itoa(block), "skip="+strconv.Itoa(permanentAt/block), "conv=sparse", "status=none"); err != nil {
		return err
	}
	var ended *exec.ExitError
	// 1 is that something was mended, which is the journal.
	if err := command(ctx, "e2fsck", "-fy", fs); err != nil && (!errors.As(err, &ended) || ended.ExitCode() > 1) {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return err
	}
	return command(ctx, "debugfs", "-R", "rdump /fieldpost /var "+dir, fs)
}

// left is how many files are in the folder on the boot partition.
func (c *card) left(ctx context.Context) (int, error) {
	out, err := exec.CommandContext(ctx, "mdir", "-b", "-i", c.bootFS(), "::fieldpost").CombinedOutput()
	if err != nil && !strings.Contains(string(out), "not found") {
		return 0, fmt.Errorf("mdir: %w: %s", err, out)
	}
	return strings.Count(string(out), "::"), nil
}

// search counts a text in the raw bytes of the boot partition.
func (c *card) search(text string) (int, error) {
	f, err := os.Open(c.file)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.NewSectionReader(f, bootAt, bootBytes))
	return bytes.Count(raw, []byte(text)), err
}

// command runs one, and has what it says in its error.
func command(ctx context.Context, name string, args ...string) error {
	out, err := exec.CommandContext(ctx, name, args...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, bytes.TrimSpace(out))
	}
	return nil
}
