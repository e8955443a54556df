package main

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/visorfs/visorfs/visserver"
)

// The metrics of a server.
var (
	serveRequests = metric("serve_requests_total", "Requests that were answered, by operation and status.", "operation", "status")
	serveTimes    = metric("serve_request_duration_seconds", "How long requests took to be answered, their bodies included.", "operation", "status")
	serveReceived = metric("serve_received_bytes_total", "Bytes of the bodies of requests.")
	serveSent     = metric("serve_sent_bytes_total", "Bytes of the bodies of replies.")
	serveImages   = metric("serve_images", "Images that there are.")
	serveUploads  = metric("serve_uploads_running", "Uploads that are running.")
)

// serverCollector gives the statistics of a server to Prometheus.
type serverCollector struct{ stats func() visserver.Stats }

// Describe gives nothing: which labels there are turns out.
func (serverCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c serverCollector) Collect(out chan<- prometheus.Metric) {
	s, e := c.stats(), emitter(out)
	for _, r := range s.Requests {
		status := strconv.Itoa(r.Status)
		e.counter(serveRequests, r.Count, r.Operation, status)
		e.histogram(serveTimes, r.Counts, r.Operation, status)
	}
	e.counter(serveReceived, s.ReceivedBytes)
	e.counter(serveSent, s.SentBytes)
	e.gauge(serveImages, float64(s.Images))
	e.gauge(serveUploads, float64(s.Uploads))
}
