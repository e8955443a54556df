package cache

import (
	"io/fs"
	"slices"
)

const (
	// maxStreams is how many streams to the end one object has; see makeRoom.
	maxStreams = 16

	// shortWait is how many chunks a stream from nearby passes in about the time of a
	// request.
	shortWait = 8

	// enoughKnown is how many chunks ahead must be known for a stream to stop before
	// them: a new request later costs less than to fetch 1 MiB again.
	enoughKnown = 8
)

// demand is what one read, or a part of it, asks for: bytes [off, end).
type demand struct {
	off, end   int64
	readEnd    int64 // of the whole read
	sequential bool
	run        *run  // nil until the read is placed
	from       int64 // chunk that a sequential reader has reached, at most that of off
	fresh      bool  // the disk has turned out not to have it
}

// place finds out whose read it is. Its chunks are asked for under the same lock: the
// read after it, placed behind it, must find the stream that it wanted.
func (r *Reader) place(d *demand) {
	u, from, sequential := r.recent.follow(d.off, d.readEnd)
	d.run, d.from, d.sequential = u, from/chunkBytes, sequential
}

// demand finds the chunks of d, one for each of batch: in hand, or waited for. The
// fetches that it returns are for the caller to carry.
func (r *Reader) demand(d *demand, batch []part) (own []*fetch, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, fs.ErrClosed
	}
	if d.run == nil {
		r.place(d)
	}
	if d.sequential && r.cache.origin.known() == rangesHonoured {
		r.tune(d.run)
	}
	first := d.off / chunkBytes
	for n := range batch {
		i := first + int64(n)
		from := max(d.off-i*chunkBytes, 0)
		to := min(d.end-i*chunkBytes, chunkBytes)
		p, missing := r.lookup(i, pagesOf(from, to))
		switch {
		case missing == 0:
			r.cache.counts.hits.Add(1)
			r.cache.counts.fromMemory.Add(to - from)
			r.consumed(d, i)
		case !d.fresh && r.onDisk(i*chunkBytes+from, i*chunkBytes+to):
			r.cache.counts.hits.Add(1)
			r.cache.counts.fromDisk.Add(to - from)
			r.consumed(d, i)
			p = part{disk: true}
		default:
			r.cache.counts.misses.Add(1)
			r.cache.counts.fromSource.Add(to - from)
			p = r.await(d, i, from, to, &own)
		}
		if d.sequential && to == r.chunkLen(i) {
			r.leaveBehind(d.run, i)
		}
		batch[n] = p
	}
	r.extend(d)
	return own, nil
}

// lookup takes hold of pages of a chunk in memory, or of what a stream has just passed.
// It returns those that are missing.
func (r *Reader) lookup(i int64, want pageSet) (part, pageSet) {
	p, missing := r.cache.memory.view(r.chunkKey(i), want)
	if missing == 0 {
		return p, 0
	}
	for _, s := range r.streams {
		if c := s.passed[i%nearChunks]; c.index == i && c.chunk != nil {
			return part{chunk: c.chunk.hold(), data: c.chunk.data}, 0
		}
	}
	return part{}, missing
}

// consumed tells the streams that ran ahead past chunk i that a reader is there now. One
// that only happens to be there doesn't make them go on, unless they are for all.
func (r *Reader) consumed(d *demand, i int64) {
	r.sweep.read(i)
	if !d.sequential && r.cache.origin.known() == rangesHonoured {
		return
	}
	for _, s := range r.streams {
		if s.wanted <= i && i < s.pos {
			s.want(i)
		}
	}
}

// leaveBehind lets go of a chunk that a reader has passed, if keeping it would only push
// out others: the object is too large to be kept, and no other reader follows.
func (r *Reader) leaveBehind(u *run, i int64) {
	limit := r.cache.opts.MemoryBytes
	if r.size > limit/2 && r.cache.origin.known() == rangesHonoured && r.recent.isLast(u, limit) {
		r.cache.memory.pass(r.chunkKey(i))
	}
}

