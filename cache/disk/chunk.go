package disk

import (
	"sync/atomic"
	"time"
)

// chunk is what is known of 32 pages. Bits are set when the files have them.
type chunk struct {
	present  atomic.Uint32 // pages that are there
	zero     atomic.Uint32 // those of them that have no bytes in the data file
	believed atomic.Uint32 // those that this process has written or checked
	used     atomic.Uint32 // tick of the last read or write
}

func (c *chunk) record() record {
	return record{c.present.Load(), c.zero.Load(), c.used.Load()}
}

// stored has the pages that have bytes in the data file.
func (c *chunk) stored() uint32 { return c.present.Load() &^ c.zero.Load() }

// segment is the chunks of one page of records. An object has those only that aren't empty.
type segment struct {
	chunks []chunk
	aged   atomic.Bool // a chunk was used since the records were written
}

// newSegment returns segment n of the object, which is empty.
func (o *Object) newSegment(n int64) *segment {
	chunks := (o.pages+chunkPages-1)/chunkPages - n*segmentChunks
	return &segment{chunks: make([]chunk, min(segmentChunks, chunks))}
}

// tick is the time as chunks keep it, in tenths of a second. It wraps in 13 years, so
// only differences have a meaning; a time ahead of the clock is a very old one.
func tick(t time.Time) uint32 { return uint32(t.UnixMilli() / 100) }

// chunk returns chunk i, or nil if its segment is empty.
func (o *Object) chunk(i int64) *chunk {
	s := o.segments[i/segmentChunks].Load()
	if s == nil {
		return nil
	}
	return &s.chunks[i%segmentChunks]
}

// within has the pages that chunk i has, present or not.
func (o *Object) within(i int64) uint32 {
	return mask(0, min(chunkPages, o.pages-i*chunkPages))
}

// touch says that chunk i is used.
func (o *Object) touch(i int64, now uint32) {
	s := o.segments[i/segmentChunks].Load()
	if s == nil {
		return
	}
	if c := &s.chunks[i%segmentChunks]; c.used.Load() != now {
		c.used.Store(now)
		if !s.aged.Load() {
			s.aged.Store(true)
		}
	}
}

// each yields the chunks that have pages.
func (o *Object) each(yield func(i int64, c *chunk) bool) {
	for n := range o.segments {
		s := o.segments[n].Load()
		if s == nil {
			continue
		}
		for k := range s.chunks {
			c := &s.chunks[k]
			if c.present.Load() != 0 && !yield(int64(n*segmentChunks+k), c) {
				return
			}
		}
	}
}
