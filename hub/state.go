package hub

import (
	"bytes"
	"encoding/json"
	"fmt"
	"sort"
	"strconv"
)

const (
	stateFile    = "hub.json"
	stateVersion = 1
)

// state is what survives a restart, as JSON.
type state struct {
	Version  int                   `json:"version"`
	Starts   uint32                `json:"starts"` // of hubs on this directory
	Policies map[string]keptPolicy `json:"policies"`
	Devices  []keptDevice          `json:"devices"`

	text []byte // as it was read; nil for none
}

type keptPolicy struct {
	PrimaryKey   string `json:"primaryKey"`
	SecondaryKey string `json:"secondaryKey"`
}

type keptDevice struct {
	ID                  string   `json:"deviceId"`
	ModuleID            string   `json:"moduleId,omitempty"`
	GenerationID        string   `json:"generationId"`
	Auth                AuthType `json:"auth,omitempty"` // absent is sas
	PrimaryKey          string   `json:"primaryKey,omitempty"`
	SecondaryKey        string   `json:"secondaryKey,omitempty"`
	PrimaryThumbprint   string   `json:"primaryThumbprint,omitempty"`
	SecondaryThumbprint string   `json:"secondaryThumbprint,omitempty"`
	Disabled            bool     `json:"disabled,omitempty"`
}

// openState reads the state in dir; without one it is empty.
func openState(dir string) (*state, error) {
	data, err := readFile(dir, stateFile)
	if err != nil {
		return nil, err
	}
	if data == nil {
		return &state{Version: stateVersion}, nil
	}
	s := &state{text: data}
	if err := json.Unmarshal(data, s); err != nil {
		offset, fault := jsonFault(data, err)
		return nil, stateError(dir, data, offset, fault)
	}
	if s.Version != stateVersion {
		at := bytes.Index(data, []byte(`"version"`))
		return nil, stateError(dir, data, at, fmt.Errorf("version %d is not known, only %d", s.Version, stateVersion))
	}
	return s, nil
}

// policies returns every policy, with the kept keys where there are some.
func (s *state) policies(dir string) (map[string]policy, error) {
	all := make(map[string]policy)
	for name, rights := range policyRights() {
		p := policy{rights: rights, primary: newKey(), secondary: newKey()}
		if kept, ok := s.Policies[name]; ok {
			var err error
			if p.primary, p.secondary, err = parseKeys(kept.PrimaryKey, kept.SecondaryKey); err != nil {
				at := bytes.Index(s.text, []byte(strconv.Quote(name)))
				return nil, stateError(dir, s.text, at, fmt.Errorf("policy %q: %w", name, err))
			}
		}
		all[name] = p
	}
	return all, nil
}

func (k keptDevice) device() (*device, error) {
	if err := checkID("device", k.ID); err != nil {
		return nil, err
	}
	if k.ModuleID != "" {
		if err := checkID("module", k.ModuleID); err != nil {
			return nil, err
		}
	}
	g := Registration{Auth: k.Auth, PrimaryThumbprint: k.PrimaryThumbprint, SecondaryThumbprint: k.SecondaryThumbprint}
	var err error
	if k.Auth == "" || k.Auth == AuthSAS {
		g.PrimaryKey, g.SecondaryKey, err = parseKeys(k.PrimaryKey, k.SecondaryKey)
	}
	var c credentials
	if err == nil {
		c, err = g.credentials()
	}
	if err != nil {
		return nil, fmt.Errorf("device %q: %w", identityName(k.ID, k.ModuleID), err)
	}
	return &device{
		id: k.ID, module: k.ModuleID, generation: k.GenerationID,
		settings: settings{credentials: c, disabled: k.Disabled},
	}, nil
}

// save keeps the registry; the caller holds mu or is alone.
func (r *registry) save() error {
	if r.hub.opts.Dir == "" {
		return nil
	}
	s := state{Version: stateVersion, Starts: r.starts, Policies: make(map[string]keptPolicy)}
	for name, p := range r.policies {
		s.Policies[name] = keptPolicy{PrimaryKey: p.primary.Base64(), SecondaryKey: p.secondary.Base64()}
	}
	for _, d := range r.devices {
		s.Devices = append(s.Devices, keptDevice{
			ID: d.id, ModuleID: d.module, GenerationID: d.generation, Auth: d.auth,
			PrimaryKey: d.primary.Base64(), SecondaryKey: d.secondary.Base64(),
			PrimaryThumbprint: d.thumbprints[0], SecondaryThumbprint: d.thumbprints[1],
			Disabled: d.disabled,
		})
	}
	sort.Slice(s.Devices, func(i, j int) bool {
		a, b := s.Devices[i], s.Devices[j]
		return identityName(a.ID, a.ModuleID) < identityName(b.ID, b.ModuleID)
	})
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	return writeFile(r.hub.opts.Dir, stateFile, data)
}

func parseKeys(primary, secondary string) (p, s Key, err error) {
	if p, err = ParseKey(primary); err != nil {
		return p, s, fmt.Errorf("primary %w", err)
	}
	if s, err = ParseKey(secondary); err != nil {
		return p, s, fmt.Errorf("secondary %w", err)
	}
	return p, s, nil
}
