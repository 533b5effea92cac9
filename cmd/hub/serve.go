package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"fieldpost/hub"
)

// firstDevice is registered by a hub that would otherwise have none.
const firstDevice = "gateway-1"

// serving are the flags of hub serve.
type serving struct {
	listen, hostName, dir, caOut, keyLog string
	cert, key, deviceCA                  string
	devices, modules, x509, groups       list
	partitions                           int
	log, spill                           size
	spillDir                             string
	feedbackEvery                        time.Duration
	rest, control                        string
	deviceFeedback                       bool
	faults                               faults
	json, verbose, webSocket             bool
}

func serveCommand() command {
	return command{
		name:    "serve",
		summary: "a local IoT Hub over AMQP 1.0 and TLS",
		help: `Serves until it is interrupted. Devices, keys, twins and the certificate authority
are kept in --dir and last as long as the process without it; messages are always
in memory only. What it prints first holds keys: they are good for this hub alone.`,
		example: "hub serve --listen 127.0.0.1:5671 --dir ~/hub --device gateway-1 --ca-out ca.pem",
		define: func(flags *flag.FlagSet) func(context.Context, streams, []string) error {
			var s serving
			flags.StringVar(&s.listen, "listen", "127.0.0.1:0", "`HOST:PORT` to listen at; port 0 takes a free one")
			flags.StringVar(&s.hostName, "hostname", "localhost", "`NAME` by which clients reach this hub; its certificate carries it")
			flags.StringVar(&s.dir, "dir", "", "`DIR` that keeps devices, keys, twins and the certificate authority")
			flags.Var(&s.devices, "device", "register the device with this `ID` unless it exists; may be repeated (default "+firstDevice+" when there are none)")
			flags.Var(&s.modules, "module", "register the module `DEVICE/MODULE` unless it exists; may be repeated")
			flags.Var(&s.x509, "x509", "register a device by certificate unless it exists, `ID=CERT[,CERT]` or ID=ca: a thumbprint or a PEM file each, or any that --device-ca vouches for; may be repeated")
			flags.StringVar(&s.deviceCA, "device-ca", "", "`FILE` with the authorities that vouch for devices, PEM")
			flags.StringVar(&s.cert, "cert", "", "`FILE` with a server certificate and its chain, PEM, in place of one made here; needs --key")
			flags.StringVar(&s.key, "key", "", "`FILE` with the key of --cert, PEM")
			flags.BoolVar(&s.webSocket, "websocket", true, "serve AMQP over WebSocket too")
			flags.IntVar(&s.partitions, "partitions", 4, "`N` partitions of the event log, 1 to 32")
			flags.Var(&s.groups, "consumer-group", "let events be read under this `NAME` too, beside $Default; may be repeated")
			s.log, s.spill = 64<<20, 1<<30
			flags.Var(&s.log, "log-bytes", "`SIZE` of the event log in memory; the oldest events go first")
			flags.StringVar(&s.spillDir, "log-spill", "", "`DIR` for the events that memory has no room for; they are dropped without it")
			flags.Var(&s.spill, "log-spill-bytes", "`SIZE` of the events in --log-spill; the oldest go first")
			flags.StringVar(&s.caOut, "ca-out", "", "write the certificate authority to this `FILE`, PEM")
			flags.DurationVar(&s.feedbackEvery, "feedback-every", 15*time.Second, "longest time feedback waits for more to share its message")
			flags.StringVar(&s.rest, "rest", "127.0.0.1:0", "`HOST:PORT` for twins, methods and purges over HTTPS; none for no such door")
			flags.StringVar(&s.control, "control", "", "`PATH` of the unix socket at which hub devices and the other tools ask this hub; none for no such door (default "+controlFile+" in --dir, none without)")
			flags.BoolVar(&s.deviceFeedback, "device-feedback-link", false, "let devices send feedback on a link of their own, which real hubs refuse")
			flags.Var(&s.faults, "fault", "misbehave by this `LINE` of the fault language, docs/HUB.md; may be repeated")
			flags.StringVar(&s.keyLog, "keylog", "", "`FILE` that gets the TLS secrets of every connection, for tshark")
			flags.BoolVar(&s.json, "json", false, "print one JSON object: listen, ca, devices, service, modules, policies, websocket, rest, control")
			flags.BoolVar(&s.verbose, "verbose", false, "log every message")
			return func(ctx context.Context, std streams, args []string) error {
				if err := noArguments(args); err != nil {
					return err
				}
				return s.run(ctx, std)
			}
		},
	}
}

