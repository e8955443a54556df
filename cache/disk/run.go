package disk

import "math/bits"

// next returns the first page of [page, end) whose bit in what of returns is set, or, if
// not set, is clear; end if there is none.
func (o *Object) next(page, end int64, of func(*chunk) uint32, set bool) int64 {
	for page < end {
		i := page / chunkPages
		c := o.chunk(i)
		if c == nil {
			if !set {
				return page
			}
			page = (i/segmentChunks + 1) * segmentChunks * chunkPages
			continue
		}
		m := of(c)
		if !set {
			m = ^m
		}
		if m &= ^uint32(0) << (page % chunkPages); m != 0 {
			page = i*chunkPages + int64(bits.TrailingZeros32(m))
			break
		}
		page = (i + 1) * chunkPages
	}
	return min(page, end)
}

func present(c *chunk) uint32 { return c.present.Load() }
func zeros(c *chunk) uint32   { return c.zero.Load() & c.present.Load() }
func stored(c *chunk) uint32  { return c.stored() }

// Has reports whether all pages of the n bytes at off are there; they may still turn out
// to be damaged when they are read.
func (o *Object) Has(off, n int64) bool {
	if off < 0 || n < 0 || n > o.size-off {
		return false
	}
	end := pagesOf(off + n)
	return n == 0 || o.next(off/PageBytes, end, present, false) == end
}

// Missing returns the first run of pages at or after from's that are not there. n is 0
// when there is none.
func (o *Object) Missing(from int64) (off, n int64) {
	if from >= o.size {
		return o.size, 0
	}
	first := o.next(max(from, 0)/PageBytes, o.pages, present, false)
	end := o.next(first, o.pages, present, true)
	off = min(first*PageBytes, o.size)
	return off, min(end*PageBytes, o.size) - off
}

// ZeroRun tells of the run of bytes around off: whether it is known to be zeros, and where
// it ends. All else, be it data or missing, is not.
func (o *Object) ZeroRun(off int64) (isZero bool, end int64) {
	if off < 0 || off >= o.size {
		return false, o.size
	}
	page := off / PageBytes
	c := o.chunk(page / chunkPages)
	isZero = c != nil && zeros(c)&mask(page%chunkPages, 1) != 0
	next := o.next(page, o.pages, zeros, !isZero)
	if next == page { // it has changed since the look at it
		isZero, next = false, page+1
	}
	return isZero, min(next*PageBytes, o.size)
}
