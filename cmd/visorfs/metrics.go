package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/spf13/pflag"
)

func addMetrics(flags *pflag.FlagSet, address *string) {
	flags.StringVar(address, "metrics", "", "serve metrics (Prometheus) and /debug/pprof at `HOST:PORT`; HOST defaults to localhost")
}

// metricsServer tells Prometheus, and who looks for a fault, how the program does. Nil is
// none.
type metricsServer struct {
	listener net.Listener
	log      *slog.Logger
	server   *http.Server // nil before serve
}

// listenMetrics takes the address, and nil for none: one that cannot be had is better known
// before there is a mount.
func listenMetrics(address string, log *slog.Logger) (*metricsServer, error) {
	if address == "" {
		return nil, nil
	}
	listener, err := net.Listen("tcp", metricsAddress(address))
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("--metrics: %s is in use by another program, perhaps another mount; choose another port", metricsAddress(address))
	}
	if err != nil {
		return nil, usageError{fmt.Errorf("--metrics %s: %w; give HOST:PORT, like localhost:9463", address, err)}
	}
	return &metricsServer{listener: listener, log: log}, nil
}

// metricsAddress is for this machine alone unless a host is named.
func metricsAddress(address string) string {
	if !strings.Contains(address, ":") {
		address = ":" + address
	}
	if strings.HasPrefix(address, ":") {
		address = "localhost" + address
	}
	return address
}

// serve answers from now on, until close.
func (m *metricsServer) serve(c prometheus.Collector) {
	if m == nil {
		return
	}
	m.server = &http.Server{Handler: metricsMux(c), ReadHeaderTimeout: 10 * time.Second}
	m.log.Info("metrics are served", "url", "http://"+m.listener.Addr().String()+"/metrics")
	go func() { _ = m.server.Serve(m.listener) }() // until close
}

func (m *metricsServer) close() {
	switch {
	case m == nil:
	case m.server == nil:
		_ = m.listener.Close()
	default:
		const patience = time.Second // for a scrape to end
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if m.server.Shutdown(ctx) != nil {
			_ = m.server.Close()
		}
	}
}

func metricsMux(c prometheus.Collector) *http.ServeMux {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(metricsRegistry(c), promhttp.HandlerOpts{}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return mux
}

// metricsRegistry has what a collector gives, and what is known of any program in Go.
func metricsRegistry(c prometheus.Collector) *prometheus.Registry {
	r := prometheus.NewRegistry()
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name:        "visorfs_build_info",
		Help:        "Version of the program, with the value 1.",
		ConstLabels: prometheus.Labels{"version": version(), "go_version": runtime.Version()},
	})
	build.Set(1)
	r.MustRegister(c, build, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return r
}