func (s *serving) run(ctx context.Context, std streams) error {
	if s.feedbackEvery <= 0 {
		return usagef("--feedback-every %s is not above 0", s.feedbackEvery)
	}
	if s.partitions < 1 || s.partitions > 32 {
		return usagef("--partitions %d is not 1 to 32", s.partitions)
	}
	if s.dir != "" {
		unlock, err := lockDir(s.dir)
		var used *dirInUse
		if errors.As(err, &used) {
			return &hinted{err, "hub devices --dir " + s.dir + " and the other tools ask that one; another hub needs another --dir"}
		}
		if err != nil {
			return err
		}
		defer unlock()
	}
	opts := hub.Options{
		Listen: s.listen, HostName: s.hostName, Dir: s.dir, FeedbackEvery: s.feedbackEvery,
		NoWebSocket: !s.webSocket, DeviceFeedbackLink: s.deviceFeedback,
		Partitions: s.partitions, ConsumerGroups: s.groups,
		Faults:   s.faults,
		LogBytes: int64(s.log), SpillDir: s.spillDir, SpillBytes: int64(s.spill),
		Log: slog.New(slog.NewTextHandler(std.err, &slog.HandlerOptions{Level: s.level()})),
	}
	if s.keyLog != "" {
		log, err := openKeyLog(s.keyLog)
		if err != nil {
			return err
		}
		defer log.Close()
		opts.KeyLog = log
	}
	if err := s.certificates(&opts); err != nil {
		return err
	}
	h, err := hub.New(opts)
	if errors.Is(err, syscall.EADDRINUSE) {
		return &hinted{err, "another program listens there, perhaps another hub: --listen takes another port, and port 0 a free one"}
	}
	if err != nil {
		return err
	}
	var doors doors
	defer doors.wait()
	// The hub has opened its listener: it must run, if only to close it again.
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	if err := s.open(ctx, &doors, h, std.out, opts.Log); err != nil {
		stop(err)
	}
	if err := h.Run(ctx); err != nil {
		return err
	}
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// doors are what hub serve answers at beside AMQP.
type doors struct {
	rest    restDoor
	control controlDoor
}

func (d *doors) wait() {
	d.rest.wait()
	d.control.wait()
}

// open registers what the flags name, opens the doors and tells of them.
func (s *serving) open(ctx context.Context, d *doors, h *hub.Hub, out io.Writer, log *slog.Logger) error {
	if err := s.register(h); err != nil {
		return err
	}
	if err := d.control.open(s.control, s.dir, log); err != nil {
		return err
	}
	if err := d.rest.open(ctx, h, s.rest, log); err != nil {
		return err
	}
	describe := func() (hubFile, error) { return describeHub(h, d.rest.addr, d.control.path) }
	d.control.serve(ctx, h, describe, log)
	file, err := describe()
	if err != nil {
		return err
	}
	return s.announce(out, h, file)
}

func (s *serving) level() slog.Level {
	switch {
	case s.verbose:
		return slog.LevelDebug
	case s.json:
		return slog.LevelWarn
	default:
		return slog.LevelInfo
	}
}

// certificates reads those that the flags name.
func (s *serving) certificates(opts *hub.Options) (err error) {
	if s.cert != "" || s.key != "" {
		if opts.Certificate, err = serverCertificate(s.cert, s.key); err != nil {
			return err
		}
	}
	if s.deviceCA != "" {
		opts.DeviceCAs, err = readCA(s.deviceCA)
	}
	return err
}

// register adds the devices and modules of the flags, and one device to a hub
// without any.
func (s *serving) register(h *hub.Hub) error {
	if len(s.devices) == 0 && len(s.x509) == 0 && len(s.modules) == 0 && len(h.Devices()) == 0 {
		s.devices = list{firstDevice}
	}
	var all []hub.Registration
	for _, id := range s.devices {
		all = append(all, hub.Registration{DeviceID: id})
	}
	for _, text := range s.x509 {
		id, certs, _ := strings.Cut(text, "=")
		g, err := withX509(hub.Registration{DeviceID: id}, strings.Split(certs, ","))
		if err != nil {
			return err
		}
		all = append(all, g)
	}
	for _, name := range s.modules {
		id, module, _ := strings.Cut(name, "/")
		if module == "" {
			return usagef("--module %s is not DEVICE/MODULE", name)
		}
		all = append(all, hub.Registration{DeviceID: id, ModuleID: module})
	}
	for _, g := range all {
		var kept *hub.DirError
		switch _, err := h.Register(g); {
		case err == nil, errors.Is(err, hub.ErrDeviceExists):
		case errors.As(err, &kept), errors.Is(err, hub.ErrDeviceNotFound):
			return err
		default:
			return &usageError{err}
		}
	}
	return nil
}

// announce prints what clients need to know.
func (s *serving) announce(out io.Writer, h *hub.Hub, file hubFile) error {
	if s.caOut != "" {
		if err := os.WriteFile(s.caOut, h.CAPEM(), 0o644); err != nil {
			return configf("certificate authority: %w", err)
		}
	}
	if s.json {
		return printJSON(out, file)
	}
	return s.print(out, h, file)
}

func (s *serving) print(out io.Writer, h *hub.Hub, file hubFile) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "hub listening on %s (AMQP 1.0 over TLS)\n", file.Listen)
	if file.WebSocket != "" {
		fmt.Fprintf(&b, "and at %s\n", file.WebSocket)
	}
	if file.REST != "" {
		fmt.Fprintf(&b, "twins, methods and purges on https://%s\n", file.REST)
	}
	if file.Control != "" {
		fmt.Fprintf(&b, "tools of this machine at %s (--control)\n", file.Control)
	}
	fmt.Fprintln(&b)
	fmt.Fprintln(&b, "certificate authority")
	switch {
	case s.caOut != "":
		fmt.Fprintf(&b, "  %s\n", s.caOut)
	case s.dir != "" && s.cert == "":
		fmt.Fprintf(&b, "  %s\n", filepath.Join(s.dir, hub.AuthorityFile))
	default:
		fmt.Fprintln(&b, "  not written: --ca-out FILE keeps it for clients")
	}
	fmt.Fprintf(&b, "service\n  %s\n", file.Service)
	for _, d := range identities(h) {
		note := ""
		if d.Disabled {
			note = " (disabled)"
		}
		if d.ModuleID == "" {
			fmt.Fprintf(&b, "device %s%s\n  %s\n", d.ID, note, file.Devices[d.ID])
		} else {
			fmt.Fprintf(&b, "module %s%s\n  %s\n", d.Name(), note, file.Modules[d.Name()])
		}
	}
	fmt.Fprint(&b, "\nCtrl-C ends it.\n")
	_, err := out.Write(b.Bytes())
	return err
}
