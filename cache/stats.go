package cache

import "sync/atomic"

type counts struct {
	hits, misses                     atomic.Int64
	fromMemory, fromDisk, fromSource atomic.Int64
	opens, fetched                   atomic.Int64
	verified, corrupt, notWritten    atomic.Int64
}

// Stats counts what a Cache did since New. Hits and misses are chunks of reads; a chunk
// waited for is a miss.
type Stats struct {
	Hits   int64 `json:"hits"`
	Misses int64 `json:"misses"`

	MemoryBytes int64 `json:"memory_bytes"` // that reads got from memory
	DiskBytes   int64 `json:"disk_bytes"`   // that reads got from disk
	SourceBytes int64 `json:"source_bytes"` // that reads waited for

	Opens        int64 `json:"opens"`         // calls of an OpenFunc
	FetchedBytes int64 `json:"fetched_bytes"` // read from bodies, wanted or not
	UnreadBytes  int64 `json:"unread_bytes"`  // of those, that nobody has read yet, and those evicted will not be

	Verified   int64 `json:"verified"`    // objects compared with their MD5, and equal
	Corrupt    int64 `json:"corrupt"`     // those that differed
	NotWritten int64 `json:"not_written"` // chunks that the disk was too slow for

	CachedBytes int64 `json:"cached_bytes"` // in memory now
	LimitBytes  int64 `json:"limit_bytes"`  // of those
	Evictions   int64 `json:"evictions"`    // chunks
}

// Requests returns how many calls of an OpenFunc there were.
func (c *Cache) Requests() int64 { return c.counts.opens.Load() }

// Stats returns the counters as they are now.
func (c *Cache) Stats() Stats {
	cached, evictions := c.memory.stats()
	n := &c.counts
	return Stats{
		Hits:         n.hits.Load(),
		Misses:       n.misses.Load(),
		MemoryBytes:  n.fromMemory.Load(),
		DiskBytes:    n.fromDisk.Load(),
		SourceBytes:  n.fromSource.Load(),
		Opens:        n.opens.Load(),
		FetchedBytes: n.fetched.Load(),
		UnreadBytes:  c.memory.unreadNow(),
		Verified:     n.verified.Load(),
		Corrupt:      n.corrupt.Load(),
		NotWritten:   n.notWritten.Load(),
		CachedBytes:  cached,
		LimitBytes:   c.opts.MemoryBytes,
		Evictions:    evictions,
	}
}
