package cache

import (
	"context"
	"fmt"
	"io/fs"
	"time"
)

// stream is one body, or several in a row where they break, moving forward over chunks
// [begin, end). Its goroutine runs run; everybody else only touches the guarded fields.
type stream struct {
	r      *Reader
	ctx    context.Context
	cancel context.CancelFunc
	wake   chan struct{} // holds one token: look again whether to go on
	feed   feed          // the goroutine's own

	// guarded by r.mu
	begin, end int64
	pos        int64 // the next chunk
	wanted     int64 // furthest chunk that a reader wanted
	window     int64 // chunks it may run ahead of wanted
	grownAt    int64 // wanted when the window last grew
	waiting    int   // waits that are this stream's
	lastWanted time.Time
	idle       *time.Timer
	passed     [nearChunks]struct { // the latest chunks, for readers a little behind
		index int64
		data  []byte
	}
}

// start starts a stream over chunks [begin, end). r.mu is held.
func (r *Reader) start(begin, end int64) *stream {
	if end == r.chunks {
		r.makeRoom()
	}
	s := &stream{
		r: r, wake: make(chan struct{}, 1),
		begin: begin, end: end, pos: begin, wanted: begin,
		window:  nearChunks / 2, // the first demand doubles it
		grownAt: -1,
	}
	s.ctx, s.cancel = context.WithCancel(r.ctx)
	s.feed = feed{open: s.open, off: begin * chunkBytes, count: &r.cache.fetched}
	s.idle = time.AfterFunc(r.cache.opts.IdleTime, s.checkIdle)
	r.streams = append(r.streams, s)
	r.cache.live.Add(1)
	r.wg.Go(s.run)
	return s
}

func (s *stream) run() {
	err := s.flow()
	s.feed.close()
	s.r.cache.live.Add(-1)
	s.finish(err)
}

// flow passes chunk after chunk while the stream may go on.
func (s *stream) flow() error {
	if err := s.feed.connect(s.ctx); err != nil {
		return err
	}
	for {
		i, more := s.next()
		if !more {
			return s.ctx.Err()
		}
		data := make([]byte, s.r.chunkLen(i))
		if err := s.feed.fill(s.ctx, data); err != nil {
			return err
		}
		s.pass(i, data)
	}
}

// next returns the chunk to read now. It waits while the stream is far enough ahead.
func (s *stream) next() (i int64, more bool) {
	for s.ctx.Err() == nil {
		s.r.mu.Lock()
		i, ready := s.pos, s.pos <= s.wanted+s.ahead()
		if s.waiting == 0 && s.r.redundant(s) { // also at its end
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

// pass stores chunk i and hands it to those who wait for it. Memory comes first: who
// finds the stream past the chunk must find the chunk.
func (s *stream) pass(i int64, data []byte) {
	r := s.r
	r.cache.memory.add(r.chunkKey(i), data)
	r.mu.Lock()
	defer r.mu.Unlock()
	s.pos = i + 1
	s.passed[i%nearChunks].index, s.passed[i%nearChunks].data = i, data
	if w := r.waits[i]; w != nil {
		r.settle(w, data, nil)
	}
}

// finish lets go of the stream; those who still wait for it get err.
func (s *stream) finish(err error) {
	r := s.r
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retire(s)
	if r.closed {
		err = fs.ErrClosed
	}
	err = fmt.Errorf("read %s at %d: %w", r.key.ID, s.feed.off, err)
	for _, w := range r.waits {
		if w.stream == s {
			r.settle(w, nil, err)
			r.failed.add(w.index, err)
		}
	}
}

// The methods below are called with r.mu held, except checkIdle.

// ahead returns how many chunks the stream may be ahead of its furthest reader.
func (s *stream) ahead() int64 { return min(s.window, s.r.cache.window()) }

// willPass tells whether waiting for the stream is the way to get chunk i: it is within
// the window, or the next or next but one, which is what a reader asks for meanwhile.
func (s *stream) willPass(i int64) bool {
	if i < s.pos || i >= s.end {
		return false
	}
	reach := max(s.pos-1, s.wanted) + max(s.ahead(), nearChunks)
	return i <= reach || s.r.ranges == rangesIgnored
}

// want records that a reader is at chunk i.
func (s *stream) want(i int64) {
	s.wanted = max(s.wanted, i)
	s.lastWanted = time.Now()
}

// proceed opens the window further, if the last read wanted more, and lets the stream go on.
func (s *stream) proceed() {
	if s.wanted == s.grownAt {
		return
	}
	s.grownAt = s.wanted
	s.window = min(2*s.window, s.r.cache.opts.WindowBytes/chunkBytes)
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// checkIdle ends the stream if nobody wanted anything of it for the idle time.
func (s *stream) checkIdle() {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	left := s.r.cache.opts.IdleTime - time.Since(s.lastWanted)
	if s.waiting > 0 {
		left = s.r.cache.opts.IdleTime
	}
	if left > 0 && s.ctx.Err() == nil {
		s.idle.Reset(left)
		return
	}
	s.r.retire(s)
}
