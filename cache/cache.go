package cache

import (
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/visorfs/visorfs/cache/disk"
)

const (
	// maxLive is how many streams all objects together have before lanes are added.
	maxLive = 64

	// leastMemory is what the streams of one reader need to do without evicting what they
	// bring.
	leastMemory = 1 << 20

	// streamWindow is how far a single stream runs ahead. It goes on while the reader
	// reads, so that more only leaves the processor's cache.
	streamWindow = 4 << 20
)

// Key names bytes that never change.
type Key struct {
	ID      string // of the object, for errors
	Content string // of its bytes: another version is another content, and objects of one content share what is cached
}

// Options of a Cache. The zero value of each field is its default.
type Options struct {
	MemoryBytes    int64         // bound on buffers of data; default 64 MiB, at least 1 MiB
	ReadaheadBytes int64         // bound on what is fetched ahead of one reader; default 32 MiB, at most MemoryBytes/2
	Streams        int           // bound on requests side by side for one sequential reader; default 8
	IdleTime       time.Duration // how long a stream that nobody wants lives; default 5 s

	// Patience is how long a read waits for a source that is asked again and again, and
	// brings nothing new. Default: until that was asked often enough.
	Patience time.Duration

	// RoundTrip returns how long a request takes to be answered, 0 if that isn't known.
	// Default: always 0. Where it is long, requests are made side by side.
	RoundTrip func() time.Duration

	Verify Verify       // default VerifyAuto
	Disk   *disk.Store  // kept below the memory; the Cache closes it. Default none
	Logger *slog.Logger // default: discard

	waitBytes int64 // see VerifyAuto; tests have less
}

// Object is something to be read.
type Object struct {
	Key
	Size int64    // bytes
	MD5  string   // of all bytes, in lower case hex; "" if it isn't known
	Open OpenFunc // fetches them
}

func (o *Options) setDefaults() {
	if o.MemoryBytes <= 0 {
		o.MemoryBytes = 64 << 20
	}
	o.MemoryBytes = max(o.MemoryBytes, leastMemory)
	if o.ReadaheadBytes <= 0 {
		o.ReadaheadBytes = 32 << 20
	}
	o.ReadaheadBytes = min(o.ReadaheadBytes, o.MemoryBytes/2)
	if o.Streams <= 0 {
		o.Streams = 8
	}
	if o.IdleTime <= 0 {
		o.IdleTime = 5 * time.Second
	}
	if o.RoundTrip == nil {
		o.RoundTrip = func() time.Duration { return 0 }
	}
	if o.waitBytes <= 0 {
		o.waitBytes = waitBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
}

// Cache holds chunks of many objects and the readers that are open.
type Cache struct {
	opts   Options
	memory *memory
	tier   *tier // nil for none
	origin origin
	counts counts

	live atomic.Int64 // streams whose goroutine runs
	runs atomic.Int64 // that those streams serve

	mu      sync.Mutex
	readers map[Key]*Reader // those with refs > 0
	closed  bool
}

// New returns an empty cache.
func New(opts Options) *Cache {
	opts.setDefaults()
	c := &Cache{
		opts:    opts,
		memory:  newMemory(opts.MemoryBytes),
		readers: make(map[Key]*Reader),
	}
	if opts.Disk != nil {
		c.tier = newTier(opts.Disk, opts.MemoryBytes)
	}
	return c
}

// Close ends all readers, those that are still open too, and the use of the disk.
func (c *Cache) Close() error {
	c.mu.Lock()
	c.closed = true
	open := slices.Collect(maps.Values(c.readers))
	c.mu.Unlock()
	for _, r := range open {
		r.end()
	}
	if c.tier == nil {
		return nil
	}
	return c.tier.close()
}

// Reader returns the reader of an object. All who ask for one key while any has it open
// share one Reader, with what the first said of it. Each call is paired with one
// [Reader.Close].
func (c *Cache) Reader(o Object) *Reader {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := c.readers[o.Key]
	if r == nil {
		r = newReader(c, o)
		c.readers[o.Key] = r
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

// window returns how many chunks may be fetched ahead of any one reader. Together they
// are at most half the memory, so that what is fetched for one isn't evicted by another
// before it is read.
func (c *Cache) window() int64 {
	share := c.opts.MemoryBytes / 2 / max(1, c.runs.Load())
	return min(c.opts.ReadaheadBytes, share) / chunkBytes
}
