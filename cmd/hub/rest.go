package main

import (
	"context"
	"errors"
	"flag"
	"net"

	"fieldpost/internal/service"
)

// restTarget are the flags of a tool that speaks HTTPS to the hub.
type restTarget struct {
	target
	addr, device string
}

func (t *restTarget) define(flags *flag.FlagSet) {
	t.target.define(flags)
	flags.StringVar(&t.addr, "rest", "", "`HOST:PORT` of the hub's HTTPS; default what the hub file says, or port 443 of its host")
	flags.StringVar(&t.device, "device", "", "`ID` of the device, or DEVICE/MODULE for a module of it; required")
}

// connect makes the client the flags ask for. The returned function closes its key log.
func (t *restTarget) connect(ctx context.Context) (*service.REST, func(), error) {
	if t.device == "" {
		return nil, nil, usagef("--device is missing")
	}
	opts, err := t.options(ctx)
	if err != nil {
		return nil, nil, err
	}
	opts.Addr = t.file.REST
	if opts.Addr != "" {
		opts.Addr = dialable(opts.Addr)
	}
	if t.addr != "" {
		opts.Addr = t.addr
	}
	if t.connectionFile == "" && opts.Addr == "" {
		return nil, nil, configf("the hub names no HTTPS address: give --rest HOST:PORT, or start it with one")
	}
	closeLog := func() {}
	if t.keyLog != "" {
		log, err := openKeyLog(t.keyLog)
		if err != nil {
			return nil, nil, err
		}
		opts.KeyLog, closeLog = log, func() { log.Close() }
	}
	client, err := service.NewREST(opts)
	if err != nil {
		closeLog()
		return nil, nil, t.explain(err)
	}
	return client, closeLog, nil
}

// use connects and calls do.
func (t *restTarget) use(ctx context.Context, do func(context.Context, *service.REST) error) error {
	client, done, err := t.connect(ctx)
	if err != nil {
		return err
	}
	defer done()
	err = do(ctx, client)
	var network *net.OpError
	if t.connectionFile != "" && t.addr == "" && errors.As(err, &network) && network.Op == "dial" {
		return &hinted{err, "this goes over HTTPS, to port 443 of the host; a local hub has it elsewhere: --rest HOST:PORT, or --hub, --dir or --control in place of --connection-file"}
	}
	if err != nil {
		return explainDial(err)
	}
	return nil
}
