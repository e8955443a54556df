package cache

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"time"
)

// headBytes is what a first small read is answered with: 16 KiB, what the kernel makes of
// one of 4 KiB.
const headBytes = 16 << 10

// stream is one body, or several in a row where they break, moving forward over chunks
// [begin, end). Its goroutine runs run; everybody else only touches the guarded fields.
type stream struct {
	r      *Reader
	run    *run // that it was started for; nil for a pass for all
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // holds one token: look again whether to go on
	feed   feed          // the goroutine's own

	// guarded by r.mu
	begin, end int64
	pos        int64 // the next chunk
	wanted     int64 // furthest chunk that a reader wanted
	opened     bool  // it has had a body, from a source that ignores ranges
	planned    bool  // a lane: what it fetches is in the window
	handedOver bool  // and the next lane has taken its place
	window     int64 // chunks it may run ahead of wanted
	grownAt    int64 // wanted when the window last grew
	waiting    int   // waits that are this stream's
	lastWanted time.Time
	idle       *time.Timer
	passed     [nearChunks]struct { // the latest chunks, for readers a little behind
		index int64
		chunk *chunk
	}
}

// start starts a stream over chunks [begin, end) for a run, or nil. r.mu is held.
func (r *Reader) start(u *run, begin, end int64) *stream {
	if end == r.chunks {
		r.makeRoom()
	}
	s := &stream{
		r: r, run: u, wake: make(chan struct{}, 1),
		begin: begin, end: end, pos: begin, wanted: begin,
		window:     nearChunks / 2, // the first demand doubles it
		grownAt:    -1,
		lastWanted: time.Now(),
	}
	s.ctx, s.cancel = context.WithCancel(r.ctx)
	s.feed = feed{open: s.open, off: begin * chunkBytes, count: &r.cache.counts.fetched, patience: r.cache.opts.Patience}
	s.idle = time.AfterFunc(r.cache.opts.IdleTime, s.checkIdle)
	r.streams = append(r.streams, s)
	r.cache.live.Add(1)
	if u == nil || u.streams == 0 {
		r.cache.runs.Add(1)
	}
	if u != nil {
		u.streams++
		u.active++
	}
	r.wg.Go(s.flowOut)
	return s
}

// flowOut is the stream's goroutine.
func (s *stream) flowOut() {
	err := s.flow()
	s.feed.close()
	s.r.cache.live.Add(-1)
	s.finish(err)
}

// flow passes chunk after chunk while the stream may go on. It returns nil at its end.
func (s *stream) flow() error {
	if err := s.feed.connect(s.ctx); err != nil {
		return err
	}
	for {
		i, more := s.next()
		if !more {
			return s.ctx.Err()
		}
		c := s.r.cache.memory.buffer(s.r.chunkLen(i))
		if err := s.fill(i, c.data); err != nil {
			c.release()
			return err
		}
		s.pass(i, c)
	}
}

// fill reads chunk i. Who waits for no more than the start of a stream's first chunk gets
// that before the rest has come.
func (s *stream) fill(i int64, data []byte) error {
	if i == s.begin && len(data) > headBytes {
		if err := s.feed.fill(s.ctx, data[:headBytes]); err != nil {
			return err
		}
		s.passHead(i, data[:headBytes])
		data = data[headBytes:]
	}
	return s.feed.fill(s.ctx, data)
}

func (s *stream) passHead(i int64, head []byte) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	if w := s.r.waits[i]; w != nil && w.need <= headBytes {
		c := newChunk(bytes.Clone(head))
		s.r.settle(w, c, nil)
		c.release()
	}
}

// next returns the chunk to read now. It waits while the stream is far enough ahead.
func (s *stream) next() (i int64, more bool) {
	for s.ctx.Err() == nil {
		s.r.mu.Lock()
		s.reachWaits()
		i, ready := s.pos, s.isGoing()
		if i == s.end {
			s.r.drop(s)
			s.r.mu.Unlock()
			return 0, false
		}
		if s.waiting == 0 && s.r.redundant(s) {
			s.r.retire(s)
		}
		s.r.mu.Unlock()
		if s.ctx.Err() != nil {
			break
		}
		if ready {
			return i, true
		}
		select {
		case <-s.wake:
		case <-s.ctx.Done():
		}
	}
	return 0, false
}

