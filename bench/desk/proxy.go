package desk

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// Proxy stands before a hub and does to TCP connections what it is told.
type Proxy struct{ *toxiproxy.Proxy }

// NewProxy listens there and passes everything on to upstream, both HOST:PORT.
func NewProxy(listen, upstream string) (*Proxy, error) {
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := toxiproxy.NewProxy(server, "hub", listen, upstream)
	if err := p.Start(); err != nil {
		return nil, fmt.Errorf("proxy: %w", err)
	}
	return &Proxy{p}, nil
}

// Directions of a toxic: to the hub, and from it.
const (
	Upstream   = "upstream"
	Downstream = "downstream"
)

// Toxic is what a proxy does to the bytes of one direction, in toxiproxy's JSON.
// Attributes are the members of its object of attributes.
func Toxic(kind, direction, attributes string) string {
	return fmt.Sprintf(`{"name":"%s-%s","type":"%s","stream":"%s","attributes":{%s}}`, kind, direction, kind, direction, attributes)
}

// Both is a toxic for both directions.
func Both(kind, attributes string) []string {
	return []string{Toxic(kind, Upstream, attributes), Toxic(kind, Downstream, attributes)}
}

// Add puts toxics on connections there are and will be.
func (p *Proxy) Add(toxics ...string) error {
	for _, t := range toxics {
		if _, err := p.Toxics.AddToxicJson(strings.NewReader(t)); err != nil {
			return fmt.Errorf("toxic %s: %w", t, err)
		}
	}
	return nil
}

// Clear takes all toxics away. What a stalled connection holds is dropped with it.
func (p *Proxy) Clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	p.Toxics.ResetToxics(ctx)
	return ctx.Err()
}
