package cache

import "strconv"

// Fill is an object on its way into the memory from the outside, before its key is
// known: what is uploaded is what will be read back. It is not safe for concurrent use.
//
// Its chunks are in the memory like all others, bounded and evicted with them. An
// object that would take more than half the memory is not kept: reading it back costs
// less than what it would evict.
type Fill struct {
	memory *memory
	limit  int64 // bytes; beyond, nothing is kept
	key    Key   // until Keep

	chunks int64  // in memory, or evicted since
	last   []byte // not complete
	size   int64
}

// Fill starts an object. It ends with Keep or Drop.
func (c *Cache) Fill() *Fill {
	return &Fill{
		memory: c.memory,
		limit:  c.opts.MemoryBytes / 2,
		key:    Key{Version: "fill " + strconv.FormatInt(c.fills.Add(1), 10)},
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
			f.last = make([]byte, 0, chunkBytes)
		}
		n := min(len(p), chunkBytes-len(f.last))
		f.last = append(f.last, p[:n]...)
		p = p[n:]
		if len(f.last) == chunkBytes {
			f.memory.add(chunkKey{f.key, f.chunks}, f.last)
			f.chunks++
			f.last = nil
		}
	}
}

// Keep gives the object the key that its bytes turned out to have.
func (f *Fill) Keep(k Key) {
	for i := range f.chunks {
		f.memory.rename(chunkKey{f.key, i}, chunkKey{k, i})
	}
	if len(f.last) > 0 {
		f.memory.add(chunkKey{k, f.chunks}, append([]byte(nil), f.last...)) // no larger than it must be
	}
	f.chunks, f.last = 0, nil
}

// Drop forgets the object.
func (f *Fill) Drop() {
	for i := range f.chunks {
		f.memory.remove(chunkKey{f.key, i})
	}
	f.chunks, f.last = 0, nil
}
