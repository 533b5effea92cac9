package uplink_test

import (
	"fmt"

	"fieldpost/uplink"
	"fieldpost/uplink/auth"
)

func ExampleNewIdentity() {
	cs, err := auth.ParseConnectionString("HostName=hub.azure-devices.net;DeviceId=gateway-7;SharedAccessKey=a2V5LW9mLXRoZS1kZXZpY2U=")
	if err != nil {
		fmt.Println(err)
		return
	}
	id, err := uplink.NewIdentity(cs, nil)
	fmt.Println(id.Addr, id.DeviceID, id.Key, err)
	// Output: hub.azure-devices.net:5671 gateway-7 redacted <nil>
}
