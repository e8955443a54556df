package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/visorfs/visorfs/internal/latency"
)

// metric describes what is measured under a name. One that ends with _total only grows.
func metric(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("visorfs_"+name, help, labels, nil)
}

// emitter sends values to who collects them.
type emitter chan<- prometheus.Metric

func (e emitter) counter(d *prometheus.Desc, value int64, labels ...string) {
	e <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(value), labels...)
}

func (e emitter) gauge(d *prometheus.Desc, value float64, labels ...string) {
	e <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func (e emitter) histogram(d *prometheus.Desc, c latency.Counts, labels ...string) {
	within := make(map[float64]uint64, len(latency.Bounds)) // cumulative, as Prometheus has them
	var sum uint64
	for i, bound := range latency.Bounds {
		sum += uint64(c.Buckets[i])
		within[bound.Seconds()] = sum
	}
	e <- prometheus.MustNewConstHistogram(d, uint64(c.Count), c.Sum.Seconds(), within, labels...)
}
