package service

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"

	"github.com/Azure/go-amqp"

	"fieldpost/uplink/auth"
)

// endpoint is the Event Hubs compatible endpoint behind a hub.
type endpoint struct {
	addr   string // host:port to dial
	host   string // who must answer
	entity string // name of the event log
}

// audience is what the token of an entity's reader is for.
func (e endpoint) audience() string { return "sb://" + e.host + "/" + e.entity }

// source is the address of one partition as one consumer group sees it.
func (e endpoint) source(group, partition string) string {
	return e.entity + "/ConsumerGroups/" + group + "/Partitions/" + partition
}

// textKey is the key of a connection string as Event Hubs uses it: the text
// itself is the secret, where IoT Hub takes the bytes that the text encodes.
func textKey(connectionString string) auth.Key {
	for part := range strings.SplitSeq(connectionString, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), "=")
		if strings.EqualFold(strings.TrimSpace(name), "SharedAccessKey") {
			return auth.NewKey([]byte(strings.TrimSpace(value)))
		}
	}
	return auth.Key{}
}

// locate asks the hub for its event log: an attach that it answers with
// amqp:link:redirect.
func (c *Client) locate(ctx context.Context) (endpoint, error) {
	ctx, cancel := context.WithTimeout(ctx, c.opts.Timeout)
	defer cancel()
	if _, err := c.hub.fresh(ctx); err != nil {
		return endpoint{}, err
	}
	session, err := c.hub.session(ctx)
	if err != nil {
		return endpoint{}, err
	}
	defer endSession(c.opts.Timeout, session)
	path := "/messages/events/ConsumerGroups/" + defaultGroup + "/Partitions/0"
	_, err = session.NewReceiver(ctx, path, nil)
	if err == nil {
		return endpoint{}, fmt.Errorf("attach to %s: the hub did not redirect", path)
	}
	var said *amqp.Error
	if !errors.As(err, &said) || said.Condition != amqp.ErrCondLinkRedirect {
		return endpoint{}, opError("attach to "+path, err)
	}
	return redirectTarget(said.Info)
}

// redirectTarget reads the info of an amqp:link:redirect (AMQP 1.0 2.8.17).
func redirectTarget(info map[string]any) (endpoint, error) {
	address, _ := info["address"].(string)
	u, err := url.Parse(address)
	if err != nil {
		return endpoint{}, fmt.Errorf("redirect to address %q: %w", address, err)
	}
	e := endpoint{host: u.Hostname()}
	for part := range strings.SplitSeq(u.Path, "/") {
		if part != "" {
			e.entity = part
			break
		}
	}
	if host, _ := info["network-host"].(string); host != "" {
		e.host = host
	}
	if e.host == "" {
		e.host, _ = info["hostname"].(string)
	}
	port := u.Port()
	if n, ok := toInt(info["port"]); ok {
		port = strconv.FormatInt(n, 10)
	}
	if port == "" {
		port = amqpsPort
	}
	if e.host == "" || e.entity == "" {
		return endpoint{}, fmt.Errorf("redirect names no host or no entity: address %q, network-host %q", address, info["network-host"])
	}
	e.addr = net.JoinHostPort(e.host, port)
	return e, nil
}
