package wifi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mdlayher/wifi"
	"github.com/vishvananda/netlink"
)

const (
	answerWithin = 10 * time.Second // the kernel

	// startWithin is how long a chip may take to get its firmware.
	startWithin = 15 * time.Second
)

// radio is a kernel. Each call opens its own socket: what an earlier one left unread
// is no answer to a later one.
type radio struct {
	modules, sdio string
	loaded        bool
	found         atomic.Pointer[string] // name of the interface
}

func (r *radio) name() string {
	if name := r.found.Load(); name != nil {
		return *name
	}
	return ""
}

// with hands the first interface that can join a network to f.
func (r *radio) with(f func(*wifi.Client, *wifi.Interface) error) error {
	c, err := wifi.New()
	if err != nil {
		return fmt.Errorf("ask the kernel for radios: %w", err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
		return err
	}
	all, err := c.Interfaces()
	if err != nil {
		return fmt.Errorf("ask the kernel for radios: %w", err)
	}
	i := slices.IndexFunc(all, func(i *wifi.Interface) bool { return i.Type == wifi.InterfaceTypeStation && i.Name != "" })
	if i < 0 {
		return errNoInterface
	}
	r.found.Store(&all[i].Name)
	return f(c, all[i])
}

var errNoInterface = errors.New("no radio")

func (r *radio) ready(ctx context.Context) error {
	up := func(_ *wifi.Client, i *wifi.Interface) error {
		link, err := netlink.LinkByIndex(i.Index)
		if err == nil {
			err = netlink.LinkSetUp(link)
		}
		if err != nil {
			return fmt.Errorf("switch %s on: %w", i.Name, err)
		}
		return nil
	}
	err := r.with(up)
	if r.loaded && errors.Is(err, errNoInterface) {
		meet(r.sdio) // the next try sees what comes of it
	}
	if r.loaded || err == nil {
		return r.whyNot(err, nil)
	}
	version, err := release()
	if err == nil {
		err = load(filepath.Join(r.modules, version), r.sdio, insert)
	}
	r.loaded = err == nil
	failed := err
	for late := time.After(startWithin); ; {
		if err = r.with(up); !errors.Is(err, errNoInterface) || failed != nil {
			return r.whyNot(err, failed)
		}
		select {
		case <-time.After(joinPoll):
		case <-late:
			return r.whyNot(err, nil)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// whyNot says why there is no radio, when err is that.
func (r *radio) whyNot(err, loading error) error {
	switch {
	case !errors.Is(err, errNoInterface):
		return err
	case loading != nil:
		return fmt.Errorf("no radio: %w", loading)
	}
	return absence(r.sdio)
}

func (r *radio) joined() (at *accessPoint, err error) {
	err = r.with(func(c *wifi.Client, i *wifi.Interface) error {
		b, err := c.BSS(i)
		switch {
		case errors.Is(err, os.ErrNotExist):
			return nil
		case err != nil:
			return err
		case b.Status == wifi.BSSStatusAssociated:
			seen := inSight(b)
			at = &seen
		}
		return nil
	})
	return at, err
}

func (r *radio) join(name, password string) error {
	return r.with(func(c *wifi.Client, i *wifi.Interface) error {
		if password == "" {
			return c.Connect(i, name)
		}
		err := c.ConnectWPAPSK(i, name, password)
		if errors.Is(err, wifi.ErrNotSupported) {
			return errNoWPA2
		}
		return err
	})
}

func (r *radio) leave() error {
	return r.with(func(c *wifi.Client, i *wifi.Interface) error { return c.Disconnect(i) })
}

func (r *radio) scan(ctx context.Context) (seen []accessPoint, err error) {
	err = r.with(func(c *wifi.Client, i *wifi.Interface) error {
		if err := c.Scan(ctx, i); err != nil {
			return err
		}
		if err := c.SetDeadline(time.Now().Add(answerWithin)); err != nil {
			return err
		}
		all, err := c.AccessPoints(i)
		for _, b := range all {
			seen = append(seen, inSight(b))
		}
		return err
	})
	return seen, err
}

// inSight is what we want of what the kernel tells of an access point.
func inSight(b *wifi.BSS) accessPoint {
	a := accessPoint{name: b.SSID, signal: int(b.Signal) / 100, mhz: b.Frequency}
	if !b.RSN.IsInitialized() {
		return a
	}
	for _, k := range b.RSN.AKMs {
		a.guards = append(a.guards, k.String())
	}
	if len(a.guards) == 0 {
		a.guards = []string{"something else"}
	}
	a.wpa2 = slices.Contains(b.RSN.AKMs, wifi.RSNAkmPSK) && b.RSN.GroupCipher == wifi.RSNCipherCCMP128 && slices.Contains(b.RSN.PairwiseCiphers, wifi.RSNCipherCCMP128)
	return a
}

// address is the first one that an interface has.
func address(name string) string {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return ""
	}
	all, _ := i.Addrs()
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.To4() != nil {
			return n.String()
		}
	}
	return ""
}
