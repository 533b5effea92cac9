package service

import "testing"

func TestRedirectTarget(t *testing.T) {
	cases := []struct {
		name string
		info map[string]any
		want endpoint
	}{
		{"all of it", map[string]any{"hostname": "ns.example.net", "network-host": "ns.example.net", "port": uint16(5671),
			"address": "amqps://ns.example.net:5671/entity-1/ConsumerGroups/$Default/Partitions/0"},
			endpoint{"ns.example.net:5671", "ns.example.net", "entity-1"}},
		{"address alone", map[string]any{"address": "amqps://ns.example.net/entity-1/"},
			endpoint{"ns.example.net:5671", "ns.example.net", "entity-1"}},
		{"another port, as int", map[string]any{"network-host": "localhost", "port": int32(40001), "address": "amqps://localhost:5671/e/$management"},
			endpoint{"localhost:40001", "localhost", "e"}},
		{"port in the address", map[string]any{"address": "amqps://127.0.0.1:40001/e"},
			endpoint{"127.0.0.1:40001", "127.0.0.1", "e"}},
		{"address without a host", map[string]any{"hostname": "h", "address": "/e"}, endpoint{"h:5671", "h", "e"}},
		{"IPv6", map[string]any{"address": "amqps://[::1]:40001/e"}, endpoint{"[::1]:40001", "::1", "e"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got, err := redirectTarget(c.info); err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
	for name, info := range map[string]map[string]any{
		"nothing":    nil,
		"no entity":  {"network-host": "h", "address": "amqps://h:5671/"},
		"no host":    {"address": "/e"},
		"no URL":     {"address": "amqps://h:port/e"},
		"wrong type": {"address": 5, "network-host": 7},
	} {
		if got, err := redirectTarget(info); err == nil {
			t.Errorf("%s: got %+v, want an error", name, got)
		}
	}
	if got := (endpoint{host: "h", entity: "e"}).audience(); got != "sb://h/e" {
		t.Errorf("audience %s", got)
	}
}
