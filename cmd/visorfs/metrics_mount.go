package main

import (
	"maps"
	"slices"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/visorfs/visorfs/fs"
	"github.com/visorfs/visorfs/visclient"
)

// The metrics of a mount.
var (
	mountOperations = metric("operations_total", "Requests of the kernel, by operation and outcome (ok, or the errno).", "operation", "outcome")
	mountTimes      = metric("operation_duration_seconds", "How long requests of the kernel took.", "operation")
	mountRead       = metric("read_bytes_total", "Bytes of images that reads got, by where they were: network is what they waited for, if only for the spool's copy of an upload.", "source")
	mountReplied    = metric("replied_bytes_total", "Bytes that the kernel was given for the reads of programs, those of files being written included. What it reads from the disk cache by itself is not counted.")
	mountWritten    = metric("written_bytes_total", "Bytes that programs wrote.")
	mountPanics     = metric("panics_total", "Requests of the kernel that met a bug.")
	mountOpen       = metric("open_files", "Handles of files that are open.")

	requestsSent     = metric("server_requests_total", "Requests to the server, by method and status (none: no reply).", "method", "status")
	requestTimes     = metric("server_request_duration_seconds", "How long requests to the server took until the head of the reply came.", "method")
	requestRetries   = metric("server_retries_total", "Requests to the server that were sent because others had failed.")
	requestsSentBody = metric("server_sent_bytes_total", "Bytes of the bodies of requests to the server.")
	requestsReceived = metric("server_received_bytes_total", "Bytes of the bodies of the server's replies.")

	cacheFetched   = metric("cache_fetched_bytes_total", "Bytes of images that were fetched from the server.")
	cacheUnread    = metric("cache_unread_bytes", "Bytes that were fetched ahead and that nobody has read yet, or will.")
	cacheHits      = metric("cache_hits_total", "Chunks that reads found in the cache.")
	cacheMisses    = metric("cache_misses_total", "Chunks that reads waited for.")
	cacheEvictions = metric("cache_evictions_total", "Chunks that made room for others, by tier.", "tier")
	cacheHeld      = metric("cache_held_bytes", "Bytes in the cache, by tier.", "tier")
	cacheLimit     = metric("cache_limit_bytes", "Bound on the bytes in the cache, by tier.", "tier")
	cacheObjects   = metric("cache_disk_images", "Images that have bytes on disk.")
	cacheDamaged   = metric("cache_damaged_chunks_total", "Chunks on disk that were damaged, or could not be read.")
	cacheUnwritten = metric("cache_unwritten_chunks_total", "Chunks that were not written to disk: it was too slow, full or failed.")
	cacheVerified  = metric("verified_images_total", "Images that were compared with their MD5, by result (ok or corrupt).", "result")

	spoolUsed  = metric("spool_used_bytes", "Bytes in the spool.")
	spoolLost  = metric("spool_lost_bytes", "Bytes in lost+found of the spool.")
	spoolLimit = metric("spool_limit_bytes", "Bound on the bytes in the spool.")

	uploadsRunning = metric("uploads_running", "Files that are being written or uploaded.")
	uploadsBytes   = metric("uploads_running_bytes", "Bytes that those files have so far.")
	uploadsEnded   = metric("uploads_total", "Files that were written, by outcome (stored, failed or abandoned).", "outcome")
	uploadsStored  = metric("uploaded_bytes_total", "Bytes of the files that were stored.")

	catalogImages   = metric("catalog_images", "Images that are known.")
	catalogListings = metric("catalog_listings_total", "Lists of images that were asked for, by outcome (ok or failed).", "outcome")
	catalogAge      = metric("catalog_age_seconds", "Since when the list of images is known.")
)

// mountCollector gives the statistics of a mount to Prometheus.
type mountCollector struct{ stats func() fs.Stats }

// Describe gives nothing: which labels there are turns out.
func (mountCollector) Describe(chan<- *prometheus.Desc) {}

// Collect implements [prometheus.Collector].
func (c mountCollector) Collect(out chan<- prometheus.Metric) {
	s, e := c.stats(), emitter(out)
	e.requests(s)
	e.client(s.Client)
	e.cache(s)
	e.uploads(s)
	e.gauge(catalogImages, float64(s.Catalog.Images))
	e.counter(catalogListings, s.Catalog.Listings-s.Catalog.Failures, "ok")
	e.counter(catalogListings, s.Catalog.Failures, "failed")
	e.gauge(catalogAge, s.Catalog.Age.Seconds())
}

func (e emitter) requests(s fs.Stats) {
	for _, o := range s.Operations {
		for _, outcome := range slices.Sorted(maps.Keys(o.Outcomes)) {
			e.counter(mountOperations, o.Outcomes[outcome], o.Name, outcome)
		}
		e.histogram(mountTimes, o.Counts, o.Name)
	}
	e.counter(mountRead, s.Cache.MemoryBytes, "memory")
	e.counter(mountRead, s.Cache.DiskBytes, "disk")
	e.counter(mountRead, s.Cache.SourceBytes, "network")
	e.counter(mountReplied, s.ReadBytes)
	e.counter(mountWritten, s.WrittenBytes)
	e.counter(mountPanics, s.Panics)
	e.gauge(mountOpen, float64(s.OpenFiles))
}

func (e emitter) client(s visclient.Stats) {
	for _, r := range s.Requests {
		e.counter(requestsSent, r.Count, r.Method, r.Outcome)
	}
	for _, t := range s.Trips {
		e.histogram(requestTimes, t.Counts, t.Method)
	}
	e.counter(requestRetries, s.Retries)
	e.counter(requestsSentBody, s.SentBytes)
	e.counter(requestsReceived, s.ReceivedBytes)
}

func (e emitter) cache(s fs.Stats) {
	c := s.Cache
	e.counter(cacheFetched, c.FetchedBytes)
	e.gauge(cacheUnread, float64(c.UnreadBytes))
	e.counter(cacheHits, c.Hits)
	e.counter(cacheMisses, c.Misses)
	e.counter(cacheEvictions, c.Evictions, "memory")
	e.gauge(cacheHeld, float64(c.CachedBytes), "memory")
	e.gauge(cacheLimit, float64(c.LimitBytes), "memory")
	e.counter(cacheVerified, c.Verified, "ok")
	e.counter(cacheVerified, c.Corrupt, "corrupt")
	if d := s.Disk; d != nil {
		e.counter(cacheEvictions, d.Evicted, "disk")
		e.gauge(cacheHeld, float64(d.Held), "disk")
		e.gauge(cacheLimit, float64(d.Limit), "disk")
		e.gauge(cacheObjects, float64(d.Objects))
		e.counter(cacheDamaged, d.Discarded)
		e.counter(cacheUnwritten, d.DroppedWrites+c.NotWritten)
	}
}

func (e emitter) uploads(s fs.Stats) {
	e.gauge(spoolUsed, float64(s.Spool.Used))
	e.gauge(spoolLost, float64(s.Spool.Lost))
	e.gauge(spoolLimit, float64(s.Spool.Limit))
	u := s.Uploads
	e.gauge(uploadsRunning, float64(u.Files))
	e.gauge(uploadsBytes, float64(u.Bytes))
	e.counter(uploadsEnded, u.Stored, "stored")
	e.counter(uploadsEnded, u.Failed, "failed")
	e.counter(uploadsEnded, u.Abandoned, "abandoned")
	e.counter(uploadsStored, u.StoredBytes)
}