// await joins those who wait for bytes [from, to) of chunk i, or has them brought.
func (r *Reader) await(d *demand, i, from, to int64, own *[]*fetch) part {
	if err := r.failed.of(i); err != nil {
		return part{wait: failedWait(i, err)}
	}
	if w := r.waits[i]; w != nil {
		w.waiters++
		w.need = max(w.need, to)
		w.stream.want(i)
		return part{wait: w, run: d.run}
	}
	lo := i*chunkBytes + from/pageBytes*pageBytes
	hi := min(i*chunkBytes+(to+pageBytes-1)/pageBytes*pageBytes, r.size)
	if f := r.fetching(lo, hi); f != nil {
		return part{fetch: f}
	}
	s := r.approaching(i, nil, requestsInFlight*(d.end-d.off)/chunkBytes)
	if alone := !d.sequential && r.cache.origin.known() == rangesHonoured; alone {
		if s == nil || !r.isWorthWaiting(s, i) { // a stream is for those who go its way
			r.missed(i)
			return part{fetch: r.fetchToo(own, lo, hi)}
		}
		s.rouse() // it may sleep since before it could go
		return part{wait: r.join(s, i, to)}
	}
	if s == nil {
		begin, end := r.extent(d, i)
		s = r.start(d.run, begin, end)
		s.planned = d.sequential && d.run.lanes.n > 1
	}
	s.want(i)
	return part{wait: r.join(s, i, to), run: d.run}
}

// isWorthWaiting tells whether s brings chunk i, by itself, about as soon as a request
// would.
func (r *Reader) isWorthWaiting(s *stream, i int64) bool {
	if i == s.pos {
		return s.isGoing()
	}
	return !r.cache.isFar() && i < s.pos+shortWait && (s.planned || i <= s.wanted+s.ahead())
}

// approaching returns the live stream, other than not, that passes chunk i next. It may
// be so far away as the reader keeps requests in flight.
func (r *Reader) approaching(i int64, not *stream, inFlight int64) *stream {
	var next *stream
	for _, s := range r.streams {
		if s != not && s.willPass(i, inFlight) && (next == nil || s.pos > next.pos) {
			next = s
		}
	}
	return next
}

// extent returns the chunks [begin, end) that a new stream for chunk i is to fetch.
func (r *Reader) extent(d *demand, i int64) (begin, end int64) {
	switch {
	case r.cache.origin.known() == rangesIgnored:
		r.sayAgain()
		return 0, r.chunks
	case d.sequential:
		begin = min(d.from, i) // what lies between is asked for by reads that this one overtook
		for begin < i && r.known(begin, nil) {
			begin++
		}
		return begin, r.stretch(d.run, begin)
	}
	last := (d.end - 1) / chunkBytes
	end = i + 1
	for end <= last && !r.known(end, nil) {
		end++
	}
	return i, end
}

// sayAgain says once that a source without ranges has to send everything once more.
func (r *Reader) sayAgain() {
	if r.passes++; r.passes == 2 {
		r.cache.opts.Logger.Info("the server ignores ranges, and the cache does not hold the image: it is fetched from the start again; a larger --memory or a --cache-dir spares that",
			"id", r.key.ID, "size", r.size)
	}
}

// known tells whether chunk i is there, or on its way by a stream other than not.
func (r *Reader) known(i int64, not *stream) bool {
	if w := r.waits[i]; w != nil && w.stream != not {
		return true
	}
	at := i * chunkBytes
	return r.cache.memory.has(r.chunkKey(i)) || r.onDisk(at, at+r.chunkLen(i)) || r.approaching(i, not, 0) != nil
}

// redundant tells whether s, which nobody waits for, is at its end or would only repeat
// what is known.
func (r *Reader) redundant(s *stream) bool {
	if r.cache.origin.known() == rangesIgnored && s.pos < s.end { // it is the one pass for all
		return false
	}
	for i := s.pos; i < min(s.pos+enoughKnown, s.end); i++ {
		if !r.known(i, s) {
			return false
		}
	}
	return true
}

// makeRoom ends the stream to the end that was wanted longest ago, if there are too
// many. One that somebody waits for stays.
func (r *Reader) makeRoom() {
	var oldest *stream
	count := 0
	for _, s := range r.streams {
		if s.end < r.chunks {
			continue
		}
		count++
		if s.waiting == 0 && (oldest == nil || s.lastWanted.Before(oldest.lastWanted)) {
			oldest = s
		}
	}
	if count >= maxStreams && oldest != nil {
		r.retire(oldest)
	}
}

// retire takes s out of those that can be asked, and ends it.
func (r *Reader) retire(s *stream) {
	r.drop(s)
	s.cancel()
}

// drop takes s out of those that can be asked. It goes on to its end.
func (r *Reader) drop(s *stream) {
	r.streams = slices.DeleteFunc(r.streams, func(t *stream) bool { return t == s })
	s.idle.Stop()
}
