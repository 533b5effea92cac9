// Wifi proves what keeps the card's Wi-Fi on a real kernel with simulated radios. On
// this machine it starts another in QEMU, whose first process it is too: there it is
// the access point, and judges what the card's program says and does. It is run by
// scripts/proof.sh image-wifi.
package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"
)

const (
	hang = 20 * time.Minute // ends what never comes

	rowMark = "row\t"
	endMark = "end of the proof"
)

func main() {
	if os.Getpid() == 1 {
		first()
	}
	qemu := flag.String("qemu", "qemu-system-x86_64", "`program`")
	kernel := flag.String("kernel", "", "`file`")
	initrd := flag.String("initrd", "", "`file` with this program as its first")
	table := flag.String("table", "", "`file` that gets the table")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, stop = context.WithTimeout(ctx, hang)
	defer stop()
	rows, err := boot(ctx, *qemu, *kernel, *initrd)
	if *table != "" {
		err = errors.Join(err, write(*table, rows))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "wifi:", err)
		os.Exit(1)
	}
}

// boot runs the machine to its end, and returns the rows of the table.
func boot(ctx context.Context, qemu, kernel, initrd string) (rows []string, err error) {
	c := exec.CommandContext(ctx, qemu, "-m", "512", "-kernel", kernel, "-initrd", initrd, "-append", "console=ttyS0 quiet loglevel=1 panic=-1",
		"-display", "none", "-no-reboot", "-serial", "stdio", "-monitor", "none", "-nic", "none")
	c.Stderr = os.Stderr
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := c.StdoutPipe()
	if err == nil {
		err = c.Start()
	}
	if err != nil {
		return nil, err
	}
	ended, failed := false, 0
	for s := bufio.NewScanner(out); s.Scan(); {
		line := strings.TrimRight(s.Text(), "\r")
		fmt.Println(line)
		if row, ok := strings.CutPrefix(line, rowMark); ok {
			rows = append(rows, row)
			if !strings.HasSuffix(row, "\t"+proven) {
				failed++
			}
		}
		ended = ended || line == endMark
	}
	switch err = c.Wait(); {
	case err != nil:
		return rows, err
	case !ended:
		return rows, errors.New("the machine did not come to the end of the proof")
	case failed > 0:
		return rows, fmt.Errorf("%d rows were refuted", failed)
	}
	return rows, nil
}

func write(path string, rows []string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(f, 0, 0, 2, ' ', 0)
	for _, row := range append([]string{"what\texpected\tseen\tverdict"}, rows...) {
		fmt.Fprintln(w, row)
	}
	return errors.Join(w.Flush(), f.Close())
}
