package cache

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

const (
	// chunkBytes is the unit that streams fetch and memory evicts: one READ of the
	// kernel's default read-ahead.
	chunkBytes = 128 << 10

	// pageBytes is the unit of what a random read fetches, and of the kernel's pages.
	pageBytes  = 4 << 10
	chunkPages = chunkBytes / pageBytes

	// slabChunks is how many buffers are asked of the system at once: 4 MiB.
	slabChunks = 32
)

// chunk is the bytes of one chunk of an object. They never change while anybody holds
// it. Who gets a chunk from a function holds it once, and releases it once.
type chunk struct {
	data []byte
	refs atomic.Int32
	pool *pool // where data goes back to; nil if it is the garbage collector's
}

// newChunk makes a chunk of bytes that belong to nobody else.
func newChunk(data []byte) *chunk {
	c := &chunk{data: data}
	c.refs.Store(1)
	return c
}

func (c *chunk) hold() *chunk {
	c.refs.Add(1)
	return c
}

func (c *chunk) release() {
	if c == nil || c.refs.Add(-1) > 0 || c.pool == nil {
		return
	}
	c.pool.put(c.data)
	c.data = nil
}

// pool lends buffers of chunkBytes. They lie outside the garbage collector's heap: it
// would let as much garbage pile up as they hold, and clear each one anew.
type pool struct {
	inUse atomic.Int64 // bytes lent

	mu   sync.Mutex
	free [][]byte // last in, first out: what was used a moment ago is in the processor's cache
}

// get returns a chunk of n bytes that hold anything.
func (p *pool) get(n int64) *chunk {
	if n < chunkBytes/2 {
		return newChunk(make([]byte, n))
	}
	c := newChunk(p.take()[:n])
	c.pool = p
	return c
}

func (p *pool) take() []byte {
	p.inUse.Add(chunkBytes)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.free) == 0 {
		slab := newSlab(slabChunks * chunkBytes)
		for i := range slabChunks {
			at := i * chunkBytes
			p.free = append(p.free, slab[at:at+chunkBytes:at+chunkBytes])
		}
	}
	last := len(p.free) - 1
	buffer := p.free[last]
	p.free = p.free[:last]
	return buffer
}

func (p *pool) put(buffer []byte) {
	spoil(buffer)
	p.inUse.Add(-chunkBytes)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.free = append(p.free, buffer[:chunkBytes])
}

// pageSet is a set of pages of one chunk.
type pageSet uint32

const allPages pageSet = 1<<chunkPages - 1

// pagesOf is the pages that the bytes [from, to) of a chunk touch.
func pagesOf(from, to int64) pageSet {
	first, last := from/pageBytes, (to-1)/pageBytes
	return allPages >> (chunkPages - 1 - (last - first)) << first
}

func (s pageSet) count() int { return bits.OnesCount32(uint32(s)) }
