package cache

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// OpenFunc opens the bytes from off; n < 0 means to the end, otherwise n bytes are
// wanted. start is where body really begins: off where the server honours ranges, 0
// where it sends the whole. The body may be longer or shorter than asked.
//
// ctx lives as long as the body: when it ends, a Read must return. An error of open or
// of a Read is tried again unless errors.As finds one in it with a method
// Permanent() bool that says true.
type OpenFunc func(ctx context.Context, off, n int64) (body io.ReadCloser, start int64, err error)

// ranges is whether the source honours them.
type ranges int

const (
	rangesUnknown ranges = iota
	rangesHonoured
	rangesIgnored
)

// open opens a body for the feed, and learns from the first one that doesn't start at 0
// whether the source honours ranges. The stream may find itself at 0 afterwards.
func (s *stream) open() (io.ReadCloser, int64, error) {
	r := s.r
	asks, err := r.awaitTurn(s.ctx, s.feed.off)
	if err != nil {
		return nil, 0, err
	}
	off, n := s.request()
	r.cache.opens.Add(1)
	body, start, err := r.open(s.ctx, off, n)
	if err == nil && start != off && start != 0 {
		_ = body.Close()
		err = fmt.Errorf("asked for bytes from %d, got them from %d", off, start)
	}
	if r.learn(s, asks, err == nil, start) {
		s.feed.off = 0
	}
	return body, start, err
}

// request returns what to ask the source for.
func (s *stream) request() (off, n int64) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	switch {
	case s.r.ranges == rangesIgnored:
		return 0, -1
	case s.end == s.r.chunks:
		return s.feed.off, -1
	}
	return s.feed.off, s.end*chunkBytes - s.feed.off
}

// awaitTurn lets one request from off ask what the ranges are, and others from elsewhere
// than 0 wait for its answer. asks is true for the one: it has to call learn.
func (r *Reader) awaitTurn(ctx context.Context, off int64) (asks bool, err error) {
	for ctx.Err() == nil {
		r.mu.Lock()
		known, answer := off == 0 || r.ranges != rangesUnknown, r.answer
		if asks = !known && answer == nil; asks {
			r.answer = make(chan struct{})
		}
		r.mu.Unlock()
		if known || asks {
			return asks, nil
		}
		select {
		case <-answer:
		case <-ctx.Done():
		}
	}
	return false, ctx.Err()
}

// learn takes the answer of the request that asks, unless s was ended meanwhile: then
// the next one asks again. It reports whether s was moved to 0.
func (r *Reader) learn(s *stream, asks, opened bool, start int64) (rewound bool) {
	if !asks {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	switch opened = opened && s.ctx.Err() == nil; {
	case opened && start > 0:
		r.ranges = rangesHonoured
	case opened:
		r.ranges = rangesIgnored
		rewound = s.begin > 0
		r.takeWhole(s)
	}
	close(r.answer)
	r.answer = nil
	return rewound
}

// takeWhole makes s, whose body turned out to be the whole, a pass for all who wait for
// a stream that can't be one, and ends those. Where earlier passes (streams that began at
// 0) serve them all, it ends s too.
func (r *Reader) takeWhole(s *stream) {
	for _, t := range slices.Clone(r.streams) {
		if t != s && t.begin > 0 {
			r.retire(t)
		}
	}
	if s.begin > 0 {
		s.begin, s.pos, s.end, s.wanted = 0, 0, r.chunks, 0
	}
	for _, w := range r.waits {
		if w.stream == s || w.stream.begin > 0 {
			r.rehome(w)
		}
	}
	for _, t := range r.streams {
		t.proceed()
	}
	if s.waiting == 0 {
		r.retire(s)
	}
}

// rehome finds a pass for a wait, if its chunk isn't in memory by now.
func (r *Reader) rehome(w *wait) {
	if data := r.lookup(w.index); data != nil {
		r.settle(w, data, nil)
		return
	}
	t := r.approaching(w.index, nil)
	if t == nil {
		t = r.start(0, r.chunks)
	}
	w.stream.waiting--
	w.stream = t
	t.waiting++
	t.want(w.index)
}
