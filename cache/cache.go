package cache

import (
	"sync"
	"sync/atomic"
	"time"
)

// chunkBytes is one READ of the kernel's default read-ahead.
const chunkBytes = 128 << 10

// Key names bytes that never change: another version is another key.
type Key struct{ ID, Version string }

// Options of a Cache. The zero value of each field is its default.
type Options struct {
	MemoryBytes int64         // bound on cached chunks; default 64 MiB
	WindowBytes int64         // how far a stream may run ahead of its reader; default 8 MiB, at most MemoryBytes/4
	IdleTime    time.Duration // how long a stream that nobody wants lives; default 5 s
}

func (o *Options) setDefaults() {
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 64 << 20
	}
	if o.WindowBytes <= 0 {
		o.WindowBytes = 8 << 20
	}
	if o.IdleTime <= 0 {
		o.IdleTime = 5 * time.Second
	}
}

// Cache holds chunks of many objects and the readers that are open.
type Cache struct {
	opts   Options
	memory *memory

	fills atomic.Int64 // that were started, to tell them apart

	live atomic.Int64 // streams whose goroutine runs

	hits, misses, opens, fetched atomic.Int64 // see Stats

	mu      sync.Mutex
	readers map[Key]*Reader // those with refs > 0
}

// New returns an empty cache.
func New(opts Options) *Cache {
	opts.setDefaults()
	return &Cache{
		opts:    opts,
		memory:  newMemory(opts.MemoryBytes),
		readers: make(map[Key]*Reader),
	}
}

// Reader returns the reader of the object k, which has size bytes. All who ask for one
// key while any has it open share one Reader, with the size and open of the first. Each
// call is paired with one [Reader.Close].
func (c *Cache) Reader(k Key, size int64, open OpenFunc) *Reader {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.readers[k]
	if r == nil {
		r = newReader(c, k, size, open)
		c.readers[k] = r
	}
	r.refs++
	return r
}

// release drops one reference to r and reports how many are left.
func (c *Cache) release(r *Reader) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.refs--
	if r.refs == 0 {
		delete(c.readers, r.key)
	}
	return r.refs
}

// window returns how many chunks any one stream may be ahead of its reader. Together
// the streams fill at most half the memory, so that what one fetched ahead isn't
// evicted by another before it is read.
func (c *Cache) window() int64 {
	share := c.opts.MemoryBytes / 2 / max(2, c.live.Load())
	return min(c.opts.WindowBytes, share) / chunkBytes
}

// Stats counts what a Cache did since New. Hits and misses are chunks of reads; a chunk
// waited for is a miss.
type Stats struct {
	Hits, Misses int64
	Opens        int64 // calls of an OpenFunc
	FetchedBytes int64 // read from bodies, wanted or not
	CachedBytes  int64 // in memory now
	Evictions    int64 // chunks
}

// Stats returns the counters as they are now.
func (c *Cache) Stats() Stats {
	cached, evictions := c.memory.stats()
	return Stats{
		Hits:         c.hits.Load(),
		Misses:       c.misses.Load(),
		Opens:        c.opens.Load(),
		FetchedBytes: c.fetched.Load(),
		CachedBytes:  cached,
		Evictions:    evictions,
	}
}
