package spool

import "github.com/tidwall/btree"

// kind is what bytes of a file are.
type kind uint8

const (
	unwritten kind = iota
	zeros          // written, and a hole on the disk
	data
)

// run is a range of bytes of one kind, zeros or data, without its start.
type run struct {
	end  int64
	kind kind
}

// extents says what of a file is written, in runs that don't overlap, and touch none of
// their own kind.
type extents struct {
	runs btree.Map[int64, run] // by start
	data int64                 // bytes of data in them
}

// before returns the last run that starts at off or before.
func (x *extents) before(off int64) (start int64, r run, ok bool) {
	x.runs.Descend(off, func(k int64, v run) bool {
		start, r, ok = k, v, true
		return false
	})
	return start, r, ok
}

// after returns the first run that starts at off or after.
func (x *extents) after(off int64) (start int64, r run, ok bool) {
	x.runs.Ascend(off, func(k int64, v run) bool {
		start, r, ok = k, v, true
		return false
	})
	return start, r, ok
}

// next returns how far the bytes from off are of one kind, at most to end, and which.
func (x *extents) next(off, end int64) (to int64, k kind) {
	if _, r, ok := x.before(off); ok && r.end > off {
		return min(r.end, end), r.kind
	}
	if start, _, ok := x.after(off); ok {
		return min(start, end), unwritten
	}
	return end, unwritten
}

// span is like next, but tells only what is written from what isn't.
func (x *extents) span(off, end int64) (to int64, written bool) {
	to, k := x.next(off, end)
	written = k != unwritten
	for to < end {
		further, k := x.next(to, end)
		if (k != unwritten) != written {
			break
		}
		to = further
	}
	return to, written
}

// covers reports whether all of a range is written.
func (x *extents) covers(off, end int64) bool {
	if off >= end {
		return true
	}
	to, written := x.span(off, end)
	return written && to == end
}

// end returns where the last run ends.
func (x *extents) end() int64 {
	_, r, _ := x.runs.Max()
	return r.end
}

// dataIn returns how many bytes of a range are data.
func (x *extents) dataIn(off, end int64) (n int64) {
	for off < end {
		to, k := x.next(off, end)
		if k == data {
			n += to - off
		}
		off = to
	}
	return n
}

// set makes a range that has bytes one of kind k.
func (x *extents) set(off, end int64, k kind) {
	x.cut(off, end)
	if k == unwritten {
		return
	}
	if start, r, ok := x.before(off); ok && r.end == off && r.kind == k {
		off = start
	}
	if r, ok := x.runs.Get(end); ok && r.kind == k {
		x.remove(end)
		end = r.end
	}
	x.put(off, run{end, k})
}

// cut makes a range unwritten.
func (x *extents) cut(off, end int64) {
	if start, r, ok := x.before(off); ok && r.end > off {
		if start < off {
			x.put(start, run{off, r.kind})
		} else {
			x.remove(start)
		}
		if r.end > end {
			x.put(end, run{r.end, r.kind})
		}
	}
	for {
		start, r, ok := x.after(off)
		if !ok || start >= end {
			return
		}
		x.remove(start)
		if r.end > end {
			x.put(end, run{r.end, r.kind})
		}
	}
}

// put adds a run, or replaces the one with the same start.
func (x *extents) put(start int64, r run) {
	old, replaced := x.runs.Set(start, r)
	if replaced {
		x.count(start, old, -1)
	}
	x.count(start, r, 1)
}

func (x *extents) remove(start int64) {
	if r, ok := x.runs.Delete(start); ok {
		x.count(start, r, -1)
	}
}

func (x *extents) count(start int64, r run, sign int64) {
	if r.kind == data {
		x.data += sign * (r.end - start)
	}
}
