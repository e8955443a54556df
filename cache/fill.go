package cache

import (
	"bytes"
	"strconv"
)

// Fill is an object on its way into the memory from the outside, before its key is
// known: what is uploaded is what will be read back. It is not safe for concurrent use.
//
// Its chunks are in the memory like all others, bounded and evicted with them. An
// object that would take more than half the memory is not kept: reading it back costs
// less than what it would evict.
type Fill struct {
	memory  *memory
	limit   int64  // bytes; beyond, nothing is kept
	content string // until Keep

	chunks int64  // in memory, or evicted since
	last   *chunk // not complete
	filled int    // bytes of last
	size   int64
}

// Fill starts an object. It ends with Keep or Drop.
func (c *Cache) Fill() *Fill {
	return &Fill{
		memory:  c.memory,
		limit:   c.opts.MemoryBytes / 2,
		content: "fill " + strconv.FormatInt(c.fills.Add(1), 10),
	}
}

// Write appends p to the object. It copies p.
func (f *Fill) Write(p []byte) {
	f.size += int64(len(p))
	if f.size > f.limit {
		f.Drop()
		return
	}
	for len(p) > 0 {
		if f.last == nil {
			f.last = f.memory.buffer(chunkBytes)
			f.filled = 0
		}
		n := copy(f.last.data[f.filled:], p)
		f.filled += n
		p = p[n:]
		if f.filled == chunkBytes {
			f.add(chunkKey{f.content, f.chunks})
			f.chunks++
		}
	}
}

// add puts the last chunk into memory.
func (f *Fill) add(k chunkKey) {
	f.memory.add(k, f.last, false)
	f.last.release()
	f.last = nil
}

// Keep gives the object the key that its bytes turned out to have.
func (f *Fill) Keep(k Key) {
	for i := range f.chunks {
		f.memory.rename(chunkKey{f.content, i}, chunkKey{k.Content, i})
	}
	if f.last != nil {
		whole := f.last
		f.last = newChunk(bytes.Clone(whole.data[:f.filled])) // no larger than it must be
		whole.release()
		f.add(chunkKey{k.Content, f.chunks})
	}
	f.chunks = 0
}

// Drop forgets the object.
func (f *Fill) Drop() {
	f.memory.forget(f.content, f.chunks)
	f.last.release()
	f.chunks, f.last = 0, nil
}
