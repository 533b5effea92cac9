package diag

import (
	"bytes"
	"context"
	"math"
	"strconv"
	"strings"

	"fieldpost/internal/http1"
)

// metricsKind is the content type of GET /v1/metrics.
const metricsKind = "text/plain; version=0.0.4; charset=utf-8"

// Metrics collects figures in the text format of Prometheus. Samples of one name
// are to be added one after the other.
// Source: prometheus.io/docs/instrumenting/exposition_formats, text version 0.0.4.
type Metrics struct {
	b    bytes.Buffer
	name string
}

// Counter adds a counter, whose name ends in _total. labels are pairs.
func (m *Metrics) Counter(name, help string, v float64, labels ...string) {
	m.add(name, "counter", help, v, labels)
}

// Gauge adds a gauge, in base units. labels are pairs.
func (m *Metrics) Gauge(name, help string, v float64, labels ...string) {
	m.add(name, "gauge", help, v, labels)
}

func (m *Metrics) add(name, kind, help string, v float64, labels []string) {
	name = "fieldpost_" + name
	if m.name != name {
		m.name = name
		m.b.WriteString("# HELP " + name + " " + helpEscapes.Replace(help) + "\n# TYPE " + name + " " + kind + "\n")
	}
	m.b.WriteString(name)
	for i := 0; i+1 < len(labels); i += 2 {
		sep := byte(',')
		if i == 0 {
			sep = '{'
		}
		m.b.WriteByte(sep)
		m.b.WriteString(labels[i] + `="` + labelEscapes.Replace(strings.ToValidUTF8(labels[i+1], "\ufffd")) + `"`)
	}
	if len(labels) > 1 {
		m.b.WriteByte('}')
	}
	m.b.WriteString(" " + metricNumber(v) + "\n")
}

var (
	helpEscapes  = strings.NewReplacer(`\`, `\\`, "\n", `\n`)
	labelEscapes = strings.NewReplacer(`\`, `\\`, "\n", `\n`, `"`, `\"`)
)

func metricNumber(v float64) string {
	switch {
	case math.IsNaN(v):
		return "NaN"
	case math.IsInf(v, 1):
		return "+Inf"
	case math.IsInf(v, -1):
		return "-Inf"
	case v == math.Trunc(v) && math.Abs(v) < 1<<53:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return strconv.FormatFloat(v, 'g', -1, 64)
}

// Bytes returns what was added.
func (m *Metrics) Bytes() []byte { return m.b.Bytes() }

// raw is an answer that is no JSON.
type raw struct {
	kind string
	body []byte
}

func metrics(collect func(context.Context, *Metrics)) func(context.Context, request) (any, error) {
	if collect == nil {
		return nil
	}
	return func(ctx context.Context, r request) (any, error) {
		var m Metrics
		collect(ctx, &m)
		return raw{metricsKind, m.Bytes()}, nil
	}
}

// Metrics asks for the figures, as they are.
func (c *Client) Metrics(ctx context.Context) ([]byte, error) { return c.raw(ctx, "/v1/metrics") }

// raw reads an answer that is no JSON.
func (c *Client) raw(ctx context.Context, path string) (body []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.Within)
	defer cancel()
	err = c.ask(ctx, http1.MethodGet, path, nil, func(resp *http1.Response) (err error) {
		body, err = readAnswer(resp)
		return err
	})
	return body, err
}
