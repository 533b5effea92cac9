package diag

import (
	"context"
	"math"
	"strings"
	"testing"

	"fieldpost/internal/diag/promtest"
)

func TestMetricsText(t *testing.T) {
	const odd = "a\\b\"c\nd{},= \xff"
	path := serve(t, ServerOptions{Provider: Provider{Metrics: func(_ context.Context, m *Metrics) {
		m.Counter("things_total", "Things, with a \\ and\na second line.", 3, "name", odd, "class", "x")
		m.Counter("things_total", "", 1<<60, "name", "b", "class", "x")
		m.Gauge("heat_celsius", "Heat.", math.Inf(-1))
	}}})
	text, err := NewClient(path).Metrics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	got, err := promtest.Parse(string(text))
	if err != nil || len(got) != 3 {
		t.Fatalf("%v in\n%s", err, text)
	}
	if got[0].Labels["name"] != strings.ToValidUTF8(odd, "\ufffd") || got[0].Value != 3 || got[1].Value != 1<<60 || !math.IsInf(got[2].Value, -1) || got[2].Name != "fieldpost_heat_celsius" {
		t.Errorf("got %+v", got)
	}
	status, head, _ := ask(t, "unix", path, "GET /v1/metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
	if status != 200 || head.Get("Content-Type") != metricsKind {
		t.Errorf("%d %v", status, head)
	}
}

// The parser that judges finds what it is there to find.
func TestMetricsParserIsStrict(t *testing.T) {
	const head = "# HELP a_total A.\n# TYPE a_total counter\n"
	for _, text := range []string{
		"a_total 1\n", head + "b_total 1\n", head + "a_total 1", head + "a_total -1\n", head + "a_total 1\na_total 1\n", head + head,
		"# HELP a A.\n# TYPE a counter\na 1\n", head + "a_total{x=\"y} 1\n", head + "a_total{x=\"\\t\"} 1\n", head + "a_total{x=\"1\",x=\"2\"} 1\n",
		head + "a_total one\n", "# HELP a_ms A.\n# TYPE a_ms gauge\na_ms 1\n", head + "\n",
	} {
		if got, err := promtest.Parse(text); err == nil {
			t.Errorf("%q passes: %+v", text, got)
		}
	}
}
