package board

import (
	"errors"
	"fmt"
	"os"

	"github.com/warthog618/go-gpiocdev"
)

// chip is one GPIO chip, as far as outputs need it.
type chip struct {
	name  string     // "gpiochip0"
	label string     // "pinctrl-bcm2835"
	lines []lineInfo // by number
}

type lineInfo struct {
	name     string // "GPIO17", or empty
	consumer string // who holds the line, or empty
}

// gpio is what an output needs of the kernel's GPIO character device.
type gpio interface {
	// chips lists the chips that can be opened. The error is that of the last
	// one that cannot.
	chips() ([]chip, error)
	// request takes a line as an output that has its initial value from the
	// moment it becomes one.
	request(chip string, number int, consumer string, initial bool) (line, error)
}

// line is a line taken. It has no way to be read back.
type line interface {
	SetValue(value int) error
	Close() error
}

// cdev is the GPIO character device of the running kernel, version 2 of its
// interface where the kernel has it (Linux 5.10).
type cdev struct{}

func (cdev) chips() (found []chip, fault error) {
	for _, name := range gpiocdev.Chips() {
		c, err := readChip(name)
		if err != nil {
			fault = err
			continue
		}
		found = append(found, c)
	}
	return found, fault
}

func readChip(name string) (chip, error) {
	f, err := os.Open("/dev/" + name)
	if err != nil {
		return chip{}, err
	}
	_ = f.Close()
	c, err := gpiocdev.NewChip(name)
	if err != nil {
		return chip{}, fmt.Errorf("open /dev/%s: %w", name, err)
	}
	out := chip{name: c.Name, label: c.Label, lines: make([]lineInfo, c.Lines())}
	for i := range out.lines {
		info, err := c.LineInfo(i)
		if err != nil {
			return chip{}, errors.Join(fmt.Errorf("line %d of /dev/%s: %w", i, name, err), c.Close())
		}
		out.lines[i] = lineInfo{name: info.Name, consumer: info.Consumer}
	}
	return out, c.Close()
}

func (cdev) request(chip string, number int, consumer string, initial bool) (line, error) {
	l, err := gpiocdev.RequestLine(chip, number, gpiocdev.AsOutput(value(initial)), gpiocdev.WithConsumer(consumer))
	if err != nil {
		return nil, err
	}
	return l, nil
}
