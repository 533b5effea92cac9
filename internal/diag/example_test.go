package diag_test

import (
	"fmt"

	"fieldpost/internal/diag"
)

func ExampleChain() {
	for _, p := range diag.Chain([]diag.Part{
		{Part: "board", State: diag.OK},
		{Part: "buses", State: diag.Off},
		{Part: "sensors", State: diag.OK},
		{Part: "store", State: diag.OK},
		{Part: "network", State: diag.Broken, Reason: "no route to host"},
		{Part: "identity", State: diag.OK},
		{Part: "hub", State: diag.Waiting},
	}) {
		fmt.Printf("%s: %s %q %q\n", p.Part, p.State, p.WaitingFor, p.Reason)
	}
	// Output:
	// board: ok "" ""
	// buses: off "" ""
	// sensors: ok "" ""
	// store: ok "" ""
	// network: broken "" "no route to host"
	// identity: ok "" ""
	// hub: waiting "network" ""
}
