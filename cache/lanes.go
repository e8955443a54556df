package cache

import "time"

const (
	// A lane's request is for at most maxSegment bytes and at least minSegment: long
	// enough to be worth a round trip, short enough that the reader isn't kept waiting
	// for the slowest of them.
	minSegment = 1 << 20
	maxSegment = 4 << 20

	// longRoundTrip is from when on one connection is seldom enough to fill the link.
	longRoundTrip = 10 * time.Millisecond

	// firstLanes is how many a run starts with where a round trip is long.
	firstLanes = 4

	// lanesPay is the gain in rate for which twice as many lanes are kept.
	lanesPay = 1.08

	// slowLane is the rate, in bytes per second, below which more lanes are tried even
	// though a round trip is short: something may bound each connection. Only after
	// slowStart, because it may as well be a busy processor.
	slowLane  = 50 << 20
	slowStart = 64 << 20
)

// lanes is how many streams run side by side for one run, and what came of it. Where one
// stream is enough it goes on to the end of the object. Otherwise each lane fetches a
// segment ahead of the reader, and then the next that nobody fetches.
type lanes struct {
	n       int
	since   time.Time // when the measurement under way began
	bytes   int64     // that came since
	rate    float64   // bytes per second when last measured
	before  int       // lanes before the latest change, while it isn't judged
	paid    float64   // rate with those
	settled bool      // more did not pay
}

// extend lets the streams of a read go on, and has lanes fetch what is ahead of it. r.mu
// is held, as for all of this file.
func (r *Reader) extend(d *demand) {
	if d.sequential {
		r.advance(d.run)
	}
	for _, s := range r.streams {
		s.proceed()
	}
}

// advance starts lanes while there are too few of them and the window has room.
func (r *Reader) advance(u *run) {
	if u == &r.sweep.run {
		r.sweepOn()
		return
	}
	if u.lanes.n < 2 {
		return
	}
	pos := u.end / chunkBytes
	ahead := min(2*u.length()/chunkBytes, r.cache.window())
	for u.planned = max(u.planned, pos); u.active < u.lanes.n && u.planned < min(pos+ahead, r.chunks); {
		if r.known(u.planned, nil) {
			u.planned++
			continue
		}
		if u.active > 0 && r.cache.live.Load() >= maxLive {
			return
		}
		s := r.start(u, u.planned, r.stretch(u, u.planned))
		s.planned = true
		u.planned = s.end
	}
}

// stretch returns where a stream of u from chunk begin on is to end.
func (r *Reader) stretch(u *run, begin int64) int64 {
	if u.lanes.n < 2 {
		return r.chunks
	}
	end := begin + 1
	for limit := min(begin+r.segment(u), r.chunks); end < limit && !r.known(end, nil); {
		end++
	}
	return end
}

// segment returns how many chunks a lane of u fetches at once.
func (r *Reader) segment(u *run) int64 {
	share := r.cache.window() * chunkBytes / int64(u.lanes.n)
	return max(min(share, u.length(), maxSegment), minSegment) / chunkBytes
}

// tune looks now and then whether u has the lanes that pay.
func (r *Reader) tune(u *run) {
	l := &u.lanes
	now := time.Now()
	if first := r.cache.startLanes(); l.n == 0 || l.n < min(first, 2) && !l.settled { // or the link turns out to be long
		r.setLanes(u, first)
		return
	}
	elapsed := now.Sub(l.since)
	if elapsed < max(100*time.Millisecond, 2*r.cache.opts.RoundTrip()) {
		return
	}
	starved := time.Duration(u.waited.Swap(0)) > elapsed/5
	l.rate = float64(l.bytes) / elapsed.Seconds()
	l.since, l.bytes = now, 0
	switch {
	case !starved:
	case l.before > 0 && l.rate < lanesPay*l.paid:
		l.n, l.before, l.settled = l.before, 0, true
	case !l.settled && l.n < r.cache.opts.Streams && r.mayPay(u):
		l.before, l.paid = l.n, l.rate
		r.setLanes(u, min(2*l.n, r.cache.opts.Streams))
		return
	}
	if starved && l.before == 0 {
		r.cache.origin.learnLanes(l.n)
	}
	l.before = 0
}

// mayPay tells whether more lanes are worth a trial.
func (r *Reader) mayPay(u *run) bool {
	return r.cache.isFar() || u.length() > slowStart && u.lanes.rate < slowLane*float64(u.lanes.n)
}

// handOver lets the next lane start while s is still at its last bytes: as many as come
// in a round trip, so that the link isn't idle for one.
func (s *stream) handOver() {
	if !s.planned || s.handedOver {
		return
	}
	u := s.run
	trip := s.r.cache.opts.RoundTrip().Seconds()
	if left := (s.end - s.pos) * chunkBytes; float64(left) <= u.lanes.rate/float64(u.lanes.n)*trip {
		s.handedOver = true
		u.active--
		s.r.advance(u)
	}
}

// setLanes gives u so many lanes. A stream to the end becomes the first of them.
func (r *Reader) setLanes(u *run, n int) {
	u.lanes.n, u.lanes.bytes = n, 0
	u.lanes.since = time.Now().Add(2*r.cache.opts.RoundTrip() + 50*time.Millisecond) // until they are under way
	u.waited.Store(0)
	for _, s := range r.streams {
		if s.run == u && !s.planned && n > 1 {
			s.end, s.planned = min(s.end, max(s.pos+r.segment(u), s.wanted+1)), true
			u.planned = max(u.planned, s.end)
		}
	}
}

// startLanes returns how many lanes a run starts with, from what is known of the source.
func (c *Cache) startLanes() int {
	n := c.origin.lanesThatPaid()
	if n == 0 && c.isFar() {
		n = firstLanes
	}
	return max(1, min(n, c.opts.Streams))
}

// isFar tells whether a round trip to the source is long.
func (c *Cache) isFar() bool { return c.opts.RoundTrip() >= longRoundTrip }
