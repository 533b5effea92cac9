package main

import (
	"context"
	"fmt"

	"fieldpost/hub"
)

// registry is what the verbs of hub devices work on: the files of a hub that
// does not run, or a hub that runs, behind its control socket. Names are those
// of hub.Device.Name.
type registry interface {
	list(context.Context) ([]identity, error)
	add(context.Context, hub.Registration) error
	remove(ctx context.Context, name string) error
	disable(ctx context.Context, name string) error
	enable(ctx context.Context, name string) error
	keys(ctx context.Context, name string) (keyPair, error)
	changeKeys(ctx context.Context, name string, how hub.KeyChange) (keyPair, error)
}

// identity is a device or a module as --json and the control socket tell of it.
type identity struct {
	ID         string       `json:"id"`
	Disabled   bool         `json:"disabled"`
	Generation string       `json:"device_generation"`
	Module     string       `json:"module,omitempty"`
	Auth       hub.AuthType `json:"auth"`
	Primary    string       `json:"primary_thumbprint,omitempty"`
	Secondary  string       `json:"secondary_thumbprint,omitempty"`
	// Of a hub that runs.
	Connected bool `json:"connected,omitempty"`
	Queued    int  `json:"queued,omitempty"` // cloud-to-device messages
}

func (i identity) name() string { return hub.Device{ID: i.ID, ModuleID: i.Module}.Name() }

// keyPair is what keys prints.
type keyPair struct {
	ID        string `json:"id"`
	Module    string `json:"module,omitempty"`
	Primary   string `json:"primary_key"`
	Secondary string `json:"secondary_key"`
	// Of a hub that runs: its port is part of it.
	ConnectionString string `json:"connection_string,omitempty"`
}

// ownRegistry is that of a hub in this process.
type ownRegistry struct {
	hub     *hub.Hub
	running bool // it has a port
}

func (r ownRegistry) list(context.Context) ([]identity, error) {
	list := []identity{}
	for _, d := range identities(r.hub) {
		list = append(list, identity{
			ID: d.ID, Disabled: d.Disabled, Generation: d.GenerationID, Module: d.ModuleID, Auth: d.Auth,
			Primary: d.PrimaryThumbprint, Secondary: d.SecondaryThumbprint,
			Connected: d.Connected, Queued: d.Queued,
		})
	}
	return list, nil
}

func (r ownRegistry) add(_ context.Context, g hub.Registration) error {
	_, err := r.hub.Register(g)
	return err
}

func (r ownRegistry) remove(_ context.Context, name string) error  { return r.hub.RemoveDevice(name) }
func (r ownRegistry) disable(_ context.Context, name string) error { return r.hub.DisableDevice(name) }
func (r ownRegistry) enable(_ context.Context, name string) error  { return r.hub.EnableDevice(name) }

func (r ownRegistry) keys(_ context.Context, name string) (keyPair, error) {
	d, err := r.hub.Device(name)
	if err != nil {
		return keyPair{}, err
	}
	return r.pair(d)
}

func (r ownRegistry) changeKeys(_ context.Context, name string, how hub.KeyChange) (keyPair, error) {
	d, err := r.hub.RegenerateKeys(name, how)
	if err != nil {
		return keyPair{}, err
	}
	return r.pair(d)
}

func (r ownRegistry) pair(d hub.Device) (keyPair, error) {
	if d.Auth != hub.AuthSAS {
		return keyPair{}, fmt.Errorf("device %s has no keys: its authentication is %s", d.Name(), d.Auth)
	}
	pair := keyPair{ID: d.ID, Module: d.ModuleID, Primary: d.PrimaryKey.Base64(), Secondary: d.SecondaryKey.Base64()}
	if !r.running {
		return pair, nil
	}
	var err error
	pair.ConnectionString, err = r.hub.DeviceConnectionString(d.Name())
	return pair, err
}

// identities returns every device, each followed by its modules.
func identities(h *hub.Hub) []hub.Device {
	var all []hub.Device
	for _, d := range h.Devices() {
		all = append(append(all, d), h.Modules(d.ID)...)
	}
	return all
}
