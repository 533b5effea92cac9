package diag

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// The few fields of a tar archive that a bundle needs: regular files with short
// names. archive/tar would be fifty times the code.
// Source: POSIX.1-2017, pax, "ustar Interchange Format".
const (
	tarBlock = 512
	tarName  = 100 // longest name, in bytes
)

// writeTar adds a file to an archive.
func writeTar(w io.Writer, name string, body []byte, at time.Time) error {
	if name == "" || len(name) > tarName {
		return fmt.Errorf("name %q does not fit into an archive", name)
	}
	h := make([]byte, tarBlock)
	put := func(offset int, text string) { copy(h[offset:], text) }
	put(0, name)
	put(100, "0000600\x000000000\x000000000\x00") // mode, user, group
	put(124, fmt.Sprintf("%011o\x00%011o\x00", len(body), max(0, at.Unix())))
	put(148, "        0") // checksum as if blank, regular file
	put(257, "ustar\x0000")
	put(148, fmt.Sprintf("%06o\x00 ", tarSum(h)))
	for _, part := range [][]byte{h, body, make([]byte, -len(body)&(tarBlock-1))} {
		if _, err := w.Write(part); err != nil {
			return err
		}
	}
	return nil
}

// endTar ends an archive.
func endTar(w io.Writer) error {
	_, err := w.Write(make([]byte, 2*tarBlock))
	return err
}

func tarSum(h []byte) (sum int) {
	for _, b := range h {
		sum += int(b)
	}
	return sum
}

var errNoBundle = errors.New("is no bundle, or only the beginning of one")

// readTar hands out the files of an archive that writeTar made. What is longer
// than most in all is refused.
func readTar(r io.Reader, most int64, take func(name string, body []byte)) error {
	h := make([]byte, tarBlock)
	for {
		if _, err := io.ReadFull(r, h); err != nil {
			return errNoBundle
		}
		if bytes.Count(h, []byte{0}) == tarBlock {
			return nil
		}
		text := func(from, to int) string {
			s, _, _ := strings.Cut(string(h[from:to]), "\x00")
			return strings.TrimSpace(s)
		}
		size, err := strconv.ParseInt(text(124, 136), 8, 64)
		sum, serr := strconv.ParseInt(text(148, 156), 8, 64)
		name := text(0, tarName)
		copy(h[148:], "        ")
		if err != nil || serr != nil || int64(tarSum(h)) != sum || size < 0 || h[156] != '0' || text(257, 263) != "ustar" {
			return errNoBundle
		}
		if most -= size; most < 0 {
			return errors.New("is larger than any bundle")
		}
		var body bytes.Buffer
		padded := (size + tarBlock - 1) / tarBlock * tarBlock
		if n, err := io.Copy(&body, io.LimitReader(r, padded)); err != nil || n < padded {
			return errNoBundle
		}
		take(name, body.Bytes()[:size])
	}
}
