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
	Hits, Misses int64

	MemoryBytes int64 // that reads got from memory
	DiskBytes   int64 // that reads got from disk
	SourceBytes int64 // that reads waited for

	Opens        int64 // calls of an OpenFunc
	FetchedBytes int64 // read from bodies, wanted or not
	UnreadBytes  int64 // of those, that nobody has read yet, and those evicted will not be

	Verified, Corrupt int64 // objects compared with their MD5, and how that ended
	NotWritten        int64 // chunks that the disk was too slow for

	CachedBytes int64 // in memory now
	Evictions   int64 // chunks
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
		Evictions:    evictions,
	}
}