// pass keeps chunk i and hands it to those who wait for it. Memory comes first: who
// finds the stream past the chunk must find the chunk.
func (s *stream) pass(i int64, c *chunk) {
	r := s.r
	r.mu.Lock()
	last := &s.passed[i%nearChunks]
	last.chunk.release() // which may be what makes room
	last.chunk = nil
	_, wanted := r.waits[i]
	r.mu.Unlock()
	r.keep(i, c, !wanted)
	r.mu.Lock()
	defer r.mu.Unlock()
	s.pos = i + 1
	if s.run != nil {
		s.run.lanes.bytes += int64(len(c.data))
		s.handOver()
	}
	if s.run == &r.sweep.run {
		r.sweep.swept(i, r.chunks, wanted)
	}
	last.index, last.chunk = i, c
	if w := r.waits[i]; w != nil {
		r.settle(w, c, nil)
	}
}

// keep puts a whole chunk where later reads find it: one that was fetched ahead of who
// may want it, or just for a read.
func (r *Reader) keep(i int64, c *chunk, ahead bool) {
	r.pass.feed(i, c) // first, so that who reads the last chunk waits for the judgement
	r.cache.memory.add(r.chunkKey(i), c, ahead)
	if r.pass.isBad() {
		r.cache.memory.drop(r.chunkKey(i)) // it may have come after the others were dropped
		return
	}
	r.spill(c.data, c, i*chunkBytes)
}

// finish lets go of the stream; those who still wait for it get err.
func (s *stream) finish(err error) {
	r := s.r
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retire(s)
	for i := range s.passed {
		s.passed[i].chunk.release()
		s.passed[i].chunk = nil
	}
	if r.closed {
		err = fs.ErrClosed
	}
	if err != nil {
		s.fail(fmt.Errorf("read %s at %d: %w", r.key.ID, s.feed.off, err))
	}
	s.endRun(err)
}

// The methods below are called with r.mu held, except checkIdle.

func (s *stream) fail(err error) {
	for _, w := range s.r.waits {
		if w.stream == s {
			s.r.settle(w, nil, err)
			s.r.failed.add(w.index, err)
		}
	}
}

// endRun counts the stream out of its run, whose next lane it makes room for.
func (s *stream) endRun(err error) {
	u := s.run
	if u != nil {
		u.streams--
		if !s.handedOver {
			u.active--
		}
	}
	if u == nil || u.streams == 0 {
		s.r.cache.runs.Add(-1)
	}
	if u != nil && err == nil && !s.r.closed {
		s.r.advance(u)
	}
}

// reachWaits moves the end of a stream that is there, but that somebody waits for.
func (s *stream) reachWaits() {
	if s.pos < s.end || s.waiting == 0 {
		return
	}
	for i, w := range s.r.waits {
		if w.stream == s {
			s.end = max(s.end, i+1)
		}
	}
}

// isGoing tells whether the stream is to read its next chunk now.
func (s *stream) isGoing() bool {
	return s.planned || s.pos <= s.wanted+s.ahead() || s.r.waits[s.pos] != nil
}

// rouse has the stream look again whether to go on.
func (s *stream) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// ahead returns how many chunks the stream may be ahead of its furthest reader.
func (s *stream) ahead() int64 {
	return min(s.window, s.r.cache.window(), streamWindow/chunkBytes)
}

// willPass tells whether waiting for the stream is the way to get chunk i: it is within
// the window, or the next or next but one, which is what a reader asks for meanwhile.
func (s *stream) willPass(i, inFlight int64) bool {
	if i < s.pos || i >= s.end {
		return false
	}
	reach := max(s.pos-1, s.wanted) + max(s.ahead(), nearChunks, inFlight)
	return i <= reach || s.planned || s.r.cache.origin.known() == rangesIgnored
}

// want records that a reader is at chunk i.
func (s *stream) want(i int64) {
	s.wanted = max(s.wanted, i)
	s.lastWanted = time.Now()
}

func (s *stream) addWaiting(n int) {
	s.waiting += n
	if s.run != nil {
		s.run.waiting += n
	}
}

// proceed opens the window further, if the last read wanted more, and lets the stream go on.
func (s *stream) proceed() {
	if s.wanted == s.grownAt {
		return
	}
	s.grownAt = s.wanted
	s.window = min(2*s.window, s.r.cache.opts.ReadaheadBytes/chunkBytes)
	s.rouse()
}

// checkIdle ends the stream if nobody wanted anything of it for the idle time.
func (s *stream) checkIdle() {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	left := s.r.cache.opts.IdleTime - time.Since(s.lastWanted)
	if s.waiting > 0 || s.run != nil && s.run.waiting > 0 {
		left = s.r.cache.opts.IdleTime
	}
	if left > 0 && s.ctx.Err() == nil {
		s.idle.Reset(left)
		return
	}
	s.r.retire(s)
}
