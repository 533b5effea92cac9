package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"

	"fieldpost/hub"
)

// hubFile is the first line of hub serve --json, and what a hub that runs says of
// itself on its control socket.
type hubFile struct {
	Listen  string            `json:"listen"`
	CA      string            `json:"ca"` // PEM; a path is understood too
	Devices map[string]string `json:"devices"`
	Service string            `json:"service"`
	// By DEVICE/MODULE.
	Modules   map[string]string `json:"modules,omitempty"`
	Policies  map[string]string `json:"policies,omitempty"`  // by name
	WebSocket string            `json:"websocket,omitempty"` // URL
	REST      string            `json:"rest,omitempty"`      // where HTTPS is answered
	Control   string            `json:"control,omitempty"`   // the socket, an absolute path
}

// describeHub says of h what clients need to know.
func describeHub(h *hub.Hub, restAddr, control string) (hubFile, error) {
	file := hubFile{
		Listen: h.Addr(), REST: restAddr, Control: control, CA: string(h.CAPEM()),
		Service: h.ServiceConnectionString(), WebSocket: h.WebSocketURL(),
		Devices: make(map[string]string), Modules: make(map[string]string), Policies: make(map[string]string),
	}
	for _, name := range h.Policies() {
		text, err := h.PolicyConnectionString(name)
		if err != nil {
			return hubFile{}, err
		}
		file.Policies[name] = text
	}
	for _, d := range identities(h) {
		text, err := h.DeviceConnectionString(d.Name())
		if errors.Is(err, hub.ErrDeviceNotFound) {
			continue // removed meanwhile
		}
		if err != nil {
			return hubFile{}, err
		}
		if d.ModuleID == "" {
			file.Devices[d.ID] = text
		} else {
			file.Modules[d.Name()] = text
		}
	}
	return file, nil
}

// readHubFile reads what hub serve --json printed.
func readHubFile(path string) (file hubFile, err error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return file, configf("hub file: %w", err)
	}
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&file); err != nil {
		return file, configf("hub file %s is not what hub serve --json prints: %w", path, err)
	}
	if file.Service == "" {
		return file, configf("hub file %s has no service connection string", path)
	}
	return file, nil
}
