package cache

import (
	"context"
	"fmt"
	"io"
	"slices"
)

// Body is bytes of an object on their way.
type Body struct {
	io.ReadCloser
	Start int64 // where they begin: as asked, or 0 if Whole
	Whole bool  // the source sends everything from 0, whatever it is asked
	Local bool  // they are from here, and tell nothing about the source
}

// OpenFunc opens the bytes from off; n < 0 means to the end, otherwise n bytes are
// wanted. The body may be longer or shorter than asked.
//
// ctx lives as long as the body: when it ends, a Read must return. An error of open or
// of a Read is tried again unless errors.As finds one in it with a method
// Permanent() bool that says true.
type OpenFunc func(ctx context.Context, off, n int64) (Body, error)

// ask makes one request, and learns from the answer.
func (r *Reader) ask(ctx context.Context, off, n int64) (Body, error) {
	body, err := r.open(ctx, off, n)
	if !body.Local {
		r.cache.counts.opens.Add(1)
	}
	if err != nil {
		return Body{}, err
	}
	if body.Start != off && body.Start != 0 || body.Whole && body.Start != 0 {
		_ = body.Close()
		return Body{}, fmt.Errorf("asked for bytes from %d, got them from %d", off, body.Start)
	}
	if ctx.Err() == nil && !body.Local {
		r.cache.origin.learn(body.Whole)
	}
	return body, nil
}

// open opens a body for the feed. The stream may find itself at 0 afterwards.
func (s *stream) open() (Body, error) {
	r, o := s.r, &s.r.cache.origin
	asks, err := o.awaitTurn(s.ctx)
	if err != nil {
		return Body{}, err
	}
	if o.known() == rangesIgnored {
		if s.becomeWhole(false); s.ctx.Err() != nil {
			return Body{}, s.ctx.Err()
		}
	}
	off, n := s.request()
	body, err := r.ask(s.ctx, off, n)
	if err == nil && body.Whole && s.ctx.Err() == nil {
		s.becomeWhole(true)
	}
	if asks {
		o.answered()
	}
	return body, err
}

// request returns what to ask the source for.
func (s *stream) request() (off, n int64) {
	s.r.mu.Lock()
	defer s.r.mu.Unlock()
	switch {
	case s.r.cache.origin.known() == rangesIgnored:
		return 0, -1
	case s.end == s.r.chunks:
		return s.feed.off, -1
	}
	return s.feed.off, min(s.end*chunkBytes, s.r.size) - s.feed.off
}

// becomeWhole makes s, which can only get the whole, a pass for all who wait for a
// stream that can't be one, and ends those. Where another pass (a stream that began at 0)
// serves them all, it ends s instead, unless s has its body, and the other has none yet.
func (s *stream) becomeWhole(opened bool) {
	r := s.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if s.ctx.Err() != nil { // another pass has ended it meanwhile
		return
	}
	s.opened = s.opened || opened
	servesAll := s.opened && (s.begin > 0 || s.pos == 0) // otherwise it has passed some chunks
	for _, t := range slices.Clone(r.streams) {
		if t != s && (t.begin > 0 || servesAll && !t.opened) {
			r.retire(t)
		}
	}
	isSpare := s.begin > 0 || !s.opened
	if s.begin > 0 {
		s.begin, s.pos, s.end, s.wanted = 0, 0, r.chunks, 0
		s.feed.off = 0
	}
	for _, w := range r.waits {
		if w.stream == s && isSpare || w.stream != s && !slices.Contains(r.streams, w.stream) {
			r.rehome(w, s)
		}
	}
	for _, t := range r.streams {
		t.proceed()
	}
	if isSpare && s.waiting == 0 {
		r.retire(s)
	}
}

// rehome finds a pass for a wait, if its chunk isn't in memory by now: one that is
// further than s, if there is one.
func (r *Reader) rehome(w *wait, s *stream) {
	if p, missing := r.lookup(w.index, pagesOf(0, r.chunkLen(w.index))); missing == 0 && p.chunk != nil {
		r.settle(w, p.chunk, nil)
		p.release()
		return
	}
	t := r.approaching(w.index, s, 0)
	if t == nil {
		t = s
	}
	w.stream.addWaiting(-1)
	w.stream = t
	t.addWaiting(1)
	t.want(w.index)
}
