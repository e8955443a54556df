package cache

import (
	"io/fs"
	"slices"
)

const (
	// maxStreams is how many streams to the end one object has; see makeRoom.
	maxStreams = 16

	// enoughKnown is how many chunks ahead must be known for a stream to stop before
	// them: a new request later costs less than to fetch 1 MiB again.
	enoughKnown = 8
)

// demand is what one read asks for: chunks first to last.
type demand struct {
	first, last int64
	sequential  bool
	from        int64 // chunk that a sequential reader has reached, at most first
}

func (r *Reader) plan(off, end int64) demand {
	r.mu.Lock()
	defer r.mu.Unlock()
	from, sequential := r.recent.follow(off, end)
	return demand{
		first:      off / chunkBytes,
		last:       (end - 1) / chunkBytes,
		sequential: sequential,
		from:       from / chunkBytes,
	}
}

// demand finds the first len(batch) chunks of d: in hand, or waited for.
func (r *Reader) demand(d demand, batch []part) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return fs.ErrClosed
	}
	for n := range batch {
		i := d.first + int64(n)
		if data := r.lookup(i); data != nil {
			r.cache.hits.Add(1)
			batch[n] = part{data: data}
			r.consumed(i)
			continue
		}
		r.cache.misses.Add(1)
		batch[n] = part{wait: r.await(d, i)}
	}
	for _, s := range r.streams {
		s.proceed()
	}
	return nil
}

// lookup returns a chunk from memory or from what a stream has just passed.
func (r *Reader) lookup(i int64) []byte {
	if data := r.cache.memory.get(r.chunkKey(i)); int64(len(data)) == r.chunkLen(i) {
		return data
	}
	for _, s := range r.streams {
		if p := s.passed[i%nearChunks]; p.index == i && p.data != nil {
			return p.data
		}
	}
	return nil
}

// consumed tells the streams that ran ahead past chunk i that a reader is there now.
func (r *Reader) consumed(i int64) {
	for _, s := range r.streams {
		if s.wanted <= i && i < s.pos {
			s.want(i)
		}
	}
}

// await joins those who wait for chunk i, or has a stream bring it.
func (r *Reader) await(d demand, i int64) *wait {
	if err := r.failed.of(i); err != nil {
		return failedWait(i, err)
	}
	if w := r.waits[i]; w != nil {
		w.waiters++
		w.stream.want(i)
		return w
	}
	s := r.approaching(i, nil)
	if s == nil {
		s = r.start(r.extent(d, i))
	}
	s.want(i)
	return r.join(s, i)
}

// approaching returns the live stream, other than not, that passes chunk i next.
func (r *Reader) approaching(i int64, not *stream) *stream {
	var next *stream
	for _, s := range r.streams {
		if s != not && s.willPass(i) && (next == nil || s.pos > next.pos) {
			next = s
		}
	}
	return next
}

// extent returns the chunks [begin, end) that a new stream for chunk i is to fetch.
func (r *Reader) extent(d demand, i int64) (begin, end int64) {
	switch {
	case r.ranges == rangesIgnored:
		return 0, r.chunks
	case d.sequential:
		begin = max(min(d.from, i), i-nearChunks)
		for begin < i && r.known(begin, nil) {
			begin++
		}
		return begin, r.chunks
	}
	end = i + 1
	for end <= d.last && !r.known(end, nil) {
		end++
	}
	return i, end
}

// known tells whether chunk i is there, or on its way by a stream other than not.
func (r *Reader) known(i int64, not *stream) bool {
	if w := r.waits[i]; w != nil && w.stream != not {
		return true
	}
	return r.cache.memory.has(r.chunkKey(i)) || r.approaching(i, not) != nil
}

// redundant tells whether s, which nobody waits for, is at its end or would only repeat
// what is known.
func (r *Reader) redundant(s *stream) bool {
	if r.ranges == rangesIgnored && s.pos < s.end { // it is the one pass for all
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
	r.streams = slices.DeleteFunc(r.streams, func(t *stream) bool { return t == s })
	s.idle.Stop()
	s.cancel()
}
