package service_test

import (
	"context"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"errors"
	"os"
	"testing"

	"fieldpost/internal/service"
)

// TestRealHub talks to the hub that FIELDPOST_HUB_FILE names: JSON with its
// service connection string, and its authority unless the system knows it, as
// hub serve --json prints them. It leaves nothing behind.
func TestRealHub(t *testing.T) {
	path := os.Getenv("FIELDPOST_HUB_FILE")
	if path == "" {
		t.Skip("FIELDPOST_HUB_FILE names no hub")
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Service, CA, REST string }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	opts := service.Options{ConnectionString: file.Service}
	if file.CA != "" {
		opts.RootCAs = x509.NewCertPool()
		opts.RootCAs.AppendCertsFromPEM([]byte(file.CA))
	}
	ctx, cancel := context.WithTimeout(context.Background(), hangLimit)
	defer cancel()
	c, err := service.Dial(ctx, opts)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	feedback, err := c.Feedback(ctx)
	if err != nil {
		t.Fatal(err)
	}
	feedback.Close()
	events, err := c.Events(ctx, service.EventOptions{From: service.FromLatest()})
	if err != nil {
		t.Fatal(err)
	}
	defer events.Close()
	if events.Partitions() == 0 {
		t.Error("the event log has no partitions")
	}
	var said *service.HubError
	if err := c.Send(ctx, service.C2D{DeviceID: "nobody-" + rand.Text()}); !errors.As(err, &said) || said.Hint() == "" {
		t.Errorf("send to an unknown device: %v", err)
	}
	opts.Addr = file.REST
	r, err := service.NewREST(opts)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Twin(ctx, "nobody-"+rand.Text()); !errors.As(err, &said) || said.Hint() == "" {
		t.Errorf("twin of an unknown device: %v", err)
	}
}
