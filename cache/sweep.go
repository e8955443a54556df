package cache

import "time"

const (
	zoneChunks   = 8  // 1 MiB
	nearZones    = 2  // misses no more than so many zones apart are near each other
	recentMisses = 16 // that a miss is compared with

	// smallObject is up to what size, in zones, little would be left out anyway.
	smallObject = 256

	// sweepUse is the share of what was swept that must be read, as 1/sweepUse: that
	// spares a round trip, and the others cost a millisecond each.
	sweepUse     = 32
	sweepSegment = 16 // chunks of one request: 2 MiB

	// sweepLook is how many chunks are looked at before others get the lock.
	sweepLook = 4096
)

// sweep fetches what lies around random reads over a long link, if they are local: a
// mounted filesystem is read in small pieces all over the place, each of which would cost
// a round trip, but little of it is left out in the end. Reads all over a large object
// are not local, and get what they ask for. It is guarded by Reader.mu.
type sweep struct {
	zones [recentMisses]int64 // of the latest misses, plus 1
	count int                 // of misses
	local float64             // share of the latest misses that were near another

	step int64 // chunks that the next miss adds
	next int64 // chunk to look at
	left int64 // chunks to look at
	run  run   // of its lanes

	came            bitset // chunks that it brought and that nobody has read
	asked           int64  // chunks that lanes were started for
	brought, useful int64  // chunks
}

// missed is told of a random read of chunk i that had to ask the source.
func (r *Reader) missed(i int64) {
	w, e := &r.sweep, r.eagerness()
	near := w.note(i / zoneChunks)
	if w.local += (near - w.local) / 7; w.local < e.local || !r.cache.isFar() {
		return
	}
	w.run.lanes.n = r.cache.opts.Streams
	limit := r.sweepLimit()
	switch {
	case w.step == 0:
		w.step = e.start
	case w.brought > e.patience && w.useful*sweepUse < w.brought:
		w.step, w.left = max(w.step/4, 1), 0
	case e.waits && w.run.streams > 0 && 2*w.brought < w.asked+w.left:
		return
	default:
		w.step = min(4*w.step, limit)
	}
	w.next = i - i%zoneChunks // what is left out comes later
	w.left = min(w.left+w.step, limit)
	r.sweepOn()
}

// eagerness says what it takes for an object to be swept, and what is risked then.
type eagerness struct {
	local    float64 // share of the latest misses that must be near another
	start    int64   // chunks that the first miss adds; each after it adds four times as many
	patience int64   // chunks that are swept before some must have been of use
	waits    bool    // whether a miss adds more only when half of what was asked for has come
}

var (
	eager = eagerness{local: 0.25, start: 64, patience: 256} // 8 MiB take a fast link not much longer than a round trip
	wary  = eagerness{local: 0.5, start: 8, patience: 32, waits: true}
)

func (r *Reader) eagerness() eagerness {
	if r.chunks <= smallObject*zoneChunks {
		return eager
	}
	return wary
}

// note records a miss, and returns 1 if it was near a late one, otherwise 0.
func (w *sweep) note(zone int64) (near float64) {
	for _, z := range w.zones {
		if z > 0 && zone-nearZones <= z-1 && z-1 <= zone+nearZones {
			near = 1
		}
	}
	w.zones[w.count%recentMisses] = zone + 1
	w.count++
	return near
}

// sweepLimit is how many chunks may be swept beyond what is read: they must not push out
// each other.
func (r *Reader) sweepLimit() int64 {
	if r.disk == nil {
		return r.cache.window()
	}
	return min(r.chunks, r.cache.opts.Disk.Stats().Limit/4/chunkBytes)
}

// sweepOn starts lanes for what is left to sweep.
func (r *Reader) sweepOn() {
	w := &r.sweep
	for looked := 0; w.run.active < w.run.lanes.n && w.left > 0 && looked < sweepLook; looked++ {
		if w.next >= r.chunks {
			w.next = 0
		}
		if r.known(w.next, nil) {
			w.next, w.left = w.next+1, w.left-1
			continue
		}
		end := w.next + 1
		for limit := min(w.next+min(w.left, sweepSegment), r.chunks); end < limit && !r.known(end, nil); {
			end++
		}
		s := r.start(&w.run, w.next, end)
		s.planned = true
		w.asked += end - w.next
		w.left -= end - w.next
		w.next = end
	}
}

// swept is told that a lane brought chunk i, and whether somebody waited for it.
func (w *sweep) swept(i, chunks int64, wanted bool) {
	w.brought++
	w.measure()
	if wanted {
		w.useful++
		return
	}
	if w.came == nil {
		w.came = newBitset(chunks)
	}
	w.came.set(i)
}

// measure keeps the rate of the lanes, by which they hand over in time.
func (w *sweep) measure() {
	l := &w.run.lanes
	if elapsed := time.Since(l.since); elapsed > 100*time.Millisecond {
		l.rate = float64(l.bytes) / elapsed.Seconds()
		l.since, l.bytes = time.Now(), 0
	}
}

// read is told that chunk i is read without asking the source.
func (w *sweep) read(i int64) {
	if w.came != nil && w.came.clear(i) {
		w.useful++
	}
}

// bitset is a set of numbers below a bound.
type bitset []uint64

func newBitset(n int64) bitset { return make(bitset, (n+63)/64) }

func (b bitset) set(i int64) { b[i/64] |= 1 << (i % 64) }

// clear takes i out, and tells whether it was in.
func (b bitset) clear(i int64) bool {
	had := b[i/64]&(1<<(i%64)) != 0
	b[i/64] &^= 1 << (i % 64)
	return had
}
