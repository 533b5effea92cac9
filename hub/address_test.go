package hub

import (
	"strings"
	"testing"
)

func TestParseAddress(t *testing.T) {
	cases := []struct {
		text string
		kind addressKind
		id   string // device or partition
	}{
		{"/devices/dev1/messages/events", addressTelemetry, "dev1"},
		{"devices/dev1/messages/events", addressTelemetry, "dev1"},
		{"devices/dev1/messages/events/", addressTelemetry, "dev1"},
		{"amqps://localhost/devices/dev1/messages/events", addressTelemetry, "dev1"},
		{"AMQPS://localhost:5671/devices/dev1/messages/events", addressTelemetry, "dev1"},
		{"/devices/Dev1/Messages/Events", addressTelemetry, "Dev1"},
		{"/devices/a%20b%2Fc/messages/events", addressTelemetry, "a b/c"},
		{"/devices/100%/messages/events", addressTelemetry, "100%"},
		{"/devices/dev1/messages/devicebound", addressDeviceQ, "dev1"},
		{"/devices/dev1/messages/deviceBound", addressDeviceQ, "dev1"},
		{"/devices/messages/messages/DEVICEBOUND", addressDeviceQ, "messages"},
		{"/messages/devicebound", addressServiceQ, ""},
		{"messages/deviceBound", addressServiceQ, ""},
		{"/messages/serviceBound/feedback", addressFeedback, ""},
		{"/messages/servicebound/Feedback", addressFeedback, ""},
		{"/messages/events", addressEvents, ""},
		{"messages/events/", addressEvents, ""},
		{"/messages/events/$management", addressEvents, ""},
		{"messages/events/ConsumerGroups/$Default/Partitions/1", addressEvents, ""},
		{"fieldpost/ConsumerGroups/$Default/Partitions/3", addressPartition, "3"},
		{"/fieldpost/consumergroups/%24Default/partitions/3", addressPartition, "3"},
		{"amqps://localhost:5671/fieldpost/ConsumerGroups/$Default/Partitions/3", addressPartition, "3"},
		{"sb://localhost/fieldpost/ConsumerGroups/$Default/Partitions/3", addressPartition, "3"},
		{"$cbs", addressCBS, ""},
		{"$management", addressManagement, ""},
		{"fieldpost/$management", addressManagement, ""},
		{"", addressUnknown, ""},
		{"/", addressUnknown, ""},
		{"amqps://localhost", addressUnknown, ""},
		{"/devices/dev1/messages", addressUnknown, ""},
		{"/devices//messages/events", addressUnknown, ""},
		{"/devices/dev1/messages/events/more", addressUnknown, ""},
		{"/devices/dev1/modules/m/messages/events", addressTelemetry, "dev1"},
		{"/devices/dev1/Modules/m%20n/messages/deviceBound", addressDeviceQ, "dev1"},
		{"/devices/dev1/modules/m", addressUnknown, ""},
		{"/devices/dev1/modules//messages/events", addressUnknown, ""},
		{"/devices/dev1/other/m/messages/events", addressUnknown, ""},
		{"/devices/dev1/twin", addressTwin, "dev1"},
		{"devices/dev1/Twin/", addressTwin, "dev1"},
		{"/devices/dev1/twin/more", addressUnknown, ""},
		{"/devices/dev1/methods/deviceBound", addressMethods, "dev1"},
		{"/devices/dev1/methods", addressUnknown, ""},
		{"/devices/dev1/modules/m/twin", addressTwin, "dev1"},
		{"/devices/dev1/modules/m/methods/devicebound", addressMethods, "dev1"},
		{"/messages/serviceBound/filenotifications", addressUnknown, ""},
		{"other/ConsumerGroups/$Default/Partitions/3", addressUnknown, ""},
		{"fieldpost", addressEntity, ""},
		{"/Fieldpost/", addressEntity, ""},
		{"amqps://localhost/fieldpost", addressEntity, ""},
		{"fieldpost/Partitions/2", addressProduce, "2"},
		{"sb://localhost:5671/fieldpost/partitions/x", addressProduce, "x"},
		{"fieldpost/Partitions", addressUnknown, ""},
		{"fieldpost/Partitions/", addressUnknown, ""},
		{"fieldpost/Publishers/p", addressUnknown, ""},
	}
	for _, c := range cases {
		a := parseAddress(c.text)
		if a.kind != c.kind || a.deviceID+a.partition != c.id {
			t.Errorf("%q: kind %d of %q, want %d of %q", c.text, a.kind, a.deviceID+a.partition, c.kind, c.id)
		}
	}
}

func TestParseAudience(t *testing.T) {
	names := newHostNames("hub1.example.org", 8883)
	cases := []struct {
		text, want string
		ok         bool
	}{
		{"hub1.example.org", "", true},
		{"HUB1.example.ORG/", "", true},
		{"hub1.example.org:8883", "", true},
		{"hub1.example.org%3A8883", "", true},
		{"hub1.example.org:5671/devices/d", "devices/d", true},
		{"hub1.example.org/devices/d", "devices/d", true},
		{"hub1.example.org%2Fdevices%2Fd", "devices/d", true},
		{"hub1.example.org%2fdevices%2fd", "devices/d", true},
		{"amqps://hub1.example.org/devices/d/", "devices/d", true},
		{"amqps%3A%2F%2Fhub1.example.org%2Fdevices%2Fd", "devices/d", true},
		{"sb://hub1.example.org:8883/fieldpost/$management", "fieldpost/$management", true},
		{"https://localhost/messages/devicebound", "messages/devicebound", true},
		{"127.0.0.1:8883/devices/d", "devices/d", true},
		{"[::1]:8883/devices/d", "devices/d", true},
		{"[::1]/devices/d", "devices/d", true},
		{"hub1.example.org:1/devices/d", "", false},
		{"hub1.example.org:x/devices/d", "", false},
		{"hub1/devices/d", "", false},
		{"", "", false},
		{"%zz", "", false},
		{"http://hub1.example.org/devices/d", "", false},
	}
	for _, c := range cases {
		res, ok := names.parseAudience(c.text)
		if got := strings.Join(res, "/"); ok != c.ok || got != c.want {
			t.Errorf("%q: %q %v, want %q %v", c.text, got, ok, c.want, c.ok)
		}
	}
}

func TestResourceCovers(t *testing.T) {
	cases := []struct {
		of, what string
		want     bool
	}{
		{"", "devices/d/messages/events", true},
		{"devices/d", "devices/d", true},
		{"devices/d", "devices/d/messages/events", true},
		{"Devices/d/Messages", "devices/d/messages/events", true},
		{"devices/d", "devices/dd", false},
		{"devices/d", "devices/D", false},
		{"devices/d/messages", "devices/d", false},
		{"devices", "devices/d", true},
		{"messages/devicebound", "messages/deviceBound", true},
		{"messages/d", "messages/devicebound", false},
	}
	for _, c := range cases {
		if got := splitPath(c.of).covers(splitPath(c.what)); got != c.want {
			t.Errorf("%q covers %q: %v", c.of, c.what, got)
		}
	}
}
