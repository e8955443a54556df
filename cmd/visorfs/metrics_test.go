package main

import (
	"encoding/json"
	"errors"
	"maps"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/visorfs/visorfs/cache"
	"github.com/visorfs/visorfs/cache/disk"
	"github.com/visorfs/visorfs/fs"
	"github.com/visorfs/visorfs/internal/latency"
	"github.com/visorfs/visorfs/visclient"
	"github.com/visorfs/visorfs/visserver"
)

// busyMount has a value of each kind.
func busyMount() fs.Stats {
	var h latency.Histogram
	h.Add(time.Millisecond)
	h.Add(time.Minute)
	return fs.Stats{
		Operations: []fs.Operation{{Name: "lookup", Outcomes: map[string]int64{"ok": 1, "ENOENT": 1}, Counts: h.Counts()}},
		Cache:      cache.Stats{MemoryBytes: 1},
		Disk:       &disk.Stats{Held: 1},
		Client: visclient.Stats{
			Requests: []visclient.Requests{{Method: "GET", Outcome: "200", Count: 2}},
			Trips:    []visclient.Trips{{Method: "GET", Counts: h.Counts()}},
		},
	}
}

func busyServer() visserver.Stats {
	var h latency.Histogram
	h.Add(time.Millisecond)
	return visserver.Stats{Requests: []visserver.Requests{{Operation: "get_image", Status: 206, Counts: h.Counts()}}}
}

func scrapeOf(t *testing.T, c prometheus.Collector) string {
	t.Helper()
	reply := httptest.NewRecorder()
	metricsMux(c).ServeHTTP(reply, httptest.NewRequest("GET", "/metrics", nil))
	if reply.Code != 200 {
		t.Fatalf("%d %s", reply.Code, reply.Body)
	}
	return reply.Body.String()
}

func TestMetricsAreNamedAsPrometheusWantsThem(t *testing.T) {
	for _, c := range []prometheus.Collector{mountCollector{busyMount}, serverCollector{busyServer}} {
		problems, err := promlint.New(strings.NewReader(scrapeOf(t, c))).Lint()
		if err != nil {
			t.Error(err)
		}
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

func TestHistogramsCountWhatIsLongerThanAllBounds(t *testing.T) {
	text := scrapeOf(t, mountCollector{busyMount})
	for _, want := range []string{
		`visorfs_operation_duration_seconds_bucket{operation="lookup",le="0.001048576"} 1`,
		`visorfs_operation_duration_seconds_bucket{operation="lookup",le="0.000262144"} 0`,
		`visorfs_operation_duration_seconds_bucket{operation="lookup",le="+Inf"} 2`,
		`visorfs_operation_duration_seconds_sum{operation="lookup"} 60.001`,
	} {
		if !strings.Contains(text, want+"\n") {
			t.Errorf("it lacks %s:\n%s", want, text)
		}
	}
}

var metricName = regexp.MustCompile(`\b(visorfs|go|process)_\w+`)

// The dashboard asks for nothing that does not exist, and for most of what does.
func TestDashboardQueriesMetricsThatExist(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "packaging", "grafana", "visorfs.json"))
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(text, &board); err != nil {
		t.Fatal(err)
	}
	exist := make(map[string]bool)
	for _, c := range []prometheus.Collector{mountCollector{busyMount}, serverCollector{busyServer}} {
		for line := range strings.Lines(scrapeOf(t, c)) {
			if name := metricName.FindString(line); name != "" && !strings.HasPrefix(line, "#") {
				exist[name] = true
			}
		}
	}
	asked := make(map[string]bool)
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			names := metricName.FindAllString(target.Expr, -1)
			if len(names) == 0 {
				t.Errorf("%s: %q asks for no metric", panel.Title, target.Expr)
			}
			for _, name := range names {
				asked[name] = true
				if !exist[name] {
					t.Errorf("%s: there is no %s", panel.Title, name)
				}
			}
		}
	}
	if len(asked) < len(exist)/3 {
		t.Errorf("it asks for %d metrics: %v", len(asked), slices.Sorted(maps.Keys(asked)))
	}
}

func TestMetricsAddressIsThisMachineUnlessAHostIsNamed(t *testing.T) {
	for given, want := range map[string]string{
		"9463": "localhost:9463", ":9463": "localhost:9463",
		"0.0.0.0:9463": "0.0.0.0:9463", "[::]:9463": "[::]:9463", "vis.example.org:1": "vis.example.org:1",
	} {
		if got := metricsAddress(given); got != want {
			t.Errorf("%q: %q, want %q", given, got, want)
		}
	}
	var usage usageError
	if _, err := listenMetrics("no port", nil); !errors.As(err, &usage) {
		t.Errorf("%v, want a usage error", err)
	}
	if m, err := listenMetrics("", nil); m != nil || err != nil {
		t.Errorf("without an address: %v, %v", m, err)
	}
}
