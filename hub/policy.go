package hub

import "fmt"

// right is what a token allows.
type right uint8

const (
	deviceConnect  right = 1 << iota // the links of devices and modules
	serviceConnect                   // cloud-to-device, feedback, events
	registryRead                     // for the cloud's REST interface alone: they open no link
	registryWrite
)

// The shared access policies of every hub.
const (
	policyOwner             = "iothubowner"
	policyService           = "service"
	policyDevice            = "device"
	policyRegistryRead      = "registryRead"
	policyRegistryReadWrite = "registryReadWrite"
)

// policy is one shared access policy.
type policy struct {
	rights             right
	primary, secondary Key
}

// policyRights names the policies and what each allows.
func policyRights() map[string]right {
	return map[string]right{
		policyOwner:             deviceConnect | serviceConnect | registryRead | registryWrite,
		policyService:           serviceConnect,
		policyDevice:            deviceConnect,
		policyRegistryRead:      registryRead,
		policyRegistryReadWrite: registryRead | registryWrite,
	}
}

// PolicyConnectionString returns the connection string of a shared access policy,
// primary key included.
func (h *Hub) PolicyConnectionString(name string) (string, error) {
	key, err := h.PolicyKey(name)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("HostName=%s;SharedAccessKeyName=%s;SharedAccessKey=%s", h.HostName(), name, key.Base64()), nil
}

// Policies returns the names of the shared access policies.
func (h *Hub) Policies() []string {
	return []string{policyOwner, policyService, policyDevice, policyRegistryRead, policyRegistryReadWrite}
}

// PolicyKey returns the primary key of a shared access policy: iothubowner,
// service, device, registryRead or registryReadWrite.
func (h *Hub) PolicyKey(name string) (Key, error) {
	p, ok := h.registry.policies[name]
	if !ok {
		return Key{}, fmt.Errorf("policy %q: not known", name)
	}
	return p.primary, nil
}
